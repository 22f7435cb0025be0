//! What has changed in a record since it was last looked at.
//!
//! In: the record each time. Out: the run's and the steps' statuses that are others than before, and new attempts.

use flow_runtime::WorkflowData;
use flow_runtime::state::{StepRef, StepStatus, Timestamp, WorkflowStatus};
use serde::Serialize;

use crate::output::time;
use crate::record::{Failed, Wait, steps_in, took, wait_of};
use crate::words;

/// What was seen last.
#[derive(Default)]
pub(super) struct Seen {
    status: Option<WorkflowStatus>,
    /// By the steps of the record, which only become more; unless they are those of another plan.
    steps: Vec<(StepStatus, u32)>,
}

/// Something that changed.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    at: String,
    run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Wait>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed>,
    #[serde(skip)]
    place: Option<StepRef>,
}

impl Seen {
    /// What changed since the last time. The first time, all that is not pending counts as changed.
    pub(super) fn take(&mut self, data: &WorkflowData) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.status != Some(data.status) {
            self.status = Some(data.status);
            changes.push(Change::of_run(data));
        }
        self.steps.resize(data.steps.len(), (StepStatus::Pending, 0));
        for (step, seen) in steps_in(data).zip(&mut self.steps) {
            let state = data.step(step);
            let now = (state.status, state.attempts);
            if *seen != now {
                *seen = now;
                changes.push(Change::of_step(data, step));
            }
        }
        changes
    }
}

impl Change {
    fn of_run(data: &WorkflowData) -> Self {
        Self {
            at: time::exact(data.updated_at),
            run: data.id.to_string(),
            step: None,
            status: words::of_run(data.status),
            attempt: None,
            took_ms: None,
            waits: None,
            error: None,
            place: None,
        }
    }

    fn of_step(data: &WorkflowData, step: StepRef) -> Self {
        let state = data.step(step);
        let at = [state.ended_at, state.started_at].into_iter().find(|at| *at != 0).unwrap_or(data.updated_at);
        Self {
            at: time::exact(at),
            step: Some(data.path(step)),
            status: words::of_step(state.status),
            attempt: (state.attempts > 0).then_some(state.attempts),
            took_ms: took(state).map(|nanos| nanos / 1_000_000),
            waits: wait_of(data, step).map(|(wait, _)| wait),
            error: state.error.as_deref().map(Failed::from),
            place: Some(step),
            ..Self::of_run(data)
        }
    }

    /// In a line.
    pub(super) fn in_words(&self, data: &WorkflowData, now: Timestamp) -> String {
        let mut line = format!("{} {} {}", self.at, self.step.as_deref().unwrap_or(&self.run), self.status);
        let Some(step) = self.place else { return line };
        let state = data.step(step);
        let attempt = (state.attempts > 1).then(|| format!("attempt {}", state.attempts));
        let took = took(state).map(|nanos| format!("after {}", time::duration(nanos)));
        let wait = wait_of(data, step).map(|(wait, due)| wait.in_words(due, now));
        let error = state.error.as_ref().map(|error| error.message.clone());
        for more in [attempt, took, wait, error].into_iter().flatten() {
            line.push_str(", ");
            line.push_str(&more);
        }
        line
    }
}
