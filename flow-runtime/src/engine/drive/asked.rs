//! What was asked of the run from outside: signals for its steps, that it stop, pause or go on.
//!
//! In: the requests in the store. Out: facts of the run, and which requests they answer.

use super::{Driver, Mode};
use crate::engine::attempt::Done;
use crate::engine::error::RunError;
use crate::engine::parts::cut;
use crate::engine::position::Position;
use crate::engine::run::store_error;
use crate::state::{Asked, CompletedBy, Event, Payload, Request, RequestKind, StepRef, StepStatus};

impl Driver {
    /// Takes in what was asked since this was called last.
    pub(super) async fn take_requests(&mut self) -> Result<(), RunError> {
        let was_told = self.live.as_ref().is_some_and(|live| live.bell.take());
        if !std::mem::take(&mut self.has_to_look) && !was_told {
            return Ok(());
        }
        let Some(journal) = &self.journal else { return Ok(()) };
        let requests = journal.requests(&self.data.id).await.map_err(|error| store_error(&self.data, error))?;
        self.left.clear();
        for request in requests {
            if self.taken.contains(&request.id) {
                continue;
            }
            if self.answer(&request) {
                self.taken.push(request.id);
            } else {
                self.left.push(request);
            }
        }
        Ok(())
    }

    /// Takes in what was asked while a body runs in the driver's own task. What it says of the run is committed with
    /// the end of the body; what cannot be read is read again then.
    pub(super) async fn look_while_running(&mut self) {
        if self.take_requests().await.is_err() {
            self.has_to_look = true;
        }
    }

    /// Forgets what was asked of a run that has ended and will not take it.
    pub(super) async fn forget_left(&mut self) {
        if !self.data.status.is_terminal() {
            return;
        }
        let left: Vec<String> = self.left.drain(..).map(|request| request.id).collect();
        if let Some(journal) = &self.journal {
            journal.forget(&self.data.id, &left).await;
        }
    }

    /// Does what is asked, if it can be done now; says whether the request has its answer.
    fn answer(&mut self, request: &Request) -> bool {
        match &request.kind {
            RequestKind::Signal { name, payload, .. } => self.take_signal(&request.id, name, payload),
            RequestKind::Cancel => self.stop_as_asked(Asked::Cancel),
            RequestKind::Terminate => self.stop_as_asked(Asked::Terminate),
            RequestKind::Pause if self.mode == Mode::Going => {
                self.mode = Mode::Paused;
                self.record(Event::Asked { kind: Asked::Pause });
                true
            }
            RequestKind::Resume if self.mode == Mode::Paused => {
                self.mode = Mode::Going;
                self.record(Event::Asked { kind: Asked::Resume });
                let held_back = std::mem::take(&mut self.held_back);
                held_back.into_iter().for_each(|step| self.queue(step));
                true
            }
            RequestKind::Resolve { step, attempt, verdict } => self.take_word(step, *attempt, verdict),
            // It is so already, or the run is about to end; one that has not ended needs no retry.
            RequestKind::Pause | RequestKind::Resume | RequestKind::RetryFailed | RequestKind::RetryFrom { .. } => {
                self.mode != Mode::ShuttingDown
            }
        }
    }

    /// Stops the run. A failure that came before wins.
    fn stop_as_asked(&mut self, kind: Asked) -> bool {
        match self.mode {
            Mode::ShuttingDown => false,
            Mode::RollingBack if kind == Asked::Terminate => {
                self.record(Event::Asked { kind });
                self.leave_rollback();
                true
            }
            Mode::Failing | Mode::Cancelling | Mode::RollingBack => true,
            Mode::Going | Mode::Paused => {
                self.mode = Mode::Cancelling;
                self.record(Event::Asked { kind });
                self.start_nothing_more();
                self.stop_running();
                self.cancel_waits();
                true
            }
        }
    }

    /// Gives a signal to the first step in the order of the plan that waits for one of its name.
    fn take_signal(&mut self, id: &str, name: &str, payload: &Payload) -> bool {
        if self.data.steps.iter().any(|step| step.signal.as_deref() == Some(id)) {
            return true;
        }
        if !matches!(self.mode, Mode::Going | Mode::Paused) {
            return false;
        }
        let waiting = self.waits.for_signal(name).iter().copied();
        let waiting = waiting.filter(|&step| self.data.step(step).status == StepStatus::Waiting);
        let Some(step) = waiting.min_by_key(|&step| Position::of(&self.data, step).order()) else { return false };
        match self.values.decode(&self.trees, &self.data, step, payload) {
            Ok(value) => {
                let (payload, cut) = cut(payload.clone(), self.inline_bytes());
                self.waited_for(step);
                let done = Done { value, payload: Some(payload), cut, writes: Vec::new() };
                self.complete(step, 1, done, CompletedBy::Signal(id.to_owned()));
            }
            Err(error) => {
                // The sender was told so if it could be known there. It never counts.
                let (run, step) = (&self.data.id, self.data.path(step));
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%run, step, signal = name, error, "a signal was refused: its value is of another type");
            }
        }
        true
    }

    /// Forgets that this step waits.
    fn waited_for(&mut self, step: StepRef) {
        if let Some(on) = self.data.step(step).waiting.as_deref().cloned() {
            self.waits.remove(step, &on);
        }
    }
}
