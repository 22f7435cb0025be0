//! What an engine measures beside what it records: runs driven and suspended, steps queued, commits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::WorkflowId;
use flow_runtime::engine::Progress;
use flow_runtime::observe::{Measured, Notice, Observer, Reading};
use flow_runtime::prelude::*;
use flow_runtime::testing::VirtualClock;

use super::stores::{Fault, TestStore};

/// Keeps what was measured.
#[derive(Clone, Default)]
struct Gauge(Arc<Mutex<Vec<Measured>>>);

impl Gauge {
    /// What was measured since this was asked last, but for commits.
    fn seen(&self) -> Vec<Measured> {
        let seen = std::mem::take(&mut *self.0.lock().unwrap());
        seen.into_iter().filter(|measured| !matches!(measured, Measured::Committed { .. })).collect()
    }

    fn commits(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|measured| matches!(measured, Measured::Committed { .. })).count()
    }
}

impl Observer for Gauge {
    fn observe(&self, _: &Notice<'_>) {}

    fn measure(&self, reading: &Reading<'_>) {
        assert_eq!(reading.id.map(WorkflowId::as_str), Some("r"));
        self.0.lock().unwrap().push(reading.measured);
    }
}

/// An observer that panics at what is measured.
struct Clumsy;

impl Observer for Clumsy {
    fn observe(&self, _: &Notice<'_>) {}

    fn measure(&self, reading: &Reading<'_>) {
        panic!("at {:?}", reading.measured);
    }
}

#[node]
async fn yields(x: u64) -> u64 {
    tokio::task::yield_now().await;
    x
}

#[node]
async fn hangs(x: u64) -> u64 {
    std::future::pending::<()>().await;
    x
}

workflow! {
    fn beside(x: u64) -> u64 {
        let a = yields(x);
        let b = yields(x);
        let c = yields(x);
        a + b + c
    }

    fn waits(x: u64) -> u64 {
        let nap = sleep("24h");
        #[after(nap)]
        yields(x)
    }

    fn held(x: u64) -> u64 {
        let a = hangs(x);
        let b = yields(x);
        a + b
    }
}

const LEFT: Measured = Measured::Left { parks: false };

#[tokio::test]
async fn b21_steps_that_wait_for_a_permit_are_counted_up_and_down() {
    let (gauge, store) = (Gauge::default(), TestStore::new());
    let engine = Engine::builder(store.clone()).concurrency(1).observe(Clumsy).observe(gauge.clone()).build();
    assert_eq!(beside(1).run(&engine, "r").await.unwrap(), 3);
    assert_eq!(gauge.commits(), store.deltas().len());
    let expected = [Measured::Driven, Measured::Queued(2), Measured::Queued(-1), Measured::Queued(-1), LEFT];
    assert_eq!(gauge.seen(), expected);
}

#[tokio::test]
async fn b21_what_was_queued_is_taken_back_when_a_run_is_left() {
    let gauge = Gauge::default();
    let engine = Engine::builder(TestStore::new()).concurrency(1).observe(gauge.clone()).build();
    let run = held(1).start(&engine, "r").unwrap();
    while gauge.0.lock().unwrap().iter().all(|measured| !matches!(measured, Measured::Queued(_))) {
        tokio::task::yield_now().await;
    }
    engine.shutdown(Duration::ZERO).await;
    run.result().await.unwrap_err();
    assert_eq!(gauge.seen(), [Measured::Driven, Measured::Queued(1), Measured::Queued(-1), LEFT]);
}

#[test]
fn b21_what_was_queued_is_taken_back_when_a_runtime_is_dropped() {
    let gauge = Gauge::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = runtime.block_on(async {
        let engine = Engine::builder(TestStore::new()).concurrency(1).observe(gauge.clone()).build();
        held(1).start(&engine, "r").unwrap();
        while gauge.0.lock().unwrap().iter().all(|measured| !matches!(measured, Measured::Queued(_))) {
            tokio::task::yield_now().await;
        }
        engine
    });
    drop((runtime, engine));
    assert_eq!(gauge.seen(), [Measured::Driven, Measured::Queued(1), Measured::Queued(-1), LEFT]);
}

#[tokio::test]
async fn b21_a_run_whose_store_fails_is_left() {
    let gauge = Gauge::default();
    let store = TestStore::new().fail_on(|event| event.name() == "StepCompleted", Fault::Ambiguous);
    let engine = Engine::builder(store).observe(gauge.clone()).build();
    beside(1).run(&engine, "r").await.unwrap_err();
    assert_eq!(gauge.seen(), [Measured::Driven, LEFT]);
}

#[tokio::test]
async fn b21_a_run_that_only_waits_is_suspended_until_it_is_woken() {
    let (gauge, clock) = (Gauge::default(), VirtualClock::new());
    let engine = Engine::builder(TestStore::new()).clock(clock.clone()).observe(gauge.clone()).build();
    let progress = waits(1).run_until_parked(&engine, "r").await.unwrap();
    assert!(matches!(progress, Progress::Parked(_)), "{progress:?}");
    assert_eq!(gauge.seen(), [Measured::Driven, Measured::Left { parks: true }, Measured::Suspended]);
    clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(waits(1).run(&engine, "r").await.unwrap(), 1);
    assert_eq!(gauge.seen(), [Measured::Woken, Measured::Driven, LEFT]);
}

#[tokio::test]
async fn b21_a_run_that_waits_is_no_longer_suspended_when_the_engine_stops() {
    let gauge = Gauge::default();
    let engine = Engine::builder(TestStore::new()).clock(VirtualClock::new()).observe(gauge.clone()).build();
    waits(1).run_until_parked(&engine, "r").await.unwrap();
    gauge.seen();
    engine.shutdown(Duration::ZERO).await;
    let woken = async {
        while gauge.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), woken).await.expect("it is still suspended");
    assert_eq!(gauge.seen(), [Measured::Woken]);
}
