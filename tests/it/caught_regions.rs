//! Fan-outs that catch the failures of their items: an item that failed comes to rest with all that it had opened,
//! and the fan-out goes on to its value.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::observe::{Notice, Observer, What};
use flow_runtime::prelude::*;
use tokio::sync::watch;

#[node]
async fn fail_at_once(x: &u64) -> Result<u64, String> {
    Err(format!("no {x}"))
}

/// Ends once the step beside its fan-out has failed.
#[node]
async fn end_after_the_failure(#[state] failed: &Failed, x: &u64, cx: &NodeContext) -> u64 {
    let step = cx.step();
    let beside = format!("{}.bad", step.split_once('.').unwrap().0);
    failed.0.subscribe().wait_for(|failed| failed.contains(&beside)).await.unwrap();
    *x
}

workflow! {
    fn parts_beside_a_failure(orders: Vec<u64>, parts: Vec<u64>) -> Vec<Result<u64, NodeFailure>> {
        #[catch]
        let all = for order in orders {
            let bad = fail_at_once(order);
            #[with(concurrency = 1)]
            let packed = for part in parts { end_after_the_failure(part) };
            bad + packed.len() as u64
        };
        all
    }

    fn one_order_at_a_time(orders: Vec<u64>, parts: Vec<u64>) -> Vec<Result<u64, NodeFailure>> {
        #[catch]
        #[with(concurrency = 1)]
        let all = for order in orders {
            let bad = fail_at_once(order);
            #[with(concurrency = 1)]
            let packed = for part in parts { end_after_the_failure(part) };
            bad + packed.len() as u64
        };
        all
    }
}

/// The steps whose failure is committed.
#[derive(Clone)]
struct Failed(Arc<watch::Sender<Vec<String>>>);

impl Observer for Failed {
    fn observe(&self, notice: &Notice<'_>) {
        if let What::StepFailed { .. } = notice.what {
            self.0.send_modify(|failed| failed.extend(notice.step.map(str::to_owned)));
        }
    }
}

fn engine() -> Engine<Failed> {
    let failed = Failed(Arc::new(watch::Sender::new(Vec::new())));
    Engine::builder(InMemoryStore::default()).state(failed.clone()).observe(failed).build()
}

async fn failed_items(run: impl Future<Output = Result<Vec<Result<u64, NodeFailure>>, RunError>>) -> Vec<String> {
    let items = tokio::time::timeout(Duration::from_secs(30), run).await.expect("the run ends").unwrap();
    items.into_iter().map(|item| item.unwrap_err().step).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b28_an_item_that_failed_comes_to_rest_with_the_fan_out_it_had_begun() {
    let engine = engine();
    let run = parts_beside_a_failure(vec![1, 2], vec![5, 6, 7]).run(&engine, "parts");
    assert_eq!(failed_items(run).await, ["all[0].bad", "all[1].bad"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b28_the_next_item_begins_when_one_that_failed_has_come_to_rest() {
    let engine = engine();
    let run = one_order_at_a_time(vec![1, 2, 3], vec![5, 6]).run(&engine, "orders");
    assert_eq!(failed_items(run).await, ["all[0].bad", "all[1].bad", "all[2].bad"]);
}

#[node]
async fn nothing(x: &()) {
    let () = x;
}

workflow! {
    fn for_each_of_nothing(xs: Vec<()>) -> usize {
        let all = for x in xs { nothing(x) };
        all.len()
    }
}

#[tokio::test]
async fn b27_more_items_than_a_run_can_have_fail_the_fan_out() {
    let many = vec![(); 20_000_000];
    let error = for_each_of_nothing(many).run_ephemeral(&Engine::ephemeral().build()).await.unwrap_err();
    let RunError::Failed { failures, .. } = error else { panic!("{error}") };
    let failure = &failures.iter().next().unwrap().failure;
    assert_eq!(failure.step, "all");
    assert_eq!(failure.message, "20000000 items are more than fit into the 16777216 steps of a run");
}

#[node]
async fn pick(x: u64) -> u64 {
    x
}

#[node]
async fn tell(chosen: &Result<u64, NodeFailure>, word: &str) -> String {
    match chosen {
        Ok(chosen) => format!("{chosen} {word}"),
        Err(failure) => format!("{} {word}", failure.step),
    }
}

workflow! {
    fn a_head_that_fails(xs: Vec<u64>) -> String {
        #[catch]
        let chosen = if xs[7] > 3 { pick(1) } else { #[id = "other"] pick(2) };
        let word = wait_for::<String>("word");
        tell(chosen, word)
    }
}

#[tokio::test]
async fn b28_the_failure_of_a_head_is_the_value_in_another_process_too() {
    let store = InMemoryStore::default();
    let waits = a_head_that_fails(vec![1]).run_until_parked(&Engine::new(store.clone()), "run").await.unwrap();
    assert!(matches!(waits, flow_runtime::engine::Progress::Parked(_)), "{waits:?}");
    let engine = Engine::new(store);
    engine.signal("run", "word", &"yes".to_owned()).await.unwrap();
    assert_eq!(a_head_that_fails(vec![1]).run(&engine, "run").await.unwrap(), "chosen yes");
}
