//! Which arm runs, what a record says of the others, and what a failing arm means for the run.

use std::collections::BTreeMap;

use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};

use crate::recorder::Recorder;
use crate::resume::outcome::run;
use crate::resume::workflows::{broken, sum, tell, think, work};

use StepStatus::{Bypassed, Completed, Failed, Pending, Skipped};

workflow! {
    fn ways(x: u64) -> u64 {
        let way = match x {
            0 => {
                let z = work(x);
                let inner = if z > 5 { work(z) } else { let t = think(z); #[id = "last"] work(t) };
                inner
            }
            1 => think(x),
            2 => { let ys = for y in [1, 2] { work(y) }; #[id = "ys_sum"] sum(ys) },
            _ => x * 100,
        };
        #[id = "behind"]
        work(way)
    }

    /// The arms of the inner branch are reached only through the arms of the outer one.
    fn failing(x: u64) -> u64 {
        let way = if x > 0 { let b = broken(x); work(b) } else { let w = #[id = "w"] work(x); w };
        #[id = "behind"]
        work(way)
    }

    fn caught(x: u64) -> String {
        #[catch]
        let way = if x > 0 { let b = broken(x); work(b) } else { let w = #[id = "w"] work(x); w };
        tell(way)
    }

    /// A branch that no one reaches, since what it depends on fails.
    fn unreached(x: u64) -> u64 {
        let b = broken(x);
        let way = if b > 0 { work(b) } else { think(b) };
        #[id = "behind"]
        work(way)
    }

    fn head_panics(xs: Vec<u64>) -> u64 {
        let way = if xs[7] > 0 { work(1) } else { think(1) };
        #[id = "behind"]
        work(way)
    }
}

async fn statuses(store: &Recorder) -> Vec<(String, StepStatus)> {
    store.record().await.statuses()
}

fn expected<const N: usize>(statuses: [(&str, StepStatus); N]) -> Vec<(String, StepStatus)> {
    statuses.into_iter().map(|(step, status)| (step.to_owned(), status)).collect()
}

/// The statuses of `ways`, in which these steps ran.
fn where_these_ran(ran: &[&str]) -> BTreeMap<String, StepStatus> {
    let all =
        ["way.z", "way.inner", "way.inner.work", "way.inner.t", "way.inner.last", "way.think", "way.ys", "way.ys_sum"];
    let mut statuses: Vec<_> = all.map(|step| (step, if ran.contains(&step) { Completed } else { Bypassed })).into();
    if ran.contains(&"way.ys") {
        statuses.extend([("way.ys[0].work", Completed), ("way.ys[1].work", Completed)]);
    }
    statuses.extend([("way", Completed), ("behind", Completed)]);
    statuses.into_iter().map(|(step, status)| (step.to_owned(), status)).collect()
}

#[tokio::test]
async fn b23_exactly_one_arm_runs_and_the_others_are_bypassed_with_all_in_them() {
    let arms: [(u64, u64, &[&str]); 4] = [
        (0, 4, &["way.z", "way.inner", "way.inner.t", "way.inner.last"]),
        (1, 3, &["way.think"]),
        (2, 6, &["way.ys", "way.ys_sum"]),
        (3, 301, &[]),
    ];
    for (x, output, ran) in arms {
        let store = Recorder::default();
        assert_eq!(run(&store, ways(x)).await.unwrap(), output, "the value behind the branch is that of the arm taken");
        let found: BTreeMap<_, _> = statuses(&store).await.into_iter().collect();
        assert_eq!(found, where_these_ran(ran), "{x}");
        let calls = store.ledger.counts();
        assert!(calls.values().all(|&times| times == 1));
        assert!(calls.keys().all(|step| found[step] == Completed), "only steps of the arm taken are called: {calls:?}");
    }
}

#[tokio::test]
async fn b23_before_its_branch_is_decided_every_step_of_every_arm_is_pending() {
    let store = Recorder::default();
    run(&store, unreached(1)).await.unwrap_err();
    let first = store.ledger.snapshots().remove(0);
    let all = ["b", "way", "way.work", "way.think", "behind"];
    assert_eq!(first.statuses()[1..], all.map(|step| (step.to_owned(), Pending))[1..]);
    assert_eq!(first.status_of("way.think"), Some(Pending));
    assert_eq!(first.status_of("way.nothing"), None);
}

#[tokio::test]
async fn b25_a_failing_arm_fails_the_run_and_no_bypassed_step_is_failed_or_skipped() {
    let store = Recorder::default();
    let failures = run(&store, failing(1)).await.unwrap_err();
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].0.as_str(), failures[0].2.as_str()), ("way.b", "no 1"));
    let way = [("way", Failed), ("way.w", Bypassed), ("way.b", Failed), ("way.work", Skipped), ("behind", Skipped)];
    assert_eq!(statuses(&store).await, expected(way));
    assert_eq!(store.record().await.status, WorkflowStatus::Failed);
}

#[tokio::test]
async fn b25_a_failing_arm_under_catch_is_a_value() {
    let store = Recorder::default();
    assert_eq!(run(&store, caught(1)).await.unwrap(), "way.b: no 1");
    let way = [("way", Failed), ("way.w", Bypassed), ("way.b", Failed), ("way.work", Skipped), ("tell", Completed)];
    assert_eq!(statuses(&store).await, expected(way));
    assert_eq!(store.record().await.status, WorkflowStatus::Completed);
}

#[tokio::test]
async fn b25_arms_of_a_branch_that_is_skipped_or_whose_head_panics_are_skipped() {
    let store = Recorder::default();
    run(&store, unreached(1)).await.unwrap_err();
    let all = [("b", Failed), ("way", Skipped), ("way.work", Skipped), ("way.think", Skipped), ("behind", Skipped)];
    assert_eq!(statuses(&store).await, expected(all));

    let store = Recorder::default();
    let failures = run(&store, head_panics(vec![1])).await.unwrap_err();
    assert_eq!(failures[0].0, "way");
    let all = [("way", Failed), ("way.work", Skipped), ("way.think", Skipped), ("behind", Skipped)];
    assert_eq!(statuses(&store).await, expected(all));
}
