//! What is undone, with what, and in which order.

use std::time::Duration;

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use serde::{Deserialize, Serialize};

use super::super::waits::{on_every_store, soon};
use super::{Log, World, rollback_of};

/// What an account was charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Payment {
    of: String,
    cents: u64,
}

#[node(undo = refund(order, cents, output))]
async fn charge(#[state] log: &Log, order: &str, cents: u64) -> Payment {
    log.note(format!("charge {order}"));
    Payment { of: order.to_owned(), cents }
}

#[node]
async fn refund(#[state] log: &Log, order: &str, cents: u64, payment: &Payment) {
    assert_eq!((payment.of.as_str(), payment.cents), (order, cents));
    // Whoever does not wait for this comes first.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    log.note(format!("undo charge {order} {cents}"));
}

#[node(undo = unreserve)]
async fn reserve(#[state] log: &Log, item: &str) -> String {
    log.note(format!("reserve {item}"));
    format!("reserved {item}")
}

#[node]
async fn unreserve(#[state] log: &Log, reserved: &str) {
    log.note(format!("undo {reserved}"));
}

#[node]
async fn look(#[state] log: &Log, _payment: &Payment) -> u32 {
    log.note("look");
    7
}

#[node]
async fn fails(#[state] log: &Log, _seen: &u32) -> Result<u32, String> {
    log.note("fails");
    Err("out of stock".to_owned())
}

/// What is kept beside the record, in every store that does so.
const LARGE: usize = 3 << 20;

#[node]
async fn make() -> Vec<u8> {
    vec![7; LARGE]
}

#[node(undo = unkeep(blob, output))]
async fn keep(blob: &[u8]) -> Vec<u8> {
    blob.iter().map(|byte| byte + 1).collect()
}

#[node(retry(times = 1, backoff = "1ms"))]
async fn unkeep(#[state] log: &Log, blob: &[u8], kept: &[u8], cx: &NodeContext) -> Result<(), String> {
    assert!(blob.len() == LARGE && blob.iter().all(|byte| *byte == 7));
    assert!(kept.len() == LARGE && kept.iter().all(|byte| *byte == 8));
    log.note(format!("undo keep {}", cx.attempt()));
    if cx.attempt() == 1 { Err("again".to_owned()) } else { Ok(()) }
}

#[node]
async fn note(#[state] log: &Log, what: &str) -> u32 {
    log.note(what);
    1
}

#[node]
async fn unnote(#[state] log: &Log, what: &str, count: &u32) {
    log.note(format!("undo {what} {count}"));
}

#[node(undo = turn_back(to))]
async fn turn(#[state] log: &Log, to: &str) -> u32 {
    log.note(format!("turn {to}"));
    1
}

/// Undoes, and has an undo for where it is called itself.
#[node(undo = turn_again(to))]
async fn turn_back(#[state] log: &Log, to: &str) -> u32 {
    log.note(format!("undo turn {to}"));
    2
}

#[node]
async fn turn_again(#[state] log: &Log, to: &str) {
    log.note(format!("undo turn back {to}"));
}

workflow! {
    fn one_after_another(order: String) -> u32 {
        let first = reserve("a");
        #[after(first)]
        let paid = charge(order, 30 + 12);
        let seen = look(paid);
        #[after(seen)]
        let second = reserve("b");
        #[after(second)]
        fails(seen)
    }

    fn in_regions(items: Vec<String>, deep: bool) -> u32 {
        let before = reserve("before");
        #[after(before)]
        let all = for item in items {
            let kept = reserve(item);
            #[after(kept)]
            charge(item, 1)
        };
        let inner = if deep {
            let x = reserve("inner");
            #[after(x)]
            #[id = "noted"]
            note("arm")
        } else {
            note("other")
        };
        #[after(all)]
        let seen = note("after");
        #[after(inner)]
        fails(seen)
    }

    fn used_by_the_value_of_an_arm(keeps: bool) -> u32 {
        let kept = reserve("kept");
        let given = if keeps {
            #[id = "noted"]
            note("arm");
            kept.clone()
        } else {
            let other = note("other");
            other.to_string()
        };
        let paid = charge(given, 1);
        let seen = look(paid);
        fails(seen)
    }

    fn undone_by_what_can_be_undone() -> u32 {
        let turned = turn("left");
        #[after(turned)]
        let back = turn_back("right");
        fails(back)
    }

    fn at_the_step(order: String) -> u32 {
        let before = note("before");
        #[with(undo = unnote(order, before))]
        let with_values = note("x");
        #[with(undo = unnote("literal", output))]
        #[after(with_values)]
        let with_output = note("y");
        #[after(with_output)]
        fails(before)
    }

    fn caught(order: String) -> u32 {
        #[catch]
        let r = charge(order, 5);
        #[catch]
        let failed = fails(1);
        let kept = reserve("k");
        #[after(r, failed, kept)]
        fails(2)
    }

    fn large() -> u32 {
        let blob = make();
        let kept = keep(blob);
        #[after(kept)]
        fails(1)
    }

    fn nothing_to_undo() -> u32 {
        let a = note("a");
        fails(a)
    }

    fn completes(order: String) -> Payment {
        charge(order, 5)
    }
}

async fn b57_steps_are_undone_in_reverse_with_what_they_were_given(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let error = soon(one_after_another("o1".to_owned()).run(&world.engine(), "run")).await.unwrap_err();
    assert!(matches!(error, RunError::RolledBack { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "run `run` of `one_after_another` failed: step `fails` failed at attempt 1: out of stock; undone: first, paid, second"
    );
    assert_eq!(world.log.undone(), ["reserved b", "charge o1 42", "reserved a"]);
    let rollback = error.rollback().unwrap();
    assert_eq!(
        (&*rollback.compensated, &*rollback.nothing_to_do),
        (&["first", "paid", "second"].map(String::from)[..], &["seen".to_owned()][..])
    );
    assert!(rollback.failed.is_empty() && rollback.in_doubt.is_empty() && rollback.left.is_empty());
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.status_of("paid")), (WorkflowStatus::RolledBack, Some(StepStatus::Compensated)));
    assert_eq!(stored.status_of("seen"), Some(StepStatus::Completed));

    // What is stored says the same, and nothing is done again.
    let again = soon(one_after_another("o1".to_owned()).run(&world.engine(), "run")).await.unwrap_err();
    assert!(matches!(&again, RunError::RolledBack { .. }));
    assert_eq!((again.to_string(), again.rollback()), (error.to_string(), error.rollback()));
    assert_eq!(world.log.all().len(), 8);
}

async fn b57_items_and_arms_are_undone_before_what_they_came_after(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let items = vec!["i".to_owned(), "j".to_owned()];
    let result = soon(in_regions(items, true).run(&world.engine(), "run")).await;
    let rollback = rollback_of(result);
    let undone = world.log.undone();
    let at = |what: &str| undone.iter().position(|line| line == what).unwrap_or_else(|| panic!("{what}: {undone:?}"));
    assert_eq!(undone.len(), 6, "{undone:?}");
    for item in ["i", "j"] {
        assert!(at(&format!("charge {item} 1")) < at(&format!("reserved {item}")));
        assert!(at(&format!("reserved {item}")) < at("reserved before"));
    }
    let mut compensated = rollback.compensated;
    compensated.sort();
    assert_eq!(compensated, ["all[0].charge", "all[0].kept", "all[1].charge", "all[1].kept", "before", "inner.x"]);
}

async fn b57_what_the_value_of_an_arm_is_made_of_is_undone_after_who_used_that(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let rollback = rollback_of(soon(used_by_the_value_of_an_arm(true).run(&world.engine(), "run")).await);
    assert_eq!(world.log.undone(), ["charge reserved kept 1", "reserved kept"]);
    assert_eq!(rollback.compensated, ["kept", "paid"]);
}

async fn b57_the_undo_of_a_node_that_undoes_is_not_meant(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let rollback = rollback_of(soon(undone_by_what_can_be_undone().run(&world.engine(), "run")).await);
    // The one that was called as a step is undone by its own undo, the other only undoes.
    assert_eq!(world.log.undone(), ["turn right", "turn back right", "turn left"]);
    assert_eq!(rollback.compensated, ["turned", "back"]);
}

async fn b58_what_is_kept_beside_the_record_is_there_for_an_undo_in_another_process(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = large().start(&engine, "run").unwrap();
    while world.log.all().len() < 2 {
        tokio::task::yield_now().await;
    }
    soon(engine.shutdown(Duration::ZERO)).await;
    let _ = soon(run.result()).await;
    drop(engine);
    let rollback = rollback_of(soon(large().run(&world.engine(), "run")).await);
    assert_eq!(rollback.compensated, ["kept"]);
    // The shutdown may have cut off the second attempt, or come before it.
    assert!(world.log.undone().iter().any(|line| line != "keep 1"), "{:?}", world.log.all());
}

async fn what_undoes_a_step_may_be_said_at_the_step(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let rollback = rollback_of(soon(at_the_step("o".to_owned()).run(&world.engine(), "run")).await);
    assert_eq!(world.log.undone(), ["literal 1", "o 1"]);
    assert_eq!((rollback.compensated.len(), rollback.nothing_to_do), (2, vec!["before".to_owned()]));
}

async fn b57_what_was_caught_is_undone_with_the_rest(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let rollback = rollback_of(soon(caught("o".to_owned()).run(&world.engine(), "run")).await);
    let mut undone = world.log.undone();
    undone.sort();
    assert_eq!(undone, ["charge o 5", "reserved k"]);
    assert_eq!(rollback.compensated, ["r", "kept"]);
}

async fn a_run_that_has_nothing_to_undo_failed_and_was_not_rolled_back(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let error = soon(nothing_to_undo().run(&world.engine(), "run")).await.unwrap_err();
    assert!(matches!(&error, RunError::Failed { .. }), "{error}");
    assert_eq!(rollback_of::<()>(Err(error)).nothing_to_do, ["a"]);
    assert_eq!(world.stored("run").await.status, WorkflowStatus::Failed);
}

async fn a_run_that_completes_undoes_nothing(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    soon(completes("o".to_owned()).run(&world.engine(), "run")).await.unwrap();
    assert_eq!(world.log.all(), ["charge o"]);
}

on_every_store! {
    b57_steps_are_undone_in_reverse_with_what_they_were_given
    b57_items_and_arms_are_undone_before_what_they_came_after
    b57_what_the_value_of_an_arm_is_made_of_is_undone_after_who_used_that
    b57_the_undo_of_a_node_that_undoes_is_not_meant
    b58_what_is_kept_beside_the_record_is_there_for_an_undo_in_another_process
    what_undoes_a_step_may_be_said_at_the_step
    b57_what_was_caught_is_undone_with_the_rest
    a_run_that_has_nothing_to_undo_failed_and_was_not_rolled_back
    a_run_that_completes_undoes_nothing
}

#[tokio::test]
async fn b72_a_run_without_a_record_undoes_as_well() {
    let log = Log::default();
    let engine = Engine::ephemeral().state(log.clone()).build();
    let error = soon(one_after_another("o1".to_owned()).run_ephemeral(&engine)).await.unwrap_err();
    assert!(matches!(&error, RunError::RolledBack { id: None, .. }), "{error}");
    assert_eq!(log.undone(), ["reserved b", "charge o1 42", "reserved a"]);
}

#[tokio::test]
async fn a_node_that_undoes_can_be_called_as_any_function() {
    refund(&Log::default(), "o", 3, &Payment { of: "o".to_owned(), cents: 3 }).await;
}
