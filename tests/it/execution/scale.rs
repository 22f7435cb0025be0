//! Long chains and wide fan-outs: the work for a step does not grow with their number, and nothing overflows.

use std::time::{Duration, Instant};

use flow_runtime::Key;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::testing::Graph;

use super::stores::TestStore;

const COUNT: Key<u64> = Key::new("count");

#[node]
async fn double(x: u64) -> u64 {
    x * 2
}

#[node]
async fn sum(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

#[node(pure)]
async fn note(x: u64, cx: &NodeContext) -> u64 {
    cx.set(COUNT, &x).unwrap();
    x
}

#[node]
async fn refuse(x: u64) -> Result<u64, String> {
    if x.is_multiple_of(2) { Ok(x) } else { Err("odd".to_owned()) }
}

#[node]
async fn even(xs: &[Result<u64, NodeFailure>]) -> u64 {
    xs.iter().flatten().count() as u64
}

workflow! {
    fn fan_out(items: Vec<u64>) -> u64 {
        let doubled = for item in items { double(item) };
        sum(doubled)
    }

    /// All items write one key.
    fn writing(items: Vec<u64>) -> u64 {
        let noted = for item in items { note(item) };
        sum(noted)
    }

    /// Half of the items fail.
    fn caught(items: Vec<u64>) -> u64 {
        #[catch]
        #[with(concurrency = 10)]
        let tried = for item in items { refuse(item) };
        even(tried)
    }

    /// The items wait for a step beside them, and have branches within.
    fn branching(items: Vec<u64>) -> u64 {
        let ten = double(5);
        let chosen = for item in items {
            let one = if item % 2 == 0 { #[id = "half"] double(item) } else { item };
            one + ten
        };
        sum(chosen)
    }
}

/// A chain of steps, each of which adds one to the output of the one before.
fn chain(len: u32) -> Graph<u64> {
    let mut graph = Graph::new("chain");
    for step in 0..len {
        let before: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &before, |_, inputs| {
            Box::pin(async move { Ok(inputs.into_iter().sum::<u64>() + 1) })
        });
    }
    graph
}

/// A chain of steps that count in the key-value data of their run.
fn counting(len: u32) -> Graph<u64> {
    let mut graph = Graph::new("counting");
    for step in 0..len {
        let before: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &before, |cx, _| {
            let count = cx.get(COUNT).unwrap().unwrap_or_default() + 1;
            cx.set(COUNT, &count).unwrap();
            Box::pin(async move { Ok(count) })
        });
    }
    graph
}

/// One step behind many, and many behind that one.
fn waist(width: u32) -> Graph<u64> {
    let mut graph = Graph::new("waist");
    let before: Vec<u32> =
        (0..width).map(|step| graph.step(format!("a{step}"), &[], |_, _| Box::pin(async { Ok(1) }))).collect();
    let add = |graph: &mut Graph<u64>, id: String, inputs: &[u32]| {
        graph.step(id, inputs, |_, inputs| Box::pin(async move { Ok(inputs.into_iter().sum()) }))
    };
    let middle = add(&mut graph, "middle".to_owned(), &before);
    let behind: Vec<u32> = (0..width).map(|step| add(&mut graph, format!("b{step}"), &[middle])).collect();
    add(&mut graph, "all".to_owned(), &behind);
    graph
}

/// That ten times the work takes not much more than ten times as long; were a step's cost to grow with their number,
/// it would be a hundred times. The best of a few runs counts, since other programs run beside this one.
async fn is_linear(what: &str, small: u32, run: impl AsyncFn(u32)) {
    let time = async |steps| {
        let start = Instant::now();
        run(steps).await;
        start.elapsed()
    };
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let (one, ten) = (time(small).await.min(time(small).await), time(10 * small).await);
        ratios.push(ten.as_secs_f64() / one.max(Duration::from_micros(1)).as_secs_f64());
        if ratios.last().is_some_and(|ratio| *ratio < 30.0) {
            return;
        }
    }
    panic!("{what}: ten times the steps took {ratios:.1?} times as long");
}

fn items(count: u32) -> Vec<u64> {
    (0..u64::from(count)).collect()
}

#[tokio::test]
async fn b07_a_chain_takes_time_linear_in_its_length() {
    let ephemeral = Engine::ephemeral().build();
    is_linear("a chain without a record", 1_000, async |len| {
        assert_eq!(chain(len).run_ephemeral(&ephemeral).await.unwrap(), u64::from(len));
    })
    .await;
    is_linear("a chain", 1_000, async |len| {
        let store = InMemoryStore::default();
        assert_eq!(chain(len).run(&Engine::new(store), "r").await.unwrap(), u64::from(len));
    })
    .await;
    is_linear("a chain that counts", 1_000, async |len| {
        let store = InMemoryStore::default();
        assert_eq!(counting(len).run(&Engine::new(store), "r").await.unwrap(), u64::from(len));
    })
    .await;
}

#[tokio::test]
async fn b27_a_fan_out_takes_time_linear_in_its_items() {
    let ephemeral = Engine::ephemeral().build();
    is_linear("a fan-out without a record", 1_000, async |count| {
        let doubled = u64::from(count) * u64::from(count - 1);
        assert_eq!(fan_out(items(count)).run_ephemeral(&ephemeral).await.unwrap(), doubled);
    })
    .await;
    let engine = || Engine::new(InMemoryStore::default());
    is_linear("a fan-out", 1_000, async |count| {
        let doubled = u64::from(count) * u64::from(count - 1);
        assert_eq!(fan_out(items(count)).run(&engine(), "r").await.unwrap(), doubled);
    })
    .await;
    is_linear("a fan-out that writes one key", 1_000, async |count| {
        assert!(writing(items(count)).run(&engine(), "r").await.unwrap() > 0);
    })
    .await;
    is_linear("a fan-out with caught failures", 500, async |count| {
        assert_eq!(caught(items(count)).run(&engine(), "r").await.unwrap(), u64::from(count / 2));
    })
    .await;
    is_linear("a fan-out with branches", 500, async |count| {
        assert!(branching(items(count)).run(&engine(), "r").await.unwrap() > 0);
    })
    .await;
}

#[tokio::test]
async fn b07_many_steps_before_and_behind_one_take_time_linear_in_their_number() {
    is_linear("a waist", 500, async |width| {
        let engine = Engine::new(InMemoryStore::default());
        assert_eq!(waist(width).run(&engine, "r").await.unwrap(), u64::from(width) * u64::from(width));
    })
    .await;
}

/// Counted instead of measured: what is committed for each step.
#[tokio::test]
async fn b31_each_step_is_committed_with_a_change_of_its_own_size() {
    for len in [100, 1_000] {
        let store = TestStore::new();
        chain(len).run(&Engine::new(store.clone()), "r").await.unwrap();
        let deltas = store.deltas();
        assert_eq!(deltas.len() as u32, len + 1, "one commit for each step and one for the run");
        assert!(deltas.iter().all(|delta| delta.events.len() <= 3), "none holds more than one step's end and start");
    }
}

#[tokio::test]
async fn b07_a_chain_of_100_000_steps_runs_and_is_dropped() {
    let graph = chain(100_000);
    assert_eq!(graph.run_ephemeral(&Engine::ephemeral().build()).await.unwrap(), 100_000);
    let store = InMemoryStore::default();
    let engine = Engine::new(store);
    assert_eq!(graph.run(&engine, "r").await.unwrap(), 100_000);
    let record = engine.load(&flow_runtime::WorkflowId::new("r").unwrap()).await.unwrap();
    assert!(record.steps.iter().all(|step| step.status == StepStatus::Completed));
    assert_eq!(graph.run(&engine, "r").await.unwrap(), 100_000, "its record is read");
}

/// A failure at the start of a long chain skips all of it, without recursion.
#[tokio::test]
async fn b11_a_failure_before_100_000_steps_skips_them_all() {
    let mut graph = Graph::<u64>::new("failing");
    let mut last = graph.step("bad", &[], |_, _| Box::pin(async { Err("no".into()) }));
    for step in 0..100_000 {
        last = graph.step(format!("s{step}"), &[last], |_, _| Box::pin(async { Ok(1) }));
    }
    let engine = Engine::new(InMemoryStore::default());
    let error = graph.run(&engine, "r").await.unwrap_err();
    assert_eq!(error.failures().len(), 1);
    let record = engine.load(&flow_runtime::WorkflowId::new("r").unwrap()).await.unwrap();
    assert_eq!(record.status, WorkflowStatus::Failed);
    assert!(record.steps[1..].iter().all(|step| step.status == StepStatus::Skipped));
}

#[tokio::test]
async fn b27_100_000_items_run() {
    let expected = 100_000 * 99_999;
    let ephemeral = fan_out(items(100_000)).run_ephemeral(&Engine::ephemeral().build());
    assert_eq!(ephemeral.await.unwrap(), expected);
    let engine = Engine::new(InMemoryStore::default());
    assert_eq!(fan_out(items(100_000)).run(&engine, "r").await.unwrap(), expected);
    let record = engine.load(&flow_runtime::WorkflowId::new("r").unwrap()).await.unwrap();
    assert_eq!(record.steps.len(), 100_002);
}
