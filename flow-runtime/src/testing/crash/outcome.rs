//! How a run ended, without what may differ from process to process: times, attempts, the order of commits.
//!
//! In: a run that has ended, with what its caller was given. Out: what two of them have not in common, in words.

use std::collections::BTreeMap;

use crate::engine::{Engine, RunError};
use crate::state::{
    Encoding, FailureKind, NodeFailure, Output, Payload, RunOutput, StepRef, StepStatus, WorkflowData, WorkflowStatus,
};
use crate::store::StoreError;

/// How a run ended.
pub(super) struct Outcome {
    status: WorkflowStatus,
    /// What the caller was given.
    given: Result<Option<Payload>, Vec<Failure>>,
    steps: BTreeMap<String, Step>,
    output: Option<Payload>,
    /// The run's key-value data, by key and step.
    data: BTreeMap<(String, String), Payload>,
    effects: Option<String>,
}

struct Step {
    status: StepStatus,
    output: Option<Payload>,
    failure: Option<Failure>,
}

/// Why a step failed, without at which attempt.
type Failure = (String, FailureKind, String);

fn failure(failure: &NodeFailure) -> Failure {
    (failure.step.clone(), failure.kind, failure.message.clone())
}

/// What a caller was given, in a form that can be compared; an error that is no end of the run comes back.
pub(super) fn given<T: Output>(result: Result<T, RunError>) -> Result<Result<Option<Payload>, Vec<Failure>>, RunError> {
    match result {
        // A value that cannot be encoded was stored before, or the run would have failed.
        Ok(value) => Ok(Ok(Output::encode(&value, Encoding::MessagePack).ok())),
        Err(RunError::Cancelled { .. }) => Ok(Err(Vec::new())),
        Err(error) if error.failures().is_empty() => Err(error),
        Err(error) => Ok(Err(error.failures().iter().map(|failed| failure(&failed.failure)).collect())),
    }
}

impl Outcome {
    /// The end of this run.
    pub(super) async fn of<S>(
        engine: &Engine<S>,
        data: &WorkflowData,
        given: Result<Option<Payload>, Vec<Failure>>,
        effects: Option<String>,
    ) -> Result<Self, StoreError> {
        let mut steps = BTreeMap::new();
        for (path, status) in data.statuses() {
            let step = Step { status, output: None, failure: None };
            steps.insert(path, step);
        }
        for step in opened(data) {
            let state = data.step(step);
            let output = match &state.output {
                Some(payload) => Some(engine.payload(data, payload).await?),
                None => None,
            };
            let failed = state.status == StepStatus::Failed;
            let failure = state.error.as_deref().filter(|_| failed).map(failure);
            steps.insert(data.path(step), Step { status: state.status, output, failure });
        }
        let output = match &data.output {
            Some(RunOutput::Payload(payload)) => Some(engine.payload(data, payload).await?),
            _ => None,
        };
        let mut entries = BTreeMap::new();
        for (key, written) in &data.data {
            for entry in written {
                let payload = engine.payload(data, &entry.payload).await?;
                entries.insert((key.clone(), data.path(entry.step)), payload);
            }
        }
        Ok(Self { status: data.status, given, steps, output, data: entries, effects })
    }

    /// The steps, by their paths.
    pub(super) fn steps(&self) -> Vec<String> {
        let ran = self.steps.iter().filter(|(_, step)| step.output.is_some() || step.failure.is_some());
        ran.map(|(path, _)| path.clone()).collect()
    }

    /// What is different here from what was expected, with or without the values.
    pub(super) fn differences(&self, expected: &Self, with_values: bool) -> Vec<String> {
        let mut found = Vec::new();
        if self.status != expected.status {
            found.push(format!("the run is {:?} and not {:?}", self.status, expected.status));
        }
        for (path, step) in &self.steps {
            match expected.steps.get(path) {
                Some(before) => step.compare(path, before, with_values, &mut found),
                None => found.push(format!("there is a step `{path}`")),
            }
        }
        let missing = expected.steps.keys().filter(|path| !self.steps.contains_key(*path));
        found.extend(missing.map(|path| format!("there is no step `{path}`")));
        if with_values {
            self.compare_values(expected, &mut found);
        }
        if let (Some(effects), Some(before)) = (&self.effects, &expected.effects)
            && effects != before
        {
            found.push(format!("the effects are {effects} and not {before}"));
        }
        found
    }

    fn compare_values(&self, expected: &Self, found: &mut Vec<String>) {
        if !is_same(self.output.as_ref(), expected.output.as_ref()) {
            found.push("the output that is stored is another".to_owned());
        }
        let is_given_same = match (&self.given, &expected.given) {
            (Ok(value), Ok(before)) => is_same(value.as_ref(), before.as_ref()),
            (Err(failures), Err(before)) => failures == before,
            _ => false,
        };
        if !is_given_same {
            found.push("the caller is given something else".to_owned());
        }
        let all = self.data.keys().chain(expected.data.keys().filter(|entry| !self.data.contains_key(*entry)));
        let differ = all.filter(|entry| !is_same(self.data.get(*entry), expected.data.get(*entry)));
        found.extend(differ.map(|(key, step)| format!("what step `{step}` wrote under `{key}` is another value")));
    }
}

impl Step {
    fn compare(&self, path: &str, expected: &Self, with_values: bool, found: &mut Vec<String>) {
        if self.status != expected.status {
            found.push(format!("step `{path}` is {:?} and not {:?}", self.status, expected.status));
        } else if with_values && !is_same(self.output.as_ref(), expected.output.as_ref()) {
            found.push(format!("step `{path}` gives another output"));
        } else if self.failure != expected.failure {
            found.push(format!("step `{path}` fails for another reason"));
        }
    }
}

fn is_same(one: Option<&Payload>, other: Option<&Payload>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same_value(other),
        (None, None) => true,
        _ => false,
    }
}

/// All steps of opened regions.
fn opened(data: &WorkflowData) -> impl Iterator<Item = StepRef> {
    (0..).zip(&data.instances).flat_map(|(number, instance)| {
        data.plan.region(instance.region).locals().map(move |local| StepRef::new(number, local))
    })
}
