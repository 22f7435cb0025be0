//! How attempts end: outputs, failures, retries, time limits, what is given back.

use std::time::Duration;

use super::{Driver, Mode};
use crate::engine::attempt::{AttemptEnd, AttemptError, Done, discard};
use crate::engine::decide::{self, Next};
use crate::engine::position::Position;
use crate::engine::trees::Spot;
use crate::plan::StepKind;
use crate::state::{CompletedBy, Event, FailureKind, Payload, Phase, StepRef, StepStatus};

/// How long bodies may go on when the run stops, unless their own timeout is shorter.
pub(super) const GRACE: Duration = Duration::from_secs(30);

impl Driver {
    /// Takes in how an attempt ended. What an abandoned attempt gives in the end is not kept.
    pub(super) fn take_end(&mut self, end: AttemptEnd) {
        let AttemptEnd { step, number, result } = end;
        if self.running.get(&step).is_some_and(|running| running.attempt == number) {
            self.running.remove(&step);
        } else if self.data.step(step).status != StepStatus::Running || self.data.step(step).attempts != number {
            return discard(result);
        }
        match result {
            result if self.phase(step) == Phase::Undo => self.take_undo_end(step, number, result),
            Ok(done) => self.complete(step, number, done, CompletedBy::Body),
            Err(error) if self.mode == Mode::ShuttingDown || error.gave_up => {
                discard(error);
                self.give_up(step, number);
            }
            Err(error) => self.take_failure(step, number, error),
        }
    }

    pub(super) fn complete(&mut self, step: StepRef, attempt: u32, done: Done, by: CompletedBy) {
        let Done { value, payload, cut, writes } = done;
        self.cuts.extend(cut);
        let spot = Spot::of(&self.data, step);
        self.trees.of(&spot).fill(spot.at(), value);
        self.values.set_filled(&self.data, step);
        if !writes.is_empty() {
            self.shared.keep(&Position::of(&self.data, step), &writes);
        }
        let payload = payload.unwrap_or_else(Payload::empty);
        self.record(Event::StepCompleted { step, attempt, payload, data: writes, by });
    }

    fn take_failure(&mut self, step: StepRef, attempt: u32, error: AttemptError) {
        let (policy, tries) = (self.policy(step), self.tries(step));
        let next = decide::after_failure(&policy, tries, error.kind, error.permanent, self.now, fastrand::f64());
        match next {
            Next::Retry(delay) if self.may_go_on(step) => {
                let retry_at = self.now.saturating_add(decide::nanos(delay));
                let failure = error.to_failure(self.data.path(step), attempt);
                discard(error);
                self.record(Event::AttemptFailed { step, attempt, phase: Phase::Do, error: failure, retry_at });
                self.retry_at(step, retry_at);
            }
            _ => self.fail(step, attempt, error),
        }
    }

    /// Records that a step has failed for good; under `#[catch]` its failure is its value.
    pub(super) fn fail(&mut self, step: StepRef, attempt: u32, error: AttemptError) {
        let failure = error.to_failure(self.data.path(step), attempt);
        if self.data.plan.step(step.local).catches_own_failure() {
            discard(error);
            let spot = Spot::of(&self.data, step);
            self.trees.of(&spot).caught(spot.at(), None, failure.clone());
            self.values.set_filled(&self.data, step);
        } else if let Some(live) = error.live {
            self.errors.insert(step, live);
        }
        self.record(Event::StepFailed { step, attempt, error: failure });
        if self.data.waiting > 0 {
            self.cancel_waits();
        }
    }

    /// Takes in that an attempt has used up its time: it is abandoned, whatever its body does.
    pub(super) fn take_limit(&mut self, step: StepRef, attempt: u32, kind: FailureKind) {
        if self.running.get(&step).is_none_or(|running| running.attempt != attempt) {
            return;
        }
        self.running.remove(&step);
        let is_once = self.phase(step) == Phase::Do && self.is_at_most_once(step);
        if self.mode == Mode::ShuttingDown || is_once {
            return self.give_up(step, attempt);
        }
        let error = self.out_of_time(step, kind);
        match self.phase(step) {
            Phase::Do => self.take_failure(step, attempt, error),
            Phase::Undo => self.take_undo_failure(step, attempt, error),
        }
    }

    /// The failure of a step that has used up its time.
    pub(super) fn out_of_time(&self, step: StepRef, kind: FailureKind) -> AttemptError {
        let policy = self.policy(step);
        let message = match kind {
            FailureKind::Deadline => {
                format!("its attempts together took longer than {:?}", policy.deadline.unwrap_or_default())
            }
            _ => format!("it took longer than {:?}", policy.timeout.unwrap_or_default()),
        };
        AttemptError::new(kind, message)
    }

    /// Stops what runs after a failure elsewhere: bodies without effects at once, the others after their grace.
    pub(super) fn stop_running(&mut self) {
        self.starts_back();
        let steps: Vec<(StepRef, u32)> = self.running.iter().map(|(&step, running)| (step, running.attempt)).collect();
        for (step, attempt) in steps {
            if self.phase(step) == Phase::Do && self.data.plan.step(step.local).policy.pure {
                self.running.remove(&step);
                self.record(Event::StepCancelled { step, attempt });
            }
        }
        if self.is_working() {
            self.timers.stop_within(GRACE);
        }
    }

    /// Whether bodies run that do the work of a step, and do not undo one.
    pub(super) fn is_working(&self) -> bool {
        self.running.keys().any(|&step| self.phase(step) == Phase::Do)
    }

    /// Gives up on what still runs at the end of the grace. What is undone is not, unless the engine shuts down.
    pub(super) fn abandon_running(&mut self) {
        for (step, running) in std::mem::take(&mut self.running) {
            if self.phase(step) == Phase::Undo && self.mode != Mode::ShuttingDown {
                self.running.insert(step, running);
            } else {
                self.give_up(step, running.attempt);
            }
        }
    }

    /// Records that nobody waits for this attempt any more. A shutdown gives its step back to be run again; where a
    /// failure has stopped the step nobody will, and what the attempt did is not known. Where it must not be done twice,
    /// somebody has to say.
    pub(super) fn give_up(&mut self, step: StepRef, attempt: u32) {
        if self.phase(step) == Phase::Undo {
            // It counts as begun, and is made again.
            return;
        }
        let stopped = self.mode == Mode::Cancelling || self.data.is_stopped(step);
        if !stopped && self.is_at_most_once(step) {
            return self.doubt(step, attempt);
        }
        self.record(if stopped { Event::StepCancelled { step, attempt } } else { Event::StepReleased { step } });
    }

    /// Gives back what was about to begin.
    pub(super) fn starts_back(&mut self) {
        for start in std::mem::take(&mut self.starts) {
            if self.phase(start.step()) == Phase::Do {
                self.record(Event::StepReleased { step: start.step() });
            }
        }
    }

    pub(super) fn is_call(&self, step: StepRef) -> bool {
        matches!(self.data.plan.step(step.local).kind, StepKind::Call { .. })
    }
}
