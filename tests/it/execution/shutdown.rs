//! Stopping without an end: shutdown, dropped engines, dropped futures, runtimes that go. Nothing fails by it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::WorkflowData;
use flow_runtime::plan::Policy;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::testing::Graph;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::probe::Probe;
use super::stores::TestStore;

const SECOND: Duration = Duration::from_secs(1);

/// How a body behaves when it sees that the run stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// It goes on and ends after this time.
    Ends(Duration),
    /// It fails after this time.
    Fails(Duration),
    /// It panics after this time.
    Panics(Duration),
    /// It takes no notice.
    Never,
}

#[derive(Clone)]
pub(super) struct App {
    pub(super) probe: Probe,
    pub(super) begun: Arc<Notify>,
    keys: Arc<Mutex<Vec<String>>>,
    /// What stopping bodies do; `None` lets bodies end at once.
    then: Option<Then>,
}

impl App {
    pub(super) fn new(then: Option<Then>) -> Self {
        Self { probe: Probe::default(), begun: Arc::default(), keys: Arc::default(), then }
    }

    async fn body(&self, cx: &NodeContext) -> Result<(), String> {
        let begun = self.probe.begin(cx.step());
        self.keys.lock().unwrap().push(cx.idempotency_key());
        self.begun.notify_one();
        match self.then {
            None => {}
            Some(Then::Never) => std::future::pending().await,
            Some(Then::Ends(after)) => stopped(cx, after).await,
            Some(Then::Fails(after)) => {
                stopped(cx, after).await;
                return Err("stopped".to_owned());
            }
            Some(Then::Panics(after)) => {
                stopped(cx, after).await;
                panic!("stopped");
            }
        }
        begun.end();
        Ok(())
    }
}

async fn stopped(cx: &NodeContext, after: Duration) {
    cx.cancelled().await;
    assert!(cx.is_cancelled());
    sleep(after).await;
}

#[node]
async fn quick(x: u64) -> u64 {
    x + 1
}

#[node(retry(times = 3, backoff = "1ms..1ms"))]
async fn long(#[state] app: &App, x: u64, cx: &NodeContext) -> Result<u64, String> {
    app.body(cx).await?;
    Ok(x + 1)
}

#[node]
async fn value_of(result: &Result<u64, NodeFailure>) -> u64 {
    result.clone().unwrap_or(1_000)
}

workflow! {
    pub(super) fn in_three(x: u64) -> u64 {
        let a = quick(x);
        let b = long(a);
        let c = #[id = "c"] quick(b);
        c
    }

    fn beside(x: u64) -> u64 {
        let a = long(x);
        let b = #[id = "b"] long(x);
        let sum = a + b;
        sum
    }

    fn tolerant(x: u64) -> u64 {
        #[catch]
        let a = long(x);
        value_of(a)
    }

    fn of_one(x: u64) -> u64 { long(x) }
}

pub(super) fn engine(store: &TestStore, app: &App) -> Engine<App> {
    Engine::builder(store.clone()).state(app.clone()).build()
}

/// Runs until a body has begun, shuts down with this grace, and gives what is left.
pub(super) async fn shut_down(
    store: &TestStore,
    then: Then,
    grace: Duration,
) -> (App, Result<u64, RunError>, WorkflowData) {
    let app = App::new(Some(then));
    let engine = engine(store, &app);
    let (result, ()) = tokio::join!(in_three(1).run(&engine, "r"), async {
        app.begun.notified().await;
        engine.shutdown(grace).await;
    });
    let record = store.record("r").await;
    (app, result, record)
}

pub(super) fn is_interrupted<T>(result: &Result<T, RunError>) -> bool {
    matches!(result, Err(RunError::Interrupted { .. }))
}

/// That nothing of this record says that something failed, was cancelled or ended.
pub(super) fn is_unhurt(data: &WorkflowData) {
    assert_eq!(data.status, WorkflowStatus::Running);
    assert_eq!((&data.outcome, &data.output), (&None, &None));
    for (step, status) in data.statuses() {
        assert!(matches!(status, StepStatus::Pending | StepStatus::Completed), "{step}: {status:?}");
    }
    assert!(data.steps.iter().all(|step| step.error.is_none() && step.failures == 0));
}

pub(super) async fn completes(store: &TestStore, before: &App, times: usize) {
    let app = App::new(None);
    assert_eq!(in_three(1).run(&engine(&store.reopened(), &app), "r").await.unwrap(), 4);
    assert_eq!(app.probe.begun(), vec!["b"; times], "only what was not committed runs again");
    let key = before.keys.lock().unwrap()[0].clone();
    assert!(app.keys.lock().unwrap().iter().all(|again| *again == key), "under the same key");
    assert_eq!(store.record("r").await.status, WorkflowStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn b17_a_shutdown_records_nothing_as_failed_and_a_resume_completes() {
    let late = 10 * SECOND;
    for then in [Then::Never, Then::Ends(late), Then::Fails(late), Then::Panics(late)] {
        for grace in [Duration::ZERO, SECOND] {
            let store = TestStore::new();
            let start = Instant::now();
            let (app, result, record) = shut_down(&store, then, grace).await;
            assert!(is_interrupted(&result), "{result:?}");
            assert!(start.elapsed() < grace + SECOND, "{then:?} took {:?}", start.elapsed());
            is_unhurt(&record);
            assert_eq!(record.status_of("b"), Some(StepStatus::Pending));
            completes(&store, &app, 1).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b17_a_body_that_fails_because_it_is_stopped_has_not_failed() {
    for then in [Then::Fails(Duration::ZERO), Then::Panics(SECOND)] {
        let store = TestStore::new();
        let (app, result, record) = shut_down(&store, then, 5 * SECOND).await;
        assert!(is_interrupted(&result), "{result:?}");
        is_unhurt(&record);
        completes(&store, &app, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn b17_under_catch_a_shutdown_is_no_failure_either() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Fails(SECOND))));
    let first = engine(&store, &app);
    let (result, ()) = tokio::join!(tolerant(1).run(&first, "r"), async {
        app.begun.notified().await;
        first.shutdown(5 * SECOND).await;
    });
    assert!(is_interrupted(&result));
    is_unhurt(&store.record("r").await);
    let app = App::new(None);
    assert_eq!(tolerant(1).run(&engine(&store, &app), "r").await.unwrap(), 2, "and not 1000");
}

#[tokio::test(start_paused = true)]
async fn b17_what_ends_within_the_grace_is_kept() {
    let store = TestStore::new();
    let (app, result, record) = shut_down(&store, Then::Ends(SECOND), 5 * SECOND).await;
    assert!(is_interrupted(&result), "a step is left that did not start: {result:?}");
    is_unhurt(&record);
    assert_eq!(record.status_of("b"), Some(StepStatus::Completed));
    assert_eq!(record.status_of("c"), Some(StepStatus::Pending));
    completes(&store, &app, 0).await;
}

#[tokio::test(start_paused = true)]
async fn b17_a_run_whose_last_step_ends_within_the_grace_has_its_output() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Ends(SECOND))));
    let engine = engine(&store, &app);
    let (result, ()) = tokio::join!(of_one(1).run(&engine, "r"), async {
        app.begun.notified().await;
        engine.shutdown(5 * SECOND).await;
    });
    assert_eq!(result.unwrap(), 2);
    assert_eq!(store.record("r").await.status, WorkflowStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn b17_several_steps_in_flight_are_given_back() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Never)));
    let first = engine(&store, &app);
    let (result, ()) = tokio::join!(beside(1).run(&first, "r"), async {
        while app.probe.running() < 2 {
            app.begun.notified().await;
        }
        first.shutdown(SECOND).await;
    });
    assert!(is_interrupted(&result));
    tokio::task::yield_now().await;
    assert_eq!(app.probe.running(), 0, "the bodies are dropped");
    is_unhurt(&store.record("r").await);
    let app = App::new(None);
    assert_eq!(beside(1).run(&engine(&store, &app), "r").await.unwrap(), 4);
}

#[tokio::test]
async fn b17_a_step_that_waits_for_a_permit_does_not_start_any_more() {
    let (store, app) = (TestStore::new(), App::new(Some(Then::Ends(Duration::ZERO))));
    let first = Engine::builder(store.clone()).state(app.clone()).concurrency(1).build();
    let (result, ()) = tokio::join!(beside(1).run(&first, "r"), async {
        app.begun.notified().await;
        first.shutdown(SECOND).await;
    });
    assert!(is_interrupted(&result));
    assert_eq!(app.probe.begun().len(), 1);
    let record = store.record("r").await;
    is_unhurt(&record);
    let app = App::new(None);
    assert_eq!(beside(1).run(&engine(&store, &app), "r").await.unwrap(), 4);
    assert_eq!(app.probe.begun().len(), 1);
}

#[tokio::test]
async fn b17_a_shutdown_waits_for_a_run_that_has_only_begun_to_load() {
    let (store, app) = (TestStore::new().closed(), App::new(None));
    let engine = engine(&store, &app);
    let handle = in_three(1).start(&engine, "r").unwrap();
    tokio::task::yield_now().await;
    let stopping = tokio::spawn({
        let engine = engine.clone();
        async move { engine.shutdown(Duration::ZERO).await }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished(), "the store is still in use");
    store.open();
    stopping.await.unwrap();
    let commits = store.commits();
    assert!(is_interrupted(&handle.result().await));
    assert_eq!((store.commits(), app.probe.begun().len()), (commits, 0), "nothing happens after it");
}

#[tokio::test]
async fn b17_an_engine_that_was_shut_down_starts_nothing() {
    let (store, app) = (TestStore::new(), App::new(None));
    let engine = engine(&store, &app);
    engine.shutdown(Duration::ZERO).await;
    assert!(is_interrupted(&in_three(1).run(&engine, "r").await));
    assert_eq!((store.commits(), app.probe.begun().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn b17_a_second_shutdown_may_shorten_the_grace_of_the_first() {
    for beside_too in [false, true] {
        let (store, app) = (TestStore::new(), App::new(Some(Then::Never)));
        let engine = engine(&store, &app);
        let handle = if beside_too {
            beside(1).start(&engine, "r").map(|handle| tokio::spawn(handle.result()))
        } else {
            in_three(1).start(&engine, "r").map(|handle| tokio::spawn(handle.result()))
        };
        app.begun.notified().await;
        let start = Instant::now();
        let (patient, impatient) = (engine.shutdown(3600 * SECOND), async {
            sleep(SECOND).await;
            engine.shutdown(SECOND).await;
        });
        tokio::join!(patient, impatient);
        assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
        assert!(is_interrupted(&handle.unwrap().await.unwrap()));
        is_unhurt(&store.record("r").await);
    }
}

/// A step of a run that has failed already: what became of it is not known, and it will not be started again.
#[tokio::test(start_paused = true)]
async fn b17_a_shutdown_of_a_run_that_has_failed_leaves_its_failure() {
    let store = TestStore::new();
    let failed = Arc::new(Notify::new());
    let mut graph = Graph::<u32>::new("failing");
    let notify = failed.clone();
    graph.step("stuck", &[], move |cx, _| {
        let notify = notify.clone();
        Box::pin(async move {
            cx.cancelled().await;
            notify.notify_one();
            std::future::pending().await
        })
    });
    graph.step("bad", &[], |_, _| Box::pin(async { Err("no".into()) }));
    let engine = Engine::new(store.clone());
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        failed.notified().await;
        engine.shutdown(SECOND).await;
    });
    assert!(is_interrupted(&result));
    let error = graph.run(&Engine::new(store.reopened()), "r").await.unwrap_err();
    assert_eq!(error.failures().len(), 1, "{error}");
    let record = store.record("r").await;
    assert_eq!(record.status, WorkflowStatus::Failed);
    assert_eq!(record.status_of("bad"), Some(StepStatus::Failed));
    assert_eq!(record.status_of("stuck"), Some(StepStatus::Cancelled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b17_a_shutdown_does_not_wait_for_a_blocking_body_that_takes_no_notice() {
    let (store, begun) = (TestStore::new(), Arc::new(Notify::new()));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (released, notify) = (Mutex::new(released), begun.clone());
    let mut graph = Graph::<u32>::new("blocking");
    graph.step_with("stuck", &[], Policy::DEFAULT.with_blocking(true), move |_, _| {
        notify.notify_one();
        let _ = released.lock().unwrap().recv();
        Box::pin(async { Ok(1) })
    });
    let engine = Engine::new(store.clone());
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        begun.notified().await;
        engine.shutdown(Duration::from_millis(10)).await;
    });
    assert!(is_interrupted(&result));
    is_unhurt(&store.record("r").await);
    release.send(()).unwrap();
}
