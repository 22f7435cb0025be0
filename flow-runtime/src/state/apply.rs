//! How a record changes: one event at a time, and in no other way.
//!
//! In: an event. Out: the record after it, with all that follows from it (regions that end, steps that are skipped),
//! and the list of steps that ended by it. An event that does not fit the record is refused, so that broken or
//! foreign logs never become a wrong record.

use std::collections::BTreeMap;

use super::data::{DataEntry, StepState, StepStatus, WorkflowData, WorkflowStatus};
use super::event::{Asked, CompletedBy, Delta, Event, Phase, RegionKind, RunCreated, RunOutcome, WaitingOn};
use super::{NodeFailure, Payload, StepRef, Timestamp};
use crate::plan::StepKind;

/// An event does not fit the record: [`E-RECORD-EVENT`](crate::errors::codes::RECORD_EVENT).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not fit the record: {reason}")]
#[non_exhaustive]
pub struct ApplyError {
    /// The event's name.
    pub event: &'static str,
    /// What does not fit.
    pub reason: String,
}

pub(super) type Applied = Result<(), String>;

/// The most steps of one run, over all its regions. It bounds what a few bytes, or a list that is longer than anyone
/// thought, can make of memory.
pub(crate) const MAX_STEPS: usize = 1 << 24;

impl WorkflowData {
    /// The record that a run's first delta makes.
    ///
    /// # Errors
    /// If the delta is not number 0, if its first event is not `RunCreated`, or if one after it does not fit.
    pub fn create(delta: &Delta) -> Result<Self, ApplyError> {
        if delta.seq != 0 {
            return Err(refuse("a delta", format!("a record begins with delta 0, not with delta {}", delta.seq)));
        }
        let Some((Event::RunCreated(created), rest)) = delta.events.split_first() else {
            return Err(refuse("the first event", "a record begins with RunCreated".to_owned()));
        };
        let mut data = Self::new(delta.run_no, created, delta.at);
        data.apply_all(rest, delta.at, &mut Vec::new())?;
        data.seq = 1;
        Ok(data)
    }

    /// The record of a run of which nothing but its creation has happened.
    pub fn new(run_no: u64, created: &RunCreated, at: Timestamp) -> Self {
        let mut data = Self {
            format: Self::FORMAT,
            id: created.id.clone(),
            run_no,
            seq: 0,
            plan: created.plan.clone(),
            input: created.input.clone(),
            metadata: created.metadata.clone(),
            parent: created.parent.clone(),
            forked_from: created.forked_from.clone(),
            status: WorkflowStatus::Running,
            instances: Vec::with_capacity(1),
            steps: Vec::new(),
            data: BTreeMap::new(),
            outcome: None,
            output: None,
            asked: None,
            cause: None,
            created_at: at,
            updated_at: at,
            waiting: 0,
            scopes: 0,
            retrying: 0,
        };
        data.open_instance(None, 0, 0);
        data
    }

    /// Applies what changed. The delta must be the next one of this run.
    ///
    /// # Errors
    /// If the delta is of another run or does not follow, or if an event does not fit; the record may then be half
    /// changed and must be dropped.
    pub fn apply(&mut self, delta: &Delta) -> Result<(), ApplyError> {
        if delta.run_no != self.run_no || delta.seq != self.seq {
            let reason = format!("delta {} of run {} at {} of {}", delta.seq, delta.run_no, self.seq, self.run_no);
            return Err(refuse("a delta", reason));
        }
        let next = delta.seq.checked_add(1).ok_or_else(|| refuse("a delta", "it has the last number".to_owned()))?;
        self.apply_all(&delta.events, delta.at, &mut Vec::new())?;
        self.seq = next;
        Ok(())
    }

    fn apply_all(&mut self, events: &[Event], at: Timestamp, ended: &mut Vec<StepRef>) -> Result<(), ApplyError> {
        events.iter().try_for_each(|event| self.apply_event(event, at, ended))
    }

    /// Applies one event, and adds to `ended` the steps that ended by it.
    pub(crate) fn apply_event(
        &mut self,
        event: &Event,
        at: Timestamp,
        ended: &mut Vec<StepRef>,
    ) -> Result<(), ApplyError> {
        self.updated_at = self.updated_at.max(at);
        // In a record 0 stands for never, so what happens at 0 is noted a nanosecond later.
        let at = if at == 0 { 1 } else { at };
        let retries = |data: &Self| event.step().map_or(0, |step| data.count_retry(step));
        let before = retries(self);
        let applied = match event {
            Event::RunCreated(_) => Err("the run exists".to_owned()),
            Event::PlanAdopted { plan } => self.adopt(plan, at, ended),
            Event::StepMigrated { step, payload } => self.migrate(*step, payload),
            Event::RegionOpened { step, first_instance, kind } => self.open(*step, *first_instance, kind, at, ended),
            Event::StepStarted { step, attempt, phase: Phase::Do } => self.start(*step, *attempt, at),
            Event::StepStarted { step, attempt, phase: Phase::Undo } => self.start_undo(*step, *attempt, at),
            Event::AttemptFailed { step, error, retry_at, phase: Phase::Do, .. } => {
                self.attempt_failed(*step, error, *retry_at)
            }
            Event::AttemptFailed { step, retry_at, phase: Phase::Undo, .. } => {
                self.undo_attempt_failed(*step, *retry_at)
            }
            Event::StepWaiting { step, on } => self.wait_or_anew(*step, on, at),
            Event::StepCompleted { step, attempt, payload, data, by } => {
                self.complete(*step, *attempt, payload, data, at, ended).map(|()| self.note_giver(*step, by))
            }
            Event::StepFailed { step, attempt, error } => self.fail(*step, *attempt, error, at, ended),
            Event::StepCancelled { step, .. } => self.cancel(*step, at, ended),
            Event::StepReleased { step } => self.release(*step),
            Event::StepsReset { roots, mode } => self.reset(roots, *mode, at, ended),
            Event::RollbackStarted { cause } => self.start_rollback(*cause),
            Event::UndoCompleted { step } => self.undone(*step, None, at, ended),
            Event::UndoFailed { step, error } => self.undone(*step, Some(error), at, ended),
            Event::Asked { kind } => {
                self.asked = (*kind != Asked::Resume).then_some(*kind);
                Ok(())
            }
            Event::RunEnded { outcome, output } => {
                self.outcome = Some(*outcome);
                self.output = Some(output.clone());
                self.asked = None;
                self.status = match outcome {
                    RunOutcome::Completed => WorkflowStatus::Completed,
                    RunOutcome::Failed => WorkflowStatus::Failed,
                    RunOutcome::Cancelled => WorkflowStatus::Cancelled,
                    RunOutcome::RolledBack => WorkflowStatus::RolledBack,
                };
                self.end_regions(at);
                Ok(())
            }
        };
        applied.map_err(|reason| refuse(event.name(), reason))?;
        self.retrying = self.retrying + retries(self) - before;
        self.suspend_or_resume();
        Ok(())
    }

    /// A run of which nothing is under way is suspended while a step waits for something outside or for a retry that is
    /// far off, or while it is paused. One that has failed waits for nothing.
    fn suspend_or_resume(&mut self) {
        if matches!(self.status, WorkflowStatus::Running | WorkflowStatus::Suspended) {
            let is_idle = self.instances[0].active == 0 && self.scopes == 0 && !self.instances[0].failed;
            let is_asked = self.waiting > 0 || self.asked == Some(Asked::Pause);
            let has_to_wait = is_idle && (is_asked || self.far_retries().next().is_some());
            self.status = if has_to_wait { WorkflowStatus::Suspended } else { WorkflowStatus::Running };
        }
    }

    fn open(
        &mut self,
        step: StepRef,
        first_instance: u32,
        kind: &RegionKind,
        at: Timestamp,
        ended: &mut Vec<StepRef>,
    ) -> Applied {
        let plan = self.plan.clone();
        self.check(step, &[StepStatus::Pending])?;
        if first_instance as usize != self.instances.len() {
            return Err(format!("instance {first_instance} is not the next"));
        }
        let len = match (kind, &plan.step(step.local).kind) {
            (RegionKind::Arm { index, .. }, StepKind::Branch { arms }) => {
                let arm = arms.get(*index as usize).ok_or_else(|| format!("the branch has no arm {index}"))?;
                self.open_instance(Some(step), *arm, 0);
                1
            }
            (RegionKind::Items(len), StepKind::Each { body }) => {
                self.check_room(*body, *len)?;
                self.instances.reserve(*len as usize);
                self.steps.reserve(*len as usize * plan.region(*body).len as usize);
                (0..*len).for_each(|item| self.open_instance(Some(step), *body, item));
                *len
            }
            (RegionKind::Sub, StepKind::Sub { body, .. }) => {
                self.open_instance(Some(step), *body, 0);
                1
            }
            _ => return Err("the step opens no such region".to_owned()),
        };
        let state = self.step_mut(step);
        state.status = StepStatus::Running;
        state.started_at = at;
        state.opened = first_instance;
        state.opened_len = len;
        state.open = len;
        if len == 0 {
            self.finish(step, StepStatus::Completed, at, ended);
        } else if self.instances[first_instance as usize].open == 0 {
            (first_instance..first_instance + len).for_each(|inner| self.settle(inner, at, ended));
        }
        Ok(())
    }

    /// Refuses more items than a run can have.
    pub(crate) fn check_room(&self, body: u32, items: u32) -> Applied {
        // An item without steps of its own takes room as well.
        let each = self.plan.region(body).len.max(1) as usize;
        let fits =
            (items as usize).checked_mul(each).is_some_and(|new| new <= MAX_STEPS - self.steps.len().min(MAX_STEPS));
        if fits { Ok(()) } else { Err(format!("{items} items are more than fit into the {MAX_STEPS} steps of a run")) }
    }

    fn start(&mut self, step: StepRef, attempt: u32, at: Timestamp) -> Applied {
        self.check(step, &[StepStatus::Pending, StepStatus::Running])?;
        let state = self.step_mut(step);
        if attempt <= state.attempts {
            return Err(format!("attempt {attempt} follows attempt {}", state.attempts));
        }
        let interrupted = state.status == StepStatus::Running;
        state.status = StepStatus::Running;
        state.attempts = attempt;
        state.retry_at = 0;
        state.interruptions += u32::from(interrupted);
        if state.started_at == 0 {
            state.started_at = at;
        }
        if !interrupted {
            self.activate(step.instance, 1);
        }
        Ok(())
    }

    fn attempt_failed(&mut self, step: StepRef, error: &NodeFailure, retry_at: Timestamp) -> Applied {
        self.check(step, &[StepStatus::Running])?;
        let state = self.step_mut(step);
        state.status = StepStatus::Pending;
        state.failures += 1;
        state.error = Some(Box::new(error.clone()));
        state.retry_at = retry_at;
        self.activate(step.instance, -1);
        Ok(())
    }

    pub(super) fn wait(&mut self, step: StepRef, on: &WaitingOn, at: Timestamp) -> Applied {
        self.check(step, &[StepStatus::Pending, StepStatus::Running])?;
        if self.step(step).status == StepStatus::Running {
            self.activate(step.instance, -1);
        }
        self.waiting += 1;
        let state = self.step_mut(step);
        state.status = StepStatus::Waiting;
        state.waiting = Some(Box::new(on.clone()));
        if state.started_at == 0 {
            state.started_at = at;
        }
        Ok(())
    }

    fn complete(
        &mut self,
        step: StepRef,
        attempt: u32,
        payload: &Payload,
        data: &[(String, Payload)],
        at: Timestamp,
        ended: &mut Vec<StepRef>,
    ) -> Applied {
        self.check(step, &[StepStatus::Pending, StepStatus::Running, StepStatus::Waiting])?;
        let state = self.step_mut(step);
        state.attempts = state.attempts.max(attempt);
        state.output = Some(payload.clone());
        state.error = None;
        for (key, payload) in data {
            // A step completes once, so it has no entry yet.
            self.data.entry(key.clone()).or_default().push(DataEntry { step, payload: payload.clone() });
        }
        self.finish(step, StepStatus::Completed, at, ended);
        Ok(())
    }

    fn note_giver(&mut self, step: StepRef, by: &CompletedBy) {
        match by {
            CompletedBy::Signal(id) => self.step_mut(step).signal = Some(id.as_str().into()),
            CompletedBy::Copied => self.step_mut(step).copied = true,
            CompletedBy::Body | CompletedBy::Operator => {}
        }
    }

    fn fail(
        &mut self,
        step: StepRef,
        attempt: u32,
        error: &NodeFailure,
        at: Timestamp,
        ended: &mut Vec<StepRef>,
    ) -> Applied {
        self.check(step, &[StepStatus::Pending, StepStatus::Running, StepStatus::Waiting])?;
        let state = self.step_mut(step);
        state.attempts = state.attempts.max(attempt);
        state.error = Some(Box::new(error.clone()));
        if !self.plan.step(step.local).catches_own_failure() {
            self.fail_around(step);
        }
        self.finish(step, StepStatus::Failed, at, ended);
        Ok(())
    }

    fn cancel(&mut self, step: StepRef, at: Timestamp, ended: &mut Vec<StepRef>) -> Applied {
        self.check(step, &[StepStatus::Running, StepStatus::Waiting])?;
        self.finish(step, StepStatus::Cancelled, at, ended);
        Ok(())
    }

    /// A step is given back before it began, or an operator says that it has not happened.
    fn release(&mut self, step: StepRef) -> Applied {
        self.check(step, &[StepStatus::Running, StepStatus::Waiting])?;
        let state = self.step_mut(step);
        match (state.status, state.waiting.as_deref()) {
            (StepStatus::Running, _) => self.activate(step.instance, -1),
            (_, Some(WaitingOn::Doubt(_))) => self.waiting -= 1,
            _ => return Err(format!("step `{}` waits for something else than a word on it", self.path(step))),
        }
        let state = self.step_mut(step);
        (state.status, state.waiting) = (StepStatus::Pending, None);
        Ok(())
    }

    pub(super) fn check(&self, step: StepRef, allowed: &[StepStatus]) -> Applied {
        if !self.has(step) {
            return Err(format!("there is no step {}/{}", step.instance, step.local));
        }
        let status = self.step(step).status;
        if allowed.contains(&status) {
            return Ok(());
        }
        Err(format!("step `{}` is {status:?}", self.path(step)))
    }

    pub(super) fn step_mut(&mut self, step: StepRef) -> &mut StepState {
        let index = self.index(step);
        &mut self.steps[index]
    }
}

fn refuse(event: &'static str, reason: String) -> ApplyError {
    ApplyError { event, reason }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::state::{Encoding, WorkflowId};
    use crate::testing::Graph;

    fn first() -> Delta {
        let mut graph = Graph::<u64>::new("one step");
        graph.step("one", &[], |_, _| Box::pin(async { Ok(1) }));
        let input = Payload::new(Encoding::Raw, Vec::new());
        let created = RunCreated::new(WorkflowId::new("run").unwrap(), Arc::new(graph.plan()), input);
        Delta::new(7, 0, 1, vec![Event::RunCreated(Box::new(created))])
    }

    #[test]
    fn b71_only_delta_0_creates_a_record() {
        assert_eq!(WorkflowData::create(&first()).unwrap().seq, 1);
        let late = Delta { seq: 3, ..first() };
        let error = WorkflowData::create(&late).unwrap_err().to_string();
        assert_eq!(error, "a delta does not fit the record: a record begins with delta 0, not with delta 3");
    }

    #[test]
    fn b71_a_delta_of_another_run_or_out_of_order_changes_nothing() {
        let before = WorkflowData::create(&first()).unwrap();
        let mut data = before.clone();
        let asked = || vec![Event::Asked { kind: Asked::Pause }];
        for (run_no, seq) in [(7, 0), (7, 2), (7, u64::MAX), (8, 1), (0, 1)] {
            assert!(data.apply(&Delta::new(run_no, seq, 2, asked())).is_err(), "{run_no} {seq}");
            assert_eq!(data, before);
        }
        data.apply(&Delta::new(7, 1, 2, asked())).unwrap();
        assert_eq!((data.seq, data.asked), (2, Some(Asked::Pause)));
    }

    #[test]
    fn b48_only_a_step_in_doubt_is_given_back_while_it_waits() {
        let step = StepRef::new(0, 0);
        let released = |on: WaitingOn| {
            let mut data = WorkflowData::create(&first()).unwrap();
            let events = vec![Event::StepWaiting { step, on }, Event::StepReleased { step }];
            data.apply(&Delta::new(7, 1, 2, events)).map(|()| (data.step(step).status, data.waits().len()))
        };
        assert_eq!(released(WaitingOn::Doubt(1)), Ok((StepStatus::Pending, 0)));
        let refused = released(WaitingOn::Timer(5)).unwrap_err().reason;
        assert_eq!(refused, "step `one` waits for something else than a word on it");
    }

    #[test]
    fn b34_numbers_at_their_end_are_refused() {
        let mut data = WorkflowData::create(&first()).unwrap();
        data.seq = u64::MAX;
        let error = data.apply(&Delta::new(7, u64::MAX, 2, Vec::new())).unwrap_err();
        assert_eq!(error.reason, "it has the last number");
        assert_eq!(data.find("one[4294967295].two"), None);
    }
}
