//! A called workflow that waits, is cancelled, is in doubt, or runs again.

use std::time::Duration;

use flow_runtime::WorkflowStore;
use flow_runtime::engine::Resolution;
use flow_runtime::state::{StepStatus, WorkflowStatus};

use super::super::undo::rollback_of;
use super::super::waits::{on_every_store, parked, soon};
use super::world::{App, asked, asks, doubted, engine_of, refused_inside, stored, x};

async fn b26_b52_a_called_workflow_waits_for_a_signal(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let waits = parked(soon(asks(x()).run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!(waits[0].0, "answer.word");
    drop(engine);
    // The sender is that of the workflow that waits, and the run that of the one that was started.
    let engine = engine_of(store, &app);
    asked::signals().word.send(&engine, "run", &"yes".to_owned()).await.unwrap();
    assert_eq!(soon(asks(x()).run(&engine, "run")).await.unwrap(), "before x yes");
    assert_eq!(app.log.all().iter().filter(|line| line.starts_with("hold")).count(), 2);
}

async fn b16_b60_it_is_cancelled_and_undone_with_its_run(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    parked(soon(asks(x()).run_until_parked(&engine, "run")).await.unwrap());
    engine.cancel("run").await.unwrap();
    let rollback = rollback_of(soon(asks(x()).run(&engine, "run")).await);
    assert_eq!(rollback.compensated, ["before", "answer.held"]);
    let data = stored(&store, "run").await;
    assert_eq!((data.status, data.status_of("answer.word")), (WorkflowStatus::Cancelled, Some(StepStatus::Cancelled)));
}

async fn b48_b60_a_word_on_a_step_of_a_called_workflow_is_taken(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let _run = doubted(x()).start(&engine, "run").unwrap();
    soon(app.body_begun.notified()).await;
    soon(engine.shutdown(Duration::ZERO)).await;
    drop(engine);
    let engine = engine_of(store, &app);
    let waits = parked(soon(doubted(x()).run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!(waits[0].0, "once_inside.once");
    let error = engine.resolve("run", "once_inside.once", Resolution::done(7_u64)).await.unwrap_err();
    assert!(error.to_string().contains("String"), "{error}");
    engine.resolve("run", "once_inside.once", Resolution::done("it was done".to_owned())).await.unwrap();
    assert_eq!(soon(doubted(x()).run(&engine, "run")).await.unwrap(), "it was done");
}

async fn b70_b60_a_run_that_failed_inside_goes_on_from_there(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let rollback = rollback_of(soon(refused_inside(x()).run(&engine, "run")).await);
    assert_eq!(rollback.compensated, ["first", "held.held"]);
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(refused_inside(x()).run(&engine, "run")).await.unwrap(), "first x");
    let keys: Vec<String> = app.log.all().into_iter().filter(|line| line.starts_with("key")).collect();
    assert_eq!(
        keys.iter().collect::<std::collections::BTreeSet<_>>().len(),
        4,
        "what was undone is done anew: {keys:?}"
    );

    engine.retry_from("run", "held.held").await.unwrap();
    assert_eq!(soon(refused_inside(x()).run(&engine, "run")).await.unwrap(), "first x");
    let forked = engine.fork_from("run", "held.refuse", "fork").await;
    forked.unwrap();
    assert_eq!(soon(refused_inside(x()).run(&engine, "fork")).await.unwrap(), "first x");
    let data = stored(&store, "fork").await;
    assert!(data.step(data.find("held.held").unwrap()).copied && !data.step(data.find("held.refuse").unwrap()).copied);
}

on_every_store! {
    b26_b52_a_called_workflow_waits_for_a_signal
    b16_b60_it_is_cancelled_and_undone_with_its_run
    b48_b60_a_word_on_a_step_of_a_called_workflow_is_taken
    b70_b60_a_run_that_failed_inside_goes_on_from_there
}
