//! Permits of runs that fail and undo: who waits for one keeps its turn, and who needs none any more gives it back.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::prelude::*;
use tokio::sync::Notify;

use super::super::waits::soon;
use super::{Log, rollback_of};

/// A log, and doors at which bodies are held until a test lets them go on.
#[derive(Clone, Default)]
struct App {
    log: Log,
    works: Arc<Notify>,
    ends: Arc<Notify>,
}

#[node(undo = work(room))]
async fn take(#[state] app: &App, room: &str) -> u64 {
    app.log.note(format!("take {room}"));
    1
}

#[node]
async fn fails(_before: u64) -> Result<u64, String> {
    Err("no".to_owned())
}

/// Of which only one may run at once, be it called as a step or to undo one.
#[node(concurrency = 1)]
async fn work(#[state] app: &App, room: &str) -> u64 {
    app.log.note(format!("work {room}"));
    app.works.notified().await;
    1
}

/// Goes on after a failure elsewhere.
#[node]
async fn goes_on(#[state] app: &App) -> u64 {
    app.ends.notified().await;
    1
}

#[node]
async fn fails_at_once() -> Result<u64, String> {
    Err("no".to_owned())
}

workflow! {
    fn undone(room: String) -> u64 {
        let taken = take(room);
        fails(taken)
    }

    fn works(room: String) -> u64 { work(room) }

    fn fails_while_it_waits(room: String) -> u64 {
        let a = goes_on();
        let b = work(room);
        let c = fails_at_once();
        a + b + c
    }
}

/// Lets all go on until nothing can without something that the test does: only then does the time that stands still
/// move.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn b57_an_undo_that_waits_for_its_permit_keeps_its_turn() {
    let app = App::default();
    let engine = Engine::builder(InMemoryStore::default()).state(app.clone()).build();
    let first = works("first".to_owned()).start(&engine, "first").unwrap();
    settled().await;
    let undone = undone("second".to_owned()).start(&engine, "second").unwrap();
    settled().await;
    let third = works("third".to_owned()).start(&engine, "third").unwrap();
    settled().await;
    assert_eq!(app.log.all(), ["work first", "take second"]);

    app.works.notify_one();
    soon(first.result()).await.unwrap();
    settled().await;
    assert_eq!(app.log.all(), ["work first", "take second", "work second"]);
    app.works.notify_one();
    assert_eq!(rollback_of(soon(undone.result()).await).compensated, ["taken"]);
    app.works.notify_one();
    soon(third.result()).await.unwrap();
}

/// Its body is not to begin any more, and that of another run may.
#[tokio::test(start_paused = true)]
async fn b57_a_permit_that_comes_to_a_run_that_has_failed_goes_on_to_the_next() {
    let app = App::default();
    let engine = Engine::builder(InMemoryStore::default()).state(app.clone()).build();
    let first = works("first".to_owned()).start(&engine, "first").unwrap();
    settled().await;
    let failed = fails_while_it_waits("failed".to_owned()).start(&engine, "failed").unwrap();
    settled().await;
    let last = works("last".to_owned()).start(&engine, "last").unwrap();
    settled().await;
    assert_eq!(app.log.all(), ["work first"]);

    app.works.notify_one();
    soon(first.result()).await.unwrap();
    settled().await;
    assert_eq!(app.log.all(), ["work first", "work last"]);
    app.works.notify_one();
    soon(last.result()).await.unwrap();
    app.ends.notify_one();
    assert!(matches!(soon(failed.result()).await, Err(RunError::Failed { .. })));
    assert_eq!(app.log.all(), ["work first", "work last"]);
}
