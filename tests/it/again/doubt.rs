//! Behaviour 48: what must not happen twice is not run again until somebody says how it was.

use std::time::Duration;

use flow_runtime::engine::{Progress, Resolution};
use flow_runtime::prelude::*;
use flow_runtime::state::{Ack, CompletedBy, Delta, Event, FailureKind, StepStatus, WaitingOn, WorkflowStatus};
use flow_runtime::{AskError, WorkflowData, WorkflowId, WorkflowStore};

use super::{Lab, World, add, on_every_store, parked, soon, work};

#[node(at_most_once)]
async fn launch(#[state] lab: &Lab, cx: &NodeContext, x: u32) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(x + 1)
}

#[node]
async fn what(result: &Result<u32, NodeFailure>) -> String {
    match result {
        Ok(number) => number.to_string(),
        Err(failure) => format!("{:?}: {}", failure.kind, failure.message),
    }
}

workflow! {
    fn mission(x: u32) -> u32 {
        let made = work(x);
        let up = launch(made);
        let down = work(up);
        down
    }

    fn copes(x: u32) -> String {
        #[catch]
        let up = launch(x);
        let said = what(up);
        said
    }

    fn limited(x: u32) -> String {
        #[catch]
        #[with(timeout = "20ms")]
        let up = launch(x);
        let said = what(up);
        said
    }

    fn careful(x: u32) -> u32 {
        let up = #[with(at_most_once)] work(x);
        up
    }

    fn beside(x: u32) -> u32 {
        let up = launch(x);
        let other = work(x);
        let last = add(up, other);
        last
    }

    fn fleet(xs: Vec<u32>) -> u32 {
        let ys = for x in xs { let up = launch(x); up };
        let last = super::total(ys);
        last
    }
}

fn in_doubt<T: std::fmt::Debug>(progress: Progress<T>) -> Vec<(String, u32)> {
    let attempt = |on| match on {
        WaitingOn::Doubt(attempt) => attempt,
        other => panic!("it waits for {other:?}"),
    };
    parked(progress).into_iter().map(|(path, on)| (path, attempt(on))).collect()
}

/// A run whose process was killed while it launched.
async fn killed<D: WorkflowStore + Clone>(store: D) -> World<D> {
    let world = World::new(store);
    world.lab.holds(&["up"]);
    world.is_killed(|engine| drop(mission(1).start(engine, "run").unwrap())).await;
    assert_eq!(world.lab.ran(), ["made", "up"]);
    world.lab.holds(&[]);
    world
}

async fn b48_after_a_crash_the_run_waits_for_a_word_and_runs_it_only_then(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    for _ in 0..3 {
        let engine = world.engine();
        assert_eq!(in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap()), [("up".to_owned(), 1)]);
        engine.shutdown(Duration::ZERO).await;
    }
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.status_of("up")), (WorkflowStatus::Suspended, Some(StepStatus::Waiting)));
    assert_eq!(world.lab.ran(), Vec::<String>::new());

    // Said in a process that does not know the workflow, for who does.
    world.engine().resolve("run", "up", Resolution::NotDone).await.unwrap();
    assert_eq!(soon(mission(1).run(&world.engine(), "run")).await.unwrap(), 4);
    assert_eq!(world.lab.ran(), ["down", "up"]);
    let stored = world.stored("run").await;
    assert_eq!(stored.step(stored.find("up").unwrap()).attempts, 2);
}

async fn b48_what_is_said_to_be_done_is_done(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    let engine = world.engine();
    let run = mission(1).start(&engine, "run").unwrap();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    engine.resolve("run", "up", Resolution::done(70_u32)).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 71);
    assert_eq!(world.lab.ran(), ["down"]);
}

async fn b48_an_output_may_be_given_as_json(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    let engine = world.engine();
    let run = mission(1).start(&engine, "run").unwrap();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    // Everybody knows a `u32`, whether the workflow is known or not.
    for engine in [world.engine(), engine.clone()] {
        let refused = engine.resolve("run", "up", Resolution::done_json("-70")).await.unwrap_err();
        let AskError::Unfit { what, expected, .. } = &refused else { panic!("{refused}") };
        assert!(what == "the output of step `up`" && expected == "u32", "{refused}");
        let refused = engine.resolve("run", "up", Resolution::done_json("seventy")).await.unwrap_err();
        assert!(matches!(refused, AskError::NotJson { .. }), "{refused}");
    }
    world.engine().resolve("run", "up", Resolution::done_json("70")).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 71);
}

async fn b48_what_is_said_to_have_failed_has(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    let engine = world.engine();
    let run = mission(1).start(&engine, "run").unwrap();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    engine.resolve("run", "up", Resolution::Failed("it fell into the sea".to_owned())).await.unwrap();
    let error = soon(run.result()).await.unwrap_err();
    let failure = &error.failures()[0].failure;
    assert_eq!((failure.kind, failure.attempt, &*failure.message), (FailureKind::Error, 1, "it fell into the sea"));
    // That is known now, so it may be retried.
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(mission(1).run(&engine, "run")).await.unwrap(), 4);
    assert_eq!(world.lab.ran(), ["down", "up"]);
}

async fn b48_a_crash_of_the_second_attempt_is_in_doubt_too(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    let engine = world.engine();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    engine.shutdown(Duration::ZERO).await;
    world.engine().resolve("run", "up", Resolution::NotDone).await.unwrap();
    world.lab.holds(&["up"]);
    world.is_killed(|engine| drop(mission(1).start(engine, "run").unwrap())).await;
    world.lab.holds(&[]);
    let engine = world.engine();
    assert_eq!(in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap()), [("up".to_owned(), 2)]);
    engine.resolve("run", "up", Resolution::done(3_u32)).await.unwrap();
    assert_eq!(soon(mission(1).run(&engine, "run")).await.unwrap(), 4);
}

async fn b48_an_attempt_that_a_shutdown_or_a_time_limit_abandons_is_in_doubt(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    world.lab.holds(&["up"]);
    let engine = world.engine();
    let run = careful(1).start(&engine, "run").unwrap();
    soon(world.lab.0.begun.notified()).await;
    engine.shutdown(Duration::ZERO).await;
    assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.waits().len()), (WorkflowStatus::Suspended, 1), "it says so at once");

    let engine = world.engine();
    let waits = in_doubt(soon(limited(1).run_until_parked(&engine, "limited")).await.unwrap());
    assert_eq!(
        waits,
        [("up".to_owned(), 1)],
        "a time limit does not tell what happened, and `#[catch]` takes no doubt"
    );
    engine.resolve("limited", "up", Resolution::Failed("lost".to_owned())).await.unwrap();
    assert_eq!(soon(limited(1).run(&engine, "limited")).await.unwrap(), "Error: lost", "but it takes a failure");
}

async fn b15_b48_a_catch_takes_no_doubt(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    world.lab.holds(&["up"]);
    world.is_killed(|engine| drop(copes(1).start(engine, "run").unwrap())).await;
    world.lab.holds(&[]);
    let engine = world.engine();
    in_doubt(soon(copes(1).run_until_parked(&engine, "run")).await.unwrap());
    engine.resolve("run", "up", Resolution::done(9_u32)).await.unwrap();
    assert_eq!(soon(copes(1).run(&engine, "run")).await.unwrap(), "9");
    // What the body says itself is no doubt.
    world.lab.breaks(&["up"]);
    assert_eq!(soon(copes(1).run(&engine, "said")).await.unwrap(), "Error: broken");
}

async fn b16_b48_a_run_in_doubt_can_be_cancelled_and_a_run_that_stops_doubts_nothing(
    store: impl WorkflowStore + Clone,
) {
    let world = killed(store).await;
    let engine = world.engine();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    engine.cancel("run").await.unwrap();
    assert!(matches!(soon(mission(1).run(&engine, "run")).await, Err(RunError::Cancelled { .. })));
    assert_eq!(world.stored("run").await.status_of("up"), Some(StepStatus::Cancelled));

    // Another step fails, and the engine stops before the launch has ended: nobody will go on with it.
    world.lab.holds(&["up"]);
    world.lab.breaks(&["other"]);
    let run = beside(1).start(&engine, "failed").unwrap();
    soon(async {
        let id = WorkflowId::new("failed").unwrap();
        let is_failed = |data: WorkflowData| data.status_of("other") == Some(StepStatus::Failed);
        while !world.store.load(&id).await.is_ok_and(is_failed) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    engine.shutdown(Duration::ZERO).await;
    soon(run.result()).await.unwrap_err();
    assert_eq!(world.stored("failed").await.status_of("up"), Some(StepStatus::Cancelled));
}

async fn b48_each_item_of_a_fan_out_is_resolved_for_itself(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    world.lab.holds(&["ys[0].up", "ys[2].up"]);
    world
        .is_killed(|engine| {
            drop(fleet(vec![1, 2, 3]).start(engine, "run").unwrap());
        })
        .await;
    world.lab.holds(&[]);
    let engine = world.engine();
    let waits = in_doubt(soon(fleet(vec![1, 2, 3]).run_until_parked(&engine, "run")).await.unwrap());
    assert!(waits.len() >= 2, "{waits:?}");
    for (path, _) in &waits {
        let refused = engine.resolve("run", path, Resolution::done("a text".to_owned())).await.unwrap_err();
        assert!(matches!(refused, AskError::OtherOutput { .. }), "{refused}");
        engine.resolve("run", path, Resolution::done(10_u32)).await.unwrap();
    }
    let expected = 10 * waits.len() as u32 + if waits.len() == 3 { 0 } else { 3 };
    assert_eq!(soon(fleet(vec![1, 2, 3]).run(&engine, "run")).await.unwrap(), expected);
}

async fn b54_who_says_what_cannot_be_is_told(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    let engine = world.engine();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    let before = world.stored("run").await;
    // With the workflow and without: by its type, or by the type's name.
    for engine in [&engine, &world.engine()] {
        let refused = engine.resolve("run", "up", Resolution::done("in orbit".to_owned())).await.unwrap_err();
        let AskError::OtherOutput { expected, sent, .. } = &refused else { panic!("{refused}") };
        assert_eq!((&**expected, &**sent), ("u32", "alloc::string::String"));
        let told = engine.resolve("run", "made", Resolution::NotDone).await.unwrap_err();
        assert!(matches!(told, AskError::NotInDoubt { status: StepStatus::Completed, .. }), "{told}");
        let told = engine.resolve("run", "sideways", Resolution::NotDone).await.unwrap_err();
        assert!(matches!(told, AskError::UnknownStep { .. }), "{told}");
        assert!(matches!(engine.resolve("none", "up", Resolution::NotDone).await, Err(AskError::Unknown { .. })));
    }
    assert_eq!(world.stored("run").await, before);
    assert_eq!(world.store.asked().await.unwrap(), []);
    engine.terminate("run").await.unwrap();
    world.comes_to("run", WorkflowStatus::Cancelled).await;
    let told = engine.resolve("run", "up", Resolution::NotDone).await.unwrap_err();
    assert!(matches!(told, AskError::Ended { .. }), "{told}");
}

async fn b48_a_word_in_a_pause_counts_when_it_ends(store: impl WorkflowStore + Clone) {
    let world = killed(store).await;
    let engine = world.engine();
    let run = mission(1).start(&engine, "run").unwrap();
    in_doubt(soon(mission(1).run_until_parked(&engine, "run")).await.unwrap());
    engine.pause("run").await.unwrap();
    engine.resolve("run", "up", Resolution::NotDone).await.unwrap();
    soon(async {
        while world.stored("run").await.status_of("up") != Some(StepStatus::Pending) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.lab.ran(), Vec::<String>::new());
    engine.resume("run").await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 4);
}

on_every_store! {
    b48_after_a_crash_the_run_waits_for_a_word_and_runs_it_only_then
    b48_what_is_said_to_be_done_is_done
    b48_an_output_may_be_given_as_json
    b48_what_is_said_to_have_failed_has
    b48_a_crash_of_the_second_attempt_is_in_doubt_too
    b48_an_attempt_that_a_shutdown_or_a_time_limit_abandons_is_in_doubt
    b15_b48_a_catch_takes_no_doubt
    b16_b48_a_run_in_doubt_can_be_cancelled_and_a_run_that_stops_doubts_nothing
    b48_each_item_of_a_fan_out_is_resolved_for_itself
    b54_who_says_what_cannot_be_is_told
    b48_a_word_in_a_pause_counts_when_it_ends
}

/// The deltas of a run, as they were acknowledged.
async fn deltas(durability: Durability) -> Vec<Delta> {
    let recorder = crate::recorder::Recorder::default();
    let engine = Engine::builder(recorder.clone()).state(Lab::default()).durability(durability).build();
    soon(mission(1).run(&engine, "run")).await.unwrap();
    recorder.ledger.deltas()
}

#[tokio::test]
async fn b48_the_start_is_durable_before_the_body_in_every_mode() {
    let batched = Durability::Batched { steps: 1000, interval: Duration::from_secs(1000) };
    for durability in [Durability::Strict, batched, Durability::OnSuspend] {
        let deltas = deltas(durability).await;
        let mut starts = 0;
        for delta in &deltas {
            for event in &delta.events {
                let Event::StepStarted { step, .. } = event else { continue };
                let is_launch = step.local == 1;
                starts += u32::from(is_launch);
                assert!(!is_launch || delta.ack == Ack::Sync, "{durability:?}: {delta:?}");
            }
        }
        assert_eq!(starts, 1, "{durability:?}");
        let ends = deltas.iter().flat_map(|delta| &delta.events);
        assert!(
            ends.into_iter()
                .all(|event| { !matches!(event, Event::StepCompleted { by, .. } if *by != CompletedBy::Body) })
        );
    }
}
