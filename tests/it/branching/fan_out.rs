//! Fan-outs: order and number of items, limits, and very many of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::WorkflowId;
use flow_runtime::prelude::*;
use flow_runtime::state::{Event, StepStatus};
use tokio::sync::Notify;

use crate::recorder::{Ledger, Recorder};
use crate::resume::outcome::run;
use crate::resume::workflows::{list, sum, work};

#[node]
async fn describe(#[state] ledger: &Ledger, x: &i32, unit: &str, cx: &NodeContext) -> (i32, String) {
    ledger.begin(cx).await;
    (*x, format!("{x} {unit}"))
}

workflow! {
    fn described(xs: Vec<i32>, unit: String) -> Vec<(i32, String)> {
        #[id = "ys"]
        for x in xs { describe(x, unit) }
    }

    fn limited(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        #[with(concurrency = 3)]
        for x in xs { let a = work(x); let b = work(a); b }
    }

    fn one_by_one(n: u64) -> u64 {
        let xs = list(n);
        #[with(concurrency = 1)]
        let ys = for x in xs { let a = work(x); work(a) };
        sum(ys)
    }
}

#[tokio::test]
async fn b27_results_stand_in_the_order_of_the_items_whatever_ends_first() {
    for xs in [vec![], vec![7], vec![3, -1, 3, 0, i32::MIN, 8, 5, 9, 2]] {
        let store = Recorder::default();
        let expected: Vec<_> = xs.iter().map(|x| (*x, format!("{x} mm"))).collect();
        assert_eq!(run(&store, described(xs.clone(), "mm".to_owned())).await.unwrap(), expected);
        let ended: Vec<u32> =
            store.ledger.deltas().iter().flat_map(|delta| &delta.events).filter_map(item_ended).collect();
        assert_eq!(ended.len(), xs.len(), "every item is committed by itself");
        assert!(xs.len() < 3 || !ended.is_sorted(), "the items end in another order: {ended:?}");
    }
}

fn item_ended(event: &Event) -> Option<u32> {
    if let Event::StepCompleted { step, .. } = event { Some(step.instance) } else { None }
}

#[tokio::test]
async fn b27_no_more_items_are_under_way_than_the_limit_says() {
    let store = Recorder::default();
    let xs: Vec<u64> = (0..20).collect();
    let expected: Vec<u64> = xs.iter().map(|x| x + 2).collect();
    assert_eq!(run(&store, limited(xs)).await.unwrap(), expected);
    let mut most = 0;
    for data in store.ledger.snapshots() {
        let ys = data.find("ys").unwrap();
        let under_way = data.opened_by(ys).filter(|&item| {
            let locals = data.plan.region(data.instances[item as usize].region).locals();
            let mut statuses = locals.map(|local| data.step(flow_runtime::state::StepRef::new(item, local)).status);
            let first = statuses.next().unwrap();
            first != StepStatus::Pending && statuses.any(|status| status != StepStatus::Completed)
        });
        most = most.max(under_way.count());
    }
    assert_eq!(most, 3, "as many as may, and not more");
}

#[tokio::test]
async fn b27_with_a_limit_of_one_the_items_follow_each_other() {
    let store = Recorder::default();
    assert_eq!(run(&store, one_by_one(4)).await.unwrap(), 2 + 3 + 4 + 5);
    let steps: Vec<String> = store.ledger.calls().into_iter().map(|call| call.step).collect();
    let items: Vec<String> = (0..4).flat_map(|item| ["a", "work"].map(|step| format!("ys[{item}].{step}"))).collect();
    assert_eq!(steps[1..9], items);
}

/// Lets a number of bodies run and stops those that come after.
#[derive(Clone)]
struct Counter(Arc<Counts>);

struct Counts {
    begun: AtomicUsize,
    ended: Mutex<BTreeMap<u64, u32>>,
    stop_after: usize,
    stopped: Notify,
}

impl Counter {
    fn stopping_after(bodies: usize) -> Self {
        let counts =
            Counts { begun: AtomicUsize::new(0), ended: Mutex::default(), stop_after: bodies, stopped: Notify::new() };
        Self(Arc::new(counts))
    }
}

#[node]
async fn count(#[state] counter: &Counter, x: &u64) -> u64 {
    if counter.0.begun.fetch_add(1, Ordering::Relaxed) >= counter.0.stop_after {
        counter.0.stopped.notify_one();
        std::future::pending::<()>().await;
    }
    *counter.0.ended.lock().unwrap().entry(*x).or_default() += 1;
    x + 1
}

workflow! {
    fn many(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        for x in xs { count(x) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b27_a_hundred_thousand_items_run_and_a_crash_runs_only_those_again_that_were_not_committed() {
    const ITEMS: u64 = 100_000;
    let store = InMemoryStore::default();
    let xs: Vec<u64> = (0..ITEMS).collect();

    let first = Counter::stopping_after(60_000);
    let engine = Engine::builder(store.clone()).state(first.clone()).build();
    let handle = many(xs.clone()).start(&engine, "many").unwrap();
    first.0.stopped.notified().await;
    engine.shutdown(Duration::ZERO).await;
    assert!(matches!(handle.result().await, Err(RunError::Interrupted { .. })));
    let before = engine.load(&WorkflowId::new("many").unwrap()).await.unwrap();
    let committed = before.steps.iter().filter(|step| step.output.is_some()).count();

    let second = Counter::stopping_after(usize::MAX);
    let engine = Engine::builder(store).state(second.clone()).build();
    let expected: Vec<u64> = xs.iter().map(|x| x + 1).collect();
    assert_eq!(many(xs).run(&engine, "many").await.unwrap(), expected);

    let first = first.0.ended.lock().unwrap().clone();
    let again = second.0.ended.lock().unwrap().clone();
    assert_eq!((first.len(), again.len()), (60_000, ITEMS as usize - committed));
    assert!(committed > 60_000 - 64, "only what was in flight is lost: {committed}");
    assert!(first.values().chain(again.values()).all(|&times| times == 1));
}
