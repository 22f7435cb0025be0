//! What others may see of a run; nothing here changes an outcome.
//!
//! In: committed facts. Out: calls of observers, and `tracing` spans. Payloads are never shown.
//!
//! | to see | take | feature |
//! | --- | --- | --- |
//! | a bar and the running steps on a terminal | `TerminalProgress` | `progress` |
//! | one line for each fact | [`LineProgress`] | |
//! | histograms, counters and gauges | `MetricsObserver` | `metrics` |
//! | anything else | an [`Observer`] of your own | |
//! | where the time goes | the spans below, with any `tracing` subscriber | |
//!
//! # Spans
//!
//! Each engine gives these `tracing` spans, under the target `flow_runtime::observe::spans`. Their names and fields are kept
//! from version to version.
//!
//! | span | level | fields | what it spans |
//! | --- | --- | --- | --- |
//! | `workflow.run` | `INFO` | `workflow`, `id` if the run has a record | a run in this process, from where it begins or is taken up until it ends, is suspended or is given up |
//! | `step.run` | `DEBUG` | `step` (the path), `attempt` from 1, `undo = true` if it undoes the step | one attempt, within its `workflow.run`; what the node says itself is within it |
//! | `store.commit` | `DEBUG` | `events` (how many) | one change of the record on its way into the store, within its `workflow.run` |
//!
//! A run that waits for something outside has another `workflow.run` each time it is taken up. `examples/traces.rs` hands
//! them to OpenTelemetry. A run without a record has no `store.commit`, and takes its faster path only if nobody listens:
//! neither an observer, nor a subscriber to these levels.

mod line;
#[cfg(feature = "metrics")]
mod metrics;
mod reading;
#[cfg(test)]
mod sample;
pub(crate) mod spans;
#[cfg(feature = "progress")]
mod terminal;
mod text;

use std::time::Duration;

pub use line::LineProgress;
#[cfg(feature = "metrics")]
pub use metrics::MetricsObserver;
pub use reading::{Measured, Reading};
#[cfg(feature = "progress")]
pub use terminal::TerminalProgress;

use crate::plan::{Local, Plan};
use crate::state::{
    Asked, Event, NodeFailure, Phase, RegionKind, ResetMode, RollbackCause, RunOutcome, RunOutput, StepRef, Timestamp,
    WaitingOn, WorkflowData, WorkflowId,
};

/// Sees what happens in the runs of an engine.
///
/// It is called from the runs themselves, so it should be quick and hand long work to a task of its own. It sees a
/// fact after it was committed. A panic in it is caught and changes nothing.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use flow_runtime::observe::{Notice, Observer, What};
/// use flow_runtime::prelude::*;
///
/// /// Counts the steps that have ended well.
/// #[derive(Clone, Default)]
/// struct Completed(Arc<AtomicUsize>);
///
/// impl Observer for Completed {
///     fn observe(&self, notice: &Notice<'_>) {
///         if let What::StepCompleted { .. } = notice.what {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// #[node]
/// async fn double(x: u64) -> u64 { x * 2 }
/// workflow! { fn fourfold(x: u64) -> u64 { let twice = double(x); double(twice) } }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// let completed = Completed::default();
/// let engine = Engine::builder(InMemoryStore::default()).observe(completed.clone()).build();
/// fourfold(1).run(&engine, "r-1").await?;
/// assert_eq!(completed.0.load(Ordering::Relaxed), 2);
/// # Ok(())
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something has happened.
    fn observe(&self, notice: &Notice<'_>);

    /// The engine has measured something that is no fact of a run: see [`Measured`]. By default nothing comes of it.
    fn measure(&self, reading: &Reading<'_>) {
        let _ = reading;
    }
}

/// Something that has happened in a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notice<'a> {
    /// The workflow's name.
    pub workflow: &'a str,
    /// The run; `None` for one without a record.
    pub id: Option<&'a WorkflowId>,
    /// The path of the step, if it is about one: `parcel.ship`.
    pub step: Option<&'a str>,
    /// What has happened.
    pub what: What<'a>,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// The index of the step in the plan, if it is about one: the same for all items of a fan-out.
    pub local: Option<Local>,
}

impl<'a> Notice<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        id: Option<&'a WorkflowId>,
        step: Option<(Local, &'a str)>,
        what: What<'a>,
    ) -> Self {
        let (local, step) = step.unzip();
        Self { workflow: &plan.workflow, id, step, what, plan, local }
    }
}

/// What has happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// The run was created.
    RunCreated,
    /// The run goes on from its record.
    RunResumed {
        /// How many calls have their output already.
        saved: usize,
        /// How many calls have not ended, as far as the run is known: what is in branches and fan-outs that have not been
        /// reached is not counted.
        left: usize,
    },
    /// The run had ended and goes on: steps run again, with what follows from them.
    StepsReset(ResetMode),
    /// Someone asked that the run stop, pause or go on.
    Asked(Asked),
    /// A branch took an arm, or a fan-out has its items.
    RegionOpened(&'a RegionKind),
    /// An attempt begins.
    StepStarted {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// The step waits for something outside.
    StepWaits(&'a WaitingOn),
    /// An attempt failed and another follows.
    AttemptFailed {
        /// The attempt, from 1.
        attempt: u32,
        /// Why.
        failure: &'a NodeFailure,
        /// How long until the next one.
        retry_in: Duration,
    },
    /// The step has its output. Of a branch or a fan-out it is not told: it ends with the steps in it.
    StepCompleted {
        /// The attempt, from 1.
        attempt: u32,
        /// How long it took from the first start, by the clock of the records.
        took: Duration,
    },
    /// The step failed for good.
    StepFailed {
        /// The attempt, from 1; 0 if the head of a branch or a fan-out failed.
        attempt: u32,
        /// Why.
        failure: &'a NodeFailure,
        /// How long it took from the first start, by the clock of the records.
        took: Duration,
    },
    /// The step was in flight when the run stopped.
    StepCancelled,
    /// The step was given back by a shutdown, or an operator says that it was not done.
    StepReleased,
    /// The node says how far it is; this is not stored.
    Progress {
        /// From 0.0 to 1.0.
        fraction: f64,
        /// The node's own words.
        message: &'a str,
    },
    /// Completed steps are undone from here on.
    RollbackStarted(RollbackCause),
    /// An attempt to undo the step begins.
    UndoStarted {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// An attempt to undo the step failed and another follows.
    UndoAttemptFailed {
        /// The attempt, from 1.
        attempt: u32,
        /// Why.
        failure: &'a NodeFailure,
        /// How long until the next one.
        retry_in: Duration,
    },
    /// The step is undone.
    UndoCompleted,
    /// The step could not be undone.
    UndoFailed {
        /// Why.
        failure: &'a NodeFailure,
    },
    /// The run has ended.
    RunEnded {
        /// How.
        outcome: RunOutcome,
        /// What it failed of; none if it completed.
        failures: &'a [NodeFailure],
        /// How long it took from its creation, by the clock of the records.
        took: Duration,
    },
}

impl<'a> What<'a> {
    /// The name of what has happened, without what belongs to it: `StepCompleted`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RunCreated => "RunCreated",
            Self::RunResumed { .. } => "RunResumed",
            Self::StepsReset(_) => "StepsReset",
            Self::Asked(_) => "Asked",
            Self::RegionOpened(_) => "RegionOpened",
            Self::StepStarted { .. } => "StepStarted",
            Self::StepWaits(_) => "StepWaits",
            Self::AttemptFailed { .. } => "AttemptFailed",
            Self::StepCompleted { .. } => "StepCompleted",
            Self::StepFailed { .. } => "StepFailed",
            Self::StepCancelled => "StepCancelled",
            Self::StepReleased => "StepReleased",
            Self::Progress { .. } => "Progress",
            Self::RollbackStarted(_) => "RollbackStarted",
            Self::UndoStarted { .. } => "UndoStarted",
            Self::UndoAttemptFailed { .. } => "UndoAttemptFailed",
            Self::UndoCompleted => "UndoCompleted",
            Self::UndoFailed { .. } => "UndoFailed",
            Self::RunEnded { .. } => "RunEnded",
        }
    }

    /// What an event says, and of which step; `None` for facts that are of no use to an observer.
    pub(crate) fn of(event: &'a Event, data: &WorkflowData) -> Option<(Option<StepRef>, Self)> {
        let seen = match event {
            Event::RunCreated(_) => (None, Self::RunCreated),
            Event::StepsReset { mode, .. } => (None, Self::StepsReset(*mode)),
            Event::Asked { kind } => (None, Self::Asked(*kind)),
            Event::RegionOpened { step, kind, .. } => (Some(*step), Self::RegionOpened(kind)),
            Event::StepWaiting { step, on } => (Some(*step), Self::StepWaits(on)),
            Event::StepStarted { step, attempt, phase: Phase::Do } => {
                (Some(*step), Self::StepStarted { attempt: *attempt })
            }
            Event::StepStarted { step, attempt, phase: Phase::Undo } => {
                (Some(*step), Self::UndoStarted { attempt: *attempt })
            }
            Event::AttemptFailed { step, attempt, error: failure, retry_at, phase } => {
                let (attempt, retry_in) = (*attempt, between(data.updated_at, *retry_at));
                let what = match phase {
                    Phase::Do => Self::AttemptFailed { attempt, failure, retry_in },
                    Phase::Undo => Self::UndoAttemptFailed { attempt, failure, retry_in },
                };
                (Some(*step), what)
            }
            Event::StepCompleted { step, attempt, .. } => {
                (Some(*step), Self::StepCompleted { attempt: *attempt, took: took(data, *step) })
            }
            Event::StepFailed { step, attempt, error } => {
                (Some(*step), Self::StepFailed { attempt: *attempt, failure: error, took: took(data, *step) })
            }
            Event::StepCancelled { step, .. } => (Some(*step), Self::StepCancelled),
            Event::StepReleased { step } => (Some(*step), Self::StepReleased),
            Event::RollbackStarted { cause } => (None, Self::RollbackStarted(*cause)),
            Event::UndoCompleted { step } => (Some(*step), Self::UndoCompleted),
            Event::UndoFailed { step, error } => (Some(*step), Self::UndoFailed { failure: error }),
            Event::RunEnded { outcome, output } => {
                let failures = if let RunOutput::Errors(failures) = output { failures.as_slice() } else { &[] };
                let took = between(data.created_at, data.updated_at);
                (None, Self::RunEnded { outcome: *outcome, failures, took })
            }
            _ => return None,
        };
        Some(seen)
    }
}

/// How long a step has taken that has ended. The head of a branch that failed has not begun.
fn took(data: &WorkflowData, step: StepRef) -> Duration {
    let state = data.step(step);
    if state.started_at == 0 { Duration::ZERO } else { between(state.started_at, state.ended_at) }
}

fn between(begin: Timestamp, end: Timestamp) -> Duration {
    Duration::from_nanos(end.saturating_sub(begin).max(0).unsigned_abs())
}
