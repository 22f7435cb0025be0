//! Long backoffs: a run that only waits for one is parked as for a timer, and goes by the same clock.

use std::time::Duration;

use flow_runtime::engine::{Clock, Recovery};
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, Timestamp, WaitingOn, WorkflowStatus};
use flow_runtime::{WorkflowId, WorkflowStore};

use super::{Count, HOUR, World, on_every_store, parked, soon};

/// Fails at its first attempt.
#[node(retry(times = 2, backoff = "1h..1h", jitter = false))]
async fn call(#[state] count: &Count, cx: &NodeContext) -> Result<u32, String> {
    count.up();
    if cx.attempt() == 1 { Err("nobody answers".to_owned()) } else { Ok(cx.attempt()) }
}

#[node(undo = unbook)]
async fn book() -> u32 {
    1
}

#[node(retry(times = 2, backoff = "1h..1h", jitter = false))]
async fn unbook(#[state] count: &Count, _booked: &u32, cx: &NodeContext) -> Result<(), String> {
    count.up();
    if cx.attempt() == 1 { Err("nobody answers".to_owned()) } else { Ok(()) }
}

#[node]
async fn fails(_booked: &u32) -> Result<u32, String> {
    Err("sold out".to_owned())
}

#[node]
async fn tells(gone: &Result<u32, NodeFailure>) -> String {
    gone.as_ref().map_or_else(|failure| failure.message.clone(), u32::to_string)
}

#[node]
async fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[node]
async fn one(_woken: &()) -> u32 {
    1
}

workflow! {
    fn calls() -> u32 { call() }

    fn calls_two() -> u32 {
        let first = call();
        let second = #[with(retry(times = 1, backoff = "3h..3h", jitter = false))] call();
        add(first, second)
    }

    fn is_undone() -> u32 {
        let booked = book();
        fails(booked)
    }

    fn booking() -> u32 {
        let booked = book();
        fails(booked)
    }

    fn catches() -> String {
        #[catch]
        let gone = booking();
        let nap = sleep("24h");
        #[after(nap)]
        tells(gone)
    }

    fn gives_up() -> u32 {
        let called = #[with(retry(times = 1, backoff = "3h..3h", jitter = false))] call();
        let nap = sleep("1h");
        #[after(nap)]
        let woken = one(());
        let failed = fails(woken);
        add(called, failed)
    }

    fn forgets() -> String {
        #[catch]
        let gone = gives_up();
        let nap = sleep("24h");
        #[after(nap)]
        tells(gone)
    }

    fn calls_beside_a_timer() -> u32 {
        let called = call();
        let woken = sleep("2h");
        let late = one(woken);
        add(called, late)
    }
}

fn at<D: WorkflowStore + Clone>(world: &World<D>, after: Duration) -> WaitingOn {
    WaitingOn::Timer(world.clock.now() + Timestamp::try_from(after.as_nanos()).unwrap())
}

async fn b14_a_long_backoff_parks_the_run(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = calls().start(&engine, "run").unwrap();
    let waits = parked(soon(calls().run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!(waits, [("call".to_owned(), at(&world, HOUR))]);
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.status_of("call")), (WorkflowStatus::Suspended, Some(StepStatus::Pending)));
    assert_eq!(stored.waits(), waits);

    world.clock.advance(HOUR.checked_sub(Duration::from_nanos(1)).unwrap());
    assert_eq!(parked(soon(calls().run_until_parked(&engine, "run")).await.unwrap()), waits);
    assert_eq!(world.count.get(), 1);
    world.clock.advance(Duration::from_nanos(1));
    assert_eq!(soon(run.result()).await.unwrap(), 2);
    assert_eq!(world.count.get(), 2);
}

async fn b14_of_several_long_backoffs_each_ends_at_its_time(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = calls_two().start(&engine, "run").unwrap();
    let waits = parked(soon(calls_two().run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!(waits, [("first".to_owned(), at(&world, HOUR)), ("second".to_owned(), at(&world, 3 * HOUR))]);
    world.clock.advance(2 * HOUR);
    while world.stored("run").await.status_of("first") != Some(StepStatus::Completed) {
        tokio::task::yield_now().await;
    }
    let waits = parked(soon(calls_two().run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!((waits, world.count.get()), (vec![("second".to_owned(), at(&world, HOUR))], 3));
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Suspended);
    world.clock.advance(HOUR);
    assert_eq!(soon(run.result()).await.unwrap(), 4);
}

async fn b14_a_cancel_in_a_long_backoff_ends_the_run(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for (id, terminates) in [("cancelled", false), ("terminated", true)] {
        let run = calls().start(&engine, id).unwrap();
        parked(soon(calls().run_until_parked(&engine, id)).await.unwrap());
        if terminates {
            engine.terminate(id).await.unwrap();
        } else {
            engine.cancel(id).await.unwrap();
        }
        let error = soon(run.result()).await.unwrap_err();
        assert!(matches!(&error, RunError::Cancelled { .. }), "{error}");
        assert!(error.rollback().unwrap().in_doubt.is_empty());
        assert_eq!(world.stored(id).await.waits(), []);
    }
    assert_eq!(world.count.get(), 2);
}

async fn b14_a_pause_outlasts_a_long_backoff(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = calls().start(&engine, "run").unwrap();
    parked(soon(calls().run_until_parked(&engine, "run")).await.unwrap());
    engine.pause("run").await.unwrap();
    while world.stored("run").await.asked.is_none() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(2 * HOUR);
    parked(soon(calls().run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!(world.count.get(), 1);
    engine.resume("run").await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 2);
}

async fn b14_a_run_in_a_long_backoff_is_taken_up_and_woken_in_time(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    parked(soon(calls().run_until_parked(&engine, "early")).await.unwrap());
    parked(soon(calls().run_until_parked(&engine, "late")).await.unwrap());
    soon(engine.shutdown(Duration::ZERO)).await;
    drop(engine);

    let again = || {
        let engine = Engine::builder(world.store.clone()).state(world.count.clone()).clock(world.clock.clone());
        engine.register::<calls>().build()
    };
    let engine = again();
    let recovered = engine.recover().await.unwrap();
    assert!(recovered.iter().all(|run| matches!(run.what, Recovery::Parked)), "{recovered:?}");
    assert_eq!((recovered.len(), world.count.get()), (2, 2));
    world.clock.advance(HOUR);
    assert_eq!(soon(calls().run(&engine, "early")).await.unwrap(), 2);
    soon(engine.shutdown(Duration::ZERO)).await;
    drop(engine);

    let engine = again();
    let recovered = engine.recover().await.unwrap();
    assert!(recovered.iter().all(|run| matches!(run.what, Recovery::Resumed)), "{recovered:?}");
    assert_eq!(soon(calls().run(&engine, "late")).await.unwrap(), 2);
    assert_eq!(world.count.get(), 4);
}

/// Waits until the first attempt to undo this step has failed.
async fn undo_has_failed<D: WorkflowStore + Clone>(world: &World<D>, id: &str, path: &str) {
    loop {
        let stored = world.store.load(&WorkflowId::new(id).unwrap()).await;
        let step = stored.ok().and_then(|data| Some(data.step(data.find(path)?).clone()));
        if step.and_then(|step| step.undo).is_some_and(|undo| undo.failures == 1) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn b59_a_long_backoff_of_an_undo_ends_at_its_time(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = || {
        let engine = Engine::builder(world.store.clone()).state(world.count.clone()).clock(world.clock.clone());
        engine.undo_deadline(24 * HOUR).register::<is_undone>().build()
    };
    let first = engine();
    drop(is_undone().start(&first, "run").unwrap());
    soon(undo_has_failed(&world, "run", "booked")).await;
    assert_eq!(world.stored("run").await.status, WorkflowStatus::RollingBack);
    soon(first.shutdown(Duration::ZERO)).await;
    drop(first);

    let second = engine();
    second.recover().await.unwrap();
    let run = is_undone().start(&second, "run").unwrap();
    world.clock.advance(HOUR);
    let error = soon(run.result()).await.unwrap_err();
    assert!(matches!(&error, RunError::RolledBack { .. }), "{error}");
    assert_eq!(world.count.get(), 2);

    let run = is_undone().start(&second, "again").unwrap();
    soon(undo_has_failed(&world, "again", "booked")).await;
    world.clock.advance(HOUR);
    assert!(matches!(soon(run.result()).await, Err(RunError::RolledBack { .. })));

    let run = is_undone().start(&second, "terminated").unwrap();
    soon(undo_has_failed(&world, "terminated", "booked")).await;
    second.terminate("terminated").await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap_err().rollback().unwrap().left, ["booked"]);
}

async fn b60_a_run_is_not_parked_while_a_called_workflow_waits_to_be_undone(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = Engine::builder(world.store.clone()).state(world.count.clone()).clock(world.clock.clone());
    let engine = engine.undo_deadline(24 * HOUR).build();
    let run = catches().start(&engine, "run").unwrap();
    soon(undo_has_failed(&world, "run", "gone.booked")).await;
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Running);
    world.clock.advance(HOUR);
    let waits = parked(soon(catches().run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!((waits, world.count.get()), (vec![("nap".to_owned(), at(&world, 23 * HOUR))], 2));
    world.clock.advance(23 * HOUR);
    assert_eq!(soon(run.result()).await.unwrap(), "sold out");
}

async fn b14_a_long_backoff_of_what_has_failed_is_not_waited_for(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let waits = parked(soon(forgets().run_until_parked(&engine, "run")).await.unwrap());
    let nap = |hours| ("nap".to_owned(), at(&world, hours * HOUR));
    let called = ("gone.called".to_owned(), at(&world, 3 * HOUR));
    assert_eq!(waits, [nap(24), ("gone.nap".to_owned(), at(&world, HOUR)), called]);
    world.clock.advance(HOUR);
    while world.stored("run").await.status_of("gone") != Some(StepStatus::Failed) {
        tokio::task::yield_now().await;
    }
    assert_eq!(parked(soon(forgets().run_until_parked(&engine, "run")).await.unwrap()), [nap(23)]);
    world.clock.advance(23 * HOUR);
    assert_eq!(soon(forgets().run(&engine, "run")).await.unwrap(), "sold out");
    assert_eq!(world.count.get(), 1);
}

on_every_store! {
    b14_a_long_backoff_of_what_has_failed_is_not_waited_for
    b14_a_long_backoff_parks_the_run
    b14_of_several_long_backoffs_each_ends_at_its_time
    b14_a_cancel_in_a_long_backoff_ends_the_run
    b14_a_pause_outlasts_a_long_backoff
    b14_a_run_in_a_long_backoff_is_taken_up_and_woken_in_time
    b59_a_long_backoff_of_an_undo_ends_at_its_time
    b60_a_run_is_not_parked_while_a_called_workflow_waits_to_be_undone
}

/// A user's test that pauses tokio's time has no other clock in its hand.
#[tokio::test(start_paused = true)]
async fn b14_where_tokios_time_is_paused_the_clock_of_the_machine_goes_with_it() {
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).state(Count::default()).build();
    let begun = tokio::time::Instant::now();
    assert_eq!(calls_beside_a_timer().run(&engine, "run").await.unwrap(), 3);
    let took = begun.elapsed();
    assert!(took >= 2 * HOUR && took < 2 * HOUR + Duration::from_secs(1), "{took:?}");
    let stored = store.load(&WorkflowId::new("run").unwrap()).await.unwrap();
    let took_by_record = Duration::from_nanos((stored.updated_at - stored.created_at).unsigned_abs());
    assert!(took_by_record >= 2 * HOUR && took_by_record < 2 * HOUR + Duration::from_secs(1), "{took_by_record:?}");
}

#[tokio::test(start_paused = true)]
async fn b14_a_run_without_a_record_waits_for_a_long_backoff_as_well() {
    let engine = Engine::ephemeral().state(Count::default()).build();
    let begun = tokio::time::Instant::now();
    assert_eq!(calls().run_ephemeral(&engine).await.unwrap(), 2);
    assert!(begun.elapsed() >= HOUR);
}
