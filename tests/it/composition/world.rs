//! Workflows that call others, with bodies and undos that end when a test lets them.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::engine::tree::Workflow;
use flow_runtime::prelude::*;
use flow_runtime::{RunHandle, WorkflowData, WorkflowId, WorkflowStore};
use tokio::sync::Notify;

use super::super::undo::Log;
use super::super::waits::soon;

/// A log, and two doors: one at which an undo waits, one at which a body does.
#[derive(Clone, Default)]
pub(super) struct App {
    pub(super) log: Log,
    pub(super) undo_begun: Arc<Notify>,
    pub(super) undo_may_end: Arc<Notify>,
    pub(super) body_begun: Arc<Notify>,
    pub(super) body_may_end: Arc<Notify>,
}

impl Provide<Log> for App {
    fn provide(&self) -> &Log {
        &self.log
    }
}

#[node(undo = release)]
async fn hold(#[state] log: &Log, what: &str, cx: &NodeContext) -> String {
    log.note(format!("hold {what}"));
    log.note(format!("key {}", cx.idempotency_key()));
    what.to_owned()
}

#[node]
async fn release(#[state] log: &Log, held: &str) {
    log.note(format!("undo {held}"));
}

/// Its undo ends when it is let, and not at its first attempt.
#[node(undo = slow_release)]
async fn hold_on(#[state] log: &Log, what: &str) -> String {
    log.note(format!("hold {what}"));
    what.to_owned()
}

#[node(retry(times = 3, backoff = "1ms..2ms"))]
async fn slow_release(#[state] app: &App, held: &str, cx: &NodeContext) -> Result<(), String> {
    app.undo_begun.notify_one();
    app.undo_may_end.notified().await;
    if cx.is_cancelled() {
        // A thread may have been held up in the middle of this body when its process ended; the word is for the next one.
        app.undo_may_end.notify_one();
        std::future::pending::<()>().await;
    }
    if cx.attempt() == 1 {
        return Err("not yet".to_owned());
    }
    app.log.note(format!("undo {held}"));
    Ok(())
}

#[node(undo = never_release)]
async fn hold_for_good(#[state] log: &Log, what: &str) -> String {
    log.note(format!("hold {what}"));
    what.to_owned()
}

#[node]
async fn never_release(_held: &str) -> Result<(), String> {
    Err("it stays".to_owned())
}

/// Ends when it is let.
#[node(undo = release)]
async fn hold_when_let(#[state] app: &App, what: &str) -> String {
    app.body_begun.notify_one();
    app.body_may_end.notified().await;
    app.log.note(format!("hold {what}"));
    what.to_owned()
}

#[node(at_most_once)]
async fn once(#[state] app: &App, what: &str) -> String {
    app.body_begun.notify_one();
    app.body_may_end.notified().await;
    what.to_owned()
}

#[node]
async fn refuse(#[state] log: &Log, held: &str) -> Result<String, String> {
    let times = log.all().iter().filter(|line| *line == "refuse").count();
    log.note("refuse");
    if times < 1 { Err(format!("{held} is refused")) } else { Ok(held.to_owned()) }
}

#[node]
async fn always_refuse(held: &str) -> Result<String, String> {
    Err(format!("{held} is refused"))
}

#[node]
async fn told(#[state] log: &Log, result: &Result<String, NodeFailure>) -> String {
    let told = result.as_ref().map_or_else(|failure| failure.message.clone(), String::clone);
    log.note(format!("tell {told}"));
    told
}

#[node]
async fn count(all: &[Result<String, NodeFailure>]) -> usize {
    all.len()
}

/// Its undo ends when it is told to, and has not undone anything then.
#[node(undo = release_until_told)]
async fn hold_until_told() -> String {
    "told".to_owned()
}

#[node]
async fn release_until_told(#[state] app: &App, _held: &str, cx: &NodeContext) -> Result<(), String> {
    app.undo_begun.notify_one();
    cx.cancelled().await;
    Err("it was told to stop".to_owned())
}

#[node(undo = release_in_an_hour, timeout = "1s")]
async fn hold_within_a_second(what: &str) -> String {
    what.to_owned()
}

#[node]
async fn release_in_an_hour(#[state] log: &Log, held: &str) {
    tokio::time::sleep(Duration::from_secs(1800)).await;
    log.note(format!("undo {held}"));
}

#[node]
async fn blob_of(len: usize) -> Vec<u8> {
    // Bytes that cannot be compressed, so that stores with a limit keep them beside the record.
    let next =
        |noise: &u64| Some(noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(7), next).map(|noise: u64| (noise >> 56) as u8).take(len).collect()
}

#[node(undo = release_blob(blob))]
async fn hold_blob(#[state] log: &Log, blob: &[u8]) -> String {
    log.note(format!("hold {}", blob.len()));
    "blob".to_owned()
}

#[node]
async fn release_blob(#[state] log: &Log, blob: &[u8]) {
    log.note(format!("undo {}", blob.len()));
}

#[node]
async fn joined(a: &str, b: &str) -> String {
    format!("{a} {b}")
}

workflow! {
    pub(super) fn asked(what: String) -> String {
        let held = hold(what);
        let word = wait_for::<String>("word");
        joined(held, word)
    }

    /// It waits two workflows deep.
    pub(super) fn asks(what: String) -> String {
        let before = hold("before");
        let answer = asked(what);
        joined(before, answer)
    }

    pub(super) fn held_on(what: String) -> String {
        let first = hold(what);
        let second = hold_on(first);
        always_refuse(second)
    }

    pub(super) fn undone_slowly(what: String) -> String {
        let beside = wait_for::<String>("beside");
        #[catch]
        let result = held_on(what);
        let said = told(result);
        joined(said, beside)
    }

    /// The run fails while the called workflow is undone.
    pub(super) fn fails_meanwhile(what: String) -> String {
        #[catch]
        let result = held_on(what);
        let said = told(result);
        let word = wait_for::<String>("fail");
        let bad = always_refuse(word);
        joined(said, bad)
    }

    pub(super) fn kept(what: String) -> String {
        let first = hold(what);
        let second = hold_for_good(first);
        always_refuse(second)
    }

    pub(super) fn keeps(what: String) -> String {
        #[catch]
        let result = kept(what);
        told(result)
    }

    pub(super) fn in_flight(what: String) -> String {
        let slow = hold_when_let(what);
        let more = hold(slow);
        let bad = always_refuse("it");
        joined(more, bad)
    }

    pub(super) fn catches_in_flight(what: String) -> String {
        #[catch]
        let result = in_flight(what);
        told(result)
    }

    /// The run fails while the called workflow is undone and a body is still at work.
    pub(super) fn fails_with_work(what: String) -> String {
        #[catch]
        let result = held_on(what);
        let said = told(result);
        let work = hold_when_let("work");
        let word = wait_for::<String>("fail");
        let bad = always_refuse(word);
        let both = joined(said, work);
        joined(both, bad)
    }

    /// What fails stands beside a wait, and both in an item whose failure is caught.
    pub(super) fn waits_beside(names: Vec<String>) -> usize {
        #[catch]
        let all = for name in names {
            let word = wait_for::<String>("never");
            let result = held_on(name);
            joined(word, result)
        };
        count(all)
    }

    pub(super) fn until_told_inside() -> String {
        let held = hold_until_told();
        always_refuse(held)
    }

    pub(super) fn told_of_a_shutdown() -> String {
        #[catch]
        let result = until_told_inside();
        told(result)
    }

    pub(super) fn slow_inside(what: String) -> String {
        let held = hold_within_a_second(what);
        always_refuse(held)
    }

    pub(super) fn undone_for_long(what: String) -> String {
        #[catch]
        let result = slow_inside(what);
        told(result)
    }

    /// What is held is made of what is kept beside the record.
    pub(super) fn large_inside(blob: Vec<u8>) -> String {
        let held = hold_blob(blob);
        let more = hold_on(held);
        always_refuse(more)
    }

    pub(super) fn undoes_large(len: usize) -> String {
        let blob = blob_of(len);
        #[catch]
        let result = large_inside(blob);
        told(result)
    }

    /// As `undoes_large`, and nothing catches the failure.
    pub(super) fn loses_large(len: usize) -> String {
        let blob = blob_of(len);
        large_inside(blob)
    }

    /// A run that waits for something else when what waited in it is cancelled.
    pub(super) fn waits_beside_and_after(names: Vec<String>) -> usize {
        let done = waits_beside(names);
        let word = wait_for::<usize>("later");
        done + word
    }

    pub(super) fn once_inside(what: String) -> String { once(what) }

    pub(super) fn doubted(what: String) -> String { once_inside(what) }

    pub(super) fn refused(what: String) -> String {
        let held = hold(what);
        refuse(held)
    }

    pub(super) fn refused_inside(what: String) -> String {
        let first = hold("first");
        #[after(first)]
        let held = refused(what);
        joined(first, held)
    }
}

pub(super) fn engine_of<D: WorkflowStore>(store: D, app: &App) -> Engine<App> {
    Engine::builder(store).state(app.clone()).build()
}

pub(super) async fn stored(store: &impl WorkflowStore, id: &str) -> WorkflowData {
    store.load(&WorkflowId::new(id).unwrap()).await.unwrap()
}

pub(super) fn x() -> String {
    "x".to_owned()
}

/// Waits until the stored record of the run is so.
pub(super) async fn until(store: &impl WorkflowStore, is_so: impl Fn(&WorkflowData) -> bool) {
    soon(async {
        while !is_so(&stored(store, "run").await) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The process of a run ends, and with it what runs.
pub(super) async fn cut_off<W: Workflow>(engine: Engine<App>, run: RunHandle<W>) -> Result<W::Output, RunError> {
    soon(engine.shutdown(Duration::ZERO)).await;
    soon(run.result()).await
}
