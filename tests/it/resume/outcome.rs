//! What a record says in the end, without what differs from process to process: times, attempts, order of commits.

use std::collections::BTreeMap;

use flow_runtime::engine::tree::Workflow;
use flow_runtime::plan::Requires;
use flow_runtime::state::{FailureKind, Payload, RunOutput, StepStatus, WorkflowStatus};
use flow_runtime::{Engine, Invocation, NodeFailure, RunError, WorkflowData};

use crate::recorder::{Ledger, Recorder, steps};

/// Why a step failed, without at which attempt.
pub(crate) type Failure = (String, FailureKind, String);

/// The output of a run, or its failures.
pub(crate) type Given<T> = Result<T, Vec<Failure>>;

/// What a record says in the end.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    status: WorkflowStatus,
    statuses: Vec<(String, StepStatus)>,
    outputs: BTreeMap<String, Option<Payload>>,
    failures: BTreeMap<String, Failure>,
    data: BTreeMap<String, BTreeMap<String, Payload>>,
    output: Option<Payload>,
    metadata: BTreeMap<String, String>,
}

impl Outcome {
    pub(crate) fn of(data: &WorkflowData) -> Self {
        let mut statuses = data.statuses();
        statuses.sort_by(|a, b| a.0.cmp(&b.0));
        let ended = |path: &String| statuses.iter().any(|(step, status)| step == path && *status == StepStatus::Failed);
        let steps = steps(data);
        let failures = steps.iter().filter(|(path, _)| ended(path)).filter_map(|(path, &step)| {
            let error = data.step(step).error.as_deref()?;
            Some((path.clone(), failure(error)))
        });
        let entries = data.data.iter().map(|(key, entries)| {
            let entries = entries.iter().map(|entry| (data.path(entry.step), entry.payload.clone()));
            (key.clone(), entries.collect())
        });
        let output = match &data.output {
            Some(RunOutput::Step(step)) => data.step(*step).output.clone(),
            Some(RunOutput::Payload(payload)) => Some(payload.clone()),
            _ => None,
        };
        Self {
            status: data.status,
            outputs: steps.iter().map(|(path, &step)| (path.clone(), data.step(step).output.clone())).collect(),
            failures: failures.collect(),
            data: entries.collect(),
            output,
            metadata: data.metadata.clone(),
            statuses,
        }
    }
}

pub(crate) fn failure(failure: &NodeFailure) -> Failure {
    (failure.step.clone(), failure.kind, failure.message.clone())
}

/// Runs this over the store, with all that happens written to the store's ledger.
pub(crate) async fn run<W>(store: &Recorder, invocation: Invocation<W>) -> Given<W::Output>
where
    W: Workflow + Requires<Ledger>,
{
    let ledger = store.ledger.clone();
    let engine = Engine::builder(store.clone()).state(ledger.clone()).observe(ledger).strict_roundtrip(true).build();
    given(invocation.run(&engine, "run").await)
}

pub(crate) fn given<T>(result: Result<T, RunError>) -> Given<T> {
    result.map_err(|error| {
        assert!(matches!(error, RunError::Failed { .. }), "{error}");
        error.failures().iter().map(|failed| failure(&failed.failure)).collect()
    })
}
