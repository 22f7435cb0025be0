//! The `tracing` spans, their names and their fields, all in one place. No field is ever a payload.

use tracing::{Level, Span, debug_span, info_span};

use crate::state::WorkflowId;

/// A run in this process: `workflow.run { workflow, id }`.
pub(crate) fn run(workflow: &str, id: Option<&WorkflowId>) -> Span {
    info_span!("workflow.run", workflow, id = id.map(WorkflowId::as_str))
}

/// An attempt: `step.run { step, attempt }`. Its path is made only if somebody listens.
pub(crate) fn step(path: impl FnOnce() -> String, attempt: u32) -> Span {
    debug_span!("step.run", step = path(), attempt)
}

/// A commit: `store.commit { events }`.
pub(crate) fn commit(events: usize) -> Span {
    debug_span!("store.commit", events)
}

/// Whether somebody listens to what becomes of a run and its steps.
pub(crate) fn are_seen() -> bool {
    tracing::span_enabled!(Level::INFO) || tracing::span_enabled!(Level::DEBUG)
}
