//! Cancel, terminate, pause and resume: stored, and told to who drives the run.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::testing::VirtualClock;
use flow_runtime::{AskError, WorkflowStore};
use tokio::sync::Notify;

use super::{Count, World, on_every_store, parked, soon};

/// A body that can be held, and says whether it was told to stop.
#[derive(Clone, Default)]
struct Gate {
    count: Count,
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

#[node]
async fn hold(#[state] gate: &Gate, cx: &NodeContext) -> u32 {
    gate.begun.notify_one();
    tokio::select! {
        () = gate.open.notified() => 1,
        () = cx.cancelled() => 2,
    }
}

#[node]
async fn follow(#[state] gate: &Gate, x: u32) -> u32 {
    gate.count.up() + x
}

#[node]
async fn touch(#[state] count: &Count) -> u32 {
    count.up()
}

#[node(retry(times = 1, backoff = "1ms"))]
async fn fails_once(#[state] gate: &Gate, cx: &NodeContext) -> Result<u32, String> {
    if cx.attempt() > 1 {
        return Ok(cx.attempt());
    }
    gate.begun.notify_one();
    gate.open.notified().await;
    Err("once".to_owned())
}

workflow! {
    fn tries() -> u32 {
        fails_once()
    }

    fn holds() -> u32 {
        let held = hold();
        follow(held)
    }

    fn naps() -> u32 {
        let first = touch();
        let nap = sleep("24h");
        #[after(nap, first)]
        let last = #[id = "last"] touch();
        last
    }
}

fn engine_of(store: impl WorkflowStore, gate: &Gate) -> Engine<Gate> {
    Engine::builder(store).state(gate.clone()).clock(VirtualClock::new()).build()
}

async fn a_run_that_is_cancelled_starts_nothing_more(store: impl WorkflowStore + Clone) {
    let (world, gate) = (World::new(store), Gate::default());
    let engine = engine_of(world.store.clone(), &gate);
    let run = holds().start(&engine, "run").unwrap();
    gate.begun.notified().await;
    engine.cancel("run").await.unwrap();
    assert!(matches!(soon(run.result()).await, Err(RunError::Cancelled { .. })));
    assert_eq!(gate.count.get(), 0);
    let stored = world.stored("run").await;
    assert_eq!(stored.status, WorkflowStatus::Cancelled);
    // The body that was told so came to its end, and that is kept.
    assert_eq!(stored.status_of("held"), Some(StepStatus::Completed));
    // Again, it gives what it ended with.
    assert!(matches!(soon(holds().run(&engine, "run")).await, Err(RunError::Cancelled { .. })));
}

async fn b56_a_run_that_waits_is_cancelled_at_once_and_for_good(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = naps().start(&engine, "run").unwrap();
    parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    engine.terminate("run").await.unwrap();
    assert!(matches!(soon(run.result()).await, Err(RunError::Cancelled { .. })));
    let stored = world.stored("run").await;
    assert_eq!(stored.status_of("nap"), Some(StepStatus::Cancelled));
    assert_eq!(stored.waits(), []);
    world.clock.advance(Duration::from_secs(48 * 3600));
    for engine in [engine, world.engine()] {
        let told = engine.cancel("run").await.unwrap_err();
        assert!(matches!(told, AskError::Ended { status: WorkflowStatus::Cancelled, .. }), "{told}");
        assert!(matches!(soon(naps().run(&engine, "run")).await, Err(RunError::Cancelled { .. })));
    }
    assert_eq!(world.stored("run").await, stored);
    assert_eq!(world.count.get(), 1);
}

async fn a_cancel_reaches_a_run_that_nobody_drives(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    engine.shutdown(Duration::ZERO).await;
    // Nobody knows the workflow here, so it is left for who does.
    world.engine().cancel("run").await.unwrap();
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Suspended);
    assert!(matches!(soon(naps().run(&world.engine(), "run")).await, Err(RunError::Cancelled { .. })));

    let engine = world.engine();
    parked(soon(naps().run_until_parked(&engine, "other")).await.unwrap());
    engine.shutdown(Duration::ZERO).await;
    // Here it is known, and done at once.
    let engine = Engine::builder(world.store.clone()).state(world.count.clone()).register::<naps>().build();
    engine.cancel("other").await.unwrap();
    soon(async {
        while world.stored("other").await.status != WorkflowStatus::Cancelled {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn a_run_that_is_paused_goes_on_when_it_is_resumed(store: impl WorkflowStore + Clone) {
    let (world, gate) = (World::new(store), Gate::default());
    let engine = engine_of(world.store.clone(), &gate);
    let run = holds().start(&engine, "run").unwrap();
    gate.begun.notified().await;
    engine.pause("run").await.unwrap();
    gate.open.notify_one();
    // What ran came to its end, and nothing began.
    assert_eq!(parked(soon(holds().run_until_parked(&engine, "run")).await.unwrap()), []);
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.status_of("held")), (WorkflowStatus::Suspended, Some(StepStatus::Completed)));
    engine.shutdown(Duration::ZERO).await;
    assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));

    let engine = engine_of(world.store.clone(), &gate);
    assert_eq!(parked(soon(holds().run_until_parked(&engine, "run")).await.unwrap()), []);
    assert_eq!((world.stored("run").await, gate.count.get()), (stored, 0), "it is paused for the next process too");
    engine.resume("run").await.unwrap();
    assert_eq!(soon(holds().run(&engine, "run")).await.unwrap(), 2);
}

async fn a_pause_that_ends_before_what_runs_changes_nothing(store: impl WorkflowStore + Clone) {
    let (world, gate) = (World::new(store), Gate::default());
    let engine = engine_of(world.store.clone(), &gate);
    let run = holds().start(&engine, "run").unwrap();
    gate.begun.notified().await;
    engine.pause("run").await.unwrap();
    engine.resume("run").await.unwrap();
    gate.open.notify_one();
    assert_eq!(soon(run.result()).await.unwrap(), 2);
}

async fn who_asks_something_of_no_run_is_told(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for told in [engine.cancel("none").await, engine.pause("none").await, engine.resume("none").await] {
        assert!(matches!(told, Err(AskError::Unknown { .. })), "{told:?}");
    }
    assert!(matches!(engine.cancel("a//b").await, Err(AskError::InvalidId(_))));
    assert!(matches!(engine.signal_once("run", "x", "", &1).await, Err(AskError::InvalidRequestId(_))));
    assert_eq!(world.store.asked().await.unwrap(), []);
}

async fn an_attempt_that_fails_in_a_pause_is_followed_by_another(store: impl WorkflowStore + Clone) {
    let (world, gate) = (World::new(store), Gate::default());
    let engine = engine_of(world.store.clone(), &gate);
    let run = tries().start(&engine, "run").unwrap();
    gate.begun.notified().await;
    engine.pause("run").await.unwrap();
    soon(async {
        while world.stored("run").await.asked.is_none() {
            // The pause is stored with the next that happens, or when nothing runs in the driver's own task.
            gate.open.notify_one();
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(parked(soon(tries().run_until_parked(&engine, "run")).await.unwrap()), []);
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.status_of("fails_once")), (WorkflowStatus::Suspended, Some(StepStatus::Pending)));
    engine.resume("run").await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 2);
}

on_every_store! {
    an_attempt_that_fails_in_a_pause_is_followed_by_another
    a_run_that_is_cancelled_starts_nothing_more
    b56_a_run_that_waits_is_cancelled_at_once_and_for_good
    a_cancel_reaches_a_run_that_nobody_drives
    a_run_that_is_paused_goes_on_when_it_is_resumed
    a_pause_that_ends_before_what_runs_changes_nothing
    who_asks_something_of_no_run_is_told
}
