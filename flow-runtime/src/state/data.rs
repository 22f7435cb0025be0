//! The record of a run, and the one way it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{NodeFailure, Payload, RunOutcome, RunOutput, StepRef, Timestamp, WaitingOn, WorkflowId};
use crate::plan::Plan;

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
    /// The run's key-value data: what each step wrote, by key.
    pub data: BTreeMap<String, Vec<DataEntry>>,
    /// How the run ended, once it has.
    pub outcome: Option<RunOutcome>,
    /// What the run ended with, once it has.
    pub output: Option<RunOutput>,
    /// What was asked for and is not ended yet.
    pub asked: Option<super::Asked>,
    /// When the run was created.
    pub created_at: Timestamp,
    /// When the latest delta was made.
    pub updated_at: Timestamp,
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
    /// The states of the region's steps, in the order of the plan.
    pub steps: Vec<StepState>,
}

/// How one step stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepState {
    /// Its status.
    pub status: StepStatus,
    /// The attempts begun.
    pub attempts: u32,
    /// The attempts that a crash ended; they do not count against `retry`.
    pub interruptions: u32,
    /// When the first attempt began; 0 if none has.
    pub started_at: Timestamp,
    /// When the step ended; 0 if it has not.
    pub ended_at: Timestamp,
    /// When the next attempt is due; 0 if none is.
    pub retry_at: Timestamp,
    /// The output, once completed.
    pub output: Option<Payload>,
    /// The last failure.
    pub error: Option<NodeFailure>,
    /// What it waits for.
    pub waiting: Option<WaitingOn>,
    /// The first instance that this branch or fan-out opened; 0 if it has not.
    pub opened: u32,
    /// How many instances it opened.
    pub opened_len: u32,
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
