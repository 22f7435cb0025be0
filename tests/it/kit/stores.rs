//! The failing store, the slow store and the recorder.

use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::StepStatus;
use flow_runtime::testing::{EventRecorder, FailingStore, SlowStore, StoreCall, VirtualClock};
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};

#[node]
async fn reserve(x: u32) -> u32 {
    x + 1
}

#[node(retry(times = 1, backoff = "1ms"))]
async fn charge(x: u32, cx: &NodeContext) -> Result<u32, String> {
    if cx.attempt() == 1 { Err("busy".to_owned()) } else { Ok(x * 2) }
}

workflow! {
    fn order(x: u32) -> u32 { charge(reserve(x)) }
}

fn id() -> WorkflowId {
    WorkflowId::new("r").unwrap()
}

#[tokio::test]
async fn b46_the_commit_that_is_named_fails_and_no_other() {
    for kept in [false, true] {
        let store = FailingStore::new(InMemoryStore::default());
        store.fail_commit(1);
        store.though_kept(kept);
        let engine = Engine::new(store.clone());
        let error = order(1).run(&engine, "r").await.unwrap_err();
        assert!(
            matches!(&error, RunError::Store { source, .. } if matches!(**source, StoreError::Other(_))),
            "{error}"
        );
        let record = store.load(&id()).await.unwrap();
        let reserved = if kept { StepStatus::Completed } else { StepStatus::Running };
        assert_eq!(record.status_of("reserve"), Some(reserved));
        assert_eq!((store.failures(), store.commits()), (1, 2));
        assert_eq!(order(1).run(&engine, "r").await.unwrap(), 4);
    }
}

#[tokio::test]
async fn all_commits_fail_until_the_store_is_healed() {
    let store = FailingStore::new(InMemoryStore::default());
    store.fail_commits();
    let engine = Engine::new(store.clone());
    for failures in 1..4 {
        order(1).run(&engine, "r").await.unwrap_err();
        assert_eq!(store.failures(), failures);
    }
    store.heal();
    assert_eq!(order(1).run(&engine, "r").await.unwrap(), 4);
}

#[tokio::test]
async fn calls_fail_of_which_the_test_says_so() {
    let store = FailingStore::new(InMemoryStore::default());
    store.fail_if(|call| matches!(call, StoreCall::Load(run) if run.as_str() == "r"));
    let engine = Engine::new(store.clone());
    order(1).run(&engine, "r").await.unwrap_err();
    assert_eq!(order(1).run(&engine, "other").await.unwrap(), 4);
    store.fail_if(|call| matches!(call, StoreCall::Delete(_) | StoreCall::Ask(..)));
    assert!(engine.delete(&WorkflowId::new("other").unwrap()).await.is_err());
    assert!(engine.signal("r", "word", &1_u32).await.is_err());
    assert_eq!(store.failures(), 3);
    let inner: &InMemoryStore = store.inner();
    assert_eq!(inner.list_workflows().await.unwrap().workflows, [WorkflowId::new("other").unwrap()]);
}

#[tokio::test]
async fn b49_nothing_begins_before_a_slow_commit_is_there() {
    let (store, seen) = (SlowStore::new(InMemoryStore::default()), EventRecorder::default());
    let engine = Engine::builder(store.clone()).observe(seen.clone()).build();
    store.hold();
    let run = order(1).start(&engine, "r").unwrap();
    store.held().await;
    assert_eq!(seen.all(), []);
    assert!(matches!(store.inner().load(&id()).await, Err(StoreError::NotFound { .. })));
    store.let_go();
    assert_eq!(run.result().await.unwrap(), 4);
    assert_eq!(seen.of("charge"), ["StepStarted", "AttemptFailed", "StepStarted", "StepCompleted"]);
}

#[tokio::test]
async fn a_commit_takes_its_time_by_the_clock_of_the_test() {
    let clock = VirtualClock::new();
    let store = SlowStore::delayed(InMemoryStore::default(), clock.clone(), Duration::from_secs(60));
    let engine = Engine::builder(store.clone()).clock(clock.clone()).build();
    let run = order(1).start(&engine, "r").unwrap();
    store.held().await;
    clock.advance(Duration::from_secs(59));
    tokio::task::yield_now().await;
    assert!(matches!(store.inner().load(&id()).await, Err(StoreError::NotFound { .. })));
    clock.advance(Duration::from_secs(1));
    while store.inner().load(&id()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut result = Box::pin(run.result());
    let output = loop {
        tokio::select! {
            biased;
            output = &mut result => break output,
            () = store.held() => clock.advance(Duration::from_secs(60)),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(output.unwrap(), 4);
}

#[tokio::test]
async fn the_recorder_tells_events_of_steps_and_steps_of_events() {
    let seen = EventRecorder::default();
    let engine = Engine::builder(InMemoryStore::default()).observe(seen.clone()).build();
    order(1).run(&engine, "r").await.unwrap();
    assert_eq!(seen.steps("StepCompleted"), ["reserve", "charge"]);
    assert_eq!(seen.of("none"), [] as [&str; 0]);
    let all: Vec<String> = seen.all().iter().map(ToString::to_string).collect();
    assert_eq!(all.first().map(String::as_str), Some("RunCreated"));
    assert_eq!(all.last().map(String::as_str), Some("RunEnded"));
    assert!(all.contains(&"AttemptFailed `charge`".to_owned()), "{all:?}");
    assert!(seen.all().iter().all(|event| event.run == Some(id())));
    seen.clear();
    assert_eq!(seen.all(), []);
}
