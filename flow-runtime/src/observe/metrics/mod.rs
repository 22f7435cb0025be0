//! Metrics through the facade of the crate `metrics`: their names, units and labels, all in one place.
//!
//! In: what observers are told. Out: histograms, counters and gauges of whichever recorder the program has. No label is
//! ever an id, an item or a payload.

#[cfg(test)]
mod tests;

use metrics::{SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::{Measured, Notice, Observer, Reading, What};
use crate::plan::{Local, Plan, StepKind};
use crate::state::RunOutcome;

const RUN_DURATION: &str = "flow_run_duration_seconds";
const STEP_DURATION: &str = "flow_step_duration_seconds";
const STEP_RETRIES: &str = "flow_step_retries_total";
const COMMIT: &str = "flow_store_commit_seconds";
const QUEUE_DEPTH: &str = "flow_queue_depth";
const ACTIVE_RUNS: &str = "flow_active_runs";
const SUSPENDED_RUNS: &str = "flow_suspended_runs";

const WORKFLOW: &str = "workflow";
const STEP: &str = "step";
const OUTCOME: &str = "outcome";

/// Gives metrics of an engine's runs to the recorder of the crate [`metrics`](https://docs.rs/metrics), which the program
/// installs: of Prometheus and others.
///
/// | metric | kind, unit | labels | what it is |
/// | --- | --- | --- | --- |
/// | `flow_run_duration_seconds` | histogram, seconds | `workflow`, `outcome` | from the creation of a run to its end, over all processes |
/// | `flow_step_duration_seconds` | histogram, seconds | `workflow`, `step`, `outcome` | from the first start of a step to its end, with the waits between attempts |
/// | `flow_step_retries_total` | counter | `workflow`, `step` | attempts that failed and are followed by another |
/// | `flow_store_commit_seconds` | histogram, seconds | `workflow` | how long the store took for a change of a run that it has taken |
/// | `flow_queue_depth` | gauge, steps | `workflow` | steps that are ready and wait for a permit |
/// | `flow_active_runs` | gauge, runs | `workflow` | runs that a task of this process drives |
/// | `flow_suspended_runs` | gauge, runs | `workflow` | runs of this process that only wait and take no task |
///
/// There are as many labels as the program has workflows and steps: `workflow` is the name of the workflow, and `step` the
/// path of the step without items, `parcels.ship` for each `parcels[17].ship`. `outcome` is `completed` or `failed` for a
/// step, and `completed`, `failed`, `cancelled` or `rolled_back` for a run. Ids of runs, items and payloads are in none.
/// Times are those of the records, so they go on while no process runs; that of a commit is measured in this process.
///
/// Several engines of a process add up. Runs without a record take a slower path under any observer, this one too. Units
/// and descriptions are told to the recorder that is installed when this is made.
///
/// ```
/// use flow_runtime::observe::MetricsObserver;
/// use flow_runtime::{Engine, InMemoryStore};
/// // After the recorder was installed.
/// let engine = Engine::builder(InMemoryStore::default()).observe(MetricsObserver::new()).build();
/// # let _ = engine;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsObserver {}

impl MetricsObserver {
    /// Metrics for the recorder that is installed.
    #[expect(clippy::new_without_default, reason = "it talks to the recorder")]
    pub fn new() -> Self {
        describe_histogram!(RUN_DURATION, Unit::Seconds, "From the creation of a run to its end.");
        describe_histogram!(STEP_DURATION, Unit::Seconds, "From the first start of a step to its end.");
        describe_counter!(STEP_RETRIES, Unit::Count, "Attempts that failed and are followed by another.");
        describe_histogram!(COMMIT, Unit::Seconds, "How long the store took for a change of a run.");
        describe_gauge!(QUEUE_DEPTH, Unit::Count, "Steps that are ready and wait for a permit.");
        describe_gauge!(ACTIVE_RUNS, Unit::Count, "Runs that a task of this process drives.");
        describe_gauge!(SUSPENDED_RUNS, Unit::Count, "Runs of this process that only wait and take no task.");
        Self {}
    }
}

impl Observer for MetricsObserver {
    fn observe(&self, notice: &Notice<'_>) {
        let workflow = || SharedString::from(notice.plan.workflow.clone());
        if let What::RunEnded { outcome, took, .. } = notice.what {
            return histogram!(RUN_DURATION, WORKFLOW => workflow(), OUTCOME => outcome_of(outcome)).record(took);
        }
        let Some(local) = notice.local.filter(|&local| is_call(notice.plan, local)) else { return };
        let step = || path(notice.plan, local);
        match notice.what {
            What::StepCompleted { took, .. } => {
                histogram!(STEP_DURATION, WORKFLOW => workflow(), STEP => step(), OUTCOME => "completed").record(took);
            }
            What::StepFailed { took, .. } => {
                histogram!(STEP_DURATION, WORKFLOW => workflow(), STEP => step(), OUTCOME => "failed").record(took);
            }
            What::AttemptFailed { .. } => {
                counter!(STEP_RETRIES, WORKFLOW => workflow(), STEP => step()).increment(1);
            }
            _ => {}
        }
    }

    fn measure(&self, reading: &Reading<'_>) {
        let workflow = SharedString::from(reading.plan.workflow.clone());
        match reading.measured {
            Measured::Driven => gauge!(ACTIVE_RUNS, WORKFLOW => workflow).increment(1.0),
            Measured::Left { .. } => gauge!(ACTIVE_RUNS, WORKFLOW => workflow).decrement(1.0),
            Measured::Suspended => gauge!(SUSPENDED_RUNS, WORKFLOW => workflow).increment(1.0),
            Measured::Woken => gauge!(SUSPENDED_RUNS, WORKFLOW => workflow).decrement(1.0),
            #[expect(clippy::cast_precision_loss, reason = "a run has fewer steps than a double counts exactly")]
            Measured::Queued(more) => gauge!(QUEUE_DEPTH, WORKFLOW => workflow).increment(more as f64),
            Measured::Committed { took } => histogram!(COMMIT, WORKFLOW => workflow).record(took),
        }
    }
}

fn is_call(plan: &Plan, local: Local) -> bool {
    matches!(plan.step(local).kind, StepKind::Call { .. })
}

/// The path of a step as it is in every run and for every item.
fn path(plan: &Plan, local: Local) -> SharedString {
    let mut step = plan.step(local);
    let mut ids = vec![step.id.clone()];
    while let Some(parent) = plan.region(step.region).parent {
        step = plan.step(parent);
        ids.push(step.id.clone());
    }
    match ids.pop() {
        Some(id) if ids.is_empty() => id.into(),
        outermost => {
            let outward = outermost.into_iter().chain(ids.into_iter().rev());
            outward.collect::<Vec<_>>().join(".").into()
        }
    }
}

fn outcome_of(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Completed => "completed",
        RunOutcome::Failed => "failed",
        RunOutcome::Cancelled => "cancelled",
        RunOutcome::RolledBack => "rolled_back",
    }
}
