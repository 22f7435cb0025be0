//! What is known of a run as a whole.
//!
//! In: a record, and the requests that it has not taken. Out: facts, for JSON; `flow show` makes a table of them.

use std::collections::BTreeMap;

use flow_runtime::WorkflowData;
use flow_runtime::state::{Asked, Payload, Request, RequestKind, RollbackCause, RunOutput, WorkflowStatus};
use serde::Serialize;

use super::Failed;
use super::value::Stored;
use crate::output::time;
use crate::words;

/// A run as a whole.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    pub(crate) id: String,
    /// A text, since it may be larger than the numbers of JavaScript are exact.
    pub(crate) run_no: String,
    pub(crate) workflow: String,
    pub(crate) version: u32,
    pub(crate) fingerprint: String,
    pub(crate) status: &'static str,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) forked_from: Option<String>,
    /// What was asked of it, was taken and has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) undoing_for: Option<&'static str>,
    /// What was asked of it and was not taken.
    pub(crate) requests: Vec<Asking>,
    pub(crate) input: Stored,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Stored>,
    pub(crate) data: Vec<Entry>,
    pub(crate) undone: Undone,
    pub(crate) failures: Vec<Failed>,
}

/// A request that was not taken.
#[derive(Debug, Serialize)]
pub(crate) struct Asking {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) at: String,
}

/// A value of the run's key-value data.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) step: String,
    pub(crate) value: Stored,
}

/// What became of the effects of a run that failed or was cancelled, by the paths of steps.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Undone {
    pub(crate) compensated: Vec<String>,
    pub(crate) failed: Vec<Failed>,
    pub(crate) in_doubt: Vec<String>,
    pub(crate) left: Vec<String>,
}

impl Facts {
    /// The facts of this record.
    pub(crate) fn of(data: &WorkflowData, requests: &[Request]) -> Self {
        let entries = data.data.iter().flat_map(|(key, entries)| {
            let entry = |entry: &flow_runtime::state::DataEntry| Entry {
                key: key.clone(),
                step: data.path(entry.step),
                value: Stored::from(&entry.payload),
            };
            entries.iter().map(entry)
        });
        Self {
            id: data.id.to_string(),
            run_no: data.run_no.to_string(),
            workflow: data.plan.workflow.to_string(),
            version: data.plan.version,
            fingerprint: data.plan.fingerprint.to_string(),
            status: words::of_run(data.status),
            created_at: time::exact(data.created_at),
            updated_at: time::exact(data.updated_at),
            metadata: data.metadata.clone(),
            parent: data.parent.as_ref().map(ToString::to_string),
            forked_from: data.forked_from.as_ref().map(ToString::to_string),
            asked: data.asked.map(asked),
            undoing_for: data.cause.map(cause),
            requests: requests.iter().map(Asking::from).collect(),
            input: Stored::from(&data.input),
            output: output_of(data).map(Stored::from),
            data: entries.collect(),
            undone: Undone::of(data),
            failures: data.failures().iter().map(Failed::from).collect(),
        }
    }
}

impl Undone {
    fn of(data: &WorkflowData) -> Self {
        use WorkflowStatus::{Cancelled, Failed as FailedRun, RolledBack};
        if data.cause.is_none() && !matches!(data.status, FailedRun | Cancelled | RolledBack) {
            return Self::default();
        }
        let rollback = data.rollback();
        Self {
            compensated: rollback.compensated,
            failed: rollback.failed.iter().map(Failed::from).collect(),
            in_doubt: rollback.in_doubt,
            left: if data.status.is_terminal() { rollback.left } else { Vec::new() },
        }
    }
}

impl From<&Request> for Asking {
    fn from(request: &Request) -> Self {
        let name = match &request.kind {
            RequestKind::Signal { name, .. } => Some(name.clone()),
            RequestKind::RetryFrom { step } | RequestKind::Resolve { step, .. } => Some(step.clone()),
            _ => None,
        };
        Self { id: request.id.clone(), kind: request.kind.name(), name, at: time::exact(request.at) }
    }
}

/// The output of a run that has one stored: that of a step, or one of its own.
pub(crate) fn output_of(data: &WorkflowData) -> Option<&Payload> {
    match data.output.as_ref()? {
        RunOutput::Payload(payload) => Some(payload),
        RunOutput::Step(step) => data.step(*step).output.as_ref(),
        _ => None,
    }
}

const fn asked(asked: Asked) -> &'static str {
    match asked {
        Asked::Cancel => "Cancel",
        Asked::Terminate => "Terminate",
        Asked::Pause => "Pause",
        Asked::Resume => "Resume",
        _ => "Unknown",
    }
}

const fn cause(cause: RollbackCause) -> &'static str {
    match cause {
        RollbackCause::Failure => "Failure",
        RollbackCause::Cancel => "Cancel",
        _ => "Unknown",
    }
}
