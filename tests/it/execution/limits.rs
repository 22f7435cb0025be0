//! Time limits: one attempt, all attempts, and bodies that do not let themselves be stopped.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::prelude::*;
use flow_runtime::state::{Event, FailureKind, StepStatus};
use flow_runtime::testing::Graph;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::clock::TestClock;
use super::probe::Probe;
use super::stores::TestStore;

const SECOND: Duration = Duration::from_secs(1);

fn retries(times: u32, wait: Duration) -> Policy {
    let backoff = Backoff::new(wait, wait).with_jitter(false);
    Policy::DEFAULT.with_retry(Some(Retry::new(times).with_backoff(backoff)))
}

/// A graph of one step that takes this long at each attempt.
fn sleeper(probe: &Probe, policy: Policy, takes: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Graph<u32> {
    let probe = probe.clone();
    let mut graph = Graph::new("sleeper");
    graph.step_with("sleep", &[], policy, move |cx, _| {
        let (begun, takes, attempt) = (probe.begin(cx.step()), takes(cx.attempt()), cx.attempt());
        Box::pin(async move {
            sleep(takes).await;
            begun.end();
            Ok(attempt)
        })
    });
    graph
}

/// The kind and message of the only failure, and when it came.
async fn failure(run: impl Future<Output = Result<u32, RunError>>) -> (FailureKind, String, Duration) {
    let start = Instant::now();
    let error = run.await.unwrap_err();
    let [failure] = error.failures() else { panic!("{error}") };
    (failure.failure.kind, failure.failure.message.clone(), start.elapsed())
}

/// That this is the time, to the millisecond of tokio's timers for each sleep.
fn is_about(took: Duration, expected: Duration) {
    assert!(took >= expected && took < expected + Duration::from_millis(20), "{took:?} is not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn b13_a_timeout_ends_an_attempt() {
    let probe = Probe::default();
    let graph = sleeper(&probe, Policy::DEFAULT.with_timeout(Some(3 * SECOND)), |_| 10 * SECOND);
    let (kind, message, took) = failure(graph.run(&Engine::new(TestStore::new()), "r")).await;
    assert_eq!((kind, &*message), (FailureKind::Timeout, "it took longer than 3s"));
    is_about(took, 3 * SECOND);
    let (kind, _, took) = failure(graph.run_ephemeral(&Engine::ephemeral().build())).await;
    assert_eq!(kind, FailureKind::Timeout);
    is_about(took, 3 * SECOND);
    tokio::task::yield_now().await;
    assert_eq!((probe.ended().len(), probe.running()), (0, 0), "the body is dropped");
}

#[tokio::test(start_paused = true)]
async fn b13_a_timeout_is_for_each_attempt_and_is_retried() {
    let probe = Probe::default();
    let policy = retries(3, SECOND).with_timeout(Some(3 * SECOND));
    let graph = sleeper(&probe, policy, |attempt| if attempt < 3 { 10 * SECOND } else { 2 * SECOND });
    let start = Instant::now();
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "r").await.unwrap(), 3);
    is_about(start.elapsed(), (3 + 1 + 3 + 1 + 2) * SECOND);
}

#[tokio::test(start_paused = true)]
async fn b13_a_deadline_is_for_all_attempts_together() {
    let clock = TestClock::new();
    let engine = || Engine::builder(TestStore::new()).clock(clock.clone()).build();
    let probe = Probe::default();
    let policy = retries(100, SECOND).with_timeout(Some(3 * SECOND)).with_deadline(Some(10 * SECOND));
    let graph = sleeper(&probe, policy, |_| 60 * SECOND);
    let (kind, message, took) = failure(graph.run(&engine(), "r")).await;
    assert_eq!((kind, &*message), (FailureKind::Deadline, "its attempts together took longer than 10s"));
    is_about(took, 10 * SECOND);
    assert_eq!(probe.begun().len(), 3, "at 0, 4 and 8 seconds");

    // A retry that could only begin after the deadline is not waited for.
    let policy = retries(100, 9 * SECOND).with_timeout(Some(3 * SECOND)).with_deadline(Some(10 * SECOND));
    let (kind, _, took) = failure(sleeper(&probe, policy, |_| 60 * SECOND).run(&engine(), "r")).await;
    assert_eq!(kind, FailureKind::Timeout);
    is_about(took, 3 * SECOND);

    // A run without a record has no time to lose either.
    let graph = sleeper(&probe, Policy::DEFAULT.with_deadline(Some(10 * SECOND)), |_| 60 * SECOND);
    let (kind, _, took) = failure(graph.run_ephemeral(&Engine::ephemeral().build())).await;
    assert_eq!(kind, FailureKind::Deadline);
    is_about(took, 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn b13_an_attempt_that_ends_in_time_is_not_touched() {
    let policy = Policy::DEFAULT.with_timeout(Some(3 * SECOND)).with_deadline(Some(3 * SECOND));
    let graph = sleeper(&Probe::default(), policy, |_| 2 * SECOND);
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "r").await.unwrap(), 1);
    let longest = Policy::DEFAULT.with_timeout(Some(Duration::MAX)).with_deadline(Some(Duration::MAX));
    let graph = sleeper(&Probe::default(), longest, |_| 2 * SECOND);
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "r").await.unwrap(), 1);
}

/// The deadline counts from the stored first start, also over a stop of the process.
#[tokio::test(start_paused = true)]
async fn b13_a_deadline_that_passed_while_no_process_ran_is_kept_and_nothing_begins() {
    let (clock, store, probe) = (TestClock::new(), TestStore::new(), Probe::default());
    let graph = sleeper(&probe, Policy::DEFAULT.with_deadline(Some(10 * SECOND)), |_| 60 * SECOND);
    let engine = Engine::builder(store.clone()).clock(clock.clone()).build();
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        sleep(4 * SECOND).await;
        engine.shutdown(Duration::ZERO).await;
    });
    assert!(matches!(result, Err(RunError::Interrupted { .. })));

    let engine = Engine::builder(store.reopened()).clock(clock.clone()).build();
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        sleep(4 * SECOND).await;
        engine.shutdown(Duration::ZERO).await;
    });
    assert!(matches!(result, Err(RunError::Interrupted { .. })), "8 of 10 seconds have passed");
    assert_eq!(probe.begun().len(), 2);

    clock.jump(3600 * SECOND);
    let store = store.reopened();
    let engine = Engine::builder(store.clone()).clock(clock.clone()).build();
    let (kind, message, took) = failure(graph.run(&engine, "r")).await;
    assert_eq!((kind, &*message), (FailureKind::Deadline, "its attempts together took longer than 10s"));
    is_about(took, Duration::ZERO);
    assert_eq!(probe.begun().len(), 2, "no attempt begins that has no time left");
    let started = |event: &Event| matches!(event, Event::StepStarted { .. });
    assert!(!store.deltas().iter().flat_map(|delta| &delta.events).any(started));
}

/// The bodies that no one can stop: they hold their thread, and end long after they were given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_a_body_that_cannot_be_stopped_is_abandoned_and_its_end_never_kept() {
    for blocking in [false, true] {
        let (probe, store) = (Probe::default(), TestStore::new());
        let policy = Policy::DEFAULT.with_timeout(Some(Duration::from_millis(20))).with_blocking(blocking);
        let (release, released) = mpsc::channel::<()>();
        let (released, dropped) = (Arc::new(std::sync::Mutex::new(released)), Arc::new(Notify::new()));
        let mut graph = Graph::<u32>::new("stubborn");
        let (seen, notify) = (probe.clone(), dropped.clone());
        graph.step_with("stuck", &[], policy, move |cx, _| {
            let (begun, released, notify) = (seen.begin(cx.step()), released.clone(), notify.clone());
            Box::pin(async move {
                // It blocks its thread whoever asks it to end.
                released.lock().unwrap().recv().unwrap();
                begun.end();
                notify.notify_one();
                Ok(7)
            })
        });
        let after = probe.clone();
        graph.step("after", &[0], move |cx, _| {
            after.begin(cx.step()).end();
            Box::pin(async { Ok(1) })
        });
        let engine = Engine::new(store.clone());
        let error = graph.run(&engine, "r").await.unwrap_err();
        assert_eq!(error.failures()[0].failure.kind, FailureKind::Timeout);
        let record = store.record("r").await;

        release.send(()).unwrap();
        dropped.notified().await;
        engine.shutdown(SECOND).await;
        assert_eq!(probe.ended(), ["stuck"], "the body came to its end");
        assert_eq!(store.record("r").await, record, "and nobody took notice");
        assert_eq!(record.status_of("stuck"), Some(StepStatus::Failed));
        assert_eq!(record.status_of("after"), Some(StepStatus::Skipped));
        let completed = |event: &Event| matches!(event, Event::StepCompleted { .. });
        assert!(!store.deltas().iter().flat_map(|delta| &delta.events).any(completed));
    }
}

/// The late end of a first attempt must not pass for that of the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_the_late_end_of_an_abandoned_attempt_is_not_that_of_its_retry() {
    let (first_ends, first_ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let policy = retries(1, Duration::ZERO).with_timeout(Some(Duration::from_millis(200))).with_blocking(true);
    let mut graph = Graph::<u32>::new("late");
    let (ends, ended) = (first_ends.clone(), first_ended.clone());
    graph.step_with("work", &[], policy, move |cx, _| {
        let (attempt, released, ends, ended) = (cx.attempt(), released.clone(), ends.clone(), ended.clone());
        Box::pin(async move {
            if attempt == 1 {
                released.lock().unwrap().recv().unwrap();
                ends.notify_one();
            } else {
                release_and_wait(&ended);
            }
            Ok(attempt)
        })
    });
    let relay = tokio::spawn(async move {
        // The second attempt has begun: now the first one ends, and then the second.
        SECOND_BEGAN.notified().await;
        release.send(()).unwrap();
        first_ends.notified().await;
        tokio::task::yield_now().await;
        first_ended.notify_one();
    });
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "r").await.unwrap(), 2);
    relay.await.unwrap();
}

static SECOND_BEGAN: Notify = Notify::const_new();

fn release_and_wait(ended: &Notify) {
    SECOND_BEGAN.notify_one();
    tokio::runtime::Handle::current().block_on(ended.notified());
}

/// An abandoned body that holds its thread holds its permit too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_an_abandoned_blocking_body_keeps_its_permit_until_it_ends() {
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let policy = Policy::DEFAULT.with_timeout(Some(Duration::from_millis(20))).with_blocking(true);
    let mut graph = Graph::<u32>::new("stubborn");
    graph.step_with("stuck", &[], policy, move |_, _| {
        let released = released.clone();
        Box::pin(async move {
            released.lock().unwrap().recv().unwrap();
            Ok(7)
        })
    });
    let probe = Probe::default();
    let other = sleeper(&probe, Policy::DEFAULT, |_| Duration::ZERO);
    let engine = Engine::builder(TestStore::new()).concurrency(1).build();
    assert!(graph.run(&engine, "stuck").await.is_err());
    let (result, ()) = tokio::join!(other.run(&engine, "other"), async {
        sleep(Duration::from_millis(50)).await;
        assert_eq!(probe.begun().len(), 0, "the one permit is still held");
        release.send(()).unwrap();
    });
    assert_eq!(result.unwrap(), 1);
}

#[node(timeout = "1s")]
async fn endless(x: u64) -> u64 {
    std::future::pending::<()>().await;
    x
}

#[node(blocking, timeout = "20ms")]
fn endless_blocking(x: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(100));
    x
}

workflow! {
    fn timed(x: u64) -> u64 { endless(x) }
    fn timed_longer(x: u64) -> u64 { #[with(timeout = "5s")] endless(x) }
    fn timed_blocking(x: u64) -> u64 { endless_blocking(x) }
}

#[tokio::test(start_paused = true)]
async fn b13_a_workflow_says_how_long_its_steps_may_take() {
    let engine = Engine::new(TestStore::new());
    let start = Instant::now();
    assert_eq!(timed(1).run(&engine, "r").await.unwrap_err().failures()[0].failure.kind, FailureKind::Timeout);
    is_about(start.elapsed(), SECOND);
    let start = Instant::now();
    assert!(timed_longer(1).run(&engine, "longer").await.is_err());
    is_about(start.elapsed(), 5 * SECOND);
}

#[tokio::test]
async fn b13_a_blocking_node_that_takes_too_long_fails_its_step() {
    let error = timed_blocking(1).run(&Engine::new(TestStore::new()), "r").await.unwrap_err();
    assert!(error.to_string().ends_with(
        "step `endless_blocking` failed at attempt 1: it took longer than 20ms; it is not known whether these happened: \
         endless_blocking"
    ));
}
