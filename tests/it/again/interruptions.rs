//! A step that takes its process down each time it runs, and what was asked of runs that never came.

use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{Asked, StepStatus, WorkflowStatus};
use flow_runtime::{WorkflowId, WorkflowStore};

use super::{World, on_every_store, parked, soon, work};

workflow! {
    fn crashes(x: u32) -> u32 {
        let made = work(x);
        let last = work(made);
        last
    }
}

const HOUR: Duration = Duration::from_secs(3600);

async fn b42_a_step_that_was_interrupted_too_often_is_left_until_someone_says_so(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = || world.builder().max_interruptions(2).build();
    world.lab.holds(&["last"]);
    // The first attempt, and one after each of the interruptions that are allowed.
    for _ in 0..3 {
        world.with_killed(engine(), |engine| drop(crashes(1).start(engine, "run").unwrap())).await;
    }
    assert_eq!(world.lab.ran(), ["last", "last", "last", "made"]);
    for _ in 0..2 {
        let engine = engine();
        assert_eq!(parked(soon(crashes(1).run_until_parked(&engine, "run")).await.unwrap()), []);
        engine.shutdown(Duration::ZERO).await;
    }
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.asked), (WorkflowStatus::Suspended, Some(Asked::Pause)));
    let last = stored.step(stored.find("last").unwrap());
    assert_eq!((last.status, last.attempts, last.interruptions), (StepStatus::Pending, 3, 2));
    assert_eq!(world.lab.ran(), Vec::<String>::new());

    // It is tried once more for each word.
    world.engine().resume("run").await.unwrap();
    world.with_killed(engine(), |engine| drop(crashes(1).start(engine, "run").unwrap())).await;
    assert_eq!(world.lab.ran(), ["last"]);
    let engine = engine();
    let run = crashes(1).start(&engine, "run").unwrap();
    assert_eq!(parked(soon(crashes(1).run_until_parked(&engine, "run")).await.unwrap()), []);
    world.lab.holds(&[]);
    engine.resume("run").await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 3);
}

async fn b52_what_was_asked_of_a_run_that_never_comes_is_forgotten_after_a_week(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    engine.signal("never", "word", &1_u32).await.unwrap();
    world.clock.advance(100 * HOUR);
    engine.signal("never", "word", &2_u32).await.unwrap();
    engine.signal("late", "word", &3_u32).await.unwrap();
    engine.recover().await.unwrap();
    let (never, late) = (WorkflowId::new("never").unwrap(), WorkflowId::new("late").unwrap());
    let left = async |id: &WorkflowId, count: usize| {
        soon(async {
            while world.store.requests(id).await.unwrap().len() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    };
    assert_eq!(world.store.requests(&never).await.unwrap().len(), 2);
    world.clock.advance(68 * HOUR);
    left(&never, 1).await;
    assert_eq!(world.store.requests(&late).await.unwrap().len(), 1, "its week is not over");
    world.clock.advance(100 * HOUR);
    left(&never, 0).await;
    left(&late, 0).await;
    assert_eq!(world.store.asked().await.unwrap(), []);
}

on_every_store! {
    b42_a_step_that_was_interrupted_too_often_is_left_until_someone_says_so
    b52_what_was_asked_of_a_run_that_never_comes_is_forgotten_after_a_week
}
