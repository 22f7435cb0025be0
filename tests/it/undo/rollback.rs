//! Undos that fail, hang, panic, or are told to stop; and keys, attempts and data as an undo sees them.

use std::time::Duration;

use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::prelude::*;
use flow_runtime::state::{BoxError, FailureKind, WorkflowStatus};
use flow_runtime::testing::Graph;
use flow_runtime::{WorkflowId, WorkflowStore};

use super::super::waits::soon;
use super::{Log, rollback_of};

/// A graph of `done`, which `undo` undoes, and a step behind it that fails.
fn undone_by<F>(policy: Policy, undo: F) -> Graph<u64>
where
    F: for<'a> Fn(&'a NodeContext, &'a u64) -> flow_runtime::testing::GraphBody<'a, ()> + Send + Sync + 'static,
{
    let mut graph = Graph::new("undone");
    let other = graph.step("other", &[], |_, _| Box::pin(async { Ok(1) }));
    graph.undo(other, Policy::DEFAULT, |_, _| Box::pin(async { Ok(()) }));
    let done = graph.step("done", &[other], |_, _| Box::pin(async { Ok(2) }));
    graph.undo(done, policy, undo);
    graph.step("fails", &[done], |_, _| Box::pin(async { Err(BoxError::from("no")) }));
    graph
}

fn quick(times: u32) -> Policy {
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(2));
    Policy::DEFAULT.with_retry(Some(Retry::new(times).with_backoff(backoff)))
}

#[tokio::test]
async fn b59_an_undo_that_fails_is_told_and_the_others_are_done() {
    let graph = undone_by(quick(2), |cx, _| {
        let attempt = cx.attempt();
        Box::pin(async move { Err(BoxError::from(format!("attempt {attempt}"))) })
    });
    let store = InMemoryStore::default();
    let error = soon(graph.run(&Engine::builder(store.clone()).build(), "run")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "run `run` of `undone` failed: step `fails` failed at attempt 1: no; undone: other; \
         not undone: step `done` failed at attempt 3: attempt 3"
    );
    assert!(matches!(&error, RunError::Failed { .. }));
    let rollback = error.rollback().unwrap();
    assert_eq!((rollback.compensated.len(), rollback.failed[0].attempt), (1, 3));
    let stored = store.load(&WorkflowId::new("run").unwrap()).await.unwrap();
    assert_eq!(stored.status, WorkflowStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn b59_an_undo_that_hangs_fails_at_the_deadline_and_the_others_are_done() {
    let graph = undone_by(Policy::DEFAULT, |_, _| Box::pin(std::future::pending()));
    let engine = Engine::builder(InMemoryStore::default()).undo_deadline(Duration::from_secs(5)).build();
    let rollback = rollback_of(graph.run(&engine, "run").await);
    assert_eq!((&*rollback.compensated, rollback.failed[0].kind), (&["other".to_owned()][..], FailureKind::Deadline));
    assert_eq!(rollback.failed[0].message, "its attempts together took longer than 5s");
}

#[tokio::test(start_paused = true)]
async fn b59_the_deadline_of_the_node_that_undoes_wins() {
    let policy = Policy::DEFAULT.with_deadline(Some(Duration::from_secs(2)));
    let graph = undone_by(policy, |_, _| Box::pin(std::future::pending()));
    let rollback = rollback_of(graph.run(&Engine::builder(InMemoryStore::default()).build(), "run").await);
    assert_eq!(rollback.failed[0].message, "its attempts together took longer than 2s");
}

#[tokio::test(start_paused = true)]
async fn b59_an_attempt_to_undo_has_its_own_time_limit() {
    let policy = quick(1).with_timeout(Some(Duration::from_secs(1)));
    let graph = undone_by(policy, |cx, _| {
        let hangs = cx.attempt() == 1;
        Box::pin(async move { if hangs { std::future::pending().await } else { Ok(()) } })
    });
    let rollback = rollback_of(graph.run(&Engine::builder(InMemoryStore::default()).build(), "run").await);
    assert_eq!(rollback.compensated, ["other", "done"]);
}

/// What ran when the run failed had a grace to end in; what undoes it has none.
#[tokio::test(start_paused = true)]
async fn b59_an_undo_may_take_longer_than_what_still_ran_when_the_run_failed() {
    let mut graph = undone_by(Policy::DEFAULT, |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Ok(())
        })
    });
    let slow = graph.step("slow", &[], |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(3)
        })
    });
    graph.undo(slow, Policy::DEFAULT, |_, _| Box::pin(async { Ok(()) }));
    let engine = Engine::builder(InMemoryStore::default()).build();
    let rollback = rollback_of(soon(graph.run(&engine, "run")).await);
    assert_eq!(rollback.compensated, ["other", "done", "slow"]);
}

#[tokio::test]
async fn b59_a_panic_in_an_undo_is_its_failure() {
    let graph = undone_by(Policy::DEFAULT, |_, _| Box::pin(async { panic!("broken") }));
    let rollback = rollback_of(soon(graph.run(&Engine::builder(InMemoryStore::default()).build(), "run")).await);
    assert_eq!((rollback.failed[0].kind, &*rollback.failed[0].message), (FailureKind::Panic, "broken"));
    assert_eq!(rollback.compensated, ["other"]);
}

#[tokio::test]
async fn b70_an_undo_has_a_key_of_its_own_and_the_same_at_every_attempt() {
    let log = Log::default();
    let noted = log.clone();
    let mut graph = Graph::new("keys");
    let forward = log.clone();
    let done = graph.step("done", &[], move |cx, _| {
        forward.note(cx.idempotency_key());
        Box::pin(async { Ok(2) })
    });
    graph.undo(done, quick(1), move |cx, _| {
        noted.note(cx.idempotency_key());
        assert!(!cx.is_cancelled());
        let fails = cx.attempt() == 1;
        Box::pin(async move { if fails { Err(BoxError::from("again")) } else { Ok(()) } })
    });
    graph.step("fails", &[done], |_, _| Box::pin(async { Err(BoxError::from("no")) }));
    rollback_of(soon(graph.run(&Engine::builder(InMemoryStore::default()).build(), "run")).await);
    let keys = log.all();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[1], keys[2]);
    // Computed with Python's hashlib: sha256((3).to_bytes(8, "little") + b"run" + b"done\0undo").
    assert_eq!(keys[1], "554a5f5a6c68051b63351a9e2020255c88183ef7ae8b046aab590b98d4c6347e");
    assert_ne!(keys[0], keys[1]);
}
