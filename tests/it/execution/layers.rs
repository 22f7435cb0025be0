//! What stands around attempts: who is asked, who is told, and what a refusal does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::engine::{Admission, AttemptOutcome, EngineBuilder, Layer};
use flow_runtime::prelude::*;
use flow_runtime::state::FailureKind;

/// What the layers and the bodies noted, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn all(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What a layer does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Passes,
    /// Refuses the first attempt of each step.
    RefusesFirst,
    /// Refuses for good.
    Refuses,
    Panics,
}

struct Named {
    name: &'static str,
    does: Does,
    notes: Notes,
}

impl Layer for Named {
    fn before<'a>(&'a self, cx: &'a NodeContext) -> Admission<'a> {
        let undo = if cx.is_undo() { " undo" } else { "" };
        self.notes.note(format!("{} before {}{undo} {}", self.name, cx.node(), cx.attempt()));
        Box::pin(async move {
            tokio::task::yield_now().await;
            match self.does {
                Does::RefusesFirst if cx.attempt() == 1 => Err(NodeError::retryable("not yet")),
                Does::Refuses => Err(NodeError::permanent("never")),
                Does::Panics => panic!("a layer is broken"),
                Does::Passes | Does::RefusesFirst => Ok(()),
            }
        })
    }

    fn after(&self, cx: &NodeContext, outcome: &AttemptOutcome<'_>) {
        self.notes.note(format!("{} after {} {outcome:?}", self.name, cx.node()));
        assert_ne!(self.does, Does::Panics, "what a layer does afterwards changes nothing");
    }
}

#[node(retry(times = 1, backoff = "1ms"), undo = undo_work)]
async fn work(#[state] notes: &Notes) -> u32 {
    notes.note("work".to_owned());
    1
}

#[node]
async fn undo_work(#[state] notes: &Notes, _work: &u32) {
    notes.note("undo work".to_owned());
}

#[node(blocking)]
fn blocks(#[state] notes: &Notes) -> u32 {
    notes.note("blocks".to_owned());
    2
}

#[node(timeout = "20ms")]
async fn hangs() -> u32 {
    std::future::pending().await
}

#[node]
async fn fails(_work: &u32) -> Result<u32, NodeError> {
    Err(NodeError::permanent("no"))
}

#[node(blocking, timeout = "20ms")]
fn blocks_in_time(#[state] notes: &Notes) -> u32 {
    notes.note("blocks".to_owned());
    2
}

/// Lets attempts pass when the door is open.
struct Door {
    open: Arc<tokio::sync::Notify>,
    told: tokio::sync::mpsc::UnboundedSender<String>,
}

impl Layer for Door {
    fn before<'a>(&'a self, _: &'a NodeContext) -> Admission<'a> {
        Box::pin(async {
            self.open.notified().await;
            Ok(())
        })
    }

    fn after(&self, _: &NodeContext, outcome: &AttemptOutcome<'_>) {
        self.told.send(format!("{outcome:?}")).unwrap();
    }
}

workflow! {
    fn blocks_too_late() -> u32 { blocks_in_time() }

    fn works() -> u32 { work() }

    fn fails_then() -> u32 {
        let done = work();
        fails(done)
    }

    fn waits_in_blocks() -> u32 { blocks() }

    fn takes_too_long() -> u32 { hangs() }

    fn naps() -> () { sleep("1ms") }
}

fn engine(notes: &Notes, layers: &[(&'static str, Does)]) -> Engine<Notes> {
    let builder = Engine::builder(InMemoryStore::default()).state(notes.clone());
    let layers = layers.iter().map(|&(name, does)| Named { name, does, notes: notes.clone() });
    layers.fold(builder, EngineBuilder::layer).build()
}

#[tokio::test]
async fn layers_are_asked_from_outside_and_told_from_inside() {
    let notes = Notes::default();
    let engine = engine(&notes, &[("outer", Does::Passes), ("inner", Does::Passes)]);
    assert_eq!(works().run(&engine, "r").await.unwrap(), 1);
    let expected = [
        "outer before work 1",
        "inner before work 1",
        "work",
        "inner after work Succeeded",
        "outer after work Succeeded",
    ];
    assert_eq!(notes.all(), expected);
}

#[tokio::test]
async fn a_refused_attempt_has_failed_and_is_made_again() {
    let notes = Notes::default();
    let engine = engine(&notes, &[("outer", Does::Passes), ("inner", Does::RefusesFirst)]);
    assert_eq!(works().run(&engine, "r").await.unwrap(), 1);
    let lines = notes.all();
    assert_eq!(
        lines[..4],
        ["outer before work 1", "inner before work 1", "outer after work Refused", "outer before work 2"]
    );
    assert_eq!(lines.iter().filter(|line| *line == "work").count(), 1);
}

#[tokio::test]
async fn a_refusal_for_good_fails_the_step() {
    let notes = Notes::default();
    let error = works().run(&engine(&notes, &[("only", Does::Refuses)]), "r").await.unwrap_err();
    assert_eq!((error.failures()[0].failure.attempt, &*error.failures()[0].failure.message), (1, "never"));
    assert_eq!(notes.all(), ["only before work 1"]);
}

#[tokio::test]
async fn b12_a_panic_in_a_layer_is_a_failure_of_the_attempt() {
    let notes = Notes::default();
    let error = works().run(&engine(&notes, &[("outer", Does::Passes), ("bad", Does::Panics)]), "r").await.unwrap_err();
    assert_eq!(error.failures()[0].failure.kind, FailureKind::Panic);
    assert_eq!(error.failures()[0].failure.message, "a layer is broken");
    assert!(notes.all().contains(&"outer after work Refused".to_owned()));
}

#[tokio::test]
async fn failures_and_undos_pass_the_layers_too() {
    let notes = Notes::default();
    let error = fails_then().run(&engine(&notes, &[("l", Does::Passes)]), "r").await.unwrap_err();
    assert!(matches!(error, RunError::RolledBack { .. }));
    let lines = notes.all();
    let failed = "l after fails Failed { kind: Error, message: \"no\", permanent: true }";
    assert!(lines.contains(&failed.to_owned()), "{lines:?}");
    assert_eq!(lines[lines.len() - 3..], ["l before undo_work undo 1", "undo work", "l after undo_work Succeeded"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_blocks_passes_layers_that_wait() {
    let notes = Notes::default();
    assert_eq!(waits_in_blocks().run(&engine(&notes, &[("l", Does::Passes)]), "r").await.unwrap(), 2);
    assert_eq!(notes.all(), ["l before blocks 1", "blocks", "l after blocks Succeeded"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_a_blocking_body_whose_time_was_up_before_it_was_let_pass_does_not_begin() {
    let (notes, open) = (Notes::default(), Arc::new(tokio::sync::Notify::new()));
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let door = Door { open: open.clone(), told };
    let engine = Engine::builder(InMemoryStore::default()).state(notes.clone()).layer(door).build();
    let error = blocks_too_late().run(&engine, "r").await.unwrap_err();
    assert_eq!(error.failures()[0].failure.kind, FailureKind::Timeout);
    open.notify_one();
    assert_eq!(hears.recv().await.unwrap(), "Abandoned");
    assert_eq!(notes.all(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_abandoned_is_told() {
    let notes = Notes::default();
    let engine = engine(&notes, &[("l", Does::Passes)]);
    assert!(takes_too_long().run(&engine, "r").await.is_err());
    // The task of an attempt goes after the driver has let go of it.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(notes.all(), ["l before hangs 1", "l after hangs Abandoned"]);
}

#[tokio::test]
async fn a_wait_is_no_attempt() {
    let notes = Notes::default();
    naps().run(&engine(&notes, &[("l", Does::Refuses)]), "r").await.unwrap();
    assert_eq!(notes.all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_run_without_a_record_passes_them_as_well() {
    let notes = Notes::default();
    let layer = Named { name: "l", does: Does::Passes, notes: notes.clone() };
    let engine = Engine::ephemeral().state(notes.clone()).layer(layer).undo_deadline(Duration::from_secs(1)).build();
    assert_eq!(works().run_ephemeral(&engine).await.unwrap(), 1);
    assert_eq!(notes.all(), ["l before work 1", "work", "l after work Succeeded"]);
}
