//! Attempts of which nobody knows how they ended: those of steps that must not be done twice, and those that take their
//! process down again and again.
//!
//! In: a record in which attempts were under way when their process ended, an attempt that was abandoned, an operator's
//! word. Out: that the step waits for such a word or has its end by it, or that the run is paused.

use super::{Driver, Mode};
use crate::engine::attempt::{AttemptError, Done};
use crate::engine::parts::cut;
use crate::state::{Asked, CompletedBy, Event, FailureKind, Payload, StepRef, StepStatus, Verdict, WaitingOn};

impl Driver {
    pub(super) fn is_at_most_once(&self, step: StepRef) -> bool {
        self.data.plan.step(step.local).policy.at_most_once
    }

    /// Records that this attempt may have had its effect, which must not happen twice.
    pub(super) fn doubt(&mut self, step: StepRef, attempt: u32) {
        let (run, path) = (&self.data.id, self.data.path(step));
        tracing::warn!(%run, step = path, attempt, "an attempt has an unknown end, and waits to be resolved");
        self.record(Event::StepWaiting { step, on: WaitingOn::Doubt(attempt) });
    }

    /// Looks at the attempts that ended with their process. Those that must not be done twice wait for somebody's word;
    /// if a step was interrupted too often, the run is paused.
    pub(super) fn look_at_interrupted(&mut self) {
        let mut worn_out = Vec::new();
        for step in self.cut_off() {
            let state = self.data.step(step);
            if self.is_at_most_once(step) {
                self.doubt(step, state.attempts);
            } else if state.interruptions >= self.engine.max_interruptions {
                worn_out.push(step);
            }
        }
        if worn_out.is_empty() || self.mode != Mode::Going {
            return;
        }
        for step in worn_out {
            let (run, path) = (&self.data.id, self.data.path(step));
            let interruptions = self.data.step(step).interruptions;
            tracing::warn!(
                %run, step = path, interruptions,
                "the run is paused: a step was interrupted by crashes too often; `Engine::resume` tries it once more"
            );
            self.record(Event::StepReleased { step });
        }
        self.mode = Mode::Paused;
        self.record(Event::Asked { kind: Asked::Pause });
    }

    /// The calls that were running when the process that ran them ended, and that may go on.
    fn cut_off(&self) -> Vec<StepRef> {
        let mut cut_off = Vec::new();
        for (instance, state) in self.data.instances.iter().enumerate().filter(|(_, state)| state.active > 0) {
            for local in self.data.plan.region(state.region).locals() {
                let step = StepRef::new(instance as u32, local);
                let is_running = self.is_call(step) && self.data.step(step).status == StepStatus::Running;
                if is_running && self.may_go_on(step) {
                    cut_off.push(step);
                }
            }
        }
        cut_off
    }

    /// Takes in an operator's word on an attempt. If nobody doubts it any more, the word has come too late.
    pub(super) fn take_word(&mut self, path: &str, attempt: u32, verdict: &Verdict) -> bool {
        if self.mode == Mode::ShuttingDown {
            return false;
        }
        let Some(step) = self.data.find(path).filter(|&step| self.may_go_on(step)) else { return true };
        if self.data.step(step).waiting.as_deref() != Some(&WaitingOn::Doubt(attempt)) {
            return true;
        }
        match verdict {
            Verdict::Done(payload) => self.is_done(step, attempt, payload),
            Verdict::Failed(message) => {
                self.fail(step, attempt, AttemptError::new(FailureKind::Error, message.clone()));
            }
            Verdict::NotDone => {
                self.record(Event::StepReleased { step });
                // In a pause it begins with the others that do, at its end.
                if self.mode == Mode::Paused { self.held_back.push(step) } else { self.admit(step) }
            }
        }
        true
    }

    fn is_done(&mut self, step: StepRef, attempt: u32, payload: &Payload) {
        match self.values.decode(&self.trees, &self.data, step, payload) {
            Ok(value) => {
                let (payload, cut) = cut(payload.clone(), self.inline_bytes());
                let done = Done { value, payload: Some(payload), cut, writes: Vec::new() };
                self.complete(step, attempt, done, CompletedBy::Operator);
            }
            Err(error) => {
                // The operator was told so if it could be known there. The step stays in doubt.
                let (run, step) = (&self.data.id, self.data.path(step));
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%run, step, error, "an output was refused: it is of another type than the step's");
            }
        }
    }
}
