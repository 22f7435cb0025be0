//! Idempotency keys and paths: the same at every attempt and after a crash, and no two steps share one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use flow_runtime::prelude::*;

use super::stores::{Fault, TestStore};

/// For each step, the keys of its attempts.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Keys {
    fn note(&self, cx: &NodeContext) {
        let key = cx.idempotency_key();
        assert_eq!(key, cx.idempotency_key());
        self.0.lock().unwrap().entry(cx.step()).or_default().push(key);
    }

    /// The one key of each step.
    fn by_step(&self) -> BTreeMap<String, String> {
        let keys = self.0.lock().unwrap();
        let one = |keys: &Vec<String>| {
            assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
            keys[0].clone()
        };
        keys.iter().map(|(step, keys)| (step.clone(), one(keys))).collect()
    }
}

#[node]
async fn pay(#[state] keys: &Keys, x: u64, cx: &NodeContext) -> u64 {
    keys.note(cx);
    x
}

#[node(retry(times = 3, backoff = "1ms..1ms"))]
async fn pay_flaky(#[state] keys: &Keys, x: u64, cx: &NodeContext) -> Result<u64, String> {
    keys.note(cx);
    if cx.attempt() < 3 { Err("busy".to_owned()) } else { Ok(x) }
}

#[node(blocking)]
fn pay_blocking(#[state] keys: &Keys, x: u64, cx: &NodeContext) -> u64 {
    keys.note(cx);
    x
}

#[node]
async fn sum(xs: &[Vec<u64>], a: u64, b: u64, c: u64) -> u64 {
    xs.iter().flatten().sum::<u64>() + a + b + c
}

workflow! {
    fn payments(xs: Vec<u64>) -> u64 {
        let first = pay(1);
        let second = pay(2);
        let flaky = pay_flaky(3);
        let blocking = pay_blocking(4);
        let each = for x in xs {
            let inner = for y in xs { pay(x * y) };
            inner
        };
        let chosen = match first { 1 => { #[id = "paid"] pay(7) } _ => 0 };
        let all = second + flaky + blocking;
        sum(each, first, all, chosen)
    }
}

const STEPS: [&str; 9] = [
    "blocking",
    "chosen.paid",
    "each[0].inner[0].pay",
    "each[0].inner[1].pay",
    "each[1].inner[0].pay",
    "each[1].inner[1].pay",
    "first",
    "flaky",
    "second",
];

#[tokio::test]
async fn b70_every_step_and_item_has_a_key_of_its_own_and_every_attempt_has_it() {
    let keys = Keys::default();
    let engine = Engine::builder(TestStore::new()).state(keys.clone()).build();
    payments(vec![1, 2]).run(&engine, "one").await.unwrap();
    let one = keys.by_step();
    assert_eq!(one.keys().collect::<Vec<_>>(), STEPS);
    assert_eq!(keys.0.lock().unwrap()["flaky"].len(), 3);
    assert!(one.values().all(|key| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit())));

    // Another run has other keys, and so has the same run under another id in another engine.
    let other = Keys::default();
    let engine = Engine::builder(TestStore::new()).state(other.clone()).build();
    payments(vec![1, 2]).run(&engine, "two").await.unwrap();
    let all: BTreeSet<String> = one.into_values().chain(other.by_step().into_values()).collect();
    assert_eq!(all.len(), 2 * STEPS.len());
}

#[tokio::test]
async fn b70_the_keys_are_the_same_after_a_crash_at_any_commit() {
    let whole = Keys::default();
    let store = TestStore::new();
    let engine = Engine::builder(store.clone()).state(whole.clone()).build();
    payments(vec![1, 2]).run(&engine, "one").await.unwrap();
    for at in 0..store.commits() {
        // The keys of both processes together: those of steps that ran in both must be equal.
        let keys = Keys::default();
        let store = TestStore::new().fail_at(at, Fault::Refused);
        let engine = Engine::builder(store.clone()).state(keys.clone()).build();
        if payments(vec![1, 2]).run(&engine, "one").await.is_ok() {
            continue;
        }
        let engine = Engine::builder(store.reopened()).state(keys.clone()).build();
        payments(vec![1, 2]).run(&engine, "one").await.unwrap();
        assert_eq!(keys.by_step(), whole.by_step(), "stopped at {at}");
    }
}

#[tokio::test]
async fn b70_the_key_is_made_of_the_id_and_the_path_alone() {
    let keys = Keys::default();
    let engine = Engine::builder(TestStore::new()).state(keys.clone()).build();
    payments(vec![1, 2]).run(&engine, "order-123").await.unwrap();
    // Computed with Python's hashlib: sha256((9).to_bytes(8, "little") + b"order-123" + path).
    let expected = [
        ("first", "6ac46f552c824e34f379b95dda2d87005e48ead4cd320abada1dfb19b91922c3"),
        ("each[1].inner[0].pay", "9cfeea8f9114e311db2825c2550603ff7e593554a2a5c30708f901222a72152e"),
        ("chosen.paid", "1b3a77f44da54158f6aacfbbb88e707ccee337e09eb6cf72d77a84504ea6a316"),
    ];
    for (step, key) in expected {
        assert_eq!(keys.by_step()[step], key, "{step}");
    }
}

#[tokio::test]
async fn b70_without_a_record_the_keys_of_two_runs_differ_all_the_same() {
    let mut all = BTreeSet::new();
    for _ in 0..2 {
        let keys = Keys::default();
        let engine = Engine::ephemeral().state(keys.clone()).build();
        payments(vec![1, 2]).run_ephemeral(&engine).await.unwrap();
        all.extend(keys.by_step().into_values());
    }
    assert_eq!(all.len(), 2 * STEPS.len());
}
