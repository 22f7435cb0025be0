//! The only stored facts: one vocabulary for the log, for loading and for observers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{NodeFailure, Payload, StepRef, Timestamp, WorkflowId};
use crate::plan::Plan;

/// A fact about a run. What can be derived (pending, skipped, bypassed, suspended, a region's end and value) is not one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The run exists from here on.
    RunCreated(Box<RunCreated>),
    /// Steps are from here on those of this plan; those of the plan before are found by their ids.
    PlanAdopted {
        /// The plan.
        plan: Arc<Plan>,
    },
    /// The step's output is from here on this one, made from the one it had under the plan before.
    StepMigrated {
        /// The step, by the plan that was adopted.
        step: StepRef,
        /// The output.
        payload: Payload,
    },
    /// The head of a branch or a fan-out was evaluated; this decides it for good.
    RegionOpened {
        /// The branch or the fan-out.
        step: StepRef,
        /// The first of the new instances; those of the items follow one another.
        first_instance: u32,
        /// What was opened.
        kind: RegionKind,
    },
    /// An attempt has a permit and begins.
    StepStarted {
        /// The step.
        step: StepRef,
        /// The attempt, from 1.
        attempt: u32,
        /// Forward work or its undo.
        phase: Phase,
    },
    /// An attempt failed and another follows.
    AttemptFailed {
        /// The step.
        step: StepRef,
        /// The attempt, from 1.
        attempt: u32,
        /// Forward work or its undo.
        phase: Phase,
        /// Why.
        error: NodeFailure,
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// The step waits for something outside.
    StepWaiting {
        /// The step.
        step: StepRef,
        /// For what.
        on: WaitingOn,
    },
    /// The step has its output.
    StepCompleted {
        /// The step.
        step: StepRef,
        /// The attempt, from 1.
        attempt: u32,
        /// The output.
        payload: Payload,
        /// What the attempt wrote into the run's key-value data.
        data: Vec<(String, Payload)>,
        /// Who gave the output.
        by: CompletedBy,
    },
    /// The step failed for good.
    StepFailed {
        /// The step.
        step: StepRef,
        /// The attempt, from 1.
        attempt: u32,
        /// Why.
        error: NodeFailure,
    },
    /// The step was in flight when the run stopped; how it ended is not known.
    StepCancelled {
        /// The step.
        step: StepRef,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// The step was given back by a shutdown, or before it began, or an operator says that it was never done.
    StepReleased {
        /// The step.
        step: StepRef,
    },
    /// Ended steps are to run again, and what follows from them.
    StepsReset {
        /// The steps named.
        roots: Vec<StepRef>,
        /// Which steps are reset.
        mode: ResetMode,
    },
    /// Someone outside asked for this.
    Asked {
        /// What was asked.
        kind: Asked,
    },
    /// Completed steps are undone from here on.
    RollbackStarted {
        /// Why.
        cause: RollbackCause,
    },
    /// The step's undo succeeded.
    UndoCompleted {
        /// The step.
        step: StepRef,
    },
    /// The step's undo failed for good.
    UndoFailed {
        /// The step.
        step: StepRef,
        /// Why.
        error: NodeFailure,
    },
    /// The run has ended.
    RunEnded {
        /// How.
        outcome: RunOutcome,
        /// With what.
        output: RunOutput,
    },
}

/// The first event of a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunCreated {
    /// The id the caller chose.
    pub id: WorkflowId,
    /// The plan the run follows; it names the workflow and its version.
    pub plan: Arc<Plan>,
    /// The workflow's parameters.
    pub input: Payload,
    /// What the caller says of the run, for finding it.
    pub metadata: BTreeMap<String, String>,
    /// The run that started this one, if any.
    pub parent: Option<WorkflowId>,
    /// The run whose completed steps this one took over, if any.
    pub forked_from: Option<WorkflowId>,
}

impl RunCreated {
    /// A run of this plan with this input, and nothing else said of it.
    pub fn new(id: WorkflowId, plan: Arc<Plan>, input: Payload) -> Self {
        Self { id, plan, input, metadata: BTreeMap::new(), parent: None, forked_from: None }
    }
}

/// What a head opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionKind {
    /// One arm of a branch.
    Arm {
        /// The arm, counted from 0.
        index: u32,
        /// The arm's label.
        label: String,
    },
    /// This many items of a fan-out.
    Items(u32),
    /// A sub-workflow.
    Sub,
}

/// Whether an attempt does a step's work or undoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Forward work.
    Do,
    /// Compensation.
    Undo,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitingOn {
    /// A point in time; in what [`WorkflowData::waits`](super::WorkflowData::waits) gives it may be that of a retry.
    Timer(Timestamp),
    /// A signal.
    Signal {
        /// The signal's name.
        name: String,
        /// The type of its payload as written.
        type_name: String,
        /// When the wait gives up, if ever.
        deadline: Option<Timestamp>,
    },
    /// An operator's word on an attempt of unknown end.
    Doubt(u32),
}

/// Who gave a step its output.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompletedBy {
    /// The node.
    Body,
    /// A signal, by its id.
    Signal(String),
    /// An operator.
    Operator,
    /// Another run, of which this one is a fork.
    Copied,
}

/// Which steps a reset means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetMode {
    /// The failed ones and what follows.
    Failed,
    /// The named ones and what follows.
    From,
}

/// What someone outside asks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// Stop and undo.
    Cancel,
    /// Stop and undo nothing.
    Terminate,
    /// Start nothing for now.
    Pause,
    /// Go on.
    Resume,
}

/// Why completed steps are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RollbackCause {
    /// A step failed.
    Failure,
    /// The run was cancelled.
    Cancel,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunOutcome {
    /// It has its output.
    Completed,
    /// A step failed.
    Failed,
    /// It was cancelled or terminated.
    Cancelled,
    /// A step failed, and all that could be undone was.
    RolledBack,
}

/// What a run ended with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunOutput {
    /// The output of this step.
    Step(StepRef),
    /// This output.
    Payload(Payload),
    /// These failures, sorted by path; empty for a cancelled run.
    Errors(Vec<NodeFailure>),
}

/// When a store may acknowledge a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ack {
    /// Acknowledged when durable.
    Sync,
    /// Acknowledged when queued; durable with the store's next sync, or within 50 ms.
    Lazy,
}

/// Events of one run that are stored together, all or none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delta {
    /// The run, as the store numbered it at creation.
    pub run_no: u64,
    /// The delta's place in the run, from 0; 0 creates the run.
    pub seq: u64,
    /// The owner's token; 0 where one process owns the store.
    pub fence: u64,
    /// When, not before the delta ahead of it.
    pub at: Timestamp,
    /// When the store may acknowledge it.
    pub ack: Ack,
    /// The facts, in order.
    pub events: Vec<Event>,
    /// The ids of requests that these facts answer.
    pub taken: Vec<String>,
}

impl Delta {
    /// A delta that answers no request and is acknowledged when durable.
    pub fn new(run_no: u64, seq: u64, at: Timestamp, events: Vec<Event>) -> Self {
        Self { run_no, seq, fence: 0, at, ack: Ack::Sync, events, taken: Vec::new() }
    }
}

impl Event {
    /// Whether a body has run to its end, well or not.
    pub(crate) const fn is_end_of_attempt(&self) -> bool {
        matches!(self, Self::StepCompleted { .. } | Self::StepFailed { .. } | Self::AttemptFailed { .. })
    }

    /// The step that this is about, if it is about one.
    pub const fn step(&self) -> Option<StepRef> {
        match self {
            Self::StepMigrated { step, .. }
            | Self::RegionOpened { step, .. }
            | Self::StepStarted { step, .. }
            | Self::AttemptFailed { step, .. }
            | Self::StepWaiting { step, .. }
            | Self::StepCompleted { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepCancelled { step, .. }
            | Self::StepReleased { step }
            | Self::UndoCompleted { step }
            | Self::UndoFailed { step, .. } => Some(*step),
            Self::RunCreated(_)
            | Self::PlanAdopted { .. }
            | Self::StepsReset { .. }
            | Self::Asked { .. }
            | Self::RollbackStarted { .. }
            | Self::RunEnded { .. } => None,
        }
    }

    /// The event's name, as documents and errors write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RunCreated(_) => "RunCreated",
            Self::PlanAdopted { .. } => "PlanAdopted",
            Self::StepMigrated { .. } => "StepMigrated",
            Self::RegionOpened { .. } => "RegionOpened",
            Self::StepStarted { .. } => "StepStarted",
            Self::AttemptFailed { .. } => "AttemptFailed",
            Self::StepWaiting { .. } => "StepWaiting",
            Self::StepCompleted { .. } => "StepCompleted",
            Self::StepFailed { .. } => "StepFailed",
            Self::StepCancelled { .. } => "StepCancelled",
            Self::StepReleased { .. } => "StepReleased",
            Self::StepsReset { .. } => "StepsReset",
            Self::Asked { .. } => "Asked",
            Self::RollbackStarted { .. } => "RollbackStarted",
            Self::UndoCompleted { .. } => "UndoCompleted",
            Self::UndoFailed { .. } => "UndoFailed",
            Self::RunEnded { .. } => "RunEnded",
        }
    }
}
