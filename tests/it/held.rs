//! A run is driven by one engine at a time, whatever engines share a store in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};
use tokio::sync::Notify;

/// What the step that waits has in its hands.
#[derive(Clone, Default)]
struct Gate {
    begun: Arc<Notify>,
    open: Arc<Notify>,
    is_open: Arc<AtomicBool>,
    times: Arc<AtomicU32>,
}

#[node]
async fn wait(#[state] gate: &Gate, x: u64) -> u64 {
    gate.times.fetch_add(1, Ordering::SeqCst);
    gate.begun.notify_one();
    if !gate.is_open.load(Ordering::SeqCst) {
        gate.open.notified().await;
    }
    x + 1
}

workflow! {
    fn waits(x: u64) -> u64 { wait(x) }
}

fn id() -> WorkflowId {
    WorkflowId::new("run").unwrap()
}

fn is_held(error: &RunError) -> bool {
    matches!(error, RunError::Store { source, .. } if matches!(**source, StoreError::Held { .. }))
}

async fn one_engine_at_a_time(store: impl WorkflowStore + Clone) {
    let gate = Gate::default();
    let engine = || Engine::builder(store.clone()).state(gate.clone()).build();
    let (first, second) = (engine(), engine());
    let handle = waits(1).start(&first, "run").unwrap();
    gate.begun.notified().await;

    let refused = waits(1).run(&second, "run").await.unwrap_err();
    assert!(is_held(&refused), "{refused}");
    let refused = second.delete(&id()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    assert_eq!(second.load(&id()).await.unwrap().seq, 1, "it is as it was");

    gate.open.notify_one();
    assert_eq!(handle.result().await.unwrap(), 2);
    assert_eq!(waits(1).run(&second, "run").await.unwrap(), 2, "it was given back before its end was told");
    second.delete(&id()).await.unwrap();
    assert_eq!(gate.times.load(Ordering::SeqCst), 1);
}

async fn what_was_stopped_is_free(store: impl WorkflowStore + Clone) {
    let gate = Gate::default();
    let engine = || Engine::builder(store.clone()).state(gate.clone()).build();
    let first = engine();
    let handle = waits(1).start(&first, "run").unwrap();
    gate.begun.notified().await;
    first.shutdown(Duration::ZERO).await;
    assert!(matches!(handle.result().await, Err(RunError::Interrupted { .. })));
    gate.is_open.store(true, Ordering::SeqCst);
    assert_eq!(waits(1).run(&engine(), "run").await.unwrap(), 2);
    assert_eq!(gate.times.load(Ordering::SeqCst), 2);
}

/// Drops a runtime with the engine and its run in it.
fn what_was_dropped_is_free(store: impl WorkflowStore + Clone) {
    let gate = Gate::default();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async {
        let engine = Engine::builder(store.clone()).state(gate.clone()).build();
        let handle = waits(1).start(&engine, "run").unwrap();
        gate.begun.notified().await;
        // The engine lives on in the run, which never comes to learn that it should stop.
        drop((engine, handle));
    });
    drop(first);
    gate.is_open.store(true, Ordering::SeqCst);
    let second = Engine::builder(store).state(gate.clone()).build();
    let output = runtime().block_on(async { waits(1).run(&second, "run").await });
    assert_eq!(output.unwrap(), 2);
}

macro_rules! on_every_store {
    ($($store:ident: $open:expr;)*) => { $(
        mod $store {
            use super::*;

            #[tokio::test]
            async fn b20_a_run_is_driven_by_one_engine_at_a_time() {
                let folder = tempfile::tempdir().unwrap();
                one_engine_at_a_time($open(folder.path())).await;
            }

            #[tokio::test]
            async fn b17_a_run_that_a_shutdown_stopped_is_free_for_the_next_engine() {
                let folder = tempfile::tempdir().unwrap();
                what_was_stopped_is_free($open(folder.path())).await;
            }

            #[test]
            fn b17_a_run_that_was_dropped_with_its_runtime_is_free_for_the_next_engine() {
                let folder = tempfile::tempdir().unwrap();
                what_was_dropped_is_free($open(folder.path()));
            }
        }
    )* };
}

on_every_store! {
    memory: |_: &std::path::Path| InMemoryStore::default();
    files: |folder: &std::path::Path| JsonFileStore::open(folder).unwrap();
    log: |folder: &std::path::Path| FlatBuffersStore::open(folder).unwrap();
    database: |folder: &std::path::Path| SqliteStore::open(folder.join("flow.db")).unwrap();
}
