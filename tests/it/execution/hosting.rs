//! Who keeps a run going: not the future that waits for it, but its engine and its runtime.

use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{Event, StepStatus, WorkflowStatus};

use super::shutdown::{App, Then, completes, engine, in_three, is_interrupted, is_unhurt};
use super::stores::TestStore;

#[tokio::test]
async fn b17_dropping_the_last_engine_stops_its_runs_and_hurts_none() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Never)));
    let (first, clone) = (engine(&store, &app), engine(&store, &app).clone());
    let handle = in_three(1).start(&first, "r").unwrap();
    app.begun.notified().await;
    drop(clone);
    assert_eq!(app.probe.running(), 1, "another engine has nothing to say here");
    drop(first);
    assert!(is_interrupted(&handle.result().await));
    is_unhurt(&store.record("r").await);
    completes(&store, &app, 1).await;
}

#[test]
fn b17_a_runtime_that_goes_away_is_like_a_crash_and_a_resume_completes() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Never)));
    let engine = engine(&store, &app);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = runtime.block_on(async {
        let handle = in_three(1).start(&engine, "r").unwrap();
        app.begun.notified().await;
        handle
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    assert_eq!(app.probe.running(), 0);
    let next = tokio::runtime::Builder::new_current_thread().build().unwrap();
    next.block_on(async {
        assert!(is_interrupted(&handle.result().await));
        let record = store.record("r").await;
        assert_eq!(record.status_of("b"), Some(StepStatus::Running));
        assert!(!store.deltas().iter().flat_map(|delta| &delta.events).any(|event| {
            matches!(event, Event::StepFailed { .. } | Event::StepCancelled { .. } | Event::RunEnded { .. })
        }));
        // The same engine takes it up in another runtime.
        let again = App::new(None);
        let same = Engine::builder(store.clone()).state(again.clone()).build();
        assert_eq!(in_three(1).run(&same, "r").await.unwrap(), 4);
        assert_eq!(store.record("r").await.steps[1].interruptions, 1);
        assert_eq!(again.probe.begun(), ["b"]);
    });
}

#[tokio::test]
async fn b73_dropping_the_future_of_a_run_does_not_stop_it() {
    let (store, app) = (TestStore::new(), App::new(None));
    let engine = engine(&store, &app);
    let mut run = in_three(1).run(&engine, "r");
    assert!(futures_poll(&mut run).is_none());
    drop(run);
    let handle = in_three(1).start(&engine, "r").unwrap();
    assert_eq!(handle.result().await.unwrap(), 4);
    assert_eq!(app.probe.begun(), ["b"]);

    // Not even polled, it has begun: `run` is `start` and then waiting.
    drop(in_three(1).run(&engine, "other"));
    while store.commits() < 8 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.record("other").await.status, WorkflowStatus::Completed);
}

fn futures_poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    let waker = std::task::Waker::noop();
    match std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(waker)) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn b73_two_callers_and_a_shutdown_all_hear_of_it() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Never)));
    let engine = engine(&store, &app);
    let (one, two, ()) = tokio::join!(in_three(1).run(&engine, "r"), in_three(1).run(&engine, "r"), async {
        app.begun.notified().await;
        engine.shutdown(Duration::ZERO).await;
    });
    assert!(is_interrupted(&one) && is_interrupted(&two));
    let text = one.unwrap_err().to_string();
    assert_eq!(text, "run `r` of `in_three` was interrupted by a shutdown; run it again to go on");
    assert_eq!(app.probe.begun().len(), 1);
}
