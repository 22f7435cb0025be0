//! `#[catch]`: a failure is a value for those behind it, and for nobody else.

use std::sync::Arc;

use flow_runtime::prelude::*;
use flow_runtime::state::{FailureKind, StepStatus, WorkflowStatus};
use tokio::sync::Notify;

use super::probe::Probe;
use super::stores::TestStore;

#[node]
async fn work(#[state] app: &App, x: u64, cx: &NodeContext) -> u64 {
    app.probe.begin(cx.step()).end();
    x + 1
}

#[node(retry(times = 2, backoff = "1ms..1ms"))]
async fn fail(#[state] app: &App, x: u64, cx: &NodeContext) -> Result<u64, String> {
    app.probe.begin(cx.step()).end();
    Err(format!("no {x}"))
}

#[node]
async fn panics(#[state] app: &App, x: u64, cx: &NodeContext) -> u64 {
    app.probe.begin(cx.step()).end();
    assert!(x > 1_000, "not with {x}");
    x
}

#[node(timeout = "5ms")]
async fn hangs(#[state] app: &App, x: u64, cx: &NodeContext) -> u64 {
    app.probe.begin(cx.step()).end();
    std::future::pending::<()>().await;
    x
}

/// Ends once the caught failure has reached its dependent, so it ran through the failure beside it.
#[node]
async fn beside(#[state] app: &App, x: u64, cx: &NodeContext) -> u64 {
    let begun = app.probe.begin(cx.step());
    app.told.notified().await;
    assert!(!cx.is_cancelled());
    begun.end();
    x
}

#[node]
async fn tell(#[state] app: &App, result: &Result<u64, NodeFailure>, cx: &NodeContext) -> String {
    app.probe.begin(cx.step()).end();
    app.told.notify_one();
    match result {
        Ok(x) => format!("{x}"),
        Err(failure) => format!("{} {:?} at {}: {}", failure.step, failure.kind, failure.attempt, failure.message),
    }
}

#[node]
async fn both(told: &str, x: u64) -> String {
    format!("{told}, {x}")
}

#[derive(Clone, Default)]
struct App {
    probe: Probe,
    told: Arc<Notify>,
}

workflow! {
    fn tolerant(x: u64) -> String {
        let a = work(x);
        #[catch]
        let failed = fail(a);
        let other = beside(a);
        let told = tell(failed);
        both(told, other)
    }

    fn tolerant_of_a_panic(x: u64) -> String {
        #[catch]
        let failed = panics(x);
        tell(failed)
    }

    fn tolerant_of_a_timeout(x: u64) -> String {
        #[catch]
        let failed = hangs(x);
        tell(failed)
    }

    fn tolerant_of_nothing(x: u64) -> String {
        #[catch]
        let fine = work(x);
        tell(fine)
    }

    fn partly_tolerant(x: u64) -> String {
        #[catch]
        let failed = fail(x);
        let told = tell(failed);
        let real = #[id = "real"] panics(x);
        let behind = #[id = "behind"] work(real);
        both(told, behind)
    }

    fn unheard(x: u64) -> u64 {
        #[catch]
        #[id = "ignored"]
        fail(x);
        work(x)
    }

    fn caught_at_the_end(x: u64) -> Result<u64, NodeFailure> {
        #[catch]
        fail(x)
    }
}

fn engine(app: &App) -> (Engine<App>, TestStore) {
    let store = TestStore::new();
    (Engine::builder(store.clone()).state(app.clone()).strict_roundtrip(true).build(), store)
}

#[tokio::test]
async fn b15_siblings_go_on_and_dependents_get_the_failure_as_a_value() {
    let app = App::default();
    let (engine, store) = engine(&app);
    let output = tolerant(1).run(&engine, "r").await.unwrap();
    assert_eq!(output, "failed Error at 3: no 2, 2");
    let record = store.record("r").await;
    assert_eq!(record.status, WorkflowStatus::Completed);
    assert_eq!(record.status_of("failed"), Some(StepStatus::Failed));
    assert_eq!(record.status_of("told"), Some(StepStatus::Completed));
    assert_eq!(app.probe.times()["failed"], 3, "it is a value only after its retries");
    assert!(record.failures().is_empty());
    assert_eq!(tolerant(1).run(&engine, "r").await.unwrap(), output, "from the record");
}

#[tokio::test]
async fn b15_panics_and_timeouts_are_caught_as_well() {
    let app = App::default();
    let (engine, _) = engine(&app);
    let output = tolerant_of_a_panic(1).run(&engine, "panic").await.unwrap();
    assert_eq!(output, "failed Panic at 1: not with 1");
    let output = tolerant_of_a_timeout(1).run(&engine, "timeout").await.unwrap();
    assert_eq!(output, "failed Timeout at 1: it took longer than 5ms");
    assert_eq!(tolerant_of_nothing(1).run(&engine, "fine").await.unwrap(), "2");
    assert_eq!(unheard(1).run(&engine, "unheard").await.unwrap(), 2);
    let failure = caught_at_the_end(1).run(&engine, "end").await.unwrap().unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Error, "no 1"));
}

#[tokio::test]
async fn b15_a_real_failure_elsewhere_decides() {
    let app = App::default();
    let (engine, store) = engine(&app);
    let error = partly_tolerant(1).run(&engine, "r").await.unwrap_err();
    let failed: Vec<&str> = error.failures().iter().map(|one| one.failure.step.as_str()).collect();
    assert_eq!(failed.first(), Some(&"real"), "{error}");
    assert!(!failed.contains(&"failed"), "a caught failure is none of the run: {error}");
    let record = store.record("r").await;
    assert_eq!(record.status, WorkflowStatus::Failed);
    assert_eq!(record.status_of("behind"), Some(StepStatus::Skipped));
    assert!(!app.probe.begun().contains(&"behind".to_owned()));
}

#[tokio::test]
async fn b15_without_a_record_it_is_the_same() {
    let app = App::default();
    let engine = Engine::ephemeral().state(app.clone()).build();
    assert_eq!(tolerant(1).run_ephemeral(&engine).await.unwrap(), "failed Error at 3: no 2, 2");
    assert!(partly_tolerant(1).run_ephemeral(&engine).await.is_err());
}
