//! How a run ends: with its output, with its failures, or given back at a shutdown.

use std::collections::HashMap;

use super::{Driver, Drove, Mode};
use crate::engine::attempt::{AttemptError, catch, check_len, discard, encode_value};
use crate::engine::error::{Failures, RunError, StepFailure};
use crate::engine::journal::Journal;
use crate::engine::parts::cut;
use crate::engine::run::store_error;
use crate::engine::tree::Value;
use crate::plan::StepKind;
use crate::state::{
    Event, FailureKind, NodeFailure, Payload, RollbackCause, RunOutcome, RunOutput, StepRef, StepStatus,
};

/// What stands for the path of a step where the workflow's output is meant.
pub(crate) const OUTPUT: &str = "output";

type End = Result<Drove, RunError>;

/// What a run gives when it has ended well.
pub(crate) struct Finished {
    /// The output; `None` when the payload is to be decoded.
    pub(crate) value: Option<Value>,
    /// The output as it is stored; `None` for a run without a record.
    pub(crate) payload: Option<Payload>,
    /// Where it was read from, if the run had ended before.
    pub(crate) read_from: Option<ReadFrom>,
}

/// Where a stored output was found, to be named if it cannot be decoded.
pub(crate) struct ReadFrom {
    /// The step whose output it is, or what stands for the workflow's own.
    pub(crate) step: String,
    /// Its type as it was written then.
    pub(crate) type_name: String,
}

impl Driver {
    /// The end of the run, if it has come to it. The event that says so is recorded, to be committed with the rest.
    pub(super) fn finish(&mut self) -> Result<Option<End>, RunError> {
        // What is undone in a called workflow when the run comes to a stop goes on with all that the run undoes.
        let is_stopping = matches!(self.mode, Mode::Failing | Mode::Cancelling);
        let is_busy = if is_stopping { self.is_working() } else { !self.running.is_empty() };
        if is_busy || !self.starts.is_empty() {
            return Ok(None);
        }
        if let Some(error) = self.refusal.take() {
            return Ok(Some(Err(error)));
        }
        if self.has_completed() {
            // Also at a shutdown: its last step has ended within the grace.
            return self.finish_completed();
        }
        match self.mode {
            Mode::ShuttingDown => return Ok(Some(Err(self.interrupted()))),
            Mode::RollingBack if !self.is_rolled_back() => return Ok(None),
            Mode::RollingBack => return self.end().map(Some),
            Mode::Cancelling => return self.stop(RollbackCause::Cancel),
            _ if self.data.instances[0].failed => return self.stop(RollbackCause::Failure),
            _ => {}
        }
        if let Some(park) = self.park() {
            return Ok(Some(Ok(Drove::Parked(park))));
        }
        if self.rests() || self.has_retries() || self.gates.has_waiting() || self.has_work() {
            return Ok(None);
        }
        Err(self.stuck("steps are left that nothing will start".to_owned()))
    }

    pub(super) fn has_work(&self) -> bool {
        !self.schedule.ready.is_empty() || !self.schedule.heads.is_empty()
    }

    /// Whether all steps of the workflow itself have ended, and well.
    fn has_completed(&self) -> bool {
        let root = &self.data.instances[0];
        let mut steps = self.data.plan.region(0).locals().map(|local| self.data.step(StepRef::new(0, local)));
        root.open == 0
            && !root.failed
            && !self.is_rolling_back()
            && steps.all(|step| step.status != StepStatus::Cancelled)
    }

    fn finish_completed(&mut self) -> Result<Option<End>, RunError> {
        let (value, output) = match self.evaluate_output()? {
            Ok(output) => output,
            Err(error) => {
                self.output_failure = Some(error.to_failure(OUTPUT.to_owned(), 0));
                return self.stop(RollbackCause::Failure);
            }
        };
        let payload = self.output_payload(&output);
        self.record(Event::RunEnded { outcome: RunOutcome::Completed, output });
        // Under `strict_roundtrip` the caller gets what later callers will get.
        if self.engine.strict_roundtrip && self.journal.is_some() {
            discard(value);
            return Ok(Some(Ok(Drove::Finished(Finished { value: None, payload, read_from: None }))));
        }
        Ok(Some(Ok(Drove::Finished(Finished { value: Some(value), payload, read_from: None }))))
    }

    /// The workflow's output, and how it is stored.
    fn evaluate_output(&mut self) -> Result<Result<(Value, RunOutput), AttemptError>, RunError> {
        if let Err(error) = self.values.fill_output(&self.trees, &self.data) {
            let message = self.value_error(error)?;
            return Ok(Err(AttemptError::new(FailureKind::Panic, message)));
        }
        let value = match catch(|| self.trees.own().output()) {
            Ok(value) => value,
            Err(panic) => return Ok(Err(AttemptError::new(FailureKind::Panic, panic))),
        };
        if let Some(step) = self.output_step(0) {
            return Ok(Ok((value, RunOutput::Step(step))));
        }
        if self.journal.is_none() {
            return Ok(Ok((value, RunOutput::Payload(Payload::empty()))));
        }
        let packing = &self.engine.packing;
        let encoded = encode_value(&value, self.shared.encoding)
            .and_then(|payload| check_len("its output", &payload, packing.limit).map(|()| payload))
            .and_then(|payload| catch(|| packing.pack(payload)).flatten());
        match encoded {
            Ok(payload) => {
                let (payload, cut) = cut(payload, self.inline_bytes());
                self.cuts.extend(cut);
                Ok(Ok((value, RunOutput::Payload(payload))))
            }
            Err(reason) => {
                discard(value);
                Ok(Err(AttemptError::new(FailureKind::Encode, reason)))
            }
        }
    }

    /// The call whose stored output is the value of this instance as it is, if there is one.
    fn output_step(&self, instance: u32) -> Option<StepRef> {
        let local = self.data.plan.region(self.data.instances[instance as usize].region).value?;
        let step = self.data.plan.step(local);
        if step.catch {
            return None;
        }
        let at = StepRef::new(self.data.enclosing(instance, step.region)?, local);
        match step.kind {
            StepKind::Call { .. } => Some(at),
            StepKind::Branch { .. } | StepKind::Sub { .. } => self.output_step(self.data.opened_by(at).next()?),
            StepKind::Each { .. } => None,
        }
    }

    fn output_payload(&self, output: &RunOutput) -> Option<Payload> {
        match output {
            RunOutput::Step(step) => self.data.step(*step).output.clone(),
            RunOutput::Payload(payload) => Some(payload.clone()),
            RunOutput::Errors(_) => None,
        }
    }

    /// A finished run with its output at hand: who asks for it later does so when the store may be gone.
    pub(super) async fn at_hand(&self, finished: Finished) -> Result<Finished, RunError> {
        let Finished { value, payload: Some(payload), read_from } = finished else { return Ok(finished) };
        if !payload.is_reference() {
            return Ok(Finished { value, payload: Some(payload), read_from });
        }
        let payload = match &value {
            Some(value) => encode_value(value, self.shared.encoding).ok(),
            None => Some(self.fetch(&payload, "its output").await?),
        };
        Ok(Finished { value, payload, read_from })
    }

    /// The payload with its bytes, which may be kept beside the record.
    pub(super) async fn fetch(&self, payload: &Payload, what: &str) -> Result<Payload, RunError> {
        match &self.journal {
            Some(journal) => {
                journal.fetch(&self.data, payload, what).await.map_err(|error| store_error(&self.data, error))
            }
            None => Ok(payload.clone()),
        }
    }

    pub(super) fn inline_bytes(&self) -> Option<usize> {
        self.journal.as_ref().and_then(Journal::inline_bytes)
    }

    /// The end of a run that cannot go on, unless it has something to undo first. A shutdown undoes nothing, and leaves
    /// this to whoever takes the run up.
    fn stop(&mut self, cause: RollbackCause) -> Result<Option<End>, RunError> {
        if self.mode == Mode::ShuttingDown {
            return Ok(Some(Err(self.interrupted())));
        }
        self.cancel_leftovers(|_, _| true);
        self.cancel_waits();
        if self.roll_back(cause) { Ok(None) } else { self.end().map(Some) }
    }

    fn end(&mut self) -> Result<End, RunError> {
        let outcome = self.outcome();
        let failures = if outcome == RunOutcome::Cancelled { Vec::new() } else { self.all_failures()? };
        let failures = Failures::new(failures);
        let output = RunOutput::Errors(failures.iter().map(|failure| failure.failure.clone()).collect());
        self.record(Event::RunEnded { outcome, output });
        Ok(Err(RunError::ended(&self.data, self.shared.id.clone(), outcome, failures)))
    }

    /// What failed, with the nodes' own errors where they are at hand.
    fn all_failures(&mut self) -> Result<Vec<StepFailure>, RunError> {
        let failures = self.data.failures_in(0);
        if failures.is_empty() {
            // Only the output can have failed then; it was not stored that it did.
            let failure = match self.output_failure.take() {
                Some(failure) => failure,
                None => self.failure_of_output()?,
            };
            return Ok(vec![StepFailure { failure, error: None }]);
        }
        let errors: HashMap<String, _> =
            self.errors.iter().map(|(&step, error)| (self.data.path(step), error)).collect();
        let error_of = |failure: &NodeFailure| errors.get(&failure.step).map(|&error| error.clone());
        Ok(failures.into_iter().map(|failure| StepFailure { error: error_of(&failure), failure }).collect())
    }

    fn failure_of_output(&mut self) -> Result<NodeFailure, RunError> {
        let error = match self.evaluate_output()? {
            Err(error) => error,
            Ok((value, _)) => {
                discard(value);
                let message = "it could not be made when the run came to its end".to_owned();
                AttemptError::new(FailureKind::Error, message)
            }
        };
        Ok(error.to_failure(OUTPUT.to_owned(), 0))
    }

    /// Cancels the calls that a crash interrupted and that nobody will start again: how they ended is not known.
    pub(super) fn cancel_leftovers(&mut self, left: impl Fn(&Self, StepRef) -> bool) {
        let mut leftovers = Vec::new();
        for (instance, state) in self.data.instances.iter().enumerate().filter(|(_, state)| state.active > 0) {
            for local in self.data.plan.region(state.region).locals() {
                let step = StepRef::new(instance as u32, local);
                if self.is_call(step) && self.data.step(step).status == StepStatus::Running && left(self, step) {
                    leftovers.push(step);
                }
            }
        }
        for step in leftovers {
            let attempt = self.data.step(step).attempts;
            self.record(Event::StepCancelled { step, attempt });
        }
    }

    pub(super) fn stuck(&self, reason: String) -> RunError {
        RunError::Stuck { workflow: self.shared.plan.workflow.to_string(), id: self.shared.id.clone(), reason }
    }

    fn interrupted(&self) -> RunError {
        RunError::Interrupted { workflow: self.shared.plan.workflow.to_string(), id: self.shared.id.clone() }
    }
}
