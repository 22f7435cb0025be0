//! What would become of a run if it was taken up now, said before it is.
//!
//! In: the id of a run, and the workflow as it is now. Out: for each step whether its output is used again, whether it
//! runs, waits or stands in the way, and why. Nothing runs and nothing is changed.

mod steps;

use std::sync::Arc;

use steps::{recorded, said, tell};

use super::Engine;
use super::adopt::Adopting;
use super::drive::{Driver, Met, Setup};
use super::durability::Durability;
use super::error::{PlanChanges, RunError};
use super::invocation::{Invocation, created};
use super::journal::Journal;
use super::run::{changes, check_input, check_version, paths, refused, unreadable_input};
use super::tree::{Tree, Workflow};
use super::values::unpacked;
use super::workflows::Registered;
use crate::plan::Requires;
use crate::state::{RunCreated, StepRef, StepStatus, WaitingOn, WorkflowData, WorkflowId, WorkflowStatus};
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
    /// It does not run; its output is made into one of this version and used.
    Migrate,
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
    /// Its output is that of an older version, and `#[migrate]` says how it becomes one of this.
    OlderVersion {
        /// The version that stored it.
        from: u32,
    },
    /// Its output is that of an older version, and could not be made into one of this.
    NotMigrated {
        /// The version that stored it.
        from: u32,
    },
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
        let (shared, store) = (&self.runner.shared, self.runner.hold.store.clone());
        let changes = changes(&data.plan, &workflow.plan);
        let takes_over = self.runner.workflows.taken_over_by(workflow);
        let is_ended = data.status.is_terminal();
        let fits = match asked {
            Some(asked) => check_input(data, asked, &takes_over, &shared.packing, &*tree)
                .and_then(|()| if is_ended { check_version(data, asked) } else { Ok(()) }),
            None => Ok(()),
        };
        let adopted = match fits {
            Ok(()) if is_ended => {
                return of(data, Verdict::Ended(data.status), recorded(data, &PlanChanges::default()));
            }
            Ok(()) => {
                let now = shared.clock.now().max(data.updated_at);
                Adopting::of(workflow, shared, &*store).adopt(data.clone(), now).await
            }
            Err(error) => Err(error),
        };
        let adopted = match adopted {
            Ok(adopted) => adopted,
            Err(error) => {
                let mut steps = recorded(data, &changes);
                steps.extend(changes.added.iter().map(|step| said(step, StepFate::Run, Why::Added)));
                if let RunError::Migration { step, from, .. } = &error {
                    tell(&mut steps, step, StepFate::Refuse, &Why::NotMigrated { from: *from });
                }
                return of(data, Verdict::Refused(error), steps);
            }
        };
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
        let migrated: Vec<StepRef> = adopted.migrated().collect();
        met(data, &changes, &migrated, Driver::resume(setup, adopted, None).examine().await)
    }
}

/// What a driver would meet, in words.
fn met(stored: &WorkflowData, changes: &PlanChanges, migrated: &[StepRef], met: Met) -> RunCheck {
    let Met { data, refused, unreadable } = met;
    let mut steps = recorded(&data, changes);
    for step in migrated {
        tell(&mut steps, &data.path(*step), StepFate::Migrate, &Why::OlderVersion { from: stored.plan.version });
    }
    let mut blame = |path: &str, why: Why| tell(&mut steps, path, StepFate::Refuse, &why);
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
