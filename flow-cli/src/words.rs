//! The words for what stands in a record, the same in tables, in JSON and where they are typed.

use std::path::Path;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::store::Damaged;
use serde::Serialize;

use crate::output::{Cell, Tone};

/// The status of a run, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) WorkflowStatus);

/// Something damaged, in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Damage {
    /// Empty if no file is known.
    path: String,
    reason: String,
}

impl ValueEnum for Status {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(WorkflowStatus::Running),
            Self(WorkflowStatus::Suspended),
            Self(WorkflowStatus::Completed),
            Self(WorkflowStatus::Failed),
            Self(WorkflowStatus::Cancelled),
            Self(WorkflowStatus::RollingBack),
            Self(WorkflowStatus::RolledBack),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(of_run(self.0));
        Some(match self.0 {
            WorkflowStatus::RollingBack => value.alias("rolling-back"),
            WorkflowStatus::RolledBack => value.alias("rolled-back"),
            _ => value,
        })
    }
}

/// A workflow with its version, where that is not the first.
pub(crate) fn workflow(name: &str, version: u32) -> String {
    if version == 1 { name.to_owned() } else { format!("{name} (v{version})") }
}

/// The word for the status of a run.
pub(crate) const fn of_run(status: WorkflowStatus) -> &'static str {
    match status {
        WorkflowStatus::Running => "Running",
        WorkflowStatus::Suspended => "Suspended",
        WorkflowStatus::Completed => "Completed",
        WorkflowStatus::Failed => "Failed",
        WorkflowStatus::Cancelled => "Cancelled",
        WorkflowStatus::RollingBack => "RollingBack",
        WorkflowStatus::RolledBack => "RolledBack",
        _ => "Unknown",
    }
}

/// The word for the status of a step.
pub(crate) const fn of_step(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "Pending",
        StepStatus::Running => "Running",
        StepStatus::Waiting => "Waiting",
        StepStatus::Completed => "Completed",
        StepStatus::Failed => "Failed",
        StepStatus::Cancelled => "Cancelled",
        StepStatus::Skipped => "Skipped",
        StepStatus::Bypassed => "Bypassed",
        StepStatus::Compensated => "Compensated",
        StepStatus::CompensationFailed => "CompensationFailed",
        _ => "Unknown",
    }
}

/// The status of a run, to be seen.
pub(crate) fn run_cell(status: WorkflowStatus) -> Cell {
    let tone = match status {
        WorkflowStatus::Completed => Tone::Good,
        WorkflowStatus::Failed | WorkflowStatus::RolledBack => Tone::Bad,
        WorkflowStatus::Running | WorkflowStatus::RollingBack => Tone::Busy,
        WorkflowStatus::Suspended => Tone::Waiting,
        _ => Tone::Faint,
    };
    Cell::from(of_run(status)).toned(tone)
}

/// The status of a step, to be seen.
pub(crate) fn step_cell(status: StepStatus) -> Cell {
    let tone = match status {
        StepStatus::Completed => Tone::Good,
        StepStatus::Failed | StepStatus::CompensationFailed => Tone::Bad,
        StepStatus::Running => Tone::Busy,
        StepStatus::Waiting => Tone::Waiting,
        _ => Tone::Faint,
    };
    Cell::from(of_step(status)).toned(tone)
}

impl From<&Damaged> for Damage {
    fn from(damaged: &Damaged) -> Self {
        Self { path: damaged.path.display().to_string(), reason: damaged.reason.clone() }
    }
}

/// Something damaged, in a sentence.
pub(crate) fn damage(damaged: &Damaged) -> String {
    if damaged.path == Path::new("") {
        return damaged.reason.clone();
    }
    format!("{}: {}", damaged.path.display(), damaged.reason)
}
