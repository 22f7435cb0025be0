//! A process that dies at one of its commits, as its store sees it.
//!
//! In: where it is to die. Out: a store on which everything hangs from there on, until the process is gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::state::{Delta, Event, Phase, Request, WorkflowData, WorkflowId};
use crate::store::{PartKey, StoreError, WorkflowStore, hand_on};

/// Where a process was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashPoint {
    /// The number of the commit in the run, from 0.
    pub commit: u64,
    /// What it committed, by the names of the events and the paths of their steps.
    pub events: Vec<String>,
    /// Whether it was killed after the commit was durable, or before.
    pub is_durable: bool,
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.is_durable { "after" } else { "before" };
        write!(f, "killed right {side} commit {} was durable ({})", self.commit, self.events.join(", "))
    }
}

/// Which commit kills.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// The one of this number in the process.
    Commit(u64),
    /// The so-many-th with the end of an attempt of this step.
    EndOf(String, u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Lives,
    /// It has come to the place where it dies.
    Hangs,
    Gone,
}

/// One process of a story.
pub(super) struct Process {
    /// Where it dies, and whether what it commits there is durable; `None` if it lives on.
    fate: Option<(Target, bool)>,
    seen: Mutex<Seen>,
    life: watch::Sender<Life>,
    /// Closed when its store is.
    is_open: Mutex<Option<watch::Sender<()>>>,
    closed: watch::Receiver<()>,
}

#[derive(Default)]
struct Seen {
    /// How many commits there were, of those that could kill.
    counted: u64,
    commits: u64,
    started: Vec<String>,
    point: Option<CrashPoint>,
}

impl Process {
    pub(super) fn new(fate: Option<(Target, bool)>) -> Arc<Self> {
        let (open, closed) = watch::channel(());
        let (seen, life) = (Mutex::default(), watch::Sender::new(Life::Lives));
        Arc::new(Self { fate, seen, life, is_open: Mutex::new(Some(open)), closed })
    }

    /// Waits until it has come to the place where it dies.
    pub(super) async fn hangs(&self) {
        self.wait_for(Life::Hangs).await;
    }

    /// Kills it: all that hangs ends.
    pub(super) fn kill(&self) {
        self.life.send_replace(Life::Gone);
    }

    /// Waits until its store is closed.
    pub(super) async fn closed(&self) {
        let mut closed = self.closed.clone();
        while closed.changed().await.is_ok() {}
    }

    /// Where it was killed, if it was.
    pub(super) fn point(&self) -> Option<CrashPoint> {
        self.seen().point.clone()
    }

    /// The steps that it started, by their paths.
    pub(super) fn started(&self) -> Vec<String> {
        self.seen().started.clone()
    }

    /// How much it has committed.
    pub(super) fn commits(&self) -> u64 {
        self.seen().commits
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for(&self, life: Life) {
        // It has the sender itself, so this is no error.
        let _ = self.life.subscribe().wait_for(|now| *now == life).await;
    }

    /// Lets calls through while it lives; those that come later hang until it is gone.
    async fn lives(&self) -> Result<(), StoreError> {
        if *self.life.borrow() == Life::Lives {
            return Ok(());
        }
        self.wait_for(Life::Gone).await;
        Err(gone())
    }

    async fn dies(&self) -> StoreError {
        self.life.send_if_modified(|life| {
            let lives = *life == Life::Lives;
            if lives {
                *life = Life::Hangs;
            }
            lives
        });
        self.wait_for(Life::Gone).await;
        gone()
    }

    /// Takes in a commit; says whether it kills, and if what it commits is to be durable.
    fn commit(&self, after: &WorkflowData, delta: &Delta) -> Option<bool> {
        let mut seen = self.seen();
        seen.commits += 1;
        seen.started.extend(delta.events.iter().filter_map(|event| started(after, event)));
        let (target, is_durable) = self.fate.as_ref()?;
        let (counts, number) = match target {
            Target::Commit(number) => (true, number),
            Target::EndOf(step, number) => (delta.events.iter().any(|event| ends(after, event, step)), number),
        };
        if !counts {
            return None;
        }
        seen.counted += 1;
        if seen.counted != number + 1 {
            return None;
        }
        let events = delta.events.iter().map(|event| named(after, event)).collect();
        seen.point = Some(CrashPoint { commit: delta.seq, events, is_durable: *is_durable });
        Some(*is_durable)
    }
}

fn gone() -> StoreError {
    StoreError::Other("the process was killed".into())
}

fn started(data: &WorkflowData, event: &Event) -> Option<String> {
    match event {
        Event::StepStarted { step, phase: Phase::Do, .. } => Some(data.path(*step)),
        _ => None,
    }
}

fn ends(data: &WorkflowData, event: &Event, path: &str) -> bool {
    event.is_end_of_attempt() && event.step().is_some_and(|step| data.path(step) == path)
}

fn named(data: &WorkflowData, event: &Event) -> String {
    match event.step() {
        Some(step) => format!("{} of `{}`", event.name(), data.path(step)),
        None => event.name().to_owned(),
    }
}

/// The store of a process. Nothing is written after it has died.
pub(super) struct Mortal<D> {
    store: D,
    process: Arc<Process>,
    /// Dropped after the store.
    _is_open: Option<watch::Sender<()>>,
}

impl<D> Mortal<D> {
    pub(super) fn new(store: D, process: Arc<Process>) -> Self {
        let is_open = process.is_open.lock().unwrap_or_else(PoisonError::into_inner).take();
        Self { store, process, _is_open: is_open }
    }
}

impl<D: WorkflowStore> WorkflowStore for Mortal<D> {
    hand_on!(|own| &own.store; all but save, delete, commit, put_part, ask, take_requests);

    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.process.lives().await?;
        self.store.save(data).await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.process.lives().await?;
        self.store.delete(id).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        self.process.lives().await?;
        let kills = self.process.commit(after, delta);
        if kills != Some(false) {
            self.store.commit(after, delta).await?;
        }
        if kills.is_none() { Ok(()) } else { Err(self.process.dies().await) }
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        self.process.lives().await?;
        self.store.put_part(key, bytes).await
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        self.process.lives().await?;
        self.store.ask(run, request).await
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.process.lives().await?;
        self.store.take_requests(run, ids).await
    }
}
