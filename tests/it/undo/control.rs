//! Cancels and undo; and what a shutdown and a terminate do to a run that is undone.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::{WorkflowId, WorkflowStore};
use tokio::sync::Notify;

use super::super::waits::{on_every_store, parked, soon};
use super::{Log, World, rollback_of};

/// A log, and a door that an undo waits at.
#[derive(Clone, Default)]
struct App {
    log: Log,
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

impl Provide<Log> for App {
    fn provide(&self) -> &Log {
        &self.log
    }
}

#[node(undo = unbook)]
async fn book(#[state] log: &Log, what: &str) -> String {
    log.note(format!("book {what}"));
    what.to_owned()
}

#[node]
async fn unbook(#[state] log: &Log, what: &str) {
    log.note(format!("undo {what}"));
}

#[node(undo = held_undo(what))]
async fn hold_back(#[state] log: &Log, what: &str) {
    log.note(format!("book {what}"));
}

/// Undoes only when it is let.
#[node]
async fn held_undo(#[state] app: &App, what: &str) {
    app.begun.notify_one();
    app.open.notified().await;
    app.log.note(format!("undo {what}"));
}

/// Ends when it is told to.
#[node(undo = unbook)]
async fn book_until_told(#[state] app: &App, cx: &NodeContext) -> String {
    app.begun.notify_one();
    cx.cancelled().await;
    "last".to_owned()
}

#[node]
async fn fails(_what: &str) -> Result<u32, String> {
    Err("no".to_owned())
}

workflow! {
    fn waits_for_a_word() -> bool {
        let flight = book("flight");
        #[after(flight)]
        wait_for::<bool>("go")
    }

    fn has_no_output() -> u8 {
        let last = book_until_told();
        last.as_bytes()[7]
    }

    fn held() -> u32 {
        let first = book("first");
        #[after(first)]
        let second = hold_back("second");
        #[after(second)]
        fails("x")
    }
}

fn engine_of<D: WorkflowStore>(store: D, app: &App) -> Engine<App> {
    Engine::builder(store).state(app.clone()).build()
}

async fn b16_a_cancel_undoes_and_a_terminate_does_not(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = waits_for_a_word().start(&engine, "cancelled").unwrap();
    parked(soon(waits_for_a_word().run_until_parked(&engine, "cancelled")).await.unwrap());
    engine.cancel("cancelled").await.unwrap();
    let error = soon(run.result()).await.unwrap_err();
    assert!(matches!(&error, RunError::Cancelled { .. }), "{error}");
    assert_eq!(error.to_string(), "run `cancelled` of `waits_for_a_word` was cancelled; undone: flight");
    assert_eq!(world.log.undone(), ["flight"]);
    let stored = world.stored("cancelled").await;
    assert_eq!((stored.status, stored.status_of("flight")), (WorkflowStatus::Cancelled, Some(StepStatus::Compensated)));
    let again = rollback_of(soon(waits_for_a_word().run(&engine, "cancelled")).await);
    assert_eq!(Some(&again), error.rollback());

    let run = waits_for_a_word().start(&engine, "terminated").unwrap();
    parked(soon(waits_for_a_word().run_until_parked(&engine, "terminated")).await.unwrap());
    engine.terminate("terminated").await.unwrap();
    let rollback = rollback_of(soon(run.result()).await);
    assert_eq!((rollback.left, rollback.compensated.len()), (vec!["flight".to_owned()], 0));
    assert_eq!(world.log.undone(), ["flight"]);
    assert_eq!(world.stored("terminated").await.status, WorkflowStatus::Cancelled);
}

async fn b58_a_shutdown_during_a_rollback_loses_nothing(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = held().start(&engine, "run").unwrap();
    soon(app.begun.notified()).await;
    soon(engine.shutdown(Duration::ZERO)).await;
    assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));
    drop(engine);

    let id = WorkflowId::new("run").unwrap();
    assert_eq!(store.load(&id).await.unwrap().status, WorkflowStatus::RollingBack);
    let engine = engine_of(store.clone(), &app);
    let run = held().start(&engine, "run").unwrap();
    soon(app.begun.notified()).await;
    app.open.notify_one();
    let error = soon(run.result()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "run `run` of `held` failed: step `fails` failed at attempt 1: no; undone: first, second"
    );
    assert_eq!(app.log.all(), ["book first", "book second", "undo second", "undo first"]);
}

async fn b17_a_shutdown_undoes_nothing_when_the_output_cannot_be_made(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = has_no_output().start(&engine, "run").unwrap();
    soon(app.begun.notified()).await;
    soon(engine.shutdown(Duration::from_secs(60))).await;
    assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));
    drop(engine);
    let stored = store.load(&WorkflowId::new("run").unwrap()).await.unwrap();
    assert_eq!((stored.status, stored.status_of("last")), (WorkflowStatus::Running, Some(StepStatus::Completed)));
    assert_eq!(app.log.undone(), Vec::<String>::new());

    let error = soon(has_no_output().run(&engine_of(store.clone(), &app), "run")).await.unwrap_err();
    assert!(matches!(&error, RunError::RolledBack { .. }), "{error}");
    assert_eq!((&*error.failures()[0].failure.step, app.log.undone()), ("output", vec!["last".to_owned()]));
    let again = soon(has_no_output().run(&engine_of(store, &app), "run")).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
}

async fn an_undo_that_ends_within_the_grace_of_a_shutdown_is_kept(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = held().start(&engine, "run").unwrap();
    soon(app.begun.notified()).await;
    let shutdown = tokio::spawn(async move { engine.shutdown(Duration::from_secs(60)).await });
    app.open.notify_one();
    soon(shutdown).await.unwrap();
    let _ = soon(run.result()).await;
    let stored = store.load(&WorkflowId::new("run").unwrap()).await.unwrap();
    assert_eq!(stored.status_of("second"), Some(StepStatus::Compensated));
    let rollback = rollback_of(soon(held().run(&engine_of(store, &app), "run")).await);
    assert_eq!(rollback.compensated, ["first", "second"]);
    assert_eq!(app.log.all(), ["book first", "book second", "undo second", "undo first"]);
}

async fn who_terminates_a_rollback_leaves_the_rest(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = held().start(&engine, "run").unwrap();
    soon(app.begun.notified()).await;
    // A cancel changes nothing any more: the failure came first.
    engine.cancel("run").await.unwrap();
    engine.terminate("run").await.unwrap();
    let error = soon(run.result()).await.unwrap_err();
    assert!(matches!(&error, RunError::Failed { .. }), "{error}");
    assert_eq!(error.rollback().unwrap().left, ["first", "second"]);
    assert_eq!(app.log.undone(), Vec::<String>::new());
}

async fn b16_a_run_in_a_rollback_is_taken_up_again(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let _run = held().start(&engine, "run").unwrap();
    soon(app.begun.notified()).await;
    soon(engine.shutdown(Duration::ZERO)).await;
    drop(engine);

    let engine = Engine::builder(store.clone()).state(app.clone()).register::<held>().build();
    assert_eq!(engine.recover().await.unwrap().len(), 1);
    soon(app.begun.notified()).await;
    app.open.notify_one();
    assert_eq!(rollback_of(soon(held().run(&engine, "run")).await).compensated, ["first", "second"]);
}

on_every_store! {
    b16_a_cancel_undoes_and_a_terminate_does_not
    b58_a_shutdown_during_a_rollback_loses_nothing
    b17_a_shutdown_undoes_nothing_when_the_output_cannot_be_made
    an_undo_that_ends_within_the_grace_of_a_shutdown_is_kept
    who_terminates_a_rollback_leaves_the_rest
    b16_a_run_in_a_rollback_is_taken_up_again
}
