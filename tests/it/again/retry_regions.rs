//! Behaviour 18 where steps stand in arms and in items: what a head decided stays, unless the head itself runs again.

use std::time::Duration;

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};

use super::{World, add, on_every_store, read, soon, total, work};

workflow! {
    fn prints(xs: Vec<u32>) -> u32 {
        let ys = for x in xs {
            let made = work(x);
            let printed = work(made);
            printed
        };
        let sum = total(ys);
        sum
    }

    fn counts() -> u32 {
        let count = read();
        let list = listed(count);
        let ys = for x in list { let made = work(x); made };
        let sum = total(ys);
        sum
    }

    fn routes() -> u32 {
        let way = read();
        let beside = work(10);
        let taken = match way {
            0 => { let slow = work(beside); slow }
            _ => { let fast = work(beside); let sure = work(fast); sure }
        };
        let last = add(taken, way);
        last
    }

    fn copes(xs: Vec<u32>) -> u32 {
        let k = read();
        #[catch]
        let ys = for x in xs {
            let made = work(x);
            let sum = add(made, k);
            sum
        };
        let good = fine(ys);
        let last = work(good);
        last
    }
}

#[node]
async fn listed(count: u32) -> Vec<u32> {
    (0..count).collect()
}

#[node]
async fn fine(all: &[Result<u32, NodeFailure>]) -> u32 {
    all.iter().flatten().sum()
}

async fn b18_of_a_fan_out_only_the_items_that_failed_run_again(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["ys[1].printed"]);
    let xs = vec![1, 2, 3];
    soon(prints(xs.clone()).run(&engine, "run")).await.unwrap_err();
    world.lab.ran();
    // Another process goes on, from what is stored.
    engine.shutdown(Duration::ZERO).await;
    let engine = world.engine();
    let before = world.stored("run").await;
    let left = |path: &str| before.status_of(path) != Some(StepStatus::Completed);
    let expected: Vec<String> = ["sum", "ys[0].made", "ys[0].printed", "ys[1].printed", "ys[2].made", "ys[2].printed"]
        .iter()
        .filter(|path| left(path))
        .map(ToString::to_string)
        .collect();
    world.lab.breaks(&[]);
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(prints(xs.clone()).run(&engine, "run")).await.unwrap(), 12);
    assert_eq!(world.lab.ran(), expected);

    engine.retry_from("run", "ys[2].printed").await.unwrap();
    assert_eq!(soon(prints(xs.clone()).run(&engine, "run")).await.unwrap(), 12);
    assert_eq!(world.lab.ran(), ["sum", "ys[2].printed"]);
    engine.retry_from("run", "ys").await.unwrap();
    assert_eq!(soon(prints(xs.clone()).run(&engine, "run")).await.unwrap(), 12);
    assert_eq!(world.lab.ran().len(), 7);
    assert_eq!(world.stored("run").await.instances.len(), 4, "what ran before is not there any more");
}

async fn b18_b24_a_head_that_runs_again_decides_anew(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for (count, expected) in [(3, 6), (0, 0), (2, 3), (5, 15)] {
        world.lab.gives(count);
        match world.store.load(&flow_runtime::WorkflowId::new("run").unwrap()).await {
            Ok(_) => engine.retry_from("run", "count").await.unwrap(),
            Err(_) => assert_eq!(count, 3),
        }
        assert_eq!(soon(counts().run(&engine, "run")).await.unwrap(), expected);
        let stored = world.stored("run").await;
        assert_eq!(stored.instances.len() as u32, 1 + count);
        // As a new process finds it.
        assert_eq!(soon(counts().run(&world.engine(), "run")).await.unwrap(), expected);
    }
}

async fn b18_b70_another_arm_may_be_taken_and_the_same_steps_have_other_keys(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    assert_eq!(soon(routes().run(&engine, "run")).await.unwrap(), 12);
    let mut keys = std::collections::BTreeSet::new();
    keys.extend(world.lab.ran_under());
    world.lab.gives(7);
    engine.retry_from("run", "way").await.unwrap();
    assert_eq!(soon(routes().run(&engine, "run")).await.unwrap(), 20);
    let again = world.lab.ran_under();
    assert_eq!(
        again.iter().map(|(step, _)| step.as_str()).collect::<Vec<_>>(),
        ["last", "taken.fast", "taken.sure", "way"]
    );
    assert!(again.into_iter().all(|run| keys.insert(run)));
    let stored = world.stored("run").await;
    assert_eq!(stored.status_of("taken.slow"), Some(StepStatus::Bypassed));
    // The arm alone, with its head.
    engine.retry_from("run", "taken").await.unwrap();
    assert_eq!(soon(routes().run(&engine, "run")).await.unwrap(), 20);
    let again = world.lab.ran_under();
    assert_eq!(again.len(), 3);
    assert!(again.into_iter().all(|run| keys.insert(run)), "children inherit that their head runs once more");
    // One step of the arm: the head stays.
    engine.retry_from("run", "taken.sure").await.unwrap();
    assert_eq!(soon(routes().run(&engine, "run")).await.unwrap(), 20);
    let again = world.lab.ran_under();
    assert_eq!(again.len(), 2);
    assert!(again.into_iter().all(|run| keys.insert(run)));
}

async fn b15_b18_a_failure_that_was_caught_stays_a_value_until_something_beside_it_runs_again(
    store: impl WorkflowStore + Clone,
) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["ys[1].made", "last"]);
    let xs = vec![1, 2, 3];
    soon(copes(xs.clone()).run(&engine, "run")).await.unwrap_err();
    world.lab.breaks(&[]);
    world.lab.ran();
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(copes(xs.clone()).run(&engine, "run")).await.unwrap(), 7, "the second item is left out");
    assert_eq!(world.lab.ran(), ["last"]);
    // All items use it, so that item too has something to run again, and what failed in it stands in the way.
    world.lab.gives(10);
    engine.retry_from("run", "k").await.unwrap();
    assert_eq!(soon(copes(xs.clone()).run(&engine, "run")).await.unwrap(), 40);
    assert_eq!(world.lab.ran(), ["k", "last", "ys[0].sum", "ys[1].made", "ys[1].sum", "ys[2].sum"]);
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Completed);
}

async fn b18_b42_a_crash_after_a_reset_goes_on_from_there(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let xs = vec![1, 2, 3];
    assert_eq!(soon(prints(xs.clone()).run(&engine, "run")).await.unwrap(), 12);
    engine.shutdown(Duration::ZERO).await;
    world.lab.ran();
    world.lab.holds(&["ys[1].printed"]);
    world.engine().retry_from("run", "ys[1].made").await.unwrap();
    let input = xs.clone();
    world.is_killed(move |engine| drop(prints(input).start(engine, "run").unwrap())).await;
    let killed = world.lab.ran_under();
    world.lab.holds(&[]);
    assert_eq!(soon(prints(xs).run(&world.engine(), "run")).await.unwrap(), 12);
    let after = world.lab.ran_under();
    let steps = |ran: &[(String, String)]| ran.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>();
    assert_eq!(steps(&killed), ["ys[1].made", "ys[1].printed"]);
    assert_eq!(steps(&after), ["sum", "ys[1].printed"]);
    assert_eq!(after[1], killed[1], "b43: it runs again under the same key");
}

/// What was committed of a retry before a crash at any point is not done again, and the end is the same.
#[tokio::test]
async fn b18_b42_a_retry_that_is_cut_off_after_any_commit_comes_to_the_same_end() {
    use crate::recorder::Recorder;
    let world = World::new(Recorder::default());
    let engine = world.engine();
    let xs = vec![1, 2, 3];
    world.lab.breaks(&["ys[1].made", "last"]);
    soon(copes(xs.clone()).run(&engine, "run")).await.unwrap_err();
    world.lab.breaks(&[]);
    let before = world.store.ledger.snapshots().len();
    world.lab.gives(10);
    engine.retry_from("run", "k").await.unwrap();
    assert_eq!(soon(copes(xs.clone()).run(&engine, "run")).await.unwrap(), 40);
    let snapshots = world.store.ledger.snapshots();
    assert!(snapshots.len() > before + 4);
    for snapshot in &snapshots[before..] {
        let cut_off = World { store: Recorder::holding(snapshot).await, ..World::new(Recorder::default()) };
        cut_off.lab.gives(10);
        assert_eq!(soon(copes(xs.clone()).run(&cut_off.engine(), "run")).await.unwrap(), 40);
        for step in cut_off.lab.ran() {
            assert_ne!(snapshot.status_of(&step), Some(StepStatus::Completed), "`{step}` has run twice");
        }
        let end = cut_off.stored("run").await;
        for (was, is) in snapshots[snapshots.len() - 1].steps.iter().zip(&end.steps) {
            assert_eq!((was.status, &was.output, was.resets), (is.status, &is.output, is.resets));
        }
    }
}

on_every_store! {
    b18_of_a_fan_out_only_the_items_that_failed_run_again
    b18_b24_a_head_that_runs_again_decides_anew
    b18_b70_another_arm_may_be_taken_and_the_same_steps_have_other_keys
    b15_b18_a_failure_that_was_caught_stays_a_value_until_something_beside_it_runs_again
    b18_b42_a_crash_after_a_reset_goes_on_from_there
}
