//! The `tracing` spans, their names, levels and fields, all in one place; [`observe`](super) has the table for users. No
//! field is ever a payload.

use tracing::{Level, Span, debug_span, info_span};

use crate::state::WorkflowId;

/// A run in this process: `workflow.run { workflow, id }`.
pub(crate) fn run(workflow: &str, id: Option<&WorkflowId>) -> Span {
    info_span!("workflow.run", workflow, id = id.map(WorkflowId::as_str))
}

/// An attempt: `step.run { step, attempt, undo }`. Its path is made only if somebody listens, and `undo` is said only of
/// one that undoes the step.
pub(crate) fn step(path: impl FnOnce() -> String, attempt: u32, is_undo: bool) -> Span {
    debug_span!("step.run", step = path(), attempt, undo = is_undo.then_some(true))
}

/// A commit: `store.commit { events }`.
pub(crate) fn commit(events: usize) -> Span {
    debug_span!("store.commit", events)
}

/// Whether somebody listens to what becomes of a run and its steps.
pub(crate) fn are_seen() -> bool {
    tracing::span_enabled!(Level::INFO) || tracing::span_enabled!(Level::DEBUG)
}
