//! What an engine does at this moment, beside what is recorded of its runs.
//!
//! In: numbers of the engine. Out: calls of observers. Nothing of this is stored, and nothing follows from it.

use std::time::Duration;

use crate::plan::Plan;
use crate::state::WorkflowId;

/// Something that an engine measures while it works, for [`Observer::measure`](super::Observer::measure).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reading<'a> {
    /// The run that it is about; `None` for one without a record.
    pub id: Option<&'a WorkflowId>,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// What was measured.
    pub measured: Measured,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measured {
    /// A task of this process drives the run from here on.
    Driven,
    /// No task drives the run any more: it has ended, it only waits, or it came to a stop. Each follows one
    /// [`Driven`](Self::Driven).
    Left {
        /// Whether the run only waits and is taken up by itself.
        parks: bool,
    },
    /// The run only waits for something outside, and is kept without a task.
    Suspended,
    /// The run is no longer kept so: it is to be driven, or the engine stops. Each follows one
    /// [`Suspended`](Self::Suspended).
    Woken,
    /// So many more steps of the run are ready and wait for a permit, or so many fewer. What a run adds it takes away until
    /// it is [`Left`](Self::Left).
    Queued(i64),
    /// The store has taken a change of the run.
    Committed {
        /// From the call until the store had it as safe as was asked.
        took: Duration,
    },
}

impl<'a> Reading<'a> {
    pub(crate) fn new(plan: &'a Plan, id: Option<&'a WorkflowId>, measured: Measured) -> Self {
        Self { id, plan, measured }
    }
}
