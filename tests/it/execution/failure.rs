//! A failure: what it skips, what it leaves alone, what still ends, and what is said of it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flow_runtime::WorkflowData;
use flow_runtime::engine::StepFailure;
use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::prelude::*;
use flow_runtime::state::{BoxError, FailureKind, StepStatus, WorkflowStatus};
use flow_runtime::testing::Graph;
use tokio::sync::{Barrier, Notify};
use tokio::time::{Instant, sleep};

use super::probe::Probe;
use super::stores::TestStore;

/// An error with two causes behind it.
#[derive(Debug)]
struct Layered {
    message: String,
    cause: Option<Box<Layered>>,
}

impl Layered {
    fn new(step: &str) -> Self {
        let root = Self { message: format!("{step} root"), cause: None };
        let middle = Self { message: format!("{step} middle"), cause: Some(Box::new(root)) };
        Self { message: format!("{step} top"), cause: Some(Box::new(middle)) }
    }
}

impl fmt::Display for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Layered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// The messages of an error and all behind it.
fn chain(error: &dyn Error) -> Vec<String> {
    let rest = std::iter::successors(error.source(), |error| (*error).source());
    std::iter::once(error.to_string()).chain(rest.map(ToString::to_string)).collect()
}

/// A step that does nothing but say that it began.
fn quick(graph: &mut Graph<u32>, probe: &Probe, id: &str, inputs: &[u32]) -> u32 {
    let probe = probe.clone();
    graph.step(id, inputs, move |cx, _| {
        probe.begin(cx.step()).end();
        Box::pin(async { Ok(1) })
    })
}

/// A step that fails at once.
fn failing(graph: &mut Graph<u32>, probe: &Probe, id: &str, inputs: &[u32]) -> u32 {
    let probe = probe.clone();
    graph.step(id, inputs, move |cx, _| {
        probe.begin(cx.step()).end();
        let step = cx.step();
        Box::pin(async move { Err(Layered::new(&step).into()) })
    })
}

fn statuses(data: &WorkflowData) -> Vec<(String, StepStatus)> {
    data.statuses()
}

fn status_of(data: &WorkflowData, step: &str) -> StepStatus {
    data.status_of(step).unwrap()
}

#[tokio::test]
async fn b11_dependents_are_skipped_and_unrelated_steps_stay_pending() {
    let (probe, store) = (Probe::default(), TestStore::new());
    let mut graph = Graph::new("failing");
    let fine = quick(&mut graph, &probe, "fine", &[]);
    let bad = failing(&mut graph, &probe, "bad", &[fine]);
    let child = quick(&mut graph, &probe, "child", &[bad]);
    let grandchild = quick(&mut graph, &probe, "grandchild", &[fine, child]);
    let behind_slow = {
        let slow = graph.step("slow", &[fine], |cx, _| {
            Box::pin(async move {
                cx.cancelled().await;
                Ok(1)
            })
        });
        quick(&mut graph, &probe, "behind_slow", &[slow])
    };
    quick(&mut graph, &probe, "join", &[grandchild, behind_slow]);
    let error = graph.run(&Engine::new(store.clone()), "r").await.unwrap_err();
    assert!(matches!(&error, RunError::Failed { failures, .. } if failures.len() == 1), "{error}");

    let data = store.record("r").await;
    assert_eq!(data.status, WorkflowStatus::Failed);
    let expected = [
        ("fine", StepStatus::Completed),
        ("bad", StepStatus::Failed),
        ("child", StepStatus::Skipped),
        ("grandchild", StepStatus::Skipped),
        ("slow", StepStatus::Completed),
        ("behind_slow", StepStatus::Pending),
        ("join", StepStatus::Skipped),
    ];
    assert_eq!(statuses(&data), expected.map(|(step, status)| (step.to_owned(), status)));
    assert_eq!(probe.begun(), ["fine", "bad"]);
}

#[tokio::test]
async fn b11_not_even_a_step_queued_behind_the_limit_starts() {
    for limit in [1, 2, 3] {
        let (probe, store) = (Probe::default(), TestStore::new());
        let mut graph = Graph::new("queued");
        // `limit` steps run, and the others wait for a permit when the failure comes.
        let together = Arc::new(Barrier::new(limit));
        for index in 0..limit {
            let (probe, together) = (probe.clone(), together.clone());
            graph.step(format!("running{index}"), &[], move |cx, _| {
                let begun = probe.begin(cx.step());
                let together = together.clone();
                Box::pin(async move {
                    together.wait().await;
                    if index > 0 {
                        cx.cancelled().await;
                    }
                    begun.end();
                    if index > 0 { Ok(1) } else { Err("no".into()) }
                })
            });
        }
        let queued: Vec<u32> = (0..20).map(|index| quick(&mut graph, &probe, &format!("queued{index}"), &[])).collect();
        quick(&mut graph, &probe, "join", &queued);
        let engine = Engine::builder(store.clone()).concurrency(limit).build();
        let error = graph.run(&engine, "r").await.unwrap_err();
        assert_eq!(error.failures().len(), 1);
        assert_eq!(probe.begun().len(), limit, "{:?}", probe.begun());
        let data = store.record("r").await;
        let pending = statuses(&data).iter().filter(|(_, status)| *status == StepStatus::Pending).count();
        assert_eq!(pending, 21);
        assert!((1..limit).all(|index| status_of(&data, &format!("running{index}")) == StepStatus::Completed));
        // The permits are free again.
        assert_eq!(quick_run(&engine).await, 1);
    }
}

async fn quick_run(engine: &Engine) -> u32 {
    let mut graph = Graph::new("other");
    quick(&mut graph, &Probe::default(), "only", &[]);
    graph.run(engine, "other").await.unwrap()
}

#[tokio::test]
async fn b11_a_step_that_waits_for_its_retry_is_not_tried_again() {
    let (probe, store) = (Probe::default(), TestStore::new());
    let retried = Arc::new(Notify::new());
    let mut graph = Graph::<u32>::new("retrying");
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1)).with_jitter(false);
    let policy = Policy::DEFAULT.with_retry(Some(Retry::new(1_000_000).with_backoff(backoff)));
    let (again, seen) = (probe.clone(), retried.clone());
    graph.step_with("flaky", &[], policy, move |cx, _| {
        again.begin(cx.step()).end();
        if cx.attempt() == 3 {
            seen.notify_one();
        }
        Box::pin(async { Err("not yet".into()) })
    });
    graph.step("bad", &[], move |_, _| {
        let retried = retried.clone();
        Box::pin(async move {
            retried.notified().await;
            Err("no".into())
        })
    });
    let engine = Engine::new(store.clone());
    let error = graph.run(&engine, "r").await.unwrap_err();
    let failed: Vec<_> = error.failures().iter().map(|failure| failure.failure.step.as_str()).collect();
    let attempts = probe.begun().len();
    let data = store.record("r").await;
    assert_eq!(status_of(&data, "bad"), StepStatus::Failed);
    // An attempt that was running when the failure came has failed for good; one that was to come never begins.
    let expected = if failed.len() == 2 { StepStatus::Failed } else { StepStatus::Pending };
    assert_eq!(status_of(&data, "flaky"), expected);
    sleep(Duration::from_millis(20)).await;
    assert_eq!(probe.begun().len(), attempts);
}

/// Three steps that fail together, and one beside them that does not.
fn three_failures() -> Graph<u32> {
    let together = Arc::new(Barrier::new(4));
    let mut graph = Graph::<u32>::new("three");
    for id in ["c", "a", "fine", "b"] {
        let together = together.clone();
        graph.step(id, &[], move |cx, _| {
            let together = together.clone();
            Box::pin(async move {
                together.wait().await;
                if cx.step() == "fine" { Ok(1) } else { Err(Layered::new(&cx.step()).into()) }
            })
        });
    }
    graph.step("join", &[0, 1, 2, 3], |_, _| Box::pin(async { Ok(1) }));
    graph
}

#[tokio::test]
async fn b11_all_failures_in_flight_are_reported_in_order_with_their_causes() {
    let store = TestStore::new();
    let graph = three_failures();
    let first = graph.run(&Engine::new(store.clone()), "r").await.unwrap_err();
    let steps: Vec<&str> = first.failures().iter().map(|failure| failure.failure.step.as_str()).collect();
    assert_eq!(steps, ["a", "b", "c"]);
    for failure in first.failures() {
        let step = &failure.failure.step;
        let expected = [format!("step `{step}` failed at attempt 1"), format!("{step} top")];
        let expected = expected.into_iter().chain([format!("{step} middle"), format!("{step} root")]);
        assert_eq!(chain(failure), expected.collect::<Vec<_>>());
        let own = failure.error.as_ref().unwrap().downcast_ref::<Layered>().unwrap();
        assert_eq!(own.message, format!("{step} top"));
    }
    // The error as a whole has no room for three chains behind it, so it tells them all.
    let of = |step| format!("step `{step}` failed at attempt 1: {step} top: {step} middle: {step} root");
    assert_eq!(first.to_string(), format!("run `r` of `three` failed: {}; {}; {}", of("a"), of("b"), of("c")));
    assert!(first.source().is_none());
    assert_eq!(status_of(&store.record("r").await, "fine"), StepStatus::Completed);

    // And so from the record, by another engine.
    let again = graph.run(&Engine::new(store.reopened()), "r").await.unwrap_err();
    let stored = |error: &RunError| error.failures().iter().map(|one| one.failure.clone()).collect::<Vec<_>>();
    assert_eq!(stored(&again), stored(&first));
    assert_eq!(again.to_string(), first.to_string());
    for failure in again.failures() {
        let step = &failure.failure.step;
        let expected = [format!("step `{step}` failed at attempt 1: {step} top"), format!("{step} middle")];
        let expected = expected.into_iter().chain([format!("{step} root")]);
        assert_eq!(chain(failure), expected.collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn b11_what_runs_may_end_within_its_grace_and_no_longer() {
    let store = TestStore::new();
    let mut graph = Graph::<u32>::new("grace");
    let limited = Policy::DEFAULT.with_timeout(Some(Duration::from_secs(10)));
    let steps = [
        ("short", 29, Policy::DEFAULT),
        ("long", 1_000, Policy::DEFAULT),
        ("limited", 1_000, limited),
        ("pure", 5, Policy::DEFAULT.with_pure(true)),
    ];
    for (id, seconds, policy) in steps {
        graph.step_with(id, &[], policy, move |_, _| {
            Box::pin(async move {
                sleep(Duration::from_secs(seconds)).await;
                Ok(1)
            })
        });
    }
    graph.step("bad", &[], |_, _| Box::pin(async { Err(BoxError::from("no")) }));
    let start = Instant::now();
    let error = graph.run(&Engine::new(store.clone()), "r").await.unwrap_err();
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(31), "{took:?}");
    let failed: Vec<_> = error.failures().iter().map(|one| (&*one.failure.step, one.failure.kind)).collect();
    assert_eq!(failed, [("bad", FailureKind::Error), ("limited", FailureKind::Timeout)]);
    let data = store.record("r").await;
    assert_eq!(status_of(&data, "short"), StepStatus::Completed);
    assert_eq!(status_of(&data, "long"), StepStatus::Cancelled);
    assert_eq!(status_of(&data, "pure"), StepStatus::Cancelled);
}

#[node]
async fn count(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> u64 {
    probe.begin(cx.step()).end();
    x + 1
}

#[node]
async fn refuse(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> anyhow::Result<u64> {
    probe.begin(cx.step()).end();
    Err(anyhow::anyhow!("no {x}").context("refused"))
}

#[node]
async fn refuse_by_text(x: u64) -> Result<u64, String> {
    Err(format!("no {x}"))
}

workflow! {
    fn refused(x: u64) -> u64 {
        let a = count(x);
        let b = refuse(a);
        let c = #[id = "c"] count(b);
        c
    }

    fn refused_by_text(x: u64) -> u64 { refuse_by_text(x) }
}

#[tokio::test]
async fn b11_the_errors_of_a_workflow_keep_their_causes() {
    let probe = Probe::default();
    let engine = Engine::builder(TestStore::new()).state(probe.clone()).build();
    let error = refused(1).run(&engine, "r").await.unwrap_err();
    let [StepFailure { failure, error: Some(own) }] = error.failures() else { panic!("{error:?}") };
    assert_eq!((&*failure.step, &*failure.message), ("b", "refused"));
    assert!(error.to_string().ends_with("refused: no 2"), "{error}");
    assert_eq!(own.to_string(), "refused");
    assert_eq!(probe.begun(), ["a", "b"]);
    let error = refused_by_text(4).run(&engine, "text").await.unwrap_err();
    assert!(error.to_string().ends_with("step `refuse_by_text` failed at attempt 1: no 4"), "{error}");
}

#[tokio::test]
async fn b11_a_failure_without_a_record_is_reported_the_same() {
    let engine = Engine::ephemeral().build();
    let error = three_failures().run_ephemeral(&engine).await.unwrap_err();
    assert_eq!(error.failures().len(), 3);
    assert!(error.to_string().starts_with("a run of `three` failed: step `a` failed"), "{error}");
}

/// A failed workflow, run again by the same engine and by another one.
#[tokio::test]
async fn b18_a_failed_run_gives_its_failure_again_and_runs_nothing() {
    let (probe, store) = (Probe::default(), TestStore::new());
    let engine = Engine::builder(store.clone()).state(probe.clone()).build();
    let first = refused(1).run(&engine, "r").await.unwrap_err();
    let (record, commits) = (store.record("r").await, store.commits());
    for engine in [engine, Engine::builder(store.clone()).state(probe.clone()).strict_roundtrip(true).build()] {
        let again = refused(1).run(&engine, "r").await.unwrap_err();
        assert_eq!(again.to_string(), first.to_string());
        assert_eq!(again.failures()[0].failure, first.failures()[0].failure);
        assert_eq!(chain(&again.failures()[0]).last().unwrap(), "no 2");
    }
    assert_eq!(probe.begun(), ["a", "b"]);
    assert_eq!((store.record("r").await, store.commits()), (record, commits), "nothing was written");
}

/// The process died after the failure was committed and before the end of the run was.
#[tokio::test]
async fn b18_a_run_that_was_stopping_when_its_process_died_ends_failed_and_starts_nothing() {
    let probe = Probe::default();
    for commit in 0..10 {
        let store = TestStore::new().fail_at(commit, super::stores::Fault::Refused);
        let engine = Engine::builder(store.clone()).state(probe.clone()).build();
        let first = refused(1).run(&engine, "r").await.unwrap_err();
        if store.commits() <= commit {
            assert!(commit > 2, "the run had only {commit} commits");
            assert!(matches!(first, RunError::Failed { .. }), "{first}");
            return;
        }
        assert!(matches!(first, RunError::Store { .. }), "{first}");
        let engine = Engine::builder(store.reopened()).state(probe.clone()).build();
        let second = refused(1).run(&engine, "r").await.unwrap_err();
        assert_eq!(second.to_string().replace("attempt 2", "attempt 1"), {
            "run `r` of `refused` failed: step `b` failed at attempt 1: refused: no 2"
        });
        assert!(!probe.begun().contains(&"c".to_owned()));
    }
    panic!("the run never ended");
}

#[node]
async fn hang(x: u64) -> u64 {
    std::future::pending::<()>().await;
    x
}

#[node]
async fn add(x: u64, y: u64) -> u64 {
    x + y
}

workflow! {
    fn stuck_inside(x: u64) -> u64 {
        let bad = refuse_by_text(x);
        let branch = match x { 0 => 0, n => { let stuck = hang(n); stuck } };
        let open = match x { 0 => 0, n => { let a = hang(n); let b = #[id = "never"] hang(a); b } };
        let each = for y in [x, x, x] { hang(y) };
        let sum = add(branch, each[0]);
        add(bad, sum + open)
    }
}

#[tokio::test(start_paused = true)]
async fn b11_a_branch_or_fan_out_in_which_something_was_cancelled_is_not_completed() {
    let store = TestStore::new();
    let error = stuck_inside(1).run(&Engine::new(store.clone()), "r").await.unwrap_err();
    assert_eq!(error.failures().len(), 1, "{error}");
    let expected = [
        ("bad", StepStatus::Failed),
        ("branch", StepStatus::Cancelled),
        ("branch.stuck", StepStatus::Cancelled),
        ("open", StepStatus::Cancelled),
        ("open.a", StepStatus::Cancelled),
        ("open.never", StepStatus::Pending),
        ("each", StepStatus::Cancelled),
        ("each[0].hang", StepStatus::Cancelled),
        ("each[1].hang", StepStatus::Cancelled),
        ("each[2].hang", StepStatus::Cancelled),
        ("sum", StepStatus::Pending),
        ("add", StepStatus::Skipped),
    ];
    assert_eq!(statuses(&store.record("r").await), expected.map(|(step, status)| (step.to_owned(), status)));
}
