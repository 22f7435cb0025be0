//! The key-value data of a run: what a step reads does not depend on timing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flow_runtime::Key;
use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::prelude::*;
use flow_runtime::testing::Graph;
use proptest::prelude::*;
use tokio::sync::Notify;

use super::stores::{Fault, TestStore};

const KEY: Key<u32> = Key::new("key");
const OTHER: Key<String> = Key::new("other");

/// Lets steps end one after another, in an order that a test chooses.
#[derive(Clone, Default)]
struct Turns {
    order: Arc<Mutex<Vec<String>>>,
    moved: Arc<Notify>,
}

impl Turns {
    fn new(order: &[&str]) -> Self {
        let order = order.iter().rev().map(ToString::to_string).collect();
        Self { order: Arc::new(Mutex::new(order)), moved: Arc::default() }
    }

    /// Waits until it is this step's turn to end; a step that is not in the order waits for nobody.
    async fn wait(&self, step: &str) {
        loop {
            let moved = self.moved.notified();
            {
                let mut order = self.order.lock().unwrap();
                match order.last() {
                    Some(next) if next == step => {
                        order.pop();
                        break;
                    }
                    Some(_) if order.iter().any(|other| other == step) => {}
                    _ => break,
                }
            }
            moved.await;
        }
        self.moved.notify_waiters();
    }
}

#[node]
async fn write(#[state] turns: &Turns, value: u32, cx: &NodeContext) -> u32 {
    turns.wait(&cx.step()).await;
    cx.set(KEY, &value).unwrap();
    value
}

#[node]
async fn read(_after: &u32, cx: &NodeContext) -> Option<u32> {
    cx.get(KEY).unwrap()
}

#[node]
async fn read_behind(_own: &u32, _before: &u32, cx: &NodeContext) -> Option<u32> {
    cx.get(KEY).unwrap()
}

#[node]
async fn sum(all: &[u32]) -> u32 {
    all.iter().sum()
}

#[node]
async fn total(a: u32, b: u32, c: u32) -> u32 {
    a + b + c
}

#[node]
async fn seen(alone: &Option<u32>, joined: &Option<u32>, fanned: &Option<u32>) -> String {
    format!("{alone:?} {joined:?} {fanned:?}")
}

workflow! {
    fn contested() -> String {
        let a = write(1);
        let b = write(2);
        let c = write(3);
        let alone = read(b);
        let all = total(a, b, c);
        let joined = #[id = "joined"] read(all);
        #[after(joined)]
        let ys = for value in [10, 11, 12] { #[id = "in_items"] write(value) };
        let items = sum(ys);
        let fanned = #[id = "fanned"] read(items);
        seen(alone, joined, fanned)
    }
}

workflow! {
    fn in_regions(xs: Vec<u32>) -> Vec<Option<u32>> {
        let before = write(100);
        let seen = for x in xs {
            let own = match x {
                0 => before,
                n => { #[id = "own_write"] write(n) }
            };
            read_behind(own, before)
        };
        seen
    }
}

#[tokio::test]
async fn b69_an_item_reads_its_own_writes_and_those_before_its_fan_out() {
    let engine = Engine::builder(TestStore::new()).state(Turns::default()).build();
    let read = in_regions(vec![5, 0, 7, 6]).run(&engine, "r").await.unwrap();
    assert_eq!(read, [Some(5), Some(100), Some(7), Some(6)]);
}

fn permutations() -> Vec<[&'static str; 3]> {
    let (a, b, c) = ("a", "b", "c");
    vec![[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]]
}

#[tokio::test]
async fn b69_unordered_writes_of_one_key_give_equal_results_in_every_order() {
    let items = [
        ["ys[0].in_items", "ys[1].in_items", "ys[2].in_items"],
        ["ys[2].in_items", "ys[0].in_items", "ys[1].in_items"],
        ["ys[2].in_items", "ys[1].in_items", "ys[0].in_items"],
    ];
    for (first, then) in permutations().into_iter().flat_map(|first| items.map(|then| (first, then))) {
        let order = [first, then].concat();
        let ephemeral = Engine::ephemeral().state(Turns::new(&order)).build();
        let whole = TestStore::new();
        let engine = Engine::builder(whole.clone()).state(Turns::new(&order)).build();
        for output in [contested().run_ephemeral(&ephemeral).await, contested().run(&engine, "r").await] {
            assert_eq!(output.unwrap(), "Some(2) Some(3) Some(12)", "{order:?}");
        }
        let record = whole.record("r").await;
        assert_eq!(record.data["key"].len(), 6, "from outside, all that was written can be read");
    }
}

#[tokio::test]
async fn b69_after_a_resume_the_results_are_the_same() {
    for order in permutations() {
        let engine = |store: &TestStore| Engine::builder(store.clone()).state(Turns::new(&order)).build();
        for at in 0.. {
            let store = TestStore::new().fail_at(at, Fault::Ambiguous);
            if contested().run(&engine(&store), "r").await.is_ok() {
                assert!(at > 5, "{at} commits are too few for this test");
                break;
            }
            let again = Engine::builder(store.reopened()).state(Turns::default()).build();
            let output = contested().run(&again, "r").await.unwrap();
            assert_eq!(output, "Some(2) Some(3) Some(12)", "{order:?}, stopped at {at}");
        }
    }
}

#[node(retry(times = 2, backoff = "1ms..1ms"))]
async fn flaky(cx: &NodeContext) -> Result<u32, String> {
    assert_eq!(cx.get(KEY).unwrap(), None, "what a failed attempt wrote is gone");
    cx.set(KEY, &cx.attempt()).unwrap();
    assert_eq!(cx.get(KEY).unwrap(), Some(cx.attempt()), "its own writes are there at once");
    if cx.attempt() < 3 {
        cx.set(OTHER, &"left behind".to_owned()).unwrap();
        return Err("not yet".to_owned());
    }
    Ok(cx.attempt())
}

#[node]
async fn others(flaky: &u32, cx: &NodeContext) -> String {
    assert!(cx.get(Key::<String>::new("key")).is_err(), "a key of another type is an error");
    format!("{flaky} {:?} {:?}", cx.get(KEY).unwrap(), cx.get(OTHER).unwrap())
}

workflow! {
    fn retried() -> String { let x = flaky(); others(x) }
}

#[tokio::test]
async fn b69_a_failed_attempt_writes_nothing() {
    let store = TestStore::new();
    assert_eq!(retried().run(&Engine::new(store.clone()), "r").await.unwrap(), "3 Some(3) None");
    let record = store.record("r").await;
    assert_eq!(record.data.keys().collect::<Vec<_>>(), ["key"]);
    assert_eq!(retried().run_ephemeral(&Engine::ephemeral().build()).await.unwrap(), "3 Some(3) None");
}

/// A graph of steps with the inputs given; those that write say so by their own number. Each step's output says what
/// it read of each step before it.
fn reading(inputs: &[Vec<u32>], writes: &[bool]) -> Graph<BTreeMap<String, Option<u32>>> {
    let mut graph = Graph::<BTreeMap<String, Option<u32>>>::new("reading");
    let backoff = Backoff::new(std::time::Duration::ZERO, std::time::Duration::ZERO);
    for (step, inputs) in inputs.iter().enumerate() {
        let writes = writes[step];
        let policy = Policy::DEFAULT.with_retry(Some(Retry::new(1).with_backoff(backoff)));
        graph.step_with(format!("s{step}"), inputs, policy, move |cx, before| {
            let mut read: BTreeMap<String, Option<u32>> = BTreeMap::new();
            before.into_iter().for_each(|before| read.extend(before.clone()));
            read.insert(cx.step(), cx.get(KEY).unwrap());
            if writes {
                cx.set(KEY, &(step as u32)).unwrap();
            }
            Box::pin(async move { Ok(read) })
        });
    }
    graph
}

fn ancestors(inputs: &[Vec<u32>], step: usize) -> std::collections::BTreeSet<u32> {
    let mut found = std::collections::BTreeSet::new();
    let mut rest = inputs[step].clone();
    while let Some(before) = rest.pop() {
        if found.insert(before) {
            rest.extend(&inputs[before as usize]);
        }
    }
    found
}

/// Random edges from each of the first `len` steps, and a last step behind all.
fn graphs(len: usize) -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<bool>)> {
    (1..=len).prop_flat_map(|len| {
        let inputs: Vec<_> = (0..len as u32).map(|step| prop::collection::btree_set(0..step.max(1), 0..4)).collect();
        let inputs = inputs.prop_map(move |inputs| {
            let mut inputs: Vec<Vec<u32>> = inputs.into_iter().map(Vec::from_iter).collect();
            inputs[0].clear();
            inputs.push((0..len as u32).collect());
            inputs
        });
        (inputs, prop::collection::vec(any::<bool>(), len + 1))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Of its ancestors that wrote the key, a step reads the last in the order of the plan.
    #[test]
    fn b69_a_step_reads_the_last_of_its_ancestors((inputs, writes) in graphs(20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let graph = reading(&inputs, &writes);
        let read = runtime.block_on(graph.run_ephemeral(&Engine::ephemeral().build())).unwrap();
        for step in 0..inputs.len() {
            let expected = ancestors(&inputs, step).into_iter().rfind(|before| writes[*before as usize]);
            prop_assert_eq!(read[&format!("s{step}")], expected, "s{} of {:?} {:?}", step, inputs, writes);
        }
    }
}
