//! Items that fail: the first to fail stops the others, or, under `#[catch]`, none.

use flow_runtime::prelude::*;
use flow_runtime::state::{FailureKind, StepStatus, WorkflowStatus};

use crate::recorder::{Ledger, Recorder};
use crate::resume::outcome::run;
use crate::resume::workflows::{broken, work};

/// Fails for 5; anything else waits until it is told to stop and then says that it did.
#[node]
async fn fail_on_five(#[state] ledger: &Ledger, x: &u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    if *x == 5 {
        return Err("five".to_owned());
    }
    if x.is_multiple_of(2) {
        cx.cancelled().await;
    } else {
        while !cx.is_cancelled() {
            tokio::task::yield_now().await;
        }
    }
    Err(format!("{x} was told to stop"))
}

/// Fails for 5 and 7, at the same time and without asking whether it is to stop.
#[node]
async fn fail_together(#[state] ledger: &Ledger, x: &u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    if *x == 5 || *x == 7 { Err(format!("{x}")) } else { Ok(*x) }
}

/// Panics although it was told to stop.
#[node]
async fn panic_when_told(#[state] ledger: &Ledger, x: &u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    if *x == 5 {
        return Err("five".to_owned());
    }
    cx.cancelled().await;
    panic!("{x} panicked");
}

workflow! {
    fn first_to_fail(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        for x in xs { fail_on_five(x) }
    }

    fn both_fail(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        for x in xs { fail_together(x) }
    }

    fn panics_too(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        for x in xs { panic_when_told(x) }
    }

    fn limited(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        #[with(concurrency = 2)]
        for x in xs { let a = work(x); let b = if x == 3 { #[id = "bad"] broken(a) } else { a }; b }
    }

    fn caught(xs: Vec<u64>) -> Vec<Result<u64, NodeFailure>> {
        #[catch]
        let ys = for x in xs {
            let a = work(x);
            let b = if x % 2 == 1 { let c = broken(a); #[id = "never"] work(c) } else { a };
            let d = #[id = "d"] work(b);
            d + 1
        };
        ys
    }

    /// A branch and a fan-out that are open when a step beside them fails.
    fn open_beside(xs: Vec<u64>) -> u64 {
        let way = if xs[0] > 0 { let a = fail_on_five(xs[0]); work(a) } else { 0 };
        let ys = for x in xs { let b = #[id = "b"] fail_on_five(x); #[id = "c"] work(b) };
        let bad = #[id = "bad"] broken(1);
        way + ys[0] + bad
    }

    /// Items of which one fails while another part of it is open.
    fn open_in_item(xs: Vec<u64>) -> Vec<Result<u64, NodeFailure>> {
        #[catch]
        #[with(concurrency = 1)]
        let ys = for x in xs {
            let bad = broken(x);
            let inner = for z in [1, 2] { #[after(bad)] work(z) };
            bad + inner[0]
        };
        ys
    }
}

fn steps(failures: &[crate::resume::outcome::Failure]) -> Vec<(&str, &str)> {
    failures.iter().map(|(step, _, message)| (step.as_str(), message.as_str())).collect()
}

#[tokio::test]
async fn b28_the_error_is_the_one_that_failed_and_not_a_sibling_that_gave_up() {
    for xs in [vec![1, 2, 5, 3, 4], vec![5, 1], vec![2, 5]] {
        let store = Recorder::default();
        let at = xs.iter().position(|x| *x == 5).unwrap();
        let failures = run(&store, first_to_fail(xs.clone())).await.unwrap_err();
        let step = format!("ys[{at}].fail_on_five");
        assert_eq!(steps(&failures), [(step.as_str(), "five")]);
        let record = store.record().await;
        assert_eq!(record.status, WorkflowStatus::Failed);
        for item in 0..xs.len() {
            let status = if item == at { StepStatus::Failed } else { StepStatus::Cancelled };
            assert_eq!(record.status_of(&format!("ys[{item}].fail_on_five")), Some(status));
        }
        assert_eq!(record.status_of("ys"), Some(StepStatus::Failed));
        let again = Recorder::holding(&record).await;
        assert_eq!(run(&again, first_to_fail(xs)).await.unwrap_err(), failures, "and so from the record");
        assert!(again.ledger.entries().is_empty());
    }
}

#[tokio::test]
async fn b28_a_failure_in_flight_that_has_another_cause_is_reported_too() {
    let store = Recorder::default();
    let failures = run(&store, both_fail(vec![1, 7, 5])).await.unwrap_err();
    assert_eq!(steps(&failures), [("ys[1].fail_together", "7"), ("ys[2].fail_together", "5")]);

    let store = Recorder::default();
    let failures = run(&store, panics_too(vec![2, 5])).await.unwrap_err();
    let kinds: Vec<_> = failures.iter().map(|(step, kind, _)| (step.as_str(), *kind)).collect();
    assert_eq!(kinds, [("ys[0].panic_when_told", FailureKind::Panic), ("ys[1].panic_when_told", FailureKind::Error)]);
}

#[tokio::test]
async fn b28_items_that_wait_for_their_turn_do_not_begin_after_a_failure() {
    let store = Recorder::default();
    let failures = run(&store, limited((1..40).collect())).await.unwrap_err();
    assert_eq!(steps(&failures), [("ys[2].b.bad", "no 4")]);
    assert!(!store.ledger.counts().contains_key("ys[38].a"), "{:?}", store.ledger.counts());
    assert_eq!(store.record().await.status_of("ys[38].a"), Some(StepStatus::Pending));
}

#[tokio::test]
async fn b28_under_catch_every_item_runs_and_each_has_its_result() {
    let xs: Vec<u64> = (0..9).collect();
    let store = Recorder::default();
    let results = run(&store, caught(xs.clone())).await.unwrap();
    assert_eq!(results.len(), xs.len());
    let record = store.record().await;
    for (x, result) in xs.iter().zip(&results) {
        let item = |step: &str| record.status_of(&format!("ys[{x}].{step}")).unwrap();
        if x % 2 == 0 {
            assert_eq!(*result, Ok(x + 3));
            assert_eq!((item("b"), item("d")), (StepStatus::Completed, StepStatus::Completed));
        } else {
            let failure = result.as_ref().unwrap_err();
            assert_eq!(
                (failure.step.clone(), failure.message.clone()),
                (format!("ys[{x}].b.c"), format!("no {}", x + 1))
            );
            let statuses = (item("b"), item("b.c"), item("b.never"), item("d"));
            assert_eq!(statuses, (StepStatus::Failed, StepStatus::Failed, StepStatus::Skipped, StepStatus::Skipped));
        }
    }
    assert_eq!(record.status_of("ys"), Some(StepStatus::Completed));
    assert_eq!(record.status, WorkflowStatus::Completed);
}

#[tokio::test]
async fn b28_what_was_open_when_the_run_failed_is_cancelled() {
    let store = Recorder::default();
    let failures = run(&store, open_beside(vec![2, 4])).await.unwrap_err();
    assert_eq!(steps(&failures), [("bad", "no 1")]);
    let record = store.record().await;
    for step in ["way", "way.a", "ys", "ys[0].b", "ys[1].b"] {
        assert_eq!(record.status_of(step), Some(StepStatus::Cancelled), "{step}");
    }
    for step in ["way.work", "ys[0].c"] {
        assert_eq!(record.status_of(step), Some(StepStatus::Pending), "{step}");
    }

    let store = Recorder::default();
    let results = run(&store, open_in_item(vec![1, 2])).await.unwrap();
    assert!(results.iter().all(Result::is_err));
    let record = store.record().await;
    assert_eq!(record.status, WorkflowStatus::Completed);
    assert_eq!(record.status_of("ys[0].inner"), Some(StepStatus::Cancelled));
}
