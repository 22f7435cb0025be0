//! What a step waits for.
//!
//! In: the state of a step. Out: a wait, for JSON and in a few words.

use flow_runtime::WorkflowData;
use flow_runtime::state::{StepRef, StepStatus, Timestamp, WaitingOn};
use serde::Serialize;

use crate::output::time;

/// What a step waits for.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(crate) enum Wait {
    /// A time.
    Timer { until: String },
    /// A signal of this name, with a value of this type.
    Signal {
        name: String,
        #[serde(rename = "type")]
        type_name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
    /// An operator's word on an attempt of which nobody knows how it ended.
    Word { attempt: u32 },
    /// Its next attempt.
    Retry { at: String, failures: u32 },
    /// The next attempt to undo it.
    UndoRetry { at: String, failures: u32 },
}

/// What this step waits for, if it waits, and the time that ends it, if one does.
pub(crate) fn wait_of(data: &WorkflowData, step: StepRef) -> Option<(Wait, Option<Timestamp>)> {
    let state = data.step(step);
    if let Some(undo) = state.undo.as_deref().filter(|undo| undo.retry_at != 0) {
        let at = time::exact(undo.retry_at);
        return Some((Wait::UndoRetry { at, failures: undo.failures }, Some(undo.retry_at)));
    }
    if state.status == StepStatus::Pending && state.retry_at != 0 {
        let at = time::exact(state.retry_at);
        return Some((Wait::Retry { at, failures: state.failures }, Some(state.retry_at)));
    }
    match state.waiting.as_deref()? {
        WaitingOn::Timer(until) => Some((Wait::Timer { until: time::exact(*until) }, Some(*until))),
        WaitingOn::Signal { name, type_name, deadline } => {
            let (name, type_name) = (name.clone(), type_name.clone());
            Some((Wait::Signal { name, type_name, until: deadline.map(time::exact) }, *deadline))
        }
        WaitingOn::Doubt(attempt) => Some((Wait::Word { attempt: *attempt }, None)),
        _ => None,
    }
}

impl Wait {
    /// In a few words, with how far off its end is, or how long ago it should have been.
    pub(crate) fn in_words(&self, due: Option<Timestamp>, now: Timestamp) -> String {
        let is_past = due.is_some_and(|due| due <= now);
        let due = due.map(|due| time::age(due, now)).unwrap_or_default();
        let (is, was) = if is_past { ("was", "was to be") } else { ("is", "is") };
        match self {
            Self::Timer { .. } => format!("waits for a time, which {is} {due}"),
            Self::Signal { name, type_name, until: None } => format!("waits for signal `{name}` ({type_name})"),
            Self::Signal { name, type_name, .. } => {
                let gives_up = if is_past { "was to give up" } else { "gives up" };
                format!("waits for signal `{name}` ({type_name}), {gives_up} {due}")
            }
            Self::Word { attempt } => format!("nobody knows how attempt {attempt} ended: waits for an operator's word"),
            Self::Retry { failures, .. } => {
                format!("{was} attempted again {due}, after {} failed", attempts(*failures))
            }
            Self::UndoRetry { failures, .. } => {
                format!("its undo {was} attempted again {due}, after {} failed", attempts(*failures))
            }
        }
    }
}

fn attempts(count: u32) -> String {
    if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") }
}
