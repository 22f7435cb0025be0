//! The runs that an engine has in its hands: one for each id, with all who wait for it, whether it is driven or parked.
//!
//! In: runs that begin, park, wake, end. Out: who waits is told, and who looks for runs that are due finds them.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::drive::{Finished, Park, ReadFrom};
use super::durability::Durability;
use super::error::RunError;
use super::observers::Observers;
use super::tree::Value;
use super::workflows::Registered;
use crate::observe::Measured;
use crate::state::{Packing, Payload, Timestamp, WorkflowId};

/// How a run ended, for all who wait for it.
pub(crate) enum Ended {
    /// With an output. The value is for the first who asks, the others decode the payload.
    Output { value: Mutex<Option<Value>>, payload: Option<Payload>, read_from: Option<ReadFrom> },
    /// Without one.
    Error(RunError),
}

/// What becomes of a run.
pub(crate) enum Phase {
    /// A task drives it.
    Driven,
    /// It waits for something outside, and no task is needed for that.
    Parked,
    /// It has ended, or came to a stop.
    Ended(Arc<Ended>),
}

/// A run in the engine's hands.
pub(crate) struct Live {
    pub(crate) workflow: Arc<Registered>,
    /// The input as it was encoded.
    pub(crate) input: Payload,
    pub(crate) packing: Arc<Packing>,
    pub(crate) durability: Durability,
    pub(crate) bell: Bell,
    phase: Mutex<Phase>,
    /// Told when it is in another phase. There may be very many runs, so this and the phase are as small as they can be.
    changed: Notify,
}

/// Tells a driver that something was asked of its run.
#[derive(Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    heard: Notify,
}

/// The runs in the engine's hands, by id.
pub(crate) struct LiveRuns {
    runs: Mutex<Runs>,
    observers: Observers,
    /// Told when there is something new to wait for.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct Runs {
    by_id: HashMap<WorkflowId, Entry>,
    /// The parked runs that are due some time.
    due: BTreeSet<(Timestamp, WorkflowId)>,
}

struct Entry {
    live: Arc<Live>,
    parked: Option<Park>,
}

/// Reports the end of a run, also if its driver is dropped with its runtime or dies; the run is then no longer live.
pub(crate) struct LiveGuard {
    pub(crate) runs: Arc<LiveRuns>,
    pub(crate) id: WorkflowId,
    pub(crate) live: Arc<Live>,
    /// Whether somebody else sees to the run from here on.
    is_done: bool,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.heard.notify_one();
    }

    /// Whether it was rung since this was asked last.
    pub(crate) fn take(&self) -> bool {
        self.rung.swap(false, Ordering::Acquire)
    }

    /// Waits until it is rung.
    pub(crate) async fn rung(&self) {
        self.heard.notified().await;
    }
}

impl Live {
    pub(crate) fn new(
        workflow: Arc<Registered>,
        input: Payload,
        packing: Arc<Packing>,
        durability: Durability,
    ) -> Self {
        let (phase, changed) = (Mutex::new(Phase::Driven), Notify::new());
        Self { workflow, input, packing, durability, bell: Bell::default(), phase, changed }
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Arc<Ended> {
        self.until(|phase| match phase {
            Phase::Ended(ended) => Some(ended.clone()),
            Phase::Driven | Phase::Parked => None,
        })
        .await
    }

    /// Waits until it is parked or has ended; says whether it is parked.
    pub(crate) async fn rested(&self) -> bool {
        self.until(|phase| match phase {
            Phase::Driven => None,
            Phase::Parked => Some(true),
            Phase::Ended(_) => Some(false),
        })
        .await
    }

    async fn until<T>(&self, wanted: impl Fn(&Phase) -> Option<T>) -> T {
        loop {
            // It is told of what happens from here on, and looks at what has happened before.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let found = wanted(&self.phase.lock().unwrap_or_else(PoisonError::into_inner));
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    fn enter_phase(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.changed.notify_waiters();
    }

    fn interrupted(&self, id: &WorkflowId) -> Ended {
        let workflow = self.workflow.plan.workflow.to_string();
        Ended::Error(RunError::Interrupted { workflow, id: Some(id.clone()) })
    }
}

impl LiveRuns {
    /// None yet. The observers are told of those that are parked.
    pub(crate) fn new(observers: Observers) -> Self {
        Self { runs: Mutex::default(), observers, changed: Notify::new() }
    }

    fn measure(&self, id: &WorkflowId, live: &Live, measured: Measured) {
        self.observers.measure(&live.workflow.plan, Some(id), measured);
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live run of this id, or this new one; says whether it is new.
    pub(crate) fn enter(&self, id: &WorkflowId, new: Live) -> (Arc<Live>, bool) {
        let mut runs = self.lock();
        if let Some(entry) = runs.by_id.get(id) {
            return (entry.live.clone(), false);
        }
        let live = Arc::new(new);
        runs.by_id.insert(id.clone(), Entry { live: live.clone(), parked: None });
        (live, true)
    }

    /// Takes in a run that is parked already.
    pub(crate) fn enter_parked(&self, id: &WorkflowId, new: Live, park: Park) -> bool {
        // Told before anybody can wake it, and with no lock held.
        self.measure(id, &new, Measured::Suspended);
        let mut runs = self.lock();
        if runs.by_id.contains_key(id) {
            drop(runs);
            self.measure(id, &new, Measured::Woken);
            return false;
        }
        new.enter_phase(Phase::Parked);
        runs.by_id.insert(id.clone(), Entry { live: Arc::new(new), parked: None });
        runs.park(id, park);
        true
    }

    pub(crate) fn contains(&self, id: &WorkflowId) -> bool {
        self.lock().by_id.contains_key(id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    /// Takes a parked run, which is to be driven now. If something was asked of the run, who drives it is told.
    pub(crate) fn wake(&self, id: &WorkflowId, is_asked: bool) -> Option<Arc<Live>> {
        let mut runs = self.lock();
        let entry = runs.by_id.get_mut(id)?;
        let live = entry.live.clone();
        if is_asked {
            live.bell.ring();
        }
        let park = entry.parked.take()?;
        if let Some(due) = park.due {
            runs.due.remove(&(due, id.clone()));
        }
        live.enter_phase(Phase::Driven);
        drop(runs);
        self.measure(id, &live, Measured::Woken);
        Some(live)
    }

    /// Which requests a parked run has seen; `None` if it is not parked.
    pub(crate) fn seen_by_parked(&self, id: &WorkflowId) -> Option<u64> {
        self.lock().by_id.get(id)?.parked.as_ref().map(|park| park.seen)
    }

    /// When the next parked run is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.lock().due.first().map(|(due, _)| *due)
    }

    /// The parked runs that are due by now.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<WorkflowId> {
        let runs = self.lock();
        runs.due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| id.clone()).collect()
    }

    /// Tells all who wait for a parked run that nobody will wake it here.
    pub(crate) fn interrupt_parked(&self) {
        let mut runs = self.lock();
        runs.due.clear();
        let parked: Vec<(WorkflowId, Entry)> = runs.by_id.extract_if(|_, entry| entry.parked.is_some()).collect();
        drop(runs);
        for (id, Entry { live, .. }) in parked {
            self.measure(&id, &live, Measured::Woken);
            live.enter_phase(Phase::Ended(Arc::new(live.interrupted(&id))));
        }
    }
}

impl Runs {
    fn park(&mut self, id: &WorkflowId, park: Park) {
        if let Some(due) = park.due {
            self.due.insert((due, id.clone()));
        }
        if let Some(entry) = self.by_id.get_mut(id) {
            entry.parked = Some(park);
        }
    }
}

impl LiveGuard {
    pub(crate) fn new(runs: Arc<LiveRuns>, id: WorkflowId, live: Arc<Live>) -> Self {
        Self { runs, id, live, is_done: false }
    }

    /// Tells all who wait how the run ended.
    pub(crate) fn end(mut self, result: Result<Finished, RunError>) {
        let ended = match result {
            Ok(Finished { value, payload, read_from }) => {
                Ended::Output { value: Mutex::new(value), payload, read_from }
            }
            Err(error) => Ended::Error(error),
        };
        self.leave(ended);
    }

    /// Parks the run. If something was asked of it meanwhile it is not, and the guard comes back.
    pub(crate) fn park(mut self, park: Park) -> Result<(), Self> {
        // Told before anybody can wake it, and with no lock held.
        self.runs.measure(&self.id, &self.live, Measured::Suspended);
        let mut runs = self.runs.lock();
        if self.live.bell.take() {
            drop(runs);
            self.runs.measure(&self.id, &self.live, Measured::Woken);
            return Err(self);
        }
        runs.park(&self.id, park);
        self.live.enter_phase(Phase::Parked);
        drop(runs);
        self.is_done = true;
        Ok(())
    }

    fn leave(&mut self, ended: Ended) {
        self.is_done = true;
        // First out of the table, then told: who is told may start the run again at once.
        self.runs.lock().by_id.remove(&self.id);
        self.live.enter_phase(Phase::Ended(Arc::new(ended)));
    }
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let ended = if std::thread::panicking() {
            let reason = "what drives it panicked: its store, its clock, or Flow itself".to_owned();
            let workflow = self.live.workflow.plan.workflow.to_string();
            Ended::Error(RunError::Stuck { workflow, id: Some(self.id.clone()), reason })
        } else {
            self.live.interrupted(&self.id)
        };
        self.leave(ended);
    }
}
