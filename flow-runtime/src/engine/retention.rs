//! Removing runs that have ended long ago.
//!
//! In: how long runs are kept. Out: those that are older are gone from the store, and a report of them. It looks at
//! pages of summaries, so a store with indexes is asked for nothing but what is old.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use super::decide::nanos;
use super::hold::Hold;
use super::live::LiveRuns;
use super::shared::Stop;
use crate::state::{Timestamp, WorkflowId, WorkflowStatus};
use crate::store::{Damaged, Query, StoreError, Summary};

/// How often the background looks for old runs where nothing else is said.
const INTERVAL: Duration = Duration::from_secs(600);
/// The most runs that one pass in the background removes, so that it never keeps the store busy for long.
const MOST: usize = 10_000;
/// How many runs are looked at together.
const PAGE: usize = 200;

/// How long runs are kept after they have ended. Without more, all are kept for ever.
///
/// Runs that have not ended are never touched, and neither are those that an engine drives. The age of a run is the
/// time since its last change, by the engine's clock.
///
/// Give it to [`EngineBuilder::retention`](super::EngineBuilder::retention), or to
/// [`Engine::retain`](super::Engine::retain):
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flow_runtime::StoreError> {
/// use std::time::Duration;
///
/// use flow_runtime::engine::Retention;
/// use flow_runtime::{Engine, InMemoryStore};
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// let engine = Engine::new(InMemoryStore::default());
/// let retention = Retention::new().keep_completed(7 * DAY).keep_failed(90 * DAY);
/// let old = engine.retain(&retention.clone().dry_run()).await?;
/// println!("{} runs are old", old.removed.len());
/// engine.retain(&retention).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "give it to an engine"]
pub struct Retention {
    completed: Option<Duration>,
    failed: Option<Duration>,
    interval: Duration,
    dry_run: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self { completed: None, failed: None, interval: INTERVAL, dry_run: false }
    }
}

impl Retention {
    /// Keeps all runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs that completed are removed when they are older than this.
    pub const fn keep_completed(mut self, age: Duration) -> Self {
        self.completed = Some(age);
        self
    }

    /// Runs that failed, were cancelled or were rolled back are removed when they are older than this.
    pub const fn keep_failed(mut self, age: Duration) -> Self {
        self.failed = Some(age);
        self
    }

    /// How long an engine waits in the background from one pass to the next; 10 minutes by default.
    ///
    /// # Panics
    /// If it is 0.
    pub const fn every(mut self, interval: Duration) -> Self {
        assert!(!interval.is_zero(), "the interval of retention must be longer than 0");
        self.interval = interval;
        self
    }

    /// Removes nothing, and reports what would be removed.
    pub const fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// The statuses of which runs are removed, each with the time before which they are old.
    fn old(&self, now: Timestamp) -> impl Iterator<Item = (&'static [WorkflowStatus], Timestamp)> {
        const COMPLETED: &[WorkflowStatus] = &[WorkflowStatus::Completed];
        const FAILED: &[WorkflowStatus] =
            &[WorkflowStatus::Failed, WorkflowStatus::Cancelled, WorkflowStatus::RolledBack];
        let ages = [(COMPLETED, self.completed), (FAILED, self.failed)];
        ages.into_iter().filter_map(move |(statuses, age)| Some((statuses, now.saturating_sub(nanos(age?)))))
    }
}

/// What a pass of a [`Retention`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RetentionReport {
    /// The runs that were removed, durably; with [`dry_run`](Retention::dry_run) those that would be. Of each kind,
    /// the newest first.
    pub removed: Vec<WorkflowId>,
    /// The runs that were old and were left, because they changed meanwhile or are driven.
    pub skipped: Vec<WorkflowId>,
    /// The runs that could not be removed, and why. They did not stop the others.
    pub failed: Vec<(WorkflowId, StoreError)>,
    /// What could not be read, and so may be old.
    pub damaged: Vec<Damaged>,
}

/// What removes runs: an engine, but for the types.
pub(super) struct Keeper {
    pub(super) hold: Arc<Hold>,
    pub(super) live: Arc<LiveRuns>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Keeper {
    /// Removes at most so many runs that are older than asked.
    pub(super) async fn pass(&self, retention: &Retention, most: usize) -> Result<RetentionReport, StoreError> {
        let mut report = RetentionReport::default();
        for (statuses, before) in retention.old(self.clock.now()) {
            // What changed before a time was created before it too.
            let mut query = statuses.iter().fold(Query::new(), |query, status| query.status(*status));
            query = query.created(..before).page(PAGE);
            while report.removed.len() < most {
                let page = self.hold.store.query(&query).await?;
                report.damaged.clone_from(&page.damaged);
                let old = page.runs.iter().filter(|run| run.updated_at < before);
                for run in old.take(most - report.removed.len()) {
                    self.treat(run, retention, &mut report).await;
                }
                let Some(next) = page.next else { break };
                query = query.after(next);
            }
        }
        Ok(report)
    }

    async fn treat(&self, run: &Summary, retention: &Retention, report: &mut RetentionReport) {
        let id = run.id.clone();
        if self.live.contains(&id) {
            report.skipped.push(id);
        } else if retention.dry_run {
            report.removed.push(id);
        } else {
            match self.remove(run).await {
                Ok(true) => report.removed.push(id),
                // It is driven by another engine, or somebody else was faster.
                Ok(false) | Err(StoreError::Conflict { .. } | StoreError::Held { .. }) => report.skipped.push(id),
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => report.failed.push((id, error)),
            }
        }
    }

    /// Removes a run, if it is still the one that was found: another may have its id by now.
    async fn remove(&self, run: &Summary) -> Result<bool, StoreError> {
        let data = self.hold.store.load(&run.id).await?;
        if !data.status.is_terminal() || Summary::from(&data) != *run || self.live.contains(&run.id) {
            return Ok(false);
        }
        self.hold.store.delete(&run.id).await.map(|()| true)
    }
}

/// Looks for old runs again and again, until the engine stops or is gone. Between two passes it holds neither the
/// engine nor its store.
pub(super) async fn keep_removing(
    retention: Retention,
    hold: Weak<Hold>,
    (live, clock): (Arc<LiveRuns>, Arc<dyn Clock>),
    mut stop: watch::Receiver<Stop>,
) {
    loop {
        let Some(hold) = hold.upgrade() else { return };
        let keeper = Keeper { hold, live: live.clone(), clock: clock.clone() };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != Stop::No) => return,
            report = keeper.pass(&retention, MOST) => tell(report),
        }
        drop(keeper);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != Stop::No) => return,
            () = tokio::time::sleep(retention.interval) => {}
        }
    }
}

fn tell(report: Result<RetentionReport, StoreError>) {
    match report {
        Ok(RetentionReport { removed, failed, .. }) => {
            if !removed.is_empty() {
                tracing::debug!(runs = removed.len(), "runs that had ended long ago were removed");
            }
            for (id, error) in failed {
                tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "an old run could not be removed");
            }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the store could not be asked for old runs");
        }
    }
}
