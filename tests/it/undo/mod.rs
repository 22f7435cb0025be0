//! Runs that undo what they did: after a failure, after a cancel, across crashes, whatever the undos do.

mod control;
mod order;
mod permits;
mod property;
mod rollback;

use std::sync::{Arc, Mutex};

use flow_runtime::engine::{Engine, RunError};
use flow_runtime::state::Rollback;
use flow_runtime::testing::VirtualClock;
use flow_runtime::{WorkflowData, WorkflowId, WorkflowStore};

/// What was done and undone, in order. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// What was undone, in order.
    pub(super) fn undone(&self) -> Vec<String> {
        self.all().into_iter().filter_map(|line| line.strip_prefix("undo ").map(str::to_owned)).collect()
    }
}

/// A store and a log that outlive the engines of a test.
#[derive(Clone)]
pub(super) struct World<D> {
    pub(super) store: D,
    pub(super) clock: VirtualClock,
    pub(super) log: Log,
}

impl<D: WorkflowStore + Clone> World<D> {
    pub(super) fn new(store: D) -> Self {
        Self { store, clock: VirtualClock::new(), log: Log::default() }
    }

    pub(super) fn engine(&self) -> Engine<Log> {
        Engine::builder(self.store.clone()).state(self.log.clone()).clock(self.clock.clone()).build()
    }

    pub(super) async fn stored(&self, id: &str) -> WorkflowData {
        self.store.load(&WorkflowId::new(id).unwrap()).await.unwrap()
    }
}

/// What became of the effects of a run that did not complete.
pub(super) fn rollback_of<T: std::fmt::Debug>(result: Result<T, RunError>) -> Rollback {
    let error = result.unwrap_err();
    error.rollback().unwrap_or_else(|| panic!("{error}")).clone()
}
