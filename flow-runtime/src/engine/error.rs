//! Why a run gave no output.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::migration::MigrationError;
use crate::state::{DecodeError, EncodeError, InvalidId, NodeFailure, Rollback, RunOutcome, WorkflowData, WorkflowId};
use crate::store::{StoreError, with_causes};

/// A run gave no output.
///
/// The text says what happened to which run, and what to do; why it did is said by the errors behind it, which
/// [`source`](Error::source) gives. Print them all, as `anyhow` does with `{:#}`, or as [`report`](crate::errors::report)
/// does, which adds the [code](Self::code) and what to do. `Failed` alone says all itself, since a run may fail in several
/// steps at once: the errors of the nodes are in [`failures`](Self::failures).
///
/// `Failed`, `RolledBack` and `Cancelled` are how a run ended, and tell in their [`rollback`](Self::rollback) what became
/// of the effects it had; running it again gives the same. After all others the run can be
/// run again once the cause is gone, and goes on from what was committed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Steps failed, and not all that was to be undone was, if anything was.
    ///
    /// [`E-RUN-FAILED`](crate::errors::codes::RUN_FAILED).
    #[error("{} failed: {}{}", run(.workflow, .id.as_ref()), all(.failures), effects(.rollback))]
    Failed {
        /// The workflow.
        workflow: String,
        /// The run; `None` for one without a record.
        id: Option<WorkflowId>,
        /// What failed, sorted by the paths of the steps.
        failures: Failures,
        /// What became of the effects of the other steps.
        rollback: Arc<Rollback>,
    },
    /// Steps failed, and all that something undoes was undone.
    ///
    /// [`E-RUN-ROLLED-BACK`](crate::errors::codes::RUN_ROLLED_BACK).
    #[error("{} failed: {}{}", run(.workflow, .id.as_ref()), all(.failures), effects(.rollback))]
    RolledBack {
        /// The workflow.
        workflow: String,
        /// The run; `None` for one without a record.
        id: Option<WorkflowId>,
        /// What failed, sorted by the paths of the steps.
        failures: Failures,
        /// What became of the effects of the other steps.
        rollback: Arc<Rollback>,
    },
    /// The run was cancelled.
    ///
    /// [`E-RUN-CANCELLED`](crate::errors::codes::RUN_CANCELLED).
    #[error("{} was cancelled{}", run(.workflow, Some(.id)), effects(.rollback))]
    Cancelled {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
        /// What became of the effects of its steps.
        rollback: Arc<Rollback>,
    },
    /// The engine was shut down first. Nothing is lost: run it again to go on.
    ///
    /// [`E-RUN-INTERRUPTED`](crate::errors::codes::RUN_INTERRUPTED).
    #[error("{} was interrupted by a shutdown; run it again to go on", run(.workflow, .id.as_ref()))]
    Interrupted {
        /// The workflow.
        workflow: String,
        /// The run; `None` for one without a record.
        id: Option<WorkflowId>,
    },
    /// The text is no workflow id.
    ///
    /// [`E-ID-WORKFLOW`](crate::errors::codes::ID_WORKFLOW).
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
    /// The store failed. What was committed before is safe.
    ///
    /// The code is that of the source.
    #[error("{} stopped because of its store", run(.workflow, Some(.id)))]
    Store {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
        /// What the store said.
        source: Arc<StoreError>,
    },
    /// The id is that of a run of another workflow, or of another version of it.
    ///
    /// [`E-RESUME-WORKFLOW`](crate::errors::codes::RESUME_WORKFLOW).
    #[error("run `{id}` is one of {stored}, not of {asked}; choose another id, or run it with the code it began with")]
    OtherWorkflow {
        /// The run.
        id: WorkflowId,
        /// What is stored, with its version.
        stored: String,
        /// What was asked for, with its version.
        asked: String,
    },
    /// The id is that of a run with another input.
    ///
    /// [`E-RESUME-INPUT`](crate::errors::codes::RESUME_INPUT).
    #[error("run `{id}` of `{workflow}` began with another input; give it the same input, or choose another id")]
    OtherInput {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
    },
    /// The workflow has changed since the run began, and what is stored does not fit it any more.
    ///
    /// [`E-RESUME-PLAN`](crate::errors::codes::RESUME_PLAN).
    #[error(
        "run `{id}` began with another shape of `{workflow}` ({changes}) and cannot go on with this one: {reason}; end it with the code it began with, or give the new shape a new `#[version]` and start new runs under it"
    )]
    PlanChanged {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
        /// What is different.
        changes: PlanChanges,
        /// Why the run cannot follow the new shape.
        reason: String,
    },
    /// A condition or a list that was decided when the run began now says otherwise.
    ///
    /// [`E-RESUME-HEAD`](crate::errors::codes::RESUME_HEAD).
    #[error(
        "run `{id}` of `{workflow}` has decided `{step}` as {recorded}, but its head now says {now}; restore the expression, or start a new run"
    )]
    HeadChanged {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
        /// The path of the branch or fan-out.
        step: String,
        /// What is stored.
        recorded: String,
        /// What the code says now.
        now: String,
    },
    /// A stored output is not of the type that the workflow expects now.
    ///
    /// [`E-RESUME-TYPE`](crate::errors::codes::RESUME_TYPE).
    #[error(
        "run `{id}` of `{workflow}`: the stored output of step `{step}`, a `{stored}`, is no `{expected}` any more"
    )]
    Undecodable {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
        /// The path of the step.
        step: String,
        /// The type as it was written when the run began.
        stored: String,
        /// The type as it is written now.
        expected: String,
        /// What the decoder said.
        source: DecodeError,
    },
    /// A stored output of an older version of the workflow could not be made into one of the type that its step has now.
    /// Nothing was changed.
    ///
    /// [`E-RESUME-MIGRATION`](crate::errors::codes::RESUME_MIGRATION).
    #[error(
        "run `{id}` of `{workflow}` began with version {from}, and the stored output of step `{step}`, a `{stored}`, could not be migrated to a `{expected}`; correct the migration and run it again, or end it with the code it began with"
    )]
    Migration {
        /// The workflow.
        workflow: String,
        /// The run.
        id: WorkflowId,
        /// The path of the step.
        step: String,
        /// The version that the run began with.
        from: u32,
        /// The type as it was written when the run began.
        stored: String,
        /// The type as it is written now.
        expected: String,
        /// What went wrong.
        source: MigrationError,
    },
    /// The input of the workflow cannot be encoded, or is longer than the engine stores.
    ///
    /// [`E-VALUE-ENCODE`](crate::errors::codes::VALUE_ENCODE).
    #[error("the input of `{workflow}` cannot be stored")]
    Input {
        /// The workflow.
        workflow: String,
        /// What the encoder said.
        source: EncodeError,
    },
    /// The run cannot go on although nothing failed: a mistake in Flow, in a store, or in a hand-written plan.
    ///
    /// [`E-RUN-STUCK`](crate::errors::codes::RUN_STUCK).
    #[error("{} cannot go on: {reason}", run(.workflow, .id.as_ref()))]
    Stuck {
        /// The workflow.
        workflow: String,
        /// The run; `None` for one without a record.
        id: Option<WorkflowId>,
        /// What stands in the way.
        reason: String,
    },
}

/// The steps that failed, sorted by their paths; at least one. The text has the causes of each.
#[derive(Clone, Debug)]
pub struct Failures(Vec<StepFailure>);

/// A step that failed, with the node's own error where this process has it.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// The stored form.
    pub failure: NodeFailure,
    /// The node's own error, to downcast; `None` when the failure comes from the store, or from a panic or a limit.
    pub error: Option<Arc<dyn Error + Send + Sync>>,
}

/// How a workflow differs from the one a run began with. If nothing is named, the same steps stand in another order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanChanges {
    /// Steps that are new.
    pub added: Vec<String>,
    /// Steps that are gone.
    pub removed: Vec<String>,
    /// Steps that run another node, use other steps or give another step's value; `output` is the workflow's own.
    pub rewired: Vec<String>,
}

impl RunError {
    /// The steps that failed, sorted by their paths; empty if that is not what happened.
    pub fn failures(&self) -> &[StepFailure] {
        match self {
            Self::Failed { failures, .. } | Self::RolledBack { failures, .. } => &failures.0,
            _ => &[],
        }
    }

    /// What became of the effects of a run that failed or was cancelled; `None` if that is not what happened.
    pub fn rollback(&self) -> Option<&Rollback> {
        match self {
            Self::Failed { rollback, .. } | Self::RolledBack { rollback, .. } | Self::Cancelled { rollback, .. } => {
                Some(rollback)
            }
            _ => None,
        }
    }

    /// The end of a run that did not complete.
    pub(crate) fn ended(data: &WorkflowData, id: Option<WorkflowId>, outcome: RunOutcome, failures: Failures) -> Self {
        let (workflow, rollback) = (data.plan.workflow.to_string(), Arc::new(data.rollback()));
        match outcome {
            RunOutcome::Cancelled => Self::Cancelled { workflow, id: data.id.clone(), rollback },
            RunOutcome::RolledBack => Self::RolledBack { workflow, id, failures, rollback },
            RunOutcome::Completed | RunOutcome::Failed => Self::Failed { workflow, id, failures, rollback },
        }
    }
}

impl Failures {
    pub(crate) fn new(mut failures: Vec<StepFailure>) -> Self {
        failures.sort_by(|a, b| a.failure.step.cmp(&b.failure.step));
        Self(failures)
    }
}

impl std::ops::Deref for Failures {
    type Target = [StepFailure];

    fn deref(&self) -> &[StepFailure] {
        &self.0
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&all(self))
    }
}

/// The node's own error is the source, and tells its message itself. Where it is not at hand, the stored message is
/// part of the text.
impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(_) => f.write_str(&self.failure.place()),
            None => self.failure.fmt(f),
        }
    }
}

impl Error for StepFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.error {
            Some(error) => Some(&**error),
            None => self.failure.source(),
        }
    }
}

impl fmt::Display for PlanChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("the same steps in another order");
        }
        let parts = [("added", &self.added), ("removed", &self.removed), ("rewired", &self.rewired)];
        let mut separator = "";
        for (what, steps) in parts.into_iter().filter(|(_, steps)| !steps.is_empty()) {
            write!(f, "{separator}{what}: {}", steps.join(", "))?;
            separator = "; ";
        }
        Ok(())
    }
}

fn run(workflow: &str, id: Option<&WorkflowId>) -> String {
    match id {
        Some(id) => format!("run `{id}` of `{workflow}`"),
        None => format!("a run of `{workflow}`"),
    }
}

fn all(failures: &Failures) -> String {
    let failures: Vec<String> = failures.iter().map(|failure| with_causes(&failure.failure)).collect();
    failures.join("; ")
}

/// What became of the effects of a run, as the end of its error's text; nothing if there is nothing to tell.
fn effects(rollback: &Rollback) -> String {
    let Rollback { compensated, failed, in_doubt, left, .. } = rollback;
    let told = |what: &str, steps: &[String]| (!steps.is_empty()).then(|| format!("; {what}: {}", some_of(steps)));
    let failed = failed.iter().map(|failure| format!("; not undone: {}", with_causes(failure)));
    let rest = [told("it is not known whether these happened", in_doubt), told("left as they are", left)];
    told("undone", compensated).into_iter().chain(failed).chain(rest.into_iter().flatten()).collect()
}

/// The first of these steps, and how many more there are.
fn some_of(steps: &[String]) -> String {
    const MOST: usize = 8;
    let first = steps[..steps.len().min(MOST)].join(", ");
    if steps.len() > MOST { format!("{first} and {} more", steps.len() - MOST) } else { first }
}
