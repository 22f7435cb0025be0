//! Taking up what an earlier process left: all runs of the workflows that the engine knows and that have not ended.
//!
//! In: the store. Out: those that were under way are driven, those that wait are parked until their time comes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Engine;
use super::adopt::Adopting;
use super::decide::Schedule;
use super::drive::Park;
use super::error::RunError;
use super::live::Live;
use super::requests::fingerprint_of;
use super::run::unreadable_input;
use super::shared::Stop;
use super::values::{detached, unpacked};
use super::workflows::Registered;
use crate::state::{Asked, RunCreated, Timestamp, WaitingOn, WorkflowData, WorkflowId, WorkflowStatus};
use crate::store::{Damaged, Query, StoreError, Summary};

/// What became of a run that had not ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The run.
    pub id: WorkflowId,
    /// Its workflow.
    pub workflow: String,
    /// The version of its workflow.
    pub version: u32,
    /// What became of it.
    pub what: Recovery,
}

/// What became of a run that had not ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Recovery {
    /// It goes on. How it ends, who runs it under its id learns.
    Resumed,
    /// It waits for a time or a signal, and will be woken.
    Parked,
    /// It is in this engine's hands already.
    Live,
    /// The engine knows no workflow of its name and version, so it was left alone.
    Unregistered,
    /// It could not be taken up: it does not fit the workflow any more, or the store failed.
    Failed(RunError),
}

impl<S: Send + Sync + 'static> Engine<S> {
    /// Takes up all runs that have not ended and whose workflow this engine knows: one that was
    /// [registered](super::EngineBuilder::register), or has been run on it. To be called when a process begins.
    ///
    /// Runs that were under way go on. Those that wait are parked: each takes some hundred bytes and no task until its
    /// time comes or a signal is sent. One that moves to another version of its workflow does so at once. The answer has one entry for each run, in no order that means anything.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use flow_runtime::engine::Recovery;
    /// use flow_runtime::prelude::*;
    ///
    /// workflow! { fn asks() -> bool { wait_for::<bool>("answer") } }
    ///
    /// # let store = InMemoryStore::default();
    /// let engine = Engine::builder(store.clone()).build();
    /// asks().run_until_parked(&engine, "q").await?;
    /// drop(engine);                                        // the process ends; another begins
    ///
    /// let engine = Engine::builder(store).register::<asks>().build();
    /// assert!(matches!(engine.recover().await?[0].what, Recovery::Parked));
    /// engine.signal("q", "answer", &true).await?;
    /// assert!(asks().run(&engine, "q").await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot be asked for its runs.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn recover(&self) -> Result<Vec<Recovered>, StoreError> {
        self.runner.watches.store(true, Ordering::Relaxed);
        self.runner.keep();
        let mut recovered = Vec::new();
        let asked: HashSet<WorkflowId> = self.runner.hold.store.asked().await?.into_iter().collect();
        let statuses = [WorkflowStatus::Running, WorkflowStatus::Suspended, WorkflowStatus::RollingBack];
        let mut query = statuses.into_iter().fold(Query::new(), Query::status).page(1000);
        loop {
            let page = self.runner.hold.store.query(&query).await?;
            tell(&page.damaged);
            for run in page.runs {
                let what = self.recover_run(&run, &asked).await;
                let Summary { id, workflow, version, .. } = run;
                recovered.push(Recovered { id, workflow, version, what });
            }
            let Some(next) = page.next else { return Ok(recovered) };
            query = query.after(next);
        }
    }

    async fn recover_run(&self, run: &Summary, asked: &HashSet<WorkflowId>) -> Recovery {
        if self.runner.live.contains(&run.id) {
            return Recovery::Live;
        }
        let Some(workflow) = self.runner.workflows.find(&run.workflow, run.version) else {
            return Recovery::Unregistered;
        };
        match self.take_up_run(&run.id, workflow, asked).await {
            Ok(what) => what,
            Err(error) => Recovery::Failed(error),
        }
    }

    async fn take_up_run(
        &self,
        id: &WorkflowId,
        workflow: Arc<Registered>,
        asked: &HashSet<WorkflowId>,
    ) -> Result<Recovery, RunError> {
        let runner = &self.runner;
        let store_error = |error| RunError::Store {
            workflow: workflow.plan.workflow.to_string(),
            id: id.clone(),
            source: Arc::new(error),
        };
        let data = runner.hold.store.load(id).await.map_err(store_error)?;
        let input = unpacked(&runner.shared.packing, &data.input)
            .map_err(|error| unreadable_input(id, &data.plan, &workflow.plan, error))?;
        // What stands in its way is told here, also of a run that is parked and goes on later.
        let adopting = Adopting::of(&workflow, &runner.shared, &*runner.hold.store);
        let updated_at = data.updated_at;
        let adopted = adopting.adopt(data, updated_at).await?;
        let (has_moved, data) = (adopted.has_moved(), adopted.data);
        let created = RunCreated::new(id.clone(), workflow.plan.clone(), input.clone());
        let live =
            Live::new(workflow.clone(), detached(&input), runner.shared.packing.clone(), runner.shared.durability);
        if *runner.shared.stop.borrow() != Stop::No {
            return Ok(Recovery::Live);
        }
        let now = runner.shared.clock.now();
        // Under another plan it may have something to do, or wait for other signals, of which who sends them must know.
        if !has_moved && rests(&data, now) {
            // For most runs nothing is asked, and each look for it is one at the disk. What comes meanwhile is news later.
            let requests = if asked.contains(id) {
                runner.hold.store.requests(id).await.map_err(store_error)?
            } else {
                Vec::new()
            };
            let seen = fingerprint_of(&requests);
            // What was asked of it while nobody was there is news to it.
            let due = if seen == fingerprint_of(&[]) { next_wait(&data) } else { Some(now) };
            let park = Park { due, seen };
            let is_new = runner.take_parked(id, live, park);
            return Ok(if is_new { Recovery::Parked } else { Recovery::Live });
        }
        let (live, is_new) = runner.live.enter(id, live);
        if is_new {
            runner.drive(live, created, None);
        }
        Ok(if is_new { Recovery::Resumed } else { Recovery::Live })
    }
}

/// Whether a run has nothing to do now but to wait.
fn rests(data: &WorkflowData, now: Timestamp) -> bool {
    if data.status != WorkflowStatus::Suspended {
        return false;
    }
    if data.asked == Some(Asked::Pause) {
        return true;
    }
    // Steps that could start may have waited for a permit.
    let schedule = Schedule::new(data);
    let could_start = schedule.ready.iter().any(|step| data.far_retry(*step).is_none()) || !schedule.heads.is_empty();
    !could_start && next_wait(data).is_none_or(|due| due > now)
}

/// When the first of its waits ends, or the first retry is due; never in a run that is paused.
fn next_wait(data: &WorkflowData) -> Option<Timestamp> {
    let due = data.steps.iter().filter_map(|step| match step.waiting.as_deref()? {
        WaitingOn::Timer(due) => Some(*due),
        WaitingOn::Signal { deadline, .. } => *deadline,
        WaitingOn::Doubt(_) => None,
    });
    due.chain(data.far_retries().map(|(_, due)| due)).min().filter(|_| data.asked != Some(Asked::Pause))
}

fn tell(damaged: &[Damaged]) {
    for Damaged { path, reason, .. } in damaged {
        tracing::warn!(path = %path.display(), reason, "something cannot be read that may be a run to take up");
    }
}
