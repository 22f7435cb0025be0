//! Behaviours 50 and 51: a run that only waits is on disk, and its timers go by the clock of the records.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flow_runtime::engine::Clock;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WaitingOn, WorkflowStatus};
use flow_runtime::{WorkflowStore, engine::Progress};

use super::{Count, HOUR, World, on_every_store, parked, soon};

#[node]
async fn touch(#[state] count: &Count) -> u32 {
    count.up()
}

#[node]
async fn sum(a: u32, b: u32) -> u32 {
    a + b
}

/// Ends when another step has begun after it.
#[node]
async fn holds(#[state] count: &Count) -> u32 {
    count.up();
    while count.get() < 2 {
        tokio::task::yield_now().await;
    }
    0
}

workflow! {
    fn naps_beside_a_body() -> u32 {
        let nap = sleep("24h");
        #[after(nap)]
        let late = touch();
        let held = holds();
        sum(held, late)
    }

    fn naps() -> u32 {
        let beside = touch();
        let nap = sleep("24h");
        #[after(nap)]
        let late = #[id = "late"] touch();
        sum(beside, late)
    }

    fn until(due: SystemTime) -> u32 {
        let nap = sleep_until(due);
        #[after(nap)]
        touch()
    }

    fn lengths(length: Duration) -> u32 {
        let nap = sleep(length);
        #[after(nap)]
        touch()
    }

    fn each(lengths: Vec<Duration>) -> u32 {
        let naps = for length in lengths { sleep(length) };
        #[after(naps)]
        touch()
    }
}

async fn b51_a_body_that_runs_alone_does_not_hold_up_a_timer(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = naps_beside_a_body().start(&engine, "run").unwrap();
    while world.count.get() == 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(24 * HOUR);
    assert_eq!(soon(run.result()).await.unwrap(), 2);
}

async fn b50_a_run_that_only_waits_is_on_disk_and_is_driven_again_to_no_effect(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let waits = parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    let due = world.clock.now() + 24 * 3600 * 1_000_000_000;
    assert_eq!(waits, [("nap".to_owned(), WaitingOn::Timer(due))]);

    let stored = world.stored("run").await;
    assert_eq!(stored.status, WorkflowStatus::Suspended);
    assert_eq!(stored.status_of("beside"), Some(StepStatus::Completed), "what does not wait came to its end first");
    assert_eq!(stored.status_of("nap"), Some(StepStatus::Waiting));
    parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    engine.shutdown(Duration::ZERO).await;
    for _ in 0..3 {
        // As a new process does.
        let engine = world.engine();
        parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
        engine.shutdown(Duration::ZERO).await;
        assert_eq!(world.stored("run").await, stored);
    }
    assert_eq!(world.count.get(), 1);
}

async fn b51_a_timer_ends_at_its_time_and_not_before(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = naps().start(&engine, "run").unwrap();
    parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    let almost = Duration::from_nanos(24 * 3600 * 1_000_000_000 - 1);
    let other = lengths(almost).start(&engine, "other").unwrap();
    parked(soon(lengths(almost).run_until_parked(&engine, "other")).await.unwrap());
    world.clock.advance(almost);
    // When the other is woken, whoever wakes has seen that for this one it is too early.
    assert_eq!(soon(other.result()).await.unwrap(), 2);
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Suspended);
    world.clock.advance(Duration::from_nanos(1));
    assert_eq!(soon(run.result()).await.unwrap(), 1 + 3);
}

async fn b51_a_timer_is_not_moved_by_restarts_nor_by_a_clock_that_jumps(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let begin = world.clock.now();
    let engine = world.engine();
    let waits = parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    for hours in [5, -100, 23] {
        engine.shutdown(Duration::ZERO).await;
        world.clock.set(begin + hours * 3600 * 1_000_000_000);
        let engine = world.engine();
        assert_eq!(parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap()), waits, "{hours}");
        engine.shutdown(Duration::ZERO).await;
    }
    // It is over when nobody is there, and ends as soon as someone is.
    world.clock.set(begin + 1000 * 3600 * 1_000_000_000);
    assert_eq!(soon(naps().run(&world.engine(), "run")).await.unwrap(), 3);
}

async fn b51_what_is_over_or_never_comes_saturates(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    assert_eq!(soon(lengths(Duration::ZERO).run(&engine, "zero")).await.unwrap(), 1);
    for (at, due) in
        [UNIX_EPOCH, UNIX_EPOCH + HOUR, UNIX_EPOCH + Duration::from_nanos(world.clock.now().unsigned_abs())]
            .into_iter()
            .enumerate()
    {
        assert_eq!(soon(until(due).run(&engine, format!("past {at}"))).await.unwrap(), 2 + at as u32);
    }
    let waits = parked(soon(lengths(Duration::MAX).run_until_parked(&engine, "for ever")).await.unwrap());
    assert_eq!(waits[0].1, WaitingOn::Timer(i64::MAX));
    let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
    let waits = parked(soon(until(far).run_until_parked(&engine, "far")).await.unwrap());
    assert_eq!(waits[0].1, WaitingOn::Timer(i64::MAX));
    world.clock.advance(1_000_000 * HOUR);
    assert!(matches!(soon(until(far).run_until_parked(&engine, "far")).await.unwrap(), Progress::Parked(_)));
}

async fn b50_timers_in_a_fan_out_end_one_by_one(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let lengths: Vec<Duration> = (1..=5).map(|hours| hours * HOUR).collect();
    let run = each(lengths.clone()).start(&engine, "run").unwrap();
    for left in (1..=5).rev() {
        // Each time it is woken it parks again with one fewer.
        let waits = soon(async {
            loop {
                let waits = parked(each(lengths.clone()).run_until_parked(&engine, "run").await.unwrap());
                if waits.len() == left {
                    break waits;
                }
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(waits.await.len(), left);
        world.clock.advance(HOUR);
    }
    assert_eq!(soon(run.result()).await.unwrap(), 1);
}

on_every_store! {
    b51_a_body_that_runs_alone_does_not_hold_up_a_timer
    b50_a_run_that_only_waits_is_on_disk_and_is_driven_again_to_no_effect
    b51_a_timer_ends_at_its_time_and_not_before
    b51_a_timer_is_not_moved_by_restarts_nor_by_a_clock_that_jumps
    b51_what_is_over_or_never_comes_saturates
    b50_timers_in_a_fan_out_end_one_by_one
}

#[tokio::test]
async fn b51_a_run_without_a_record_waits_too() {
    let engine = Engine::ephemeral().state(Count::default()).build();
    assert_eq!(soon(lengths(Duration::from_millis(20)).run_ephemeral(&engine)).await.unwrap(), 1);
}
