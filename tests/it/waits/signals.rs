//! Behaviours 52 to 56: a signal is used once, by a step that wants its type, whenever it was sent.

use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{FailureKind, WaitingOn, WorkflowStatus};
use flow_runtime::{AskError, WorkflowId, WorkflowStore};
use serde::{Deserialize, Serialize};

use super::{Count, HOUR, World, on_every_store, parked, soon};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Vote {
    by: String,
    weight: u64,
}

fn vote(by: &str) -> Vote {
    Vote { by: by.to_owned(), weight: u64::MAX }
}

#[node]
async fn read(#[state] count: &Count, vote: &Vote) -> String {
    count.up();
    format!("{} {}", vote.by, vote.weight == u64::MAX)
}

#[node]
async fn both(a: &Vote, b: &Vote) -> String {
    format!("{} then {}", a.by, b.by)
}

#[node]
async fn outcome(vote: Result<Vote, NodeFailure>) -> String {
    match vote {
        Ok(vote) => vote.by,
        Err(failure) => format!("{:?}: {failure}", failure.kind),
    }
}

workflow! {
    fn asks() -> String {
        let vote = wait_for::<Vote>("vote");
        read(vote)
    }

    fn asks_twice() -> String {
        let first = wait_for::<Vote>("vote");
        let second = wait_for::<Vote>("vote");
        both(first, second)
    }

    fn asks_by_name(name: String) -> String {
        let vote = wait_for::<Vote>(name);
        read(vote)
    }

    fn asks_for_an_hour() -> String {
        let vote = #[with(timeout = "1h")] wait_for::<Vote>("vote");
        read(vote)
    }

    fn asks_and_copes() -> String {
        #[catch]
        #[with(timeout = "1h")]
        let vote = wait_for::<Vote>("vote");
        outcome(vote)
    }

    fn approves() -> String {
        let word = approval("boss");
        word.to_string()
    }
}

async fn b52_a_signal_sent_while_the_run_waits_ends_the_wait(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = asks().start(&engine, "run").unwrap();
    let waits = parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    assert!(matches!(&waits[0].1, WaitingOn::Signal { name, deadline: None, .. } if name == "vote"), "{waits:?}");
    engine.signal("run", "vote", &vote("Ada")).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), "Ada true");
    assert_eq!(world.store.requests(&WorkflowId::new("run").unwrap()).await.unwrap(), [], "it is used up");
}

async fn b52_a_signal_may_come_before_the_run_and_while_nobody_is_there(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    engine.signal("early", "vote", &vote("Ada")).await.unwrap();
    assert_eq!(soon(asks().run(&engine, "early")).await.unwrap(), "Ada true");

    parked(soon(asks().run_until_parked(&engine, "late")).await.unwrap());
    engine.shutdown(Duration::ZERO).await;
    drop(engine);
    // This engine does not know the workflow: it leaves word.
    world.engine().signal("late", "vote", &vote("Bea")).await.unwrap();
    assert_eq!(world.stored("late").await.status, WorkflowStatus::Suspended);
    assert_eq!(soon(asks().run(&world.engine(), "late")).await.unwrap(), "Bea true");
}

async fn b52_the_same_signal_counts_once_and_serves_one_wait(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = asks_twice().start(&engine, "run").unwrap();
    parked(soon(asks_twice().run_until_parked(&engine, "run")).await.unwrap());
    assert!(engine.signal_once("run", "vote", "first", &vote("Ada")).await.unwrap());
    for _ in 0..3 {
        engine.signal_once("run", "vote", "first", &vote("Ada")).await.unwrap();
    }
    let waits = soon(async {
        loop {
            let waits = parked(asks_twice().run_until_parked(&engine, "run").await.unwrap());
            if waits.len() == 1 {
                break waits;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(waits.await[0].0, "second", "waiters of one name are served in the order of the plan");
    assert!(!engine.signal_once("run", "vote", "first", &vote("Ada")).await.unwrap(), "it was used");
    assert!(engine.signal_once("run", "vote", "second", &vote("Bea")).await.unwrap());
    assert_eq!(soon(run.result()).await.unwrap(), "Ada then Bea");
}

async fn b52_signals_are_taken_in_the_order_in_which_they_came(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for by in ["Ada", "Bea", "Cle"] {
        world.clock.advance(Duration::from_secs(1));
        engine.signal("run", "vote", &vote(by)).await.unwrap();
    }
    assert_eq!(soon(asks_twice().run(&engine, "run")).await.unwrap(), "Ada then Bea");
}

async fn b54_a_value_of_another_type_is_refused_at_the_sender(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = approves().start(&engine, "run").unwrap();
    parked(soon(approves().run_until_parked(&engine, "run")).await.unwrap());
    for engine in [world.engine(), engine.clone()] {
        let refused = engine.signal("run", "boss", &true).await.unwrap_err();
        let AskError::OtherType { expected, sent, .. } = &refused else { panic!("{refused}") };
        assert!(expected.ends_with("Approval") && sent == "bool", "{refused}");
    }
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Suspended, "it never counts as an approval");
    engine.signal("run", "boss", &Approval::rejected("Ada", "too dear")).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), "rejected by Ada: too dear");
}

async fn b54_a_value_of_another_type_that_came_early_never_counts(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    engine.signal("run", "boss", &"yes".to_owned()).await.unwrap();
    let run = approves().start(&engine, "run").unwrap();
    parked(soon(approves().run_until_parked(&engine, "run")).await.unwrap());
    engine.signal("run", "boss", &Approval::approved("Ada")).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), "approved by Ada");
}

async fn b54_a_value_as_json_is_checked_where_its_type_is_known(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = asks().start(&engine, "run").unwrap();
    parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    let (short, whole) = (r#"{"by":"Ada"}"#, r#" {"weight": 18446744073709551615, "by": "Ada"} "#);
    let refused = engine.signal_json("run", "vote", "s", short).await.unwrap_err();
    let AskError::Unfit { expected, reason, .. } = &refused else { panic!("{refused}") };
    assert!(expected.ends_with("Vote") && reason.starts_with("missing field `weight`"), "{refused}");
    let refused = engine.signal_json("run", "vote", "s", "{").await.unwrap_err();
    assert!(matches!(refused, AskError::NotJson { .. }), "{refused}");
    // An engine that does not know the workflow cannot tell, and who drives the run refuses the value.
    assert!(world.engine().signal_json("run", "vote", "s", short).await.unwrap());
    assert!(engine.signal_json("run", "vote", "t", whole).await.unwrap());
    assert_eq!(soon(run.result()).await.unwrap(), "Ada true");
    assert_eq!(world.stored("run").await.steps[0].signal.as_deref(), Some("t"));
    let ended = engine.signal_json("run", "vote", "u", whole).await.unwrap_err();
    assert!(matches!(ended, AskError::Ended { .. }), "{ended}");
}

async fn b52_a_value_as_json_may_come_before_its_run_and_counts_once(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    assert!(engine.signal_json("run", "boss", "s", r#"{"Approved":{"by":"Ada"}}"#).await.unwrap());
    assert!(!engine.signal_json("run", "boss", "s", "7").await.unwrap());
    assert_eq!(soon(approves().run(&engine, "run")).await.unwrap(), "approved by Ada");
    parked(soon(approves().run_until_parked(&engine, "waits")).await.unwrap());
    // Everybody knows an approval.
    let refused = world.engine().signal_json("waits", "boss", "s", r#""yes""#).await.unwrap_err();
    assert!(matches!(refused, AskError::Unfit { .. }), "{refused}");
}

async fn b55_a_wait_that_takes_too_long_fails_its_step(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = asks_for_an_hour().start(&engine, "run").unwrap();
    parked(soon(asks_for_an_hour().run_until_parked(&engine, "run")).await.unwrap());
    let caught = asks_and_copes().start(&engine, "caught").unwrap();
    parked(soon(asks_and_copes().run_until_parked(&engine, "caught")).await.unwrap());
    world.clock.advance(HOUR);
    let error = soon(run.result()).await.unwrap_err();
    assert_eq!(error.failures()[0].failure.kind, FailureKind::Timeout, "{error}");
    assert!(error.to_string().contains("no signal `vote` came within 3600s"), "{error}");
    assert!(soon(caught.result()).await.unwrap().starts_with("Timeout"));
    assert_eq!(world.count.get(), 0);
}

async fn b56_a_run_that_has_ended_takes_no_signal_and_the_sender_is_told(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    engine.signal("run", "vote", &vote("Ada")).await.unwrap();
    soon(asks().run(&engine, "run")).await.unwrap();
    let failed = asks_for_an_hour().start(&engine, "failed").unwrap();
    parked(soon(asks_for_an_hour().run_until_parked(&engine, "failed")).await.unwrap());
    world.clock.advance(HOUR);
    soon(failed.result()).await.unwrap_err();
    for (id, status) in [("run", WorkflowStatus::Completed), ("failed", WorkflowStatus::Failed)] {
        let before = world.stored(id).await;
        let told = engine.signal(id, "vote", &vote("Bea")).await.unwrap_err();
        assert!(matches!(&told, AskError::Ended { status: found, .. } if *found == status), "{told}");
        assert_eq!(world.stored(id).await, before);
    }
}

async fn a_signal_that_a_run_did_not_use_goes_with_its_end(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = asks().start(&engine, "run").unwrap();
    parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    engine.signal("run", "another", &vote("Bea")).await.unwrap();
    engine.signal("run", "vote", &vote("Ada")).await.unwrap();
    soon(run.result()).await.unwrap();
    assert_eq!(world.store.asked().await.unwrap(), []);
}

async fn names_of_signals_may_be_expressions(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for name in ["vote", "völlig anders\n", "../..", ""] {
        let run = asks_by_name(name.to_owned()).start(&engine, format!("run {}", name.len())).unwrap();
        engine.signal(run.id(), name, &vote(name)).await.unwrap();
        assert_eq!(soon(run.result()).await.unwrap(), format!("{name} true"));
    }
}

on_every_store! {
    b52_a_signal_sent_while_the_run_waits_ends_the_wait
    b52_a_signal_may_come_before_the_run_and_while_nobody_is_there
    b52_the_same_signal_counts_once_and_serves_one_wait
    b52_signals_are_taken_in_the_order_in_which_they_came
    b54_a_value_of_another_type_is_refused_at_the_sender
    b54_a_value_of_another_type_that_came_early_never_counts
    b54_a_value_as_json_is_checked_where_its_type_is_known
    b52_a_value_as_json_may_come_before_its_run_and_counts_once
    b55_a_wait_that_takes_too_long_fails_its_step
    b56_a_run_that_has_ended_takes_no_signal_and_the_sender_is_told
    a_signal_that_a_run_did_not_use_goes_with_its_end
    names_of_signals_may_be_expressions
}

#[tokio::test]
async fn a_run_without_a_record_gets_no_signals() {
    let engine = Engine::ephemeral().state(Count::default()).build();
    let error = soon(asks().run_ephemeral(&engine)).await.unwrap_err();
    assert!(error.to_string().contains("a run without a record gets no signals"), "{error}");
}
