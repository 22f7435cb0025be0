//! An output of more than 64 MiB through a stop and a resume, on every store. A GiB, or whatever is asked:
//!
//! ```text
//! FLOW_LARGE_BYTES=1073741824 cargo test --release -p flow-tests --test it large_outputs::
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use tokio::sync::Semaphore;

#[derive(Clone)]
struct App {
    made: Arc<AtomicU32>,
    /// One permit lets one attempt through.
    gate: Arc<Semaphore>,
    reached: Arc<Semaphore>,
}

#[node]
async fn make(#[state] app: &App, len: usize) -> Vec<u8> {
    app.made.fetch_add(1, Ordering::SeqCst);
    noise(len)
}

#[node]
async fn check(#[state] app: &App, bytes: &[u8]) -> usize {
    app.reached.add_permits(1);
    app.gate.acquire().await.unwrap().forget();
    assert!(bytes == noise(bytes.len()), "the bytes are not those that were made");
    bytes.len()
}

workflow! {
    fn checks(len: usize) -> usize { let made = make(len); check(made) }
    fn makes(len: usize) -> Vec<u8> { make(len) }
}

/// Bytes that cannot be compressed and are quick to make.
fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

fn len() -> usize {
    let asked = std::env::var("FLOW_LARGE_BYTES").ok();
    asked.map_or((64 << 20) + 1, |len| len.parse().expect("FLOW_LARGE_BYTES is a number of bytes"))
}

/// `open` opens the same store again once what was opened before is dropped.
async fn survives<S: WorkflowStore>(open: impl Fn() -> S) {
    let app = App { made: Arc::default(), gate: Arc::new(Semaphore::new(0)), reached: Arc::new(Semaphore::new(0)) };
    let engine = || Engine::builder(open()).state(app.clone()).max_output_bytes(len()).build();
    let first = engine();
    let run = checks(len()).start(&first, "r").unwrap();
    app.reached.acquire().await.unwrap().forget();
    first.shutdown(Duration::ZERO).await;
    assert!(matches!(run.result().await, Err(RunError::Interrupted { .. })));
    drop(first);

    let second = engine();
    app.gate.add_permits(1);
    assert_eq!(checks(len()).run(&second, "r").await.unwrap(), len());
    assert_eq!(app.made.load(Ordering::SeqCst), 1, "the output was kept");

    assert!(makes(len()).run(&second, "s").await.unwrap() == noise(len()));
    drop(second);
    let third = engine();
    assert!(makes(len()).run(&third, "s").await.unwrap() == noise(len()), "of a run that has ended");
    assert_eq!(app.made.load(Ordering::SeqCst), 2);
    third.delete(&flow_runtime::WorkflowId::new("s").unwrap()).await.unwrap();
}

#[tokio::test]
async fn b42_a_large_output_in_memory() {
    let store = InMemoryStore::default();
    survives(|| store.clone()).await;
}

#[tokio::test]
async fn b42_a_large_output_in_json_files() {
    let folder = tempfile::tempdir().unwrap();
    survives(|| JsonFileStore::open(folder.path()).unwrap()).await;
    let parts = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "part"))
    };
    assert_eq!(parts().count(), len().div_ceil(16 << 20), "those of the run that was deleted are gone");
}

#[tokio::test]
async fn b42_a_large_output_in_a_log() {
    let folder = tempfile::tempdir().unwrap();
    survives(|| FlatBuffersStore::open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn b42_a_large_output_in_a_database() {
    let folder = tempfile::tempdir().unwrap();
    survives(|| SqliteStore::open(folder.path().join("flow.db")).unwrap()).await;
}
