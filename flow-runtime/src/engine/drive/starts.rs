//! How steps start: heads are evaluated, permits given, bodies begun.

use std::time::Duration;

use tracing::Span;

use super::gates::Admitted;
use super::timers::{after, until};
use super::waits::told;
use super::{Driver, Mode, Permit, Timer};
use crate::engine::attempt::{Attempt, AttemptEnd, AttemptError, catch};
use crate::engine::context::NodeContext;
use crate::engine::decide;
use crate::engine::error::RunError;
use crate::engine::position::Position;
use crate::engine::tasks::{self, Task};
use crate::engine::tree::Choice;
use crate::engine::trees::Spot;
use crate::engine::values::ValueError;
use crate::observe::spans;
use crate::plan::{Plan, StepKind};
use crate::state::{Encoding, Event, FAR, FailureKind, Phase, RegionKind, StepRef, Timestamp};

/// An attempt that is recorded as started and begins when that is committed.
pub(super) struct Start {
    attempt: Attempt,
    permits: (Option<Permit>, Permit),
}

/// An attempt that runs in a task.
pub(crate) struct Running {
    pub(super) attempt: u32,
    /// Kept for what its drop does.
    _task: Task,
}

impl Running {
    pub(crate) fn new(attempt: u32, task: Task) -> Self {
        Self { attempt, _task: task }
    }
}

impl Start {
    pub(super) fn new(attempt: Attempt, permits: (Option<Permit>, Permit)) -> Self {
        Self { attempt, permits }
    }

    pub(super) fn step(&self) -> StepRef {
        self.attempt.step
    }

    /// The attempt, which begins now: its span does not span the commit that it has waited for.
    fn begin(mut self) -> (Attempt, (Option<Permit>, Permit)) {
        let cx = &self.attempt.cx;
        self.attempt.span = spans::step(|| cx.step(), self.attempt.number, cx.is_undo());
        (self.attempt, self.permits)
    }
}

impl Driver {
    /// Does what a step says that has no body of its own.
    pub(super) fn open(&mut self, step: StepRef) -> Result<(), RunError> {
        match self.data.plan.step(step.local).kind {
            StepKind::Sub { .. } => self.begin_workflow(step),
            StepKind::Call { .. } => self.begin_wait(step),
            StepKind::Branch { .. } | StepKind::Each { .. } => self.open_region(step),
        }
    }

    /// Evaluates the head of a branch or a fan-out, and opens what it says.
    fn open_region(&mut self, step: StepRef) -> Result<(), RunError> {
        if !self.may_start(step) {
            return Ok(());
        }
        let choice = match self.evaluate_head(step) {
            Ok(choice) => choice,
            Err(error) => {
                let message = self.value_error(error)?;
                self.fail(step, 0, AttemptError::new(FailureKind::Panic, message));
                return Ok(());
            }
        };
        if let (Choice::Items(items), StepKind::Each { body }) = (choice, &self.data.plan.step(step.local).kind)
            && let Err(reason) = self.data.check_room(*body, items)
        {
            self.fail(step, 0, AttemptError::new(FailureKind::Error, reason));
            return Ok(());
        }
        let spot = Spot::of(&self.data, step);
        self.trees.of(&spot).open(spot.at(), choice);
        let kind = region_kind(&self.data.plan, step, choice);
        let first_instance = self.data.instances.len() as u32;
        self.record(Event::RegionOpened { step, first_instance, kind });
        self.schedule.opened(&self.data, step);
        Ok(())
    }

    pub(super) fn evaluate_head(&mut self, step: StepRef) -> Result<Choice, ValueError> {
        self.values.fill_inputs(&self.trees, &self.data, step)?;
        let spot = Spot::of(&self.data, step);
        catch(|| self.trees.of(&spot).choose(spot.at())).map_err(ValueError::Panic)
    }

    /// Lets a step that could start queue for its permits, or sends it back until its retry is due.
    pub(super) fn admit(&mut self, step: StepRef) {
        if !self.may_start(step) {
            return;
        }
        match self.tries(step).retry_at {
            due if due > self.now => self.retry_at(step, due),
            _ => self.queue(step),
        }
    }

    /// Lets a step wait until its next attempt is due. If that is far off it goes by the clock of the records, as waits
    /// do, and the run may be parked until then.
    pub(super) fn retry_at(&mut self, step: StepRef, due: Timestamp) {
        let wait = due.saturating_sub(self.now).max(0);
        if wait < FAR {
            self.timers.add(after(Duration::from_nanos(wait.unsigned_abs())), Timer::Retry(step));
        } else {
            self.waits.add_retry(step, due);
        }
    }

    /// Takes in that the next attempt of a step is due.
    pub(super) fn retry(&mut self, step: StepRef) {
        if self.may_start(step) {
            self.queue(step);
        } else if self.mode == Mode::Paused {
            self.held_back.push(step);
        }
    }

    /// Whether steps are to be attempted again, sooner or later.
    pub(super) fn has_retries(&self) -> bool {
        self.timers.has_retries() || self.waits.has_retries()
    }

    /// Lets a step wait for its permits.
    pub(super) fn queue(&mut self, step: StepRef) {
        let phase = self.phase(step);
        self.gates.push(&self.data.plan, step, phase);
    }

    /// The next step that has its permits and may start, or be undone.
    pub(super) fn next_admitted(&mut self) -> Option<Admitted> {
        let (data, undoing, mode) = (&self.data, &self.undoing, self.mode);
        match mode {
            Mode::Going => self.gates.pop(|step| undoing.contains(&step) || !data.is_stopped(step)),
            Mode::RollingBack => self.gates.pop(|_| true),
            _ => None,
        }
    }

    /// Records the start of a step that has its permits.
    pub(super) fn start(&mut self, Admitted { step, permits }: Admitted) -> Result<(), RunError> {
        let (policy, tries) = (self.policy(step), self.tries(step));
        if tries.attempts > 0 && decide::due(&policy, tries).is_some_and(|due| due <= self.now) {
            // It waited for a permit, or for a process to run it, for longer than it had.
            self.fail(step, tries.attempts, self.out_of_time(step, FailureKind::Deadline));
            return Ok(());
        }
        let number = tries.attempts + 1;
        let filled = self.values.fill_inputs(&self.trees, &self.data, step);
        let panic = filled.err().map(|error| self.value_error(error)).transpose()?;
        self.record(Event::StepStarted { step, attempt: number, phase: Phase::Do });
        if let Some(message) = panic {
            self.fail(step, number, AttemptError::new(FailureKind::Panic, message));
            return Ok(());
        }
        let cx = NodeContext::new(self.shared.clone(), Position::of(&self.data, step), number);
        // Where there is no record, an output is kept encoded only for the node that may have to undo it.
        let is_kept = self.journal.is_some() || self.data.plan.step(step.local).undo.is_some();
        let attempt = self.attempt(step, number, cx, is_kept.then_some(self.shared.encoding));
        self.starts.push(Start::new(attempt, permits));
        Ok(())
    }

    /// An attempt that begins when its start is committed; without an encoding, its output is of use to nobody else.
    pub(super) fn attempt(&self, step: StepRef, number: u32, cx: NodeContext, encoding: Option<Encoding>) -> Attempt {
        Attempt {
            step,
            number,
            tree: self.trees.of(&cx.position().spot).clone(),
            span: Span::none(),
            cx,
            encoding,
            strict_roundtrip: self.engine.strict_roundtrip,
            inline_bytes: self.inline_bytes(),
            packing: self.engine.packing.clone(),
            layers: self.engine.layers.clone(),
            cost: None,
        }
    }

    /// The only step that starts, if nothing else runs or waits and it may run in the driver's own task: a body that does
    /// not yield would hold up its own time limit, so one with a limit never does.
    pub(super) fn only_start(&mut self) -> Option<Start> {
        let [start] = self.starts.as_slice() else { return None };
        if self.phase(start.step()) == Phase::Undo {
            return None;
        }
        let policy = &self.data.plan.step(start.step().local).policy;
        let limited = policy.timeout.is_some() || policy.deadline.is_some() || policy.blocking;
        let waits = self.data.waiting > 0 || self.has_retries() || self.gates.is_busy();
        let alone = self.running.is_empty() && !waits;
        if alone && !limited { self.starts.pop() } else { None }
    }

    /// Runs the only step to its end; `None` if a shutdown did not leave it the time.
    pub(super) async fn run_inline(&mut self, start: Start) -> Option<AttemptEnd> {
        let (attempt, permits) = start.begin();
        // A chain of bodies that never wait must not keep this thread from other tasks.
        tokio::task::coop::consume_budget().await;
        let (step, number, body) = (attempt.step, attempt.number, attempt.run());
        tokio::pin!(body);
        let live = self.live.clone();
        loop {
            let grace = self.timers.grace();
            tokio::select! {
                biased;
                end = &mut body => {
                    drop(permits);
                    self.tick();
                    return Some(end);
                }
                _ = self.stop.changed() => self.take_stop(),
                () = told(live.as_deref()) => self.look_while_running().await,
                () = until(grace) => {
                    self.tick();
                    self.give_up(step, number);
                    return None;
                }
            }
        }
    }

    /// Begins the bodies whose start is committed.
    pub(super) fn launch(&mut self) {
        for start in std::mem::take(&mut self.starts) {
            let (attempt, permits) = start.begin();
            let (step, number) = (attempt.step, attempt.number);
            let (policy, phase) = (self.policy(step), self.phase(step));
            if let Some(timeout) = policy.timeout {
                self.timers.add(after(timeout), Timer::Limit(step, number, FailureKind::Timeout, phase));
            }
            if let Some(due) = decide::due(&policy, self.tries(step)) {
                let left = Duration::from_nanos(due.saturating_sub(self.now).max(0).unsigned_abs());
                self.timers.add(after(left), Timer::Limit(step, number, FailureKind::Deadline, phase));
            }
            let task = tasks::run_attempt(attempt, policy.blocking, permits, self.outbox.clone());
            self.running.insert(step, Running::new(number, task));
        }
    }
}

pub(super) fn region_kind(plan: &Plan, step: StepRef, choice: Choice) -> RegionKind {
    match (choice, &plan.step(step.local).kind) {
        (Choice::Arm(index), StepKind::Branch { arms }) => {
            let label = arms.get(index as usize).map(|&arm| plan.region(arm).label.to_string());
            RegionKind::Arm { index, label: label.unwrap_or_default() }
        }
        (Choice::Arm(index), _) => RegionKind::Arm { index, label: String::new() },
        (Choice::Items(len), _) => RegionKind::Items(len),
    }
}
