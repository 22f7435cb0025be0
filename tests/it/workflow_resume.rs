//! A workflow with every construct, stopped before each of its node calls in turn and gone on with from its record:
//! whatever was committed is not run again, and the output is that of an undisturbed run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::{InMemoryStore, WorkflowId};
use tokio::sync::Notify;

/// Lets a number of node calls through and stops the next, and counts the calls that went through by step.
#[derive(Clone)]
struct Gate(Arc<GateState>);

struct GateState {
    left: Mutex<usize>,
    passed: Mutex<BTreeMap<String, u32>>,
    stopped: Notify,
}

impl Gate {
    fn new(left: usize) -> Self {
        Self(Arc::new(GateState { left: Mutex::new(left), passed: Mutex::default(), stopped: Notify::new() }))
    }

    async fn pass(&self, step: String) {
        let open = {
            let mut left = self.0.left.lock().unwrap();
            *left = left.wrapping_sub(1);
            *left != usize::MAX
        };
        if !open {
            *self.0.left.lock().unwrap() = 0;
            self.0.stopped.notify_one();
            std::future::pending::<()>().await;
        }
        *self.0.passed.lock().unwrap().entry(step).or_default() += 1;
    }

    fn passed(&self) -> BTreeMap<String, u32> {
        self.0.passed.lock().unwrap().clone()
    }
}

#[node]
async fn work(#[state] gate: &Gate, x: u64, cx: &NodeContext) -> u64 {
    gate.pass(cx.step()).await;
    x + 1
}

#[node]
async fn fail(#[state] gate: &Gate, x: &u64, cx: &NodeContext) -> Result<u64, String> {
    gate.pass(cx.step()).await;
    Err(format!("no {x}"))
}

#[node]
async fn pair(#[state] gate: &Gate, x: u64, cx: &NodeContext) -> (u64, Option<String>) {
    gate.pass(cx.step()).await;
    (x, Some(format!("p{x}")))
}

#[node]
async fn gather(
    #[state] gate: &Gate,
    each: &[Result<u64, NodeFailure>],
    grid: &[Vec<u64>],
    caught: &Result<u64, NodeFailure>,
    plain: u64,
    text: &str,
    cx: &NodeContext,
) -> String {
    gate.pass(cx.step()).await;
    let each: Vec<_> = each.iter().map(|one| one.clone().map_err(|failure| failure.step)).collect();
    format!("{each:?} {grid:?} {:?} {plain} {text}", caught.clone().map_err(|failure| failure.message))
}

workflow! {
    fn everything(xs: Vec<u64>, flag: Option<u64>) -> String {
        let a = work(5);
        let k = a * 2;
        let (left, name) = pair(work(k));
        let typed = match flag {
            Some(f) if f > k => work(f),
            Some(f) => { let inner = #[id = "inner_work"] work(f); inner }
            None => a,
        };
        let plain = match typed {
            0 => 0,
            n => { #[id = "side"] work(n); n + 1 }
        };
        #[catch]
        let caught = if let Some(f) = flag && f < 100 { fail(plain) } else { #[id = "ok"] work(plain) };
        #[catch]
        #[with(concurrency = 2)]
        let each = for x in xs {
            let y = work(x);
            let z = if y > 3 { fail(y) } else { y };
            z + k
        };
        let grid = for (x) in xs {
            let row = for y in xs {
                let sum = x + y + left;
                work(sum)
            };
            row
        };
        let text = match name { Some(text) => text.as_str(), None => "" };
        #[after(each)]
        gather(each, grid, caught, plain, text)
    }
}

async fn stopped_before_each_call(flag: Option<u64>, expected: &str) {
    let xs = vec![1, 4, 2];
    let gate = Gate::new(usize::MAX);
    let engine = Engine::builder(InMemoryStore::default()).state(gate.clone()).build();
    let output = everything(xs.clone(), flag).run(&engine, "undisturbed").await.unwrap();
    assert_eq!(output, expected);
    let calls = gate.passed();
    assert!(calls.values().all(|times| *times == 1), "{calls:?}");

    for before in 0..calls.len() {
        let store = InMemoryStore::default();
        let first = Gate::new(before);
        let engine = Engine::builder(store.clone()).state(first.clone()).concurrency(1).build();
        let run = everything(xs.clone(), flag).start(&engine, "stopped").unwrap();
        first.0.stopped.notified().await;
        engine.shutdown(Duration::ZERO).await;
        assert!(matches!(run.result().await, Err(RunError::Interrupted { .. })));

        let second = Gate::new(usize::MAX);
        let engine = Engine::builder(store.clone()).state(second.clone()).strict_roundtrip(true).build();
        let output = everything(xs.clone(), flag).run(&engine, "stopped").await.unwrap();
        assert_eq!(output, expected, "stopped before call {before}");
        let mut together = first.passed();
        for (step, times) in second.passed() {
            *together.entry(step).or_default() += times;
        }
        assert_eq!(together, calls, "stopped before call {before}");

        let engine = Engine::builder(store).state(Gate::new(0)).build();
        let again = everything(xs.clone(), flag).run(&engine, "stopped").await.unwrap();
        assert_eq!(again, expected, "an ended run gives its stored output");
        assert!(engine.load(&WorkflowId::new("stopped").unwrap()).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_from_every_call_with_the_first_arms() {
    let expected = "[Ok(14), Err(\"each[1].z.fail\"), Ok(15)] [[16, 19, 17], [19, 22, 20], [17, 20, 18]] \
                    Err(\"no 22\") 22 p13";
    stopped_before_each_call(Some(20), expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_from_every_call_with_the_last_arms() {
    let expected = "[Ok(14), Err(\"each[1].z.fail\"), Ok(15)] [[16, 19, 17], [19, 22, 20], [17, 20, 18]] Ok(8) 7 p13";
    stopped_before_each_call(None, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_from_every_call_with_a_named_step_as_an_arms_value() {
    let expected = "[Ok(14), Err(\"each[1].z.fail\"), Ok(15)] [[16, 19, 17], [19, 22, 20], [17, 20, 18]] \
                    Err(\"no 5\") 5 p13";
    stopped_before_each_call(Some(3), expected).await;
}
