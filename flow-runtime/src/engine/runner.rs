//! What an engine runs its runs with, and how one is driven: from its beginning or its record until it ends or parks.
//!
//! In: the id of a run that begins, wakes or is taken up. Out: a task that drives it. What wakes parked runs is one
//! task for all, in [`keep`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::clock::Clock;
use super::drive::{Drove, Park, Setup, until_time};
use super::error::RunError;
use super::hold::Hold;
use super::invocation::AnyState;
use super::live::{Live, LiveGuard, LiveRuns};
use super::requests::fingerprint_of;
use super::run::{self, Beginning};
use super::shared::{EngineShared, Stop};
use super::tasks;
use super::tree::Tree;
use super::unattended::Passed;
use super::values::{detached, unpacked};
use super::workflows::Workflows;
use crate::state::{RunCreated, Timestamp, WorkflowId};
use crate::store::StoreError;

/// How often an engine looks for what other processes have asked of its runs.
const LOOK: Duration = Duration::from_millis(500);

/// When a run is looked at again that another engine has: after a second.
const AGAIN: Timestamp = 1_000_000_000;

/// All that a run needs of its engine, and more of it than the runs of one engine have.
pub(crate) struct Runner {
    pub(crate) shared: Arc<EngineShared>,
    pub(crate) hold: Arc<Hold>,
    pub(crate) live: Arc<LiveRuns>,
    pub(crate) state: AnyState,
    pub(crate) workflows: Workflows,
    /// What was asked of runs that nobody drives here, as far as it was seen.
    pub(super) passed: Passed,
    /// Whether it looks for such: it was told of workflows, or to take up what an earlier process left.
    pub(super) watches: AtomicBool,
    /// The task that wakes parked runs, if there is one.
    keeper: Mutex<Option<AbortHandle>>,
}

impl Runner {
    pub(crate) fn new(shared: Arc<EngineShared>, hold: Hold, state: AnyState, workflows: Workflows) -> Self {
        let (hold, live) = (Arc::new(hold), Arc::new(LiveRuns::new(shared.observers.clone())));
        let watches = AtomicBool::new(!workflows.is_empty());
        Self { shared, hold, live, state, workflows, passed: Passed::default(), watches, keeper: Mutex::default() }
    }

    /// Drives a run that was entered as live, in a task of its own. A run that has a tree for its beginning may be
    /// created; one without is one that exists.
    pub(crate) fn drive(self: &Arc<Self>, live: Arc<Live>, created: RunCreated, tree: Option<Arc<dyn Tree>>) {
        let stop = self.shared.stop.subscribe();
        let guard = LiveGuard::new(self.live.clone(), created.id.clone(), live);
        let runner = self.clone();
        self.keep();
        tasks::run_apart(async move {
            runner.drive_on(guard, created, tree, &stop).await;
            // From here on a shutdown need not wait for this run.
            drop(stop);
        });
    }

    async fn drive_on(
        self: Arc<Self>,
        mut guard: LiveGuard,
        mut created: RunCreated,
        mut tree: Option<Arc<dyn Tree>>,
        stop: &watch::Receiver<Stop>,
    ) {
        loop {
            let live = guard.live.clone();
            let again = RunCreated::new(created.id.clone(), created.plan.clone(), created.input.clone());
            let beginning = if tree.is_some() { Beginning::MayCreate } else { Beginning::Exists };
            let drove = match tree.take().map_or_else(|| live.workflow.revive(&live.input), Ok) {
                Ok(tree) => run::run(self.clone(), &live, self.setup(tree, &live, stop), created, beginning).await,
                Err(error) => Err(run::unreadable_input(&created.id, &created.plan, &created.plan, error)),
            };
            let ended = match drove {
                Ok(Drove::Parked(park)) => Err(park),
                // Another engine was faster to take it up; those who wait here learn from the record how it ends.
                Err(error) if beginning == Beginning::Exists && is_held(&error) => Err(self.later()),
                Ok(Drove::Finished(finished)) => Ok(Ok(finished)),
                Err(error) => Ok(Err(error)),
            };
            let park = match ended {
                Err(park) => park,
                Ok(result) => {
                    // Who is told of the end may open the store again, so this has let go of it.
                    drop(self);
                    return guard.end(result);
                }
            };
            match guard.park(park) {
                Ok(()) => return self.has_parked(),
                Err(back) => guard = back,
            }
            created = again;
        }
    }

    /// For a run that another engine has.
    fn later(&self) -> Park {
        Park { due: Some(self.shared.clock.now().saturating_add(AGAIN)), seen: 0 }
    }

    /// A run is parked. If the engine stopped meanwhile, who would wake it may be gone already.
    fn has_parked(&self) {
        if *self.shared.stop.borrow() != Stop::No {
            self.live.interrupt_parked();
        }
        self.live.changed.notify_one();
    }

    fn setup(&self, tree: Arc<dyn Tree>, live: &Arc<Live>, stop: &watch::Receiver<Stop>) -> Setup {
        Setup {
            tree,
            engine: self.shared.clone(),
            state: self.state.clone(),
            providers: live.workflow.providers.clone(),
            journal: None,
            encoding: self.hold.store.encoding(),
            live: Some(live.clone()),
            stop: stop.clone(),
        }
    }

    /// Wakes a run if it is parked. If something was asked of it, who drives it is told.
    pub(crate) fn wake(self: &Arc<Self>, id: &WorkflowId, is_asked: bool) {
        if let Some(live) = self.live.wake(id, is_asked) {
            let created = RunCreated::new(id.clone(), live.workflow.plan.clone(), live.input.clone());
            self.drive(live, created, None);
        }
    }

    /// Has a run look at what was asked of it: it is live here, or nobody drives it and its workflow is known here. What
    /// stands in the way is told to whoever runs it next.
    pub(crate) async fn take_up(self: &Arc<Self>, id: &WorkflowId) {
        if self.live.contains(id) {
            return self.wake(id, true);
        }
        let Ok(data) = self.hold.store.load(id).await else { return };
        let Some(workflow) = self.workflows.find(&data.plan.workflow, data.plan.version) else { return };
        let Ok(input) = unpacked(&self.shared.packing, &data.input) else { return };
        if *self.shared.stop.borrow() != Stop::No {
            return;
        }
        let created = RunCreated::new(id.clone(), workflow.plan.clone(), input.clone());
        let live = Live::new(workflow, detached(&input), self.shared.packing.clone(), self.shared.durability);
        let (live, is_new) = self.live.enter(id, live);
        live.bell.ring();
        if is_new { self.drive(live, created, None) } else { self.wake(id, true) }
    }

    /// Takes in a run that is parked, to be woken when it is due or something is asked of it.
    pub(crate) fn take_parked(self: &Arc<Self>, id: &WorkflowId, live: Live, park: Park) -> bool {
        let is_new = self.live.enter_parked(id, live, park);
        self.keep();
        self.has_parked();
        is_new
    }

    /// Sees to it that a task wakes parked runs. It ends with the runtime in which it began.
    pub(crate) fn keep(self: &Arc<Self>) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            let (runner, live, clock) = (Arc::downgrade(self), self.live.clone(), self.shared.clock.clone());
            *keeper = Some(tasks::run_apart(keep(runner, live, clock, self.shared.stop.subscribe())));
        }
    }

    /// Wakes the runs of which another process has asked something, and sees to what was asked of others.
    async fn look(self: &Arc<Self>) {
        match self.hold.store.asked().await {
            Ok(asked) => {
                self.passed.keep_only(&asked);
                for id in asked {
                    if !self.live.contains(&id) {
                        self.see_to(&id).await;
                    } else if self.is_news(&id).await {
                        self.wake(&id, true);
                    }
                }
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the store could not be asked for requests");
            }
        }
    }

    /// Whether there are requests that the run has not seen. The driver of one that is not parked sees for itself.
    async fn is_news(&self, id: &WorkflowId) -> bool {
        let Some(seen) = self.live.seen_by_parked(id) else { return true };
        // What cannot be read is for the run to report.
        self.hold.store.requests(id).await.map_or(true, |requests| fingerprint_of(&requests) != seen)
    }
}

fn is_held(error: &RunError) -> bool {
    matches!(error, RunError::Store { source, .. } if matches!(**source, StoreError::Held { .. }))
}

/// When the engine stops, or this task goes with its runtime, nobody wakes what is parked.
struct Interrupts(Arc<LiveRuns>);

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.0.interrupt_parked();
    }
}

/// Wakes parked runs when they are due, and looks for requests of other processes, until the engine stops or is gone.
async fn keep(runner: Weak<Runner>, live: Arc<LiveRuns>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<Stop>) {
    let _interrupts = Interrupts(live.clone());
    let mut look_at = Instant::now() + LOOK;
    loop {
        let due = live.next_due();
        let looks = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != Stop::No) => return,
            () = until_time(&*clock, due) => false,
            () = tokio::time::sleep_until(look_at) => true,
            () = live.changed.notified() => false,
        };
        let Some(runner) = runner.upgrade() else { return };
        live.due(clock.now()).iter().for_each(|id| runner.wake(id, false));
        if looks {
            if !live.is_empty() || runner.watches.load(Ordering::Relaxed) {
                runner.look().await;
            }
            look_at = Instant::now() + LOOK;
        }
    }
}
