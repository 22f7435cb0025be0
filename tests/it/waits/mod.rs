//! Runs that wait: for a time, for a signal, for someone to say that they go on. On every store that keeps requests.

mod backoff;
mod control;
mod recover;
mod signals;
mod timers;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use flow_runtime::engine::{Engine, Progress};
use flow_runtime::state::WaitingOn;
use flow_runtime::testing::VirtualClock;
use flow_runtime::{WorkflowData, WorkflowId, WorkflowStore};

/// How often the bodies ran.
#[derive(Clone, Default)]
pub(super) struct Count(Arc<AtomicU32>);

impl Count {
    pub(super) fn up(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A store, a clock and a count that outlive the engines of a test.
#[derive(Clone)]
pub(super) struct World<D> {
    pub(super) store: D,
    pub(super) clock: VirtualClock,
    pub(super) count: Count,
}

impl<D: WorkflowStore + Clone> World<D> {
    pub(super) fn new(store: D) -> Self {
        Self { store, clock: VirtualClock::new(), count: Count::default() }
    }

    /// An engine, as a process that begins makes it.
    pub(super) fn engine(&self) -> Engine<Count> {
        Engine::builder(self.store.clone()).state(self.count.clone()).clock(self.clock.clone()).build()
    }

    pub(super) async fn stored(&self, id: &str) -> WorkflowData {
        self.store.load(&WorkflowId::new(id).unwrap()).await.unwrap()
    }
}

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// What a run waits for.
pub(super) fn parked<T: std::fmt::Debug>(progress: Progress<T>) -> Vec<(String, WaitingOn)> {
    match progress {
        Progress::Parked(waits) => waits,
        other => panic!("it waits for nothing: {other:?}"),
    }
}

/// Fails the test instead of letting it wait for ever.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it did not come to its end")
}

/// One test for each store.
macro_rules! on_every_store {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(flow_runtime::InMemoryStore::default()).await;
            })*
        }

        mod json {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(std::sync::Arc::new(flow_runtime::JsonFileStore::open(dir.path()).unwrap())).await;
            })*
        }

        mod flat {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(std::sync::Arc::new(flow_runtime::FlatBuffersStore::open(dir.path()).unwrap())).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let store = flow_runtime::SqliteStore::open(dir.path().join("flow.db")).unwrap();
                super::$name(std::sync::Arc::new(store)).await;
            })*
        }
    };
}
pub(super) use on_every_store;
