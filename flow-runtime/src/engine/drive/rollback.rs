//! What a run undoes: all that it did, after a failure or a cancel, once nothing is in flight; or what one called
//! workflow did, whose failure is caught, while the rest of the run goes on.
//!
//! In: a record whose run, or part of it, cannot go on. Out: each completed step that something undoes is undone, in
//! reverse order, in parallel where that allows; what failed to be is told with the rest. Forward work never starts again.

use super::gates::Admitted;
use super::{Driver, Mode, Start};
use crate::engine::attempt::{AttemptError, Done, discard};
use crate::engine::context::{NodeContext, Stopping};
use crate::engine::decide::{self, Next, Tries};
use crate::engine::error::RunError;
use crate::engine::position::Position;
use crate::engine::rollback::Rollback;
use crate::engine::tree::Value;
use crate::engine::values::ValueError;
use crate::plan::Policy;
use crate::state::{
    Asked, Event, FailureKind, Payload, Phase, RollbackCause, RunOutcome, StepRef, StepStatus, WorkflowStatus,
};

impl Driver {
    /// Whether the run undoes what it did, also while the engine shuts down.
    pub(super) fn is_rolling_back(&self) -> bool {
        self.data.status == WorkflowStatus::RollingBack
    }

    /// What is attempted of this step, if anything is: its work, or its undo once that is complete.
    pub(super) fn phase(&self, step: StepRef) -> Phase {
        if self.data.step(step).status == StepStatus::Completed { Phase::Undo } else { Phase::Do }
    }

    /// How what is attempted of this step now is attempted.
    pub(super) fn policy(&self, step: StepRef) -> Policy {
        let plan = self.data.plan.step(step.local);
        match (&plan.undo, self.phase(step)) {
            (Some(undo), Phase::Undo) => {
                undo.policy.with_deadline(Some(undo.policy.deadline.unwrap_or(self.engine.undo_deadline)))
            }
            _ => plan.policy,
        }
    }

    /// How far what is attempted of this step now has come.
    pub(super) fn tries(&self, step: StepRef) -> Tries {
        let state = self.data.step(step);
        match self.phase(step) {
            Phase::Do => Tries::of(state),
            Phase::Undo => Tries::to_undo(state),
        }
    }

    /// Begins to undo, if the run is one that does and something is to be undone; says whether it has begun.
    pub(super) fn roll_back(&mut self, cause: RollbackCause) -> bool {
        let rollback = Rollback::new(&self.data, 0);
        if rollback.is_over() || self.data.asked == Some(Asked::Terminate) {
            return false;
        }
        self.start_nothing_more();
        self.record(Event::RollbackStarted { cause });
        self.timers.forget_grace();
        self.mode = Mode::RollingBack;
        self.undo_by(0, rollback);
        true
    }

    /// Takes up a rollback of the run where the record stands.
    pub(super) fn restore_rollback(&mut self) {
        // Who terminates a run while it is undone wants the rest to be left.
        if self.data.asked != Some(Asked::Terminate) {
            self.undo_by(0, Rollback::new(&self.data, 0));
        }
    }

    /// Undoes the run or a called workflow in this order, and what is inside it with it.
    fn undo_by(&mut self, scope: u32, rollback: Rollback) {
        self.rollbacks.retain(|inner, _| !rollback.is_about(StepRef::new(*inner, 0)));
        self.rollbacks.insert(scope, rollback);
        self.undoes_parts = self.has_parts();
    }

    /// Leaves what is not undone yet.
    pub(super) fn leave_rollback(&mut self) {
        self.start_nothing_more();
        self.stopper.tell(Stopping::All);
        self.running.clear();
        self.rollbacks.clear();
    }

    /// Whether all that the run is to undo has been tried.
    pub(super) fn is_rolled_back(&self) -> bool {
        self.rollbacks.values().all(Rollback::is_over)
    }

    /// Whether undos could start at once.
    pub(super) fn has_undos(&self) -> bool {
        self.mode == Mode::RollingBack && self.rollbacks.values().any(|rollback| !rollback.ready.is_empty())
    }

    /// The next step whose undo may queue for its permits.
    pub(super) fn next_undo(&mut self) -> Option<StepRef> {
        if !matches!(self.mode, Mode::Going | Mode::RollingBack) {
            return None;
        }
        if self.data.scopes > 0 && self.mode == Mode::Going {
            for scope in self.data.undoing() {
                if !self.rollbacks.contains_key(&scope) {
                    let rollback = Rollback::new(&self.data, scope);
                    self.undo_by(scope, rollback);
                }
            }
        }
        for rollback in self.rollbacks.values_mut() {
            while let Some(step) = rollback.ready.pop_front() {
                // One that was begun as part of what is inside goes on.
                if self.undoing.insert(step) {
                    return Some(step);
                }
            }
        }
        None
    }

    pub(super) async fn start_undo(&mut self, Admitted { step, permits }: Admitted) -> Result<(), RunError> {
        let (policy, tries) = (self.policy(step), self.tries(step));
        if tries.attempts > 0 && decide::due(&policy, tries).is_some_and(|due| due <= self.now) {
            self.fail_undo(step, tries.attempts, self.out_of_time(step, FailureKind::Deadline));
            return Ok(());
        }
        let number = tries.attempts + 1;
        self.enter_around(step).await?;
        let output = self.output_to_undo(step).await?;
        let filled = self.values.fill_inputs(&self.trees, &self.data, step);
        let panic = filled.err().map(|error| self.value_error(error)).transpose()?;
        self.record(Event::StepStarted { step, attempt: number, phase: Phase::Undo });
        if let Some(message) = panic {
            self.fail_undo(step, number, AttemptError::new(FailureKind::Panic, message));
            return Ok(());
        }
        let cx = NodeContext::to_undo(self.shared.clone(), Position::of(&self.data, step), number, output);
        let attempt = self.attempt(step, number, cx, None);
        self.starts.push(Start::new(attempt, permits));
        Ok(())
    }

    /// The output of a completed step, from its record. What its arguments are made of is fetched beside it.
    async fn output_to_undo(&mut self, step: StepRef) -> Result<Value, RunError> {
        if self.undoes_parts {
            self.fetch_inputs(step).await?;
        }
        let payload = self.data.step(step).output.clone().unwrap_or_else(Payload::empty);
        let what = format!("the output of step `{}`", self.data.path(step));
        let payload = self.fetch(&payload, &what).await?;
        let value = self.values.decode(&self.trees, &self.data, step, &payload);
        value.map_err(|error| match self.value_error(ValueError::Decode { step, error }) {
            Err(error) => error,
            Ok(reason) => self.stuck(reason),
        })
    }

    /// Takes in how an attempt to undo has ended. One that a shutdown has cut off is made again.
    pub(super) fn take_undo_end(&mut self, step: StepRef, attempt: u32, result: Result<Done, AttemptError>) {
        match result {
            Ok(done) => {
                discard(done);
                self.end_undo(step, Event::UndoCompleted { step });
            }
            Err(error) if self.mode == Mode::ShuttingDown || error.gave_up => discard(error),
            Err(error) => self.take_undo_failure(step, attempt, error),
        }
    }

    pub(super) fn take_undo_failure(&mut self, step: StepRef, attempt: u32, error: AttemptError) {
        let (policy, tries) = (self.policy(step), self.tries(step));
        match decide::after_failure(&policy, tries, error.kind, error.permanent, self.now, fastrand::f64()) {
            Next::Retry(delay) => {
                let retry_at = self.now.saturating_add(decide::nanos(delay));
                let failure = error.to_failure(self.data.path(step), attempt);
                discard(error);
                self.record(Event::AttemptFailed { step, attempt, phase: Phase::Undo, error: failure, retry_at });
                if matches!(self.mode, Mode::Failing | Mode::Cancelling) {
                    // It goes on with all that the run undoes then.
                    self.undoing.remove(&step);
                } else {
                    self.retry_at(step, retry_at);
                }
            }
            Next::Fail => self.fail_undo(step, attempt, error),
        }
    }

    fn fail_undo(&mut self, step: StepRef, attempt: u32, error: AttemptError) {
        let failure = error.to_failure(self.data.path(step), attempt);
        discard(error);
        self.end_undo(step, Event::UndoFailed { step, error: failure });
    }

    /// Records that an undo has come to its end, and finds those that follow.
    fn end_undo(&mut self, step: StepRef, end: Event) {
        self.record(end);
        self.undoing.remove(&step);
        for rollback in self.rollbacks.values_mut().filter(|rollback| rollback.is_about(step)) {
            rollback.ended(&self.data, step);
        }
        if self.mode != Mode::RollingBack {
            self.rollbacks.retain(|_, rollback| !rollback.is_over());
            // The failure of a called workflow may have gone on, to where something waits.
            self.cancel_waits();
        }
    }

    /// How a run ends that was rolled back, or that was not since there was nothing to undo.
    pub(super) fn outcome(&self) -> RunOutcome {
        let is_cancelled = match self.data.cause {
            Some(cause) => cause == RollbackCause::Cancel,
            None => self.mode == Mode::Cancelling,
        };
        let is_left = |status| matches!(status, StepStatus::CompensationFailed);
        match self.data.cause {
            _ if is_cancelled => RunOutcome::Cancelled,
            Some(_) if !self.is_terminated() && !self.data.steps.iter().any(|step| is_left(step.status)) => {
                RunOutcome::RolledBack
            }
            _ => RunOutcome::Failed,
        }
    }

    fn is_terminated(&self) -> bool {
        self.data.asked == Some(Asked::Terminate)
    }
}
