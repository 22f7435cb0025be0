//! What would become of a run if it was taken up now, said before it is.
//!
//! In: the id of a run, and the workflow as it is now. Out: for each step whether its output is used again, whether it
//! runs, waits or stands in the way, and why. Nothing runs and nothing is changed.

use std::fmt;
use std::sync::Arc;

use super::Engine;
use super::drive::{Driver, Met, Setup};
use super::durability::Durability;
use super::error::{PlanChanges, RunError};
use super::invocation::{Invocation, created};
use super::journal::Journal;
use super::run::{changes, check_input, check_shape, paths, refused, unreadable_input};
use super::tree::{Tree, Workflow};
use super::values::unpacked;
use super::workflows::Registered;
use crate::plan::{Requires, StepKind};
use crate::state::{Asked, RunCreated, StepRef, StepStatus, WaitingOn, WorkflowData, WorkflowId, WorkflowStatus};
use crate::store::StoreError;

/// What would become of a run if it was taken up now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunCheck {
    /// The run.
    pub id: WorkflowId,
    /// The workflow, with which version of it the run began.
    pub workflow: String,
    /// The version.
    pub version: u32,
    /// What would become of the run.
    pub verdict: Verdict,
    /// What would become of each step, in the order of the plan: those of the record, then those that are new. What is in
    /// a fan-out is known when its number of items is.
    pub steps: Vec<StepCheck>,
}

/// What would become of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// There is no such run, so it would begin.
    Begins,
    /// It goes on.
    GoesOn,
    /// It has ended, and gives what it ended with.
    Ended(WorkflowStatus),
    /// It would be refused with this error, and left as it is. If an output cannot be read, what does not need it would
    /// run first.
    Refused(RunError),
    /// The engine knows no workflow of its name and version.
    Unregistered,
}

/// What would become of a step. Its text says all of it: "`charge` runs: it has not begun".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepCheck {
    /// The path of the step.
    pub step: String,
    /// What would become of it.
    pub fate: StepFate,
    /// Why.
    pub why: Why,
}

/// What would become of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepFate {
    /// It does not run; what is recorded of it is used.
    Reuse,
    /// It runs when it is its turn.
    Run,
    /// It goes on waiting.
    Wait,
    /// Nothing happens to it.
    Leave,
    /// It stands in the way: the run is refused because of it.
    Refuse,
}

/// Why that becomes of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It has ended.
    Ended(StepStatus),
    /// Its arm is taken, or its items are counted.
    Decided,
    /// It has not begun.
    NotBegun,
    /// An attempt began, and how it ended is not known.
    Interrupted,
    /// An attempt failed, and another follows.
    Retried,
    /// It waits for this.
    Waits(WaitingOn),
    /// The run comes to its end without it: something failed, or someone stopped the run.
    Stopping,
    /// It is new in the workflow.
    Added,
    /// It is no longer in the workflow.
    Removed,
    /// It runs another node, uses other steps or gives another step's value.
    Rewired,
    /// Its head was decided otherwise than it says now.
    HeadChanged {
        /// What is recorded.
        recorded: String,
        /// What it says now.
        now: String,
    },
    /// Its output is stored as another type than it has now.
    OtherType {
        /// The type as it was written when the run began.
        stored: String,
        /// The type as it is written now.
        expected: String,
    },
    /// Its output cannot be had from the store.
    Lost,
}

impl RunCheck {
    /// What would become of the step of this path.
    pub fn step(&self, path: &str) -> Option<&StepCheck> {
        self.steps.iter().find(|step| step.step == path)
    }

    /// The steps of which this would become.
    pub fn steps_to(&self, fate: StepFate) -> Vec<&str> {
        self.steps.iter().filter(|step| step.fate == fate).map(|step| step.step.as_str()).collect()
    }
}

impl<W: Workflow> Invocation<W> {
    /// Says what would become of the run of this id if this was run now, and of each of its steps, and why. Nothing runs
    /// and nothing is changed: what is read is the record, and what is evaluated are conditions and lists that the record
    /// has decided.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), flow_runtime::RunError> {
    /// use flow_runtime::engine::{StepFate, Verdict};
    /// use flow_runtime::prelude::*;
    ///
    /// #[node]
    /// async fn reserve(item: &str) -> u32 { 7 }
    /// #[node]
    /// async fn ship(number: u32, approval: &Approval) -> String { format!("parcel {number}") }
    ///
    /// workflow! {
    ///     fn order(item: String) -> String {
    ///         let number = reserve(item);
    ///         let word = approval("boss");
    ///         ship(number, word)
    ///     }
    /// }
    ///
    /// let engine = Engine::new(InMemoryStore::default());
    /// order("tea".to_owned()).run_until_parked(&engine, "order-1").await?;
    ///
    /// let check = order("tea".to_owned()).check(&engine, "order-1").await?;
    /// assert!(matches!(check.verdict, Verdict::GoesOn));
    /// assert_eq!(check.steps_to(StepFate::Reuse), ["number"]);
    /// assert_eq!(check.steps_to(StepFate::Wait), ["word"]);
    /// assert_eq!(check.step("ship").unwrap().to_string(), "`ship` runs: it has not begun");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the id is none, if the input cannot be encoded, or if the store cannot read the run. That a run does not fit is no
    /// error but the [verdict](RunCheck::verdict).
    pub async fn check<S>(self, engine: &Engine<S>, id: impl AsRef<str>) -> Result<RunCheck, RunError>
    where
        W: Requires<S>,
        S: Send + Sync + 'static,
    {
        let id = WorkflowId::new(id)?;
        let workflow = engine.runner.workflows.of::<W, S>();
        let tree = self.into_tree();
        let created = created(engine, &id, &workflow.plan, &*tree)?;
        match engine.load(&id).await {
            Ok(data) => Ok(engine.examine(&data, &workflow, tree, Some(&created)).await),
            Err(StoreError::NotFound { .. }) => Ok(begins(created)),
            Err(error) => Err(refused(&created, error)),
        }
    }
}

impl<S> Engine<S> {
    /// Says what would become of a run, and of each of its steps, if the engine took it up now, as
    /// [`recover`](Self::recover) and requests do: with the workflow of its name and version that was
    /// [registered](super::EngineBuilder::register). See [`Invocation::check`].
    ///
    /// # Errors
    /// If the id is none; [`RunError::Store`] if there is no such run, or if the store cannot read it.
    pub async fn check(&self, id: impl AsRef<str>) -> Result<RunCheck, RunError> {
        let id = WorkflowId::new(id)?;
        let data = self.load(&id).await.map_err(|error| RunError::Store {
            workflow: "?".to_owned(),
            id: id.clone(),
            source: Arc::new(error),
        })?;
        let Some(workflow) = self.runner.workflows.find(&data.plan.workflow, data.plan.version) else {
            return Ok(of(&data, Verdict::Unregistered, Vec::new()));
        };
        let input = unpacked(&self.runner.shared.packing, &data.input).and_then(|input| workflow.revive(&input));
        match input {
            Ok(tree) => Ok(self.examine(&data, &workflow, tree, None).await),
            Err(error) => {
                let error = unreadable_input(&id, &data.plan, &workflow.plan, error);
                Ok(of(&data, Verdict::Refused(error), recorded(&data, &PlanChanges::default())))
            }
        }
    }

    /// What would become of this run under this workflow.
    async fn examine(
        &self,
        data: &WorkflowData,
        workflow: &Arc<Registered>,
        tree: Arc<dyn Tree>,
        asked: Option<&RunCreated>,
    ) -> RunCheck {
        let shared = &self.runner.shared;
        let changes = changes(&data.plan, &workflow.plan);
        let fits = asked.map_or(Ok(()), |asked| check_input(data, asked, &shared.packing, &*tree));
        let fits = match fits {
            Ok(()) if data.status.is_terminal() => {
                return of(data, Verdict::Ended(data.status), recorded(data, &PlanChanges::default()));
            }
            Ok(()) => check_shape(data, &workflow.plan, shared.adopt_changed_plans),
            Err(error) => Err(error),
        };
        if let Err(error) = fits {
            let mut steps = recorded(data, &changes);
            steps.extend(changes.added.iter().map(|step| said(step, StepFate::Run, Why::Added)));
            return of(data, Verdict::Refused(error), steps);
        }
        let store = self.runner.hold.store.clone();
        let setup = Setup {
            tree,
            engine: shared.clone(),
            state: self.runner.state.clone(),
            providers: workflow.providers.clone(),
            encoding: store.encoding(),
            // It is read through and never written to, so that no claim is needed.
            journal: Some(Journal::new(store, Durability::Strict, 0)),
            live: None,
            stop: shared.stop.subscribe(),
        };
        met(data, &changes, Driver::resume(setup, data.clone(), workflow.plan.clone(), None).examine().await)
    }
}

/// What a driver would meet, in words.
fn met(stored: &WorkflowData, changes: &PlanChanges, met: Met) -> RunCheck {
    let Met { data, refused, unreadable } = met;
    let mut steps = recorded(&data, changes);
    let mut blame = |path: &str, why: Why| {
        let blamed = steps.iter_mut().filter(|step| step.step == path);
        blamed.for_each(|step| (step.fate, step.why) = (StepFate::Refuse, why.clone()));
    };
    if let Some(RunError::HeadChanged { step, recorded, now, .. }) = &refused {
        blame(step, Why::HeadChanged { recorded: recorded.clone(), now: now.clone() });
    }
    if let Some(RunError::Undecodable { step, stored, expected, .. }) = &refused {
        blame(step, Why::OtherType { stored: stored.clone(), expected: expected.clone() });
    }
    for (step, error) in &unreadable {
        let why = match error {
            RunError::Undecodable { stored, expected, .. } => {
                Why::OtherType { stored: stored.clone(), expected: expected.clone() }
            }
            _ => Why::Lost,
        };
        blame(&data.path(*step), why);
    }
    let refused = refused.or_else(|| unreadable.into_iter().next().map(|(_, error)| error));
    of(stored, refused.map_or(Verdict::GoesOn, Verdict::Refused), steps)
}

fn of(data: &WorkflowData, verdict: Verdict, steps: Vec<StepCheck>) -> RunCheck {
    let (workflow, version) = (data.plan.workflow.to_string(), data.plan.version);
    RunCheck { id: data.id.clone(), workflow, version, verdict, steps }
}

fn begins(created: RunCreated) -> RunCheck {
    let RunCreated { id, plan, .. } = created;
    let steps = paths(&plan).map(|path| said(&path, StepFate::Run, Why::NotBegun)).collect();
    RunCheck { id, workflow: plan.workflow.to_string(), version: plan.version, verdict: Verdict::Begins, steps }
}

fn said(step: &str, fate: StepFate, why: Why) -> StepCheck {
    StepCheck { step: step.to_owned(), fate, why }
}

/// What would become of the steps of this record, if the workflow has changed so.
fn recorded(data: &WorkflowData, changes: &PlanChanges) -> Vec<StepCheck> {
    let is_stopping = matches!(data.asked, Some(Asked::Cancel | Asked::Terminate))
        || data.instances[0].failed
        || data.status == WorkflowStatus::RollingBack;
    let steps = data.statuses().into_iter().map(|(path, status)| {
        let (fate, why) = match (data.find(&path), status) {
            (_, StepStatus::Pending | StepStatus::Running | StepStatus::Waiting) if is_stopping => {
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
            Self::HeadChanged { recorded, now } => {
                write!(f, "it was decided as {recorded}, and its head says {now} now")
            }
            Self::OtherType { stored, expected } => write!(f, "its output is stored as a `{stored}`, no `{expected}`"),
            Self::Lost => f.write_str("its output cannot be had from the store"),
        }
    }
}
