//! Retries: how many, how long between, what is never retried, and what a crash leaves of the count.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::NodeError;
use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::prelude::*;
use flow_runtime::state::{BoxError, Event, StepStatus};
use flow_runtime::testing::Graph;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::clock::TestClock;
use super::probe::Probe;
use super::stores::{Fault, TestStore};

const SECOND: Duration = Duration::from_secs(1);

fn fixed(wait: Duration) -> Backoff {
    Backoff::new(wait, wait).with_jitter(false)
}

fn policy(times: u32, backoff: Backoff) -> Policy {
    Policy::DEFAULT.with_retry(Some(Retry::new(times).with_backoff(backoff)))
}

/// A graph of one step that fails until this attempt, and notes when each begins.
fn flaky(policy: Policy, succeeds_at: u32) -> (Graph<u32>, Arc<Mutex<Vec<Instant>>>) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let (begins, mut graph) = (times.clone(), Graph::new("flaky"));
    graph.step_with("flaky", &[], policy, move |cx, _| {
        begins.lock().unwrap().push(Instant::now());
        let attempt = cx.attempt();
        Box::pin(
            async move { if attempt < succeeds_at { Err(format!("attempt {attempt}").into()) } else { Ok(attempt) } },
        )
    });
    (graph, times)
}

fn waits(begins: &Mutex<Vec<Instant>>) -> Vec<Duration> {
    begins.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn b14_n_failures_with_n_retries_make_n_plus_one_attempts() {
    for n in [0, 1, 2, 9] {
        let (graph, begins) = flaky(policy(n, fixed(SECOND)), n + 1);
        let store = TestStore::new();
        assert_eq!(graph.run(&Engine::new(store.clone()), "r").await.unwrap(), n + 1);
        assert_eq!(begins.lock().unwrap().len() as u32, n + 1);
        let record = store.record("r").await;
        assert_eq!((record.steps[0].attempts, record.steps[0].failures), (n + 1, n));

        let (graph, begins) = flaky(policy(n, fixed(SECOND)), n + 2);
        let error = graph.run(&Engine::new(TestStore::new()), "r").await.unwrap_err();
        let failure = &error.failures()[0].failure;
        assert_eq!((failure.attempt, failure.message.clone()), (n + 1, format!("attempt {}", n + 1)));
        assert_eq!(begins.lock().unwrap().len() as u32, n + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn b14_without_jitter_the_wait_grows_by_its_factor_to_its_greatest() {
    let backoff = Backoff::new(SECOND, 10 * SECOND).with_factor(3.0).with_jitter(false);
    let (graph, begins) = flaky(policy(5, backoff), 6);
    graph.run(&Engine::new(TestStore::new()), "r").await.unwrap();
    for (wait, seconds) in waits(&begins).into_iter().zip([1, 3, 9, 10, 10]) {
        let expected = SECOND * seconds;
        assert!(wait >= expected && wait < expected + Duration::from_millis(5), "{wait:?} is not {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn b14_with_jitter_the_waits_differ_and_stay_within_their_bounds() {
    let backoff = Backoff::new(SECOND, 8 * SECOND);
    let mut all = Vec::new();
    for _ in 0..20 {
        let (graph, begins) = flaky(policy(5, backoff), 6);
        graph.run(&Engine::new(TestStore::new()), "r").await.unwrap();
        for (wait, top) in waits(&begins).into_iter().zip([2, 4, 8, 8, 8]) {
            assert!(wait >= SECOND && wait < SECOND * top + Duration::from_millis(5), "{wait:?} is not up to {top} s");
            all.push(wait);
        }
    }
    all.sort_unstable();
    all.dedup();
    assert!(all.len() > 50, "only {} of 100 waits differ", all.len());
}

#[tokio::test(start_paused = true)]
async fn b14_no_backoff_is_too_long_to_be_counted() {
    let (graph, begins) = flaky(policy(1, Backoff::new(Duration::MAX, Duration::MAX)), 2);
    let engine = Engine::new(TestStore::new());
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        sleep(1_000_000 * SECOND).await;
        engine.shutdown(Duration::MAX).await;
    });
    assert!(matches!(result, Err(RunError::Interrupted { .. })));
    assert_eq!(begins.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn b14_a_shutdown_during_the_backoff_returns_at_once() {
    let (graph, begins) = flaky(policy(1, fixed(3600 * SECOND)), 2);
    let (store, clock) = (TestStore::new(), TestClock::new());
    let engine = Engine::builder(store.clone()).clock(clock.clone()).build();
    let start = Instant::now();
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        sleep(SECOND).await;
        engine.shutdown(1000 * SECOND).await;
    });
    assert!(matches!(result, Err(RunError::Interrupted { .. })));
    assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());

    // What is left of the wait is waited for by the next engine, and the attempt is the second.
    let engine = Engine::builder(store.reopened()).clock(clock).build();
    assert_eq!(graph.run(&engine, "r").await.unwrap(), 2);
    let took = start.elapsed();
    assert!(took >= 3600 * SECOND && took < 3601 * SECOND, "{took:?}");
    assert_eq!(begins.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn b14_a_step_holds_no_permit_while_it_waits_for_its_retry() {
    let (mut graph, begins) = flaky(policy(1, fixed(10 * SECOND)), 2);
    let probe = Probe::default();
    for index in 0..5 {
        let probe = probe.clone();
        graph.step(format!("beside{index}"), &[], move |cx, _| {
            let begun = probe.begin(cx.step());
            Box::pin(async move {
                sleep(SECOND).await;
                begun.end();
                Ok(0)
            })
        });
    }
    let start = Instant::now();
    let engine = Engine::builder(TestStore::new()).concurrency(1).build();
    graph.run(&engine, "r").await.unwrap();
    assert!(start.elapsed() < 11 * SECOND, "{:?}", start.elapsed());
    assert_eq!((probe.ended().len(), begins.lock().unwrap().len()), (5, 2));
}

#[derive(Debug)]
enum BankError {
    Busy,
    NoAccount,
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if is_busy(self) { "busy" } else { "no such account" })
    }
}

impl std::error::Error for BankError {}

fn is_busy(error: &BankError) -> bool {
    matches!(error, BankError::Busy)
}

#[node(retry(times = 3, backoff = "1s..1s", if = is_busy))]
async fn charge(#[state] probe: &Probe, busy: u32, then_known: bool, cx: &NodeContext) -> Result<u32, BankError> {
    probe.begin(cx.step()).end();
    match cx.attempt() {
        attempt if attempt <= busy => Err(BankError::Busy),
        attempt if then_known => Ok(attempt),
        _ => Err(BankError::NoAccount),
    }
}

#[node(retry(times = 3, backoff = "1s..1s"))]
async fn parse(#[state] probe: &Probe, text: &str, cx: &NodeContext) -> Result<u32, NodeError> {
    probe.begin(cx.step()).end();
    text.parse().map_err(NodeError::permanent)
}

/// An error of the application around one that said of itself that it is permanent.
#[derive(Debug)]
struct Reading(BoxError);

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reading the amount")
    }
}

impl std::error::Error for Reading {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

#[node(retry(times = 3, backoff = "1s..1s"))]
async fn parse_within(#[state] probe: &Probe, text: &str, cx: &NodeContext) -> Result<u32, Reading> {
    probe.begin(cx.step()).end();
    text.parse().map_err(|error| Reading(NodeError::permanent(error).into()))
}

#[node(retry(times = 3, backoff = "1s..1s"))]
async fn always(#[state] probe: &Probe, cx: &NodeContext) -> Result<u32, NodeError> {
    probe.begin(cx.step()).end();
    Err(NodeError::retryable("try again"))
}

workflow! {
    fn charged(busy: u32, then_known: bool) -> u32 { charge(busy, then_known) }
    fn parsed(text: String) -> u32 { parse(text) }
    fn parsed_within(text: String) -> u32 { parse_within(text) }
    fn again() -> u32 { always() }
    fn once_more() -> u32 { #[with(retry(times = 1))] always() }
}

#[tokio::test(start_paused = true)]
async fn b14_a_permanent_error_is_not_retried() {
    let probe = Probe::default();
    let engine = Engine::builder(TestStore::new()).state(probe.clone()).build();
    let attempts = |before: usize| probe.begun().len() - before;
    assert_eq!(charged(2, true).run(&engine, "known").await.unwrap(), 3);
    let before = probe.begun().len();
    let error = charged(2, false).run(&engine, "unknown").await.unwrap_err();
    assert_eq!((attempts(before), error.failures()[0].failure.attempt), (3, 3));
    let before = probe.begun().len();
    assert!(charged(9, true).run(&engine, "busy").await.is_err());
    assert_eq!(attempts(before), 4);
    let before = probe.begun().len();
    let error = parsed("x".to_owned()).run(&engine, "permanent").await.unwrap_err();
    assert!(error.failures()[0].failure.permanent);
    assert_eq!(attempts(before), 1);
    let before = probe.begun().len();
    let error = parsed_within("x".to_owned()).run(&engine, "within").await.unwrap_err();
    assert_eq!((error.failures()[0].failure.message.as_str(), attempts(before)), ("reading the amount", 1));
    let before = probe.begun().len();
    assert!(again().run(&engine, "again").await.is_err());
    assert_eq!(attempts(before), 4);
    let before = probe.begun().len();
    assert!(once_more().run(&engine, "once more").await.is_err());
    assert_eq!(attempts(before), 2);
}

/// The process dies after every commit in turn. No kill makes more attempts out of the same retries.
#[tokio::test(start_paused = true)]
async fn b14_the_count_of_attempts_survives_a_crash() {
    for commit in 0.. {
        let (graph, begins) = flaky(policy(3, fixed(SECOND)), 100);
        let store = TestStore::new().fail_at(commit, Fault::Ambiguous);
        let first = graph.run(&Engine::new(store.clone()), "r").await.unwrap_err();
        if matches!(first, RunError::Failed { .. }) {
            assert!(commit > 5, "{commit} commits are too few for this test");
            return;
        }
        let error = graph.run(&Engine::new(store.reopened()), "r").await.unwrap_err();
        let failure = &error.failures()[0].failure;
        let record = store.record("r").await;
        // A crash during an attempt makes one more of them, which is not counted as a retry.
        let interrupted = record.steps[0].interruptions;
        assert_eq!((failure.attempt, record.steps[0].failures), (4 + interrupted, 3), "killed at {commit}");
        assert!(interrupted <= 1 && begins.lock().unwrap().len() as u32 <= 4 + interrupted);
        assert_eq!(record.steps[0].status, StepStatus::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn b14_a_failed_attempt_says_when_the_next_is_due() {
    let (graph, _) = flaky(policy(1, fixed(5 * SECOND)), 2);
    let store = TestStore::new();
    graph.run(&Engine::builder(store.clone()).clock(TestClock::new()).build(), "r").await.unwrap();
    let deltas = store.deltas();
    let failed = deltas.iter().find_map(|delta| match &delta.events[..] {
        [Event::AttemptFailed { attempt, error, retry_at, .. }] => Some((*attempt, error.clone(), retry_at - delta.at)),
        _ => None,
    });
    let (attempt, error, wait) = failed.unwrap();
    assert_eq!((attempt, error.message.as_str(), wait), (1, "attempt 1", 5_000_000_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any retries and any number of failures: the attempts are those, and the output or the failure is the last one's.
    #[test]
    fn b14_any_retries_and_failures(times in 0_u32..8, failures in 0_u32..10) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (graph, begins) = flaky(policy(times, fixed(SECOND)), failures + 1);
        let result = runtime.block_on(graph.run_ephemeral(&Engine::ephemeral().build()));
        let attempts = begins.lock().unwrap().len() as u32;
        prop_assert_eq!(attempts, failures.min(times) + 1);
        match result {
            Ok(attempt) => prop_assert_eq!(attempt, attempts),
            Err(error) => prop_assert_eq!(error.failures()[0].failure.attempt, attempts),
        }
        prop_assert_eq!(waits(&begins).len() as u32, failures.min(times));
    }
}
