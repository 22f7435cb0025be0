//! Conditions and lists that were edited between a crash and the resume, in a second version of the same workflow.
//!
//! In: the record of a run of the first version after each of its commits. Out: the second version refuses the run by
//! the name of the head, runs nothing and leaves the record as it is, as long as the head's decision still matters.

use std::fmt::Debug;

use flow_runtime::engine::tree::Workflow;
use flow_runtime::plan::Requires;
use flow_runtime::state::StepStatus;
use flow_runtime::{Engine, Invocation, RunError, WorkflowData};

use crate::recorder::{Ledger, Recorder};
use crate::resume::workflows::{broken, list, sum, think, work};

/// Two versions of one workflow that differ in an expression, each in a module of its own.
macro_rules! versions {
    ($name:ident($($param:ident: $type:ty),*) $first:tt $second:tt) => {
        mod $name {
            pub(super) mod first {
                #[allow(unused_imports, reason = "not every workflow calls every node")]
                use crate::branching::heads::{broken, list, sum, think, work};
                flow_runtime::workflow! { #[allow(unused_variables)] pub(in super::super) fn flow($($param: $type),*) -> u64 $first }
            }
            pub(super) mod second {
                #[allow(unused_imports, reason = "not every workflow calls every node")]
                use crate::branching::heads::{broken, list, sum, think, work};
                flow_runtime::workflow! { #[allow(unused_variables)] pub(in super::super) fn flow($($param: $type),*) -> u64 $second }
            }
        }
    };
}

versions! { condition(x: u64) {
    let a = work(x);
    let b = if a > 1 { let c = work(a); #[id = "again"] work(c) } else { think(a) };
    let side = #[id = "side"] work(a);
    let both = [b.clone(), side].to_vec();
    sum(both)
} {
    let a = work(x);
    let b = if a > 100 { let c = work(a); #[id = "again"] work(c) } else { think(a) };
    let side = #[id = "side"] work(a);
    let both = [b.clone(), side].to_vec();
    sum(both)
} }

versions! { scrutinee(x: u64) {
    let a = work(x);
    let b = match a % 2 { 0 => work(a), _ => think(a) };
    #[id = "last"]
    work(b)
} {
    let a = work(x);
    let b = match (a + 1) % 2 { 0 => work(a), _ => think(a) };
    #[id = "last"]
    work(b)
} }

versions! { binding(left: Option<u64>, right: Option<u64>) {
    let b = if let Some(y) = left { let c = work(y); c + y } else { 0 };
    #[id = "last"]
    work(b)
} {
    let b = if let Some(y) = right { let c = work(y); c + y } else { 0 };
    #[id = "last"]
    work(b)
} }

versions! { length(n: u64) {
    let xs = list(n);
    let ys = for x in xs { let y = work(x); y + x };
    sum(ys)
} {
    let xs = list(n);
    let ys = for x in xs[1..] { let y = work(x); y + x };
    sum(ys)
} }

versions! { panics(xs: Vec<u64>) {
    let b = if xs[0] == 0 { work(1) } else { 0 };
    #[id = "last"]
    work(b)
} {
    let b = if xs[7] == 0 { work(1) } else { 0 };
    #[id = "last"]
    work(b)
} }

versions! { within(n: u64) {
    let xs = list(n);
    let ys = for x in xs {
        let y = work(x);
        let z = if y == 2 { #[id = "two"] work(y) } else { y };
        z + 1
    };
    sum(ys)
} {
    let xs = list(n);
    let ys = for x in xs {
        let y = work(x);
        let z = if y == 3 { #[id = "two"] work(y) } else { y };
        z + 1
    };
    sum(ys)
} }

versions! { caught(x: u64) {
    #[catch]
    let b = if x > 0 { broken(x) } else { 0 };
    let c = match b { Ok(_) => 1, Err(_) => 2 };
    #[id = "last"]
    work(c)
} {
    #[catch]
    let b = if x > 10 { broken(x) } else { 0 };
    let c = match b { Ok(_) => 1, Err(_) => 2 };
    #[id = "last"]
    work(c)
} }

/// The records of a run of this after each of its commits but the last, one step at a time.
async fn records_of<W: Workflow + Requires<Ledger>>(invocation: Invocation<W>) -> Vec<WorkflowData>
where
    W::Output: Debug,
{
    let store = Recorder::default();
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).concurrency(1).build();
    invocation.run(&engine, "run").await.unwrap();
    let mut snapshots = store.ledger.snapshots();
    snapshots.pop();
    snapshots
}

/// What the run says when it goes on from this record with this code; if it is refused, nothing has happened.
async fn go_on<W: Workflow + Requires<Ledger>>(
    before: &WorkflowData,
    invocation: Invocation<W>,
) -> Result<W::Output, RunError> {
    let store = Recorder::holding(before).await;
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).build();
    let result = invocation.run(&engine, "run").await;
    if result.is_err() {
        assert!(store.ledger.entries().is_empty(), "{:?}", store.ledger.entries());
        assert_eq!(store.record().await, *before);
    }
    result
}

/// That a run of `first` is refused by `second` in the name of `head` from when that was decided until `user`, which
/// uses its value, has ended; before and after that, it goes on.
async fn is_refused<A, B>(
    first: impl Fn() -> Invocation<A>,
    second: impl Fn() -> Invocation<B>,
    (head, user): (&str, &str),
    (was, is): (&str, &str),
) where
    A: Workflow + Requires<Ledger>,
    B: Workflow + Requires<Ledger>,
    A::Output: Debug + PartialEq,
    B::Output: Debug,
{
    let mut seen = Vec::new();
    for before in records_of(first()).await {
        let decided = before.find(head).is_some_and(|step| before.step(step).started_at != 0);
        let over = before.status_of(user) == Some(StepStatus::Completed);
        let result = go_on(&before, second()).await;
        if !decided || over {
            result.unwrap();
            continue;
        }
        let error = result.unwrap_err();
        let RunError::HeadChanged { workflow, id, step, recorded, now } = &error else { panic!("{error}") };
        assert_eq!((workflow.as_str(), id.as_str(), step.as_str()), ("flow", "run", head));
        assert_eq!((recorded.as_str(), now.as_str()), (was, is));
        assert!(error.to_string().contains(head) && error.to_string().contains("restore the expression"), "{error}");
        seen.push(before.status_of(head).unwrap());
        go_on(&before, first()).await.unwrap();
    }
    assert!(seen.contains(&StepStatus::Running), "the run was killed while `{head}` was open: {seen:?}");
    assert!(seen.contains(&StepStatus::Completed), "and when it had ended: {seen:?}");
}

#[tokio::test]
async fn b24_an_edited_if_is_refused() {
    is_refused(|| condition::first::flow(1), || condition::second::flow(1), ("b", "sum"), ("`then`", "`else`")).await;
}

#[tokio::test]
async fn b24_an_edited_match_is_refused() {
    is_refused(|| scrutinee::first::flow(1), || scrutinee::second::flow(1), ("b", "last"), ("`0`", "`_`")).await;
}

#[tokio::test]
async fn b24_an_edited_if_let_is_refused() {
    let (first, second) = (|| binding::first::flow(Some(1), None), || binding::second::flow(Some(1), None));
    is_refused(first, second, ("b", "last"), ("`Some(y)`", "`else`")).await;
}

#[tokio::test]
async fn b24_an_edited_list_of_another_length_is_refused() {
    let (first, second) = (|| length::first::flow(3), || length::second::flow(3));
    is_refused(first, second, ("ys", "sum"), ("3 items", "2 items")).await;
}

#[tokio::test]
async fn b24_an_edited_condition_that_panics_is_refused() {
    let now = "nothing: it panicked: index out of bounds: the len is 2 but the index is 7";
    let (first, second) = (|| panics::first::flow(vec![0, 1]), || panics::second::flow(vec![0, 1]));
    is_refused(first, second, ("b", "last"), ("`then`", now)).await;
}

#[tokio::test]
async fn b24_an_edited_condition_in_an_item_is_refused() {
    let (first, second) = (|| within::first::flow(2), || within::second::flow(2));
    is_refused(first, second, ("ys[1].z", "sum"), ("`then`", "`else`")).await;
}

/// Of an arm that failed the failure is the value, and its head is not evaluated for it again.
#[tokio::test]
async fn b24_an_edited_condition_of_an_arm_that_failed_and_was_caught_no_longer_matters() {
    let mut seen = false;
    for before in records_of(caught::first::flow(1)).await {
        let failed = before.status_of("b") == Some(StepStatus::Failed);
        let result = go_on(&before, caught::second::flow(1)).await;
        assert_eq!(result.is_ok(), failed);
        seen |= failed;
    }
    assert!(seen);
}
