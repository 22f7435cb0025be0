//! Arms and items whose value uses a step around them: they end when that step has, and their own steps do not wait
//! for it.

use std::time::Duration;

use flow_runtime::prelude::*;
use tokio::time::{Instant, sleep};

use super::probe::Probe;
use super::stores::{Fault, TestStore};

const SECOND: Duration = Duration::from_secs(1);

#[node]
async fn slow(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> u64 {
    probe.begin(cx.step()).end();
    sleep(10 * SECOND).await;
    x
}

#[node]
async fn quick(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> u64 {
    probe.begin(cx.step()).end();
    sleep(SECOND).await;
    x
}

#[node]
async fn refuse(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> Result<u64, String> {
    probe.begin(cx.step()).end();
    sleep(5 * SECOND).await;
    Err(format!("no {x}"))
}

workflow! {
    fn arm(x: u64) -> u64 {
        let late = slow(100);
        let value = match x {
            0 => late,
            1 => late + 1,
            2 => { let y = quick(2); y + late }
            n => { let z = #[id = "other"] quick(n); z }
        };
        #[id = "behind"]
        quick(value)
    }

    fn items(xs: Vec<u64>) -> Vec<u64> {
        let late = slow(100);
        let ys = for x in xs { let y = quick(x); y + late };
        ys
    }

    fn few_items_at_once(xs: Vec<u64>) -> Vec<u64> {
        let late = slow(100);
        #[with(concurrency = 1)]
        let ys = for x in xs { let y = quick(x); y + late };
        ys
    }

    fn nested(xs: Vec<u64>) -> Vec<u64> {
        let late = slow(100);
        let ys = for x in xs {
            let own = #[id = "own"] slow(x);
            let value = match x {
                0 => late,
                1 => own,
                _ => {
                    let inner = if x > 5 { late + own } else { #[id = "small"] quick(x) };
                    inner
                }
            };
            value
        };
        ys
    }

    fn caught(x: u64) -> Result<u64, NodeFailure> {
        #[catch]
        let late = refuse(x);
        let value = match x { 0 => late, _ => { let y = quick(x); Ok(y) } };
        value
    }

    fn failing(x: u64) -> u64 {
        let late = refuse(x);
        let value = match x { 0 => late, _ => 1 };
        value
    }
}

fn engine(store: &TestStore, probe: &Probe) -> Engine<Probe> {
    Engine::builder(store.clone()).state(probe.clone()).build()
}

/// Runs this in a first run, and stopped after each of its commits in turn.
async fn always<T: PartialEq + std::fmt::Debug>(run: impl AsyncFn(&Engine<Probe>) -> Result<T, RunError>, expected: T) {
    let whole = TestStore::new();
    assert_eq!(run(&engine(&whole, &Probe::default())).await.unwrap(), expected);
    for at in 0..whole.commits() {
        let store = TestStore::new().fail_at(at, Fault::Ambiguous);
        run(&engine(&store, &Probe::default())).await.unwrap_err();
        let resumed = run(&engine(&store.reopened(), &Probe::default())).await.unwrap();
        assert_eq!(resumed, expected, "stopped at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn b23_an_arm_ends_when_the_step_around_it_has_that_is_its_value() {
    for (x, expected) in [(0, 100), (1, 101), (2, 102), (7, 7)] {
        always(async |engine| arm(x).run(engine, "r").await, expected).await;
        let run = arm(x).run_ephemeral(&Engine::ephemeral().state(Probe::default()).build());
        assert_eq!(run.await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn b08_another_arm_does_not_wait_for_it() {
    let probe = Probe::default();
    let engine = engine(&TestStore::new(), &probe);
    let start = Instant::now();
    let (behind, ()) = tokio::join!(arm(7).run(&engine, "r"), async {
        while probe.begun().len() < 3 {
            sleep(SECOND / 10).await;
        }
        assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
    });
    assert_eq!(behind.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn b27_items_end_when_the_step_around_them_has_and_their_steps_do_not_wait_for_it() {
    let start = Instant::now();
    let probe = Probe::default();
    assert_eq!(items(vec![1, 2, 3]).run(&engine(&TestStore::new(), &probe), "r").await.unwrap(), [101, 102, 103]);
    assert!(start.elapsed() < 11 * SECOND, "beside each other: {:?}", start.elapsed());
    always(async |engine| items(vec![1, 2, 3]).run(engine, "r").await, vec![101, 102, 103]).await;
    always(async |engine| items(vec![]).run(engine, "r").await, vec![]).await;
}

#[tokio::test(start_paused = true)]
async fn b27_an_item_that_only_waits_for_its_value_takes_no_place_from_the_next() {
    let start = Instant::now();
    let probe = Probe::default();
    let output = few_items_at_once(vec![1, 2, 3]).run(&engine(&TestStore::new(), &probe), "r").await;
    assert_eq!(output.unwrap(), [101, 102, 103]);
    assert!(start.elapsed() < 11 * SECOND, "{:?}", start.elapsed());
    always(async |engine| few_items_at_once(vec![1, 2]).run(engine, "r").await, vec![101, 102]).await;
}

#[tokio::test(start_paused = true)]
async fn b26_values_wait_through_nested_regions() {
    always(async |engine| nested(vec![0, 1, 2, 9]).run(engine, "r").await, vec![100, 1, 2, 109]).await;
}

#[tokio::test(start_paused = true)]
async fn b25_a_failure_around_an_arm_is_its_value_or_fails_the_run() {
    let engine = engine(&TestStore::new(), &Probe::default());
    let failure = caught(0).run(&engine, "caught").await.unwrap().unwrap_err();
    assert_eq!((failure.step.as_str(), failure.message.as_str()), ("late", "no 0"));
    assert_eq!(caught(3).run(&engine, "other arm").await.unwrap(), Ok(3));
    for x in [0, 1] {
        let error = failing(x).run(&engine, format!("failing {x}")).await.unwrap_err();
        assert_eq!(error.failures()[0].failure.step, "late");
    }
}
