//! Whole runs of an engine over the store: stopped, reopened, gone on with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::expect::{done, list, must};
use super::place::Place;
use super::records::id;
use super::together::{THREADS, at_once};
use crate::engine::{Engine, RunError};
use crate::state::{StepStatus, WorkflowStatus};
use crate::store::{WorkflowStore, with_causes};
use crate::testing::Graph;

/// Lets bodies through until one is to be stopped, and counts those it let through.
#[derive(Clone)]
struct Gate(Arc<GateState>);

struct GateState {
    /// How many bodies may still pass; `None`: all.
    left: Mutex<Option<usize>>,
    passed: Mutex<BTreeMap<String, u32>>,
    stopped: Notify,
}

impl Gate {
    fn new(left: Option<usize>) -> Self {
        Self(Arc::new(GateState { left: Mutex::new(left), passed: Mutex::default(), stopped: Notify::new() }))
    }

    async fn pass(&self, step: String) {
        let is_open = {
            let mut left = self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
            let is_open = *left != Some(0);
            *left = left.map(|left| left.saturating_sub(1));
            is_open
        };
        if !is_open {
            self.0.stopped.notify_one();
            std::future::pending::<()>().await;
        }
        *self.0.passed.lock().unwrap_or_else(PoisonError::into_inner).entry(step).or_default() += 1;
    }

    fn passed(&self) -> BTreeMap<String, u32> {
        self.0.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Output = (u64, String, Option<f64>);

/// A diamond with a tail. Its values have every encoding's hard cases in them.
fn graph(gate: &Gate, fails: bool) -> Graph<Output> {
    let mut graph = Graph::<Output>::new("conformance");
    let mut step = |name: &'static str, inputs: &[u32]| {
        let gate = gate.clone();
        graph.step(name, inputs, move |cx, inputs| {
            let (gate, sum) = (gate.clone(), inputs.iter().map(|(n, ..)| n).sum::<u64>());
            Box::pin(async move {
                gate.pass(cx.step()).await;
                if fails && name == "join" {
                    return Err("no\0 join".into());
                }
                Ok((sum + (1 << 53) + 1, format!("{name}\0"), (sum > 0).then_some(f64::INFINITY)))
            })
        })
    };
    let first = step("first", &[]);
    let (left, right) = (step("left", &[first]), step("right", &[first]));
    let join = step("join", &[left, right]);
    step("last", &[join, first]);
    graph
}

async fn engine(place: &dyn Place) -> Engine {
    Engine::builder(place.open().await).concurrency(1).build()
}

/// A run that is stopped at each of its steps in turn goes on after reopening: no committed step runs again, and its
/// output is that of an undisturbed run.
pub(super) async fn b42_a_run_goes_on_after_reopening(place: &dyn Place) {
    let undisturbed = Gate::new(None);
    let expected = graph(&undisturbed, false).run(&engine(place).await, "undisturbed").await;
    let expected =
        expected.unwrap_or_else(|error| panic!("a store must serve a whole run; instead: {}", with_causes(&error)));
    for before in 0..5 {
        let name = format!("stopped before {before}");
        let first = Gate::new(Some(before));
        let stopped = engine(place).await;
        let (first_graph, run_id) = (graph(&first, false), name.clone());
        let (interrupted, ()) = tokio::join!(first_graph.run(&stopped, &run_id), async {
            first.0.stopped.notified().await;
            stopped.shutdown(Duration::ZERO).await;
        });
        must(
            matches!(interrupted, Err(RunError::Interrupted { .. })),
            "serve a shutdown",
            format_args!("{interrupted:?}"),
        );
        drop(stopped);
        let second = Gate::new(None);
        let output = graph(&second, false).run(&engine(place).await, &name).await;
        let output =
            output.unwrap_or_else(|error| panic!("a store must let a run go on; instead: {}", with_causes(&error)));
        must(output == expected, "let a run go on to the same output", "the output is another");
        let mut together = first.passed();
        second.passed().into_iter().for_each(|(step, times)| *together.entry(step).or_default() += times);
        must(together == undisturbed.passed(), "keep what a run has done", format_args!("steps ran: {together:?}"));
    }
}

/// A run that has ended gives its stored output after reopening, and runs nothing.
pub(super) async fn b19_an_ended_run_gives_its_output_after_reopening(place: &dyn Place) {
    let first = graph(&Gate::new(None), false).run(&engine(place).await, "ended").await;
    let first =
        first.unwrap_or_else(|error| panic!("a store must serve a whole run; instead: {}", with_causes(&error)));
    let nothing = Gate::new(None);
    let again = graph(&nothing, false).run(&engine(place).await, "ended").await;
    let again =
        again.unwrap_or_else(|error| panic!("a store must give an ended run back; instead: {}", with_causes(&error)));
    must(again == first, "keep the output of a run", "it is another after reopening");
    must(nothing.passed().is_empty(), "keep that a run has ended", "steps ran again");
}

/// A run that has failed gives its stored failure after reopening, and runs nothing.
pub(super) async fn b18_a_failed_run_gives_its_failure_after_reopening(place: &dyn Place) {
    let first = graph(&Gate::new(None), true).run(&engine(place).await, "failed").await;
    let nothing = Gate::new(None);
    let again = graph(&nothing, true).run(&engine(place).await, "failed").await;
    let text = |result: Result<_, RunError>| match result {
        Err(error @ RunError::Failed { .. }) => error.to_string(),
        Err(error) => panic!("a store must serve a run that fails; instead: {}", with_causes(&error)),
        Ok(_) => panic!("a store must keep that a run has failed; instead it succeeded"),
    };
    must(text(first) == text(again), "keep the failure of a run", "it is another after reopening");
    must(nothing.passed().is_empty(), "keep that a run has failed", "steps ran again");
    let store = place.open().await;
    let data = done(store.load(&id("failed")).await, "load a failed run");
    let statuses = ["first", "join", "last"].map(|step| data.status_of(step));
    let expected = [StepStatus::Completed, StepStatus::Failed, StepStatus::Skipped].map(Some);
    must(statuses == expected, "keep how the steps of a failed run stand", format_args!("they are {statuses:?}"));
    must(data.status == WorkflowStatus::Failed, "keep the status of a failed run", format_args!("{:?}", data.status));
}

/// Many runs at once over one engine.
pub(super) async fn b42_many_runs_at_once_are_served(place: &dyn Place) {
    let engine = Engine::new(place.open().await);
    let shared = engine.clone();
    at_once(THREADS, move |thread| {
        let engine = shared.clone();
        async move {
            for n in 0..5 {
                if let Err(error) = graph(&Gate::new(None), false).run(&engine, format!("run {thread} {n}")).await {
                    panic!("a store must serve many runs; instead run {n} ended with: {}", with_causes(&error));
                }
            }
        }
    })
    .await;
    drop(engine);
    let store = place.open().await;
    must(list(&store).await.len() == 5 * THREADS, "keep all runs of an engine", "some are missing");
}
