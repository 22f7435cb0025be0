//! The record of a run, and the one way it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{NodeFailure, Payload, RunOutcome, RunOutput, StepRef, Timestamp, WaitingOn, WorkflowId};
use crate::plan::{Plan, StepKind};

/// All that is known of a run: id, plan, input, statuses, outputs, key-value data, metadata, times and errors.
///
/// Equal records are equal runs: stores give back exactly what was saved.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WorkflowData {
    /// The version of this structure.
    pub format: u16,
    /// The id the caller chose.
    pub id: WorkflowId,
    /// The number of the run in its store; never reused, so a late commit cannot revive a deleted run.
    pub run_no: u64,
    /// The number of deltas applied.
    pub seq: u64,
    /// The plan the run follows.
    pub plan: Arc<Plan>,
    /// The workflow's parameters.
    pub input: Payload,
    /// What the caller said of the run.
    pub metadata: BTreeMap<String, String>,
    /// The run that started this one, if any.
    pub parent: Option<WorkflowId>,
    /// The run whose completed steps this one took over, if any.
    pub forked_from: Option<WorkflowId>,
    /// How the run stands.
    pub status: WorkflowStatus,
    /// The regions opened; the first is the workflow itself.
    pub instances: Vec<InstanceState>,
    /// The steps of all opened regions, those of one instance side by side in the order of the plan.
    pub steps: Vec<StepState>,
    /// The run's key-value data: what each step wrote, by key.
    pub data: BTreeMap<String, Vec<DataEntry>>,
    /// How the run ended, once it has.
    pub outcome: Option<RunOutcome>,
    /// What the run ended with, once it has.
    pub output: Option<RunOutput>,
    /// What was asked for and is not ended yet.
    pub asked: Option<super::Asked>,
    /// Why completed steps are undone, or were.
    pub cause: Option<super::RollbackCause>,
    /// When the run was created.
    pub created_at: Timestamp,
    /// When the latest delta was made.
    pub updated_at: Timestamp,
    /// How many steps wait for something outside. Derived; see [`WorkflowData::recount`].
    pub(crate) waiting: u32,
    /// How many called workflows are undone by themselves. Derived.
    pub(crate) scopes: u32,
    /// How many steps are to be attempted again. Derived as well.
    pub(crate) retrying: u32,
}

/// One opened region of a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InstanceState {
    /// The step that opened it; `None` for the workflow itself.
    pub opened_by: Option<StepRef>,
    /// The region of the plan.
    pub region: u32,
    /// The item of a fan-out, from 0; 0 otherwise.
    pub item: u32,
    /// Where its steps begin in [`WorkflowData::steps`].
    pub first: u32,
    /// How many of its steps have not ended. Derived; see [`WorkflowData::recount`].
    pub(crate) open: u32,
    /// For how many steps of the regions around it its value still waits. Derived.
    pub(crate) held: u32,
    /// How many attempts run in it and in the regions opened in it. Derived.
    pub(crate) active: u32,
    /// Whether a step in it failed and nothing in it caught that. Derived.
    pub(crate) failed: bool,
    /// How many undos its failure waits for, if it is a called workflow that is undone by itself. Derived.
    pub(crate) to_undo: u32,
    /// Whether the step that opened it knows that nothing more happens in it. Derived.
    pub(crate) closed: bool,
}

/// How one step stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepState {
    /// Its status.
    pub status: StepStatus,
    /// The attempts begun.
    pub attempts: u32,
    /// The attempts that failed and were followed by another.
    pub failures: u32,
    /// The attempts that a crash ended; they do not count against `retry`.
    pub interruptions: u32,
    /// When the first attempt began, or the region opened; 0 if neither has.
    pub started_at: Timestamp,
    /// When the step ended; 0 if it has not.
    pub ended_at: Timestamp,
    /// When the next attempt is due; 0 if none is.
    pub retry_at: Timestamp,
    /// The output, once completed.
    pub output: Option<Payload>,
    /// The last failure.
    pub error: Option<Box<NodeFailure>>,
    /// What it waits for.
    pub waiting: Option<Box<WaitingOn>>,
    /// The id of the signal that gave it its output, if one did.
    pub signal: Option<Box<str>>,
    /// The attempts to undo it, once one has begun and until they have come to an end.
    pub undo: Option<Box<UndoState>>,
    /// Whether its output was taken over from the run of which this one is a fork.
    pub copied: bool,
    /// How often it was reset after it had completed: then its effect is to happen once more, under another key.
    pub resets: u32,
    /// The first instance that this branch or fan-out opened; 0 if it has not.
    pub opened: u32,
    /// How many instances it opened.
    pub opened_len: u32,
    /// In how many of them steps have not ended. Derived; see [`WorkflowData::recount`].
    pub(crate) open: u32,
    /// How many of them have ended but for the value, which waits for a step around them. Derived.
    pub(crate) held: u32,
}

/// How far the attempts to undo a step have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndoState {
    /// The attempts begun.
    pub attempts: u32,
    /// The attempts that failed and were followed by another.
    pub failures: u32,
    /// When the first began.
    pub started_at: Timestamp,
    /// When the next one is due; 0 if none is.
    pub retry_at: Timestamp,
}

/// A value in the run's key-value data, with the step that wrote it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DataEntry {
    /// The step that wrote it.
    pub step: StepRef,
    /// The value.
    pub payload: Payload,
}

/// The status of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum StepStatus {
    /// It has not started, or waits for its next attempt.
    Pending = 0,
    /// An attempt is running; for a branch or a fan-out: it is open.
    Running = 1,
    /// It waits for something outside.
    Waiting = 2,
    /// It has its output.
    Completed = 3,
    /// It failed for good.
    Failed = 4,
    /// It was in flight or waiting when the run stopped.
    Cancelled = 5,
    /// A step it depends on failed.
    Skipped = 6,
    /// Another arm was taken.
    Bypassed = 7,
    /// Its work was undone.
    Compensated = 8,
    /// Undoing its work failed.
    CompensationFailed = 9,
}

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum WorkflowStatus {
    /// It is under way, or was when its process ended.
    Running = 0,
    /// Only waits are left.
    Suspended = 1,
    /// It has its output.
    Completed = 2,
    /// A step failed.
    Failed = 3,
    /// It was cancelled.
    Cancelled = 4,
    /// Completed steps are being undone.
    RollingBack = 5,
    /// A step failed, and all that could be undone was.
    RolledBack = 6,
}

impl WorkflowStatus {
    /// Whether nothing more happens in such a run.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::RolledBack)
    }
}

impl StepStatus {
    /// Whether nothing more happens to such a step, unless it is reset or undone.
    pub const fn has_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Waiting)
    }

    /// The status of the steps in the arms of a branch of this status that has opened none.
    pub(super) const fn of_closed_arms(self) -> Self {
        if matches!(self, Self::Failed) { Self::Skipped } else { self }
    }
}

impl StepState {
    /// A step to which nothing has happened.
    pub const PENDING: Self = Self {
        status: StepStatus::Pending,
        attempts: 0,
        failures: 0,
        interruptions: 0,
        started_at: 0,
        ended_at: 0,
        retry_at: 0,
        output: None,
        error: None,
        waiting: None,
        signal: None,
        undo: None,
        copied: false,
        resets: 0,
        opened: 0,
        opened_len: 0,
        open: 0,
        held: 0,
    };
}

impl WorkflowData {
    /// The version of this structure that this library writes.
    pub const FORMAT: u16 = 1;

    /// The state of a step of an opened region.
    ///
    /// # Panics
    /// If the run has no such step.
    pub fn step(&self, step: StepRef) -> &StepState {
        &self.steps[self.index(step)]
    }

    /// The instances that a branch, a fan-out or the call of a workflow opened.
    pub fn opened_by(&self, step: StepRef) -> std::ops::Range<u32> {
        let state = self.step(step);
        state.opened..state.opened + state.opened_len
    }

    /// The path of a step: `charge`, `parcel.ship`, `ys[17].print`.
    pub fn path(&self, step: StepRef) -> String {
        let mut path = String::new();
        self.write_path(step, &mut path);
        path
    }

    fn write_path(&self, step: StepRef, path: &mut String) {
        use std::fmt::Write;

        let instance = &self.instances[step.instance as usize];
        if let Some(opener) = instance.opened_by {
            self.write_path(opener, path);
            if matches!(self.plan.step(opener.local).kind, StepKind::Each { .. }) {
                let _ = write!(path, "[{}]", instance.item);
            }
            path.push('.');
        }
        path.push_str(&self.plan.step(step.local).id);
    }

    /// The step of this path, if its region has been opened.
    pub fn find(&self, path: &str) -> Option<StepRef> {
        let mut instance = 0;
        let mut parts = path.split('.').peekable();
        loop {
            let part = parts.next()?;
            let (id, item) = match part.split_once('[') {
                Some((id, item)) => (id, Some(item.strip_suffix(']')?.parse::<u32>().ok()?)),
                None => (part, None),
            };
            let region = self.instances.get(instance as usize)?.region;
            let local = self.plan.region(region).locals().find(|&local| self.plan.step(local).id == id)?;
            let step = StepRef::new(instance, local);
            if parts.peek().is_none() {
                return item.is_none().then_some(step);
            }
            let item = item.unwrap_or(0);
            let opened = self.opened_by(step);
            instance = opened.start.checked_add(item).filter(|instance| opened.contains(instance))?;
        }
    }

    /// The status of the step of this path, `Bypassed` if it stands in an arm that was not taken; `None` if the
    /// workflow has no such step, or if it stands in an item of a fan-out that has not been opened.
    pub fn status_of(&self, path: &str) -> Option<StepStatus> {
        self.statuses().into_iter().find(|(step, _)| step == path).map(|(_, status)| status)
    }

    /// The paths and statuses of all steps: those of opened regions, those of arms that were not taken or whose branch is
    /// not decided, and those of workflows that are not called yet. What is in a fan-out is known when its number of items
    /// is.
    pub fn statuses(&self) -> Vec<(String, StepStatus)> {
        let mut all = Vec::with_capacity(self.steps.len());
        self.collect_statuses(0, &mut all);
        all
    }

    fn collect_statuses(&self, instance: u32, all: &mut Vec<(String, StepStatus)>) {
        for local in self.plan.region(self.instances[instance as usize].region).locals() {
            let step = StepRef::new(instance, local);
            let path = self.path(step);
            all.push((path.clone(), self.step(step).status));
            let opened = self.opened_by(step);
            if let (StepKind::Sub { body, .. }, true) = (&self.plan.step(local).kind, opened.is_empty()) {
                self.collect_closed(*body, self.step(step).status.of_closed_arms(), &path, all);
            } else if let StepKind::Branch { arms } = &self.plan.step(local).kind {
                let taken = opened.clone().next().map(|taken| self.instances[taken as usize].region);
                let status =
                    if taken.is_some() { StepStatus::Bypassed } else { self.step(step).status.of_closed_arms() };
                let closed = arms.iter().filter(|&&arm| Some(arm) != taken);
                closed.for_each(|&arm| self.collect_closed(arm, status, &path, all));
            }
            opened.for_each(|inner| self.collect_statuses(inner, all));
        }
    }

    /// The steps of an arm that was not taken, of one whose branch has not been decided, or of a workflow that was not
    /// called.
    fn collect_closed(&self, region: u32, status: StepStatus, prefix: &str, all: &mut Vec<(String, StepStatus)>) {
        for local in self.plan.region(region).locals() {
            let step = self.plan.step(local);
            let path = format!("{prefix}.{}", step.id);
            all.push((path.clone(), status));
            match &step.kind {
                StepKind::Branch { arms } => {
                    arms.iter().for_each(|&arm| self.collect_closed(arm, status, &path, all));
                }
                StepKind::Sub { body, .. } => self.collect_closed(*body, status, &path, all),
                StepKind::Call { .. } | StepKind::Each { .. } => {}
            }
        }
    }

    /// The steps that wait for something outside, by their paths, in the order of the record; then those that are
    /// attempted again at a time that is far off.
    pub fn waits(&self) -> Vec<(String, WaitingOn)> {
        let mut waits = Vec::new();
        for (instance, state) in self.instances.iter().enumerate().filter(|_| self.waiting > 0) {
            for local in self.plan.region(state.region).locals() {
                let step = StepRef::new(instance as u32, local);
                if let (StepStatus::Waiting, Some(on)) = (self.step(step).status, &self.step(step).waiting) {
                    waits.push((self.path(step), (**on).clone()));
                }
            }
        }
        waits.extend(self.far_retries().map(|(step, due)| (self.path(step), WaitingOn::Timer(due))));
        waits
    }

    /// The failures that nothing caught, sorted by path.
    pub fn failures(&self) -> Vec<NodeFailure> {
        match &self.output {
            Some(RunOutput::Errors(errors)) => errors.clone(),
            _ => self.failures_in(0),
        }
    }

    /// The failures in this instance that nothing in it caught, sorted by path.
    pub fn failures_in(&self, instance: u32) -> Vec<NodeFailure> {
        let mut found = Vec::new();
        self.collect_failures(instance, &mut found);
        found.sort_by(|a: &NodeFailure, b| a.step.cmp(&b.step));
        found
    }

    fn collect_failures(&self, instance: u32, found: &mut Vec<NodeFailure>) {
        if !self.instances[instance as usize].failed {
            return;
        }
        for local in self.plan.region(self.instances[instance as usize].region).locals() {
            let state = self.step(StepRef::new(instance, local));
            if state.status != StepStatus::Failed || self.plan.step(local).catches_own_failure() {
                continue;
            }
            match &state.error {
                Some(error) => found.push((**error).clone()),
                None => (state.opened..state.opened + state.opened_len)
                    .for_each(|inner| self.collect_failures(inner, found)),
            }
        }
    }

    /// The instance, this one or one around it, that is of this region.
    pub(crate) fn enclosing(&self, mut instance: u32, region: u32) -> Option<u32> {
        loop {
            let state = &self.instances[instance as usize];
            if state.region == region {
                return Some(instance);
            }
            instance = state.opened_by?.instance;
        }
    }

    pub(crate) fn index(&self, step: StepRef) -> usize {
        let instance = &self.instances[step.instance as usize];
        (instance.first + step.local - self.plan.region(instance.region).first) as usize
    }
}
