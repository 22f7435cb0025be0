//! What is durable when, for runs in which a rule of the protocol can be seen alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_runtime::Durability;
use flow_runtime::engine::Clock;
use flow_runtime::prelude::*;
use flow_runtime::state::{Ack, Delta, Event, Timestamp};

use super::outcome::run;
use super::protocol;
use super::workflows::{branches, chain, mixed};
use crate::recorder::{Entry, Ledger, Recorder};

#[node]
async fn waits(#[state] ledger: &Ledger, cx: &NodeContext) -> u64 {
    ledger.begin(cx).await;
    cx.cancelled().await;
    1
}

#[node(pure)]
async fn stuck(#[state] ledger: &Ledger, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    Err("no".to_owned())
}

#[node]
async fn begins(#[state] ledger: &Ledger, cx: &NodeContext) {
    ledger.begin(cx).await;
}

#[node(retry(times = 2, backoff = "20s..20s", jitter = false))]
async fn slow_retry(#[state] ledger: &Ledger, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    if ledger.fails(cx, 1) { Err("not yet".to_owned()) } else { Ok(1) }
}

#[node(retry(times = 2, backoff = "9s..9s", jitter = false))]
async fn quick_retry(#[state] ledger: &Ledger, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    if ledger.fails(cx, 1) { Err("not yet".to_owned()) } else { Ok(1) }
}

workflow! {
    fn fails_beside(x: u64) -> u64 {
        let a = waits();
        let b = stuck();
        a + b + x
    }

    fn retries_late() -> u64 {
        let early = begins();
        #[after(early)]
        slow_retry()
    }

    fn retries_soon() -> u64 { quick_retry() }
}

fn shape(delta: &Delta) -> Vec<&'static str> {
    delta.events.iter().map(Event::name).collect()
}

#[tokio::test]
async fn b49_a_chain_of_n_steps_makes_n_and_one_syncs_and_nothing_else() {
    let store = Recorder::default();
    run(&store, chain(1)).await.unwrap();
    let deltas = store.ledger.deltas();
    let shapes: Vec<_> = deltas.iter().map(shape).collect();
    let mut expected = vec![vec!["StepCompleted", "StepStarted"]; 6];
    expected[0] = vec!["RunCreated", "StepStarted"];
    expected[5] = vec!["StepCompleted", "RunEnded"];
    assert_eq!(shapes, expected);
    assert!(deltas.iter().all(|delta| delta.ack == Ack::Sync));
}

#[tokio::test]
async fn b49_a_failure_that_nothing_catches_is_durable_before_anything_reacts_to_it() {
    let store = Recorder::default();
    run(&store, fails_beside(1)).await.unwrap_err();
    protocol::check(&store.ledger);
    let deltas = store.ledger.deltas();
    let failed = deltas.iter().position(|delta| shape(delta).contains(&"StepFailed")).unwrap();
    assert_eq!(deltas[failed].ack, Ack::Sync);
    assert!(!shape(&deltas[failed]).contains(&"StepCompleted"), "the other step ends because of the failure");
}

#[tokio::test(start_paused = true)]
async fn b49_a_failed_attempt_is_durable_at_once_only_when_the_next_is_far() {
    let store = Recorder::default();
    run(&store, retries_late()).await.unwrap();
    protocol::check(&store.ledger);
    assert_eq!(failed_attempt(&store), Ack::Sync);
    let store = Recorder::default();
    run(&store, retries_soon()).await.unwrap();
    protocol::check(&store.ledger);
    assert_eq!(failed_attempt(&store), Ack::Lazy);
}

fn failed_attempt(store: &Recorder) -> Ack {
    let failed = store.ledger.deltas().into_iter().find(|delta| shape(delta).contains(&"AttemptFailed"));
    failed.unwrap().ack
}

async fn acks(durability: Durability, times: &[Timestamp]) -> Vec<Ack> {
    let store = Recorder::default();
    let clock = Ticking { times: times.to_vec(), read: AtomicUsize::new(0) };
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).durability(durability).clock(clock).build();
    chain(1).run(&engine, "run").await.unwrap();
    store.ledger.deltas().iter().map(|delta| delta.ack).collect()
}

/// Gives one time after the other, and then the last.
struct Ticking {
    times: Vec<Timestamp>,
    read: AtomicUsize,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.times[self.read.fetch_add(1, Ordering::Relaxed).min(self.times.len() - 1)]
    }
}

const NEVER: Duration = Duration::MAX;

#[tokio::test]
async fn b47_batched_syncs_every_so_many_steps() {
    use Ack::{Lazy, Sync};
    let batched = |steps, interval| Durability::Batched { steps, interval };
    assert_eq!(acks(batched(2, NEVER), &[1]).await, [Sync, Lazy, Sync, Lazy, Sync, Sync]);
    assert_eq!(acks(batched(3, NEVER), &[1]).await, [Sync, Lazy, Lazy, Sync, Lazy, Sync]);
    assert_eq!(acks(batched(9, NEVER), &[1]).await, [Sync, Lazy, Lazy, Lazy, Lazy, Sync]);
    for least in [0, 1] {
        assert_eq!(acks(batched(least, NEVER), &[1]).await, [Sync; 6]);
    }
}

#[tokio::test]
async fn b47_batched_syncs_when_the_first_step_that_waits_has_waited_long_enough() {
    use Ack::{Lazy, Sync};
    let interval = Duration::from_nanos(10);
    // The first times are those of the creation; each step ends 6 ns after the one before.
    let times = [0, 0, 6, 12, 18, 24, 30];
    let acks = acks(Durability::Batched { steps: 100, interval }, &times).await;
    assert_eq!(acks, [Sync, Lazy, Lazy, Sync, Lazy, Sync]);
}

#[tokio::test]
async fn b47_on_suspend_syncs_the_beginning_and_the_end_and_a_run_may_ask_for_more() {
    use Ack::{Lazy, Sync};
    assert_eq!(acks(Durability::OnSuspend, &[1]).await, [Sync, Lazy, Lazy, Lazy, Lazy, Sync]);
    let store = Recorder::default();
    let lazy = Engine::builder(store.clone()).state(store.ledger.clone()).durability(Durability::OnSuspend).build();
    chain(1).durability(Durability::Strict).run(&lazy, "run").await.unwrap();
    assert!(store.ledger.deltas().iter().all(|delta| delta.ack == Sync));
}

#[tokio::test]
async fn b47_a_failure_that_ends_the_run_is_durable_in_every_mode() {
    let store = Recorder::default();
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).durability(Durability::OnSuspend).build();
    fails_beside(1).run(&engine, "run").await.unwrap_err();
    let failed = store.ledger.deltas().into_iter().find(|delta| shape(delta).contains(&"StepFailed"));
    assert_eq!(failed.unwrap().ack, Ack::Sync);
}

/// That the rules are checked at all: no commit of these runs, in which time plays no part, could have been more or
/// less durable than it was.
#[tokio::test(start_paused = true)]
async fn no_commit_could_be_more_or_less_durable_unnoticed() {
    for which in 0..4 {
        let store = Recorder::default();
        match which {
            0 => run(&store, mixed(2)).await.unwrap(),
            1 => run(&store, branches(3)).await.unwrap(),
            2 => run(&store, retries_soon()).await.unwrap(),
            _ => run(&store, retries_late()).await.unwrap(),
        };
        let entries = store.ledger.entries();
        for flipped in 0..store.ledger.deltas().len() {
            let entries = flip(entries.clone(), flipped);
            let check = AssertUnwindSafe(|| protocol::check_entries(None, &entries));
            assert!(catch_unwind(check).is_err(), "commit {flipped} of run {which} may be of either kind");
        }
    }
}

fn flip(mut entries: Vec<Entry>, commit: usize) -> Vec<Entry> {
    let mut deltas = entries.iter_mut().filter_map(|entry| match entry {
        Entry::Commit(delta) => Some(delta),
        _ => None,
    });
    let delta = deltas.nth(commit).unwrap();
    let was_sync = delta.ack == Ack::Sync;
    delta.ack = if was_sync { Ack::Lazy } else { Ack::Sync };
    entries
}
