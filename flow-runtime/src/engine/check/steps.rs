//! What would become of a step, by how it stands in the record and by what has changed; and in words.

use std::fmt;

use super::{StepCheck, StepFate, Why};
use crate::engine::error::PlanChanges;
use crate::plan::StepKind;
use crate::state::{Asked, StepRef, StepStatus, WaitingOn, WorkflowData, WorkflowStatus};

pub(super) fn said(step: &str, fate: StepFate, why: Why) -> StepCheck {
    StepCheck { step: step.to_owned(), fate, why }
}

/// Says of the step of this path that this becomes of it.
pub(super) fn tell(steps: &mut [StepCheck], path: &str, fate: StepFate, why: &Why) {
    let told = steps.iter_mut().filter(|step| step.step == path);
    told.for_each(|step| (step.fate, step.why) = (fate, why.clone()));
}

/// What would become of the steps of this record, if the workflow has changed so.
pub(super) fn recorded(data: &WorkflowData, changes: &PlanChanges) -> Vec<StepCheck> {
    let is_stopping = matches!(data.asked, Some(Asked::Cancel | Asked::Terminate))
        || data.instances[0].failed
        || data.status == WorkflowStatus::RollingBack;
    let steps = data.statuses().into_iter().map(|(path, status)| {
        let (fate, why) = match (data.find(&path), status) {
            (_, StepStatus::Pending | StepStatus::Running | StepStatus::Waiting) if is_stopping => {
                (StepFate::Leave, Why::Stopping)
            }
            (Some(step), StepStatus::Pending | StepStatus::Running | StepStatus::Waiting) if data.is_stopped(step) => {
                (StepFate::Leave, Why::Stopping)
            }
            (Some(step), _) => of_opened(data, step),
            (None, StepStatus::Pending) => (StepFate::Run, Why::NotBegun),
            (None, status) => (StepFate::Leave, Why::Ended(status)),
        };
        changed(&path, fate, why, changes)
    });
    steps.collect()
}

/// What becomes of a step of an opened region by its state.
fn of_opened(data: &WorkflowData, step: StepRef) -> (StepFate, Why) {
    let state = data.step(step);
    let is_call = matches!(data.plan.step(step.local).kind, StepKind::Call { .. });
    match (state.status, &state.waiting) {
        (StepStatus::Waiting, Some(on)) => (StepFate::Wait, Why::Waits((**on).clone())),
        (StepStatus::Pending, _) if state.failures > 0 => (StepFate::Run, Why::Retried),
        (StepStatus::Pending | StepStatus::Waiting, _) => (StepFate::Run, Why::NotBegun),
        (StepStatus::Running, _) if is_call => (StepFate::Run, Why::Interrupted),
        (StepStatus::Running, _) => (StepFate::Reuse, Why::Decided),
        (status @ (StepStatus::Cancelled | StepStatus::Skipped | StepStatus::Bypassed), _) => {
            (StepFate::Leave, Why::Ended(status))
        }
        (status, _) => (StepFate::Reuse, Why::Ended(status)),
    }
}

/// What becomes of a step that may have changed. What has begun must be as it was.
fn changed(path: &str, fate: StepFate, why: Why, changes: &PlanChanges) -> StepCheck {
    let plain = without_items(path);
    let is_in = |steps: &[String]| steps.contains(&plain);
    let has_begun = why != Why::NotBegun && fate != StepFate::Leave;
    match () {
        () if is_in(&changes.added) => said(path, fate, Why::Added),
        () if is_in(&changes.removed) && has_begun => said(path, StepFate::Refuse, Why::Removed),
        () if is_in(&changes.removed) => said(path, StepFate::Leave, Why::Removed),
        () if is_in(&changes.rewired) && has_begun => said(path, StepFate::Refuse, Why::Rewired),
        () if is_in(&changes.rewired) => said(path, fate, Why::Rewired),
        () => said(path, fate, why),
    }
}

/// `ys.print` of `ys[17].print`.
fn without_items(path: &str) -> String {
    let parts = path.split('.').map(|part| part.split('[').next().unwrap_or(part));
    parts.collect::<Vec<_>>().join(".")
}

impl fmt::Display for StepCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.fate {
            StepFate::Reuse => "is used again",
            StepFate::Migrate => "is migrated",
            StepFate::Run => "runs",
            StepFate::Wait => "waits",
            StepFate::Leave => "is left",
            StepFate::Refuse => "stands in the way",
        };
        write!(f, "`{}` {fate}: {}", self.step, self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(status) => write!(f, "it has ended ({status:?})"),
            Self::Decided => f.write_str("what it opened is recorded"),
            Self::NotBegun => f.write_str("it has not begun"),
            Self::Interrupted => f.write_str("an attempt was interrupted"),
            Self::Retried => f.write_str("an attempt failed, and another follows"),
            Self::Waits(WaitingOn::Timer(_)) => f.write_str("its time has not come"),
            Self::Waits(WaitingOn::Signal { name, .. }) => write!(f, "signal `{}` has not come", name.escape_debug()),
            Self::Waits(WaitingOn::Doubt(attempt)) => write!(f, "nobody has said how attempt {attempt} ended"),
            Self::Stopping => f.write_str("the run is stopping"),
            Self::Added => f.write_str("it is new in the workflow"),
            Self::Removed => f.write_str("it is no longer in the workflow"),
            Self::Rewired => f.write_str("it runs another node or uses other steps now"),
            Self::OlderVersion { from } => write!(f, "its output was stored by version {from}"),
            Self::NotMigrated { from } => {
                write!(f, "its output was stored by version {from}, and its migration fails")
            }
            Self::HeadChanged { recorded, now } => {
                write!(f, "it was decided as {recorded}, and its head says {now} now")
            }
            Self::OtherType { stored, expected } => write!(f, "its output is stored as a `{stored}`, no `{expected}`"),
            Self::Lost => f.write_str("its output cannot be had from the store"),
        }
    }
}
