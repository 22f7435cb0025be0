//! Random graphs that fail somewhere: what is undone, in which order, and that a crash changes nothing of it.
//!
//! In: a graph, which of its steps have an undo, whose undo fails, which of them fail. Out: an exact partition, an order
//! that the edges demand, and the same from every record of the rollback.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::state::{BoxError, Rollback, StepStatus, WorkflowStatus};
use flow_runtime::testing::Graph;
use flow_runtime::{Engine, RunError, WorkflowData};
use proptest::prelude::*;

use super::Log;
use crate::recorder::{Recorder, steps};

/// How the undo of a step goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Undoes {
    /// There is none.
    Nothing,
    /// At the first attempt.
    AtOnce,
    /// At the second.
    Later,
    /// Never.
    Never,
}

#[derive(Clone, Debug)]
struct Shape {
    inputs: Vec<usize>,
    undoes: Undoes,
}

/// A graph whose last step fails. What does not lead to it may run beside it.
fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    (1..9_usize).prop_flat_map(|len| {
        let shape = |step: usize| {
            let inputs = prop::collection::btree_set(0..step.max(1), 0..4);
            let undoes = prop::sample::select(vec![
                Undoes::Nothing,
                Undoes::AtOnce,
                Undoes::AtOnce,
                Undoes::Later,
                Undoes::Never,
            ]);
            (inputs, undoes).prop_map(move |(inputs, undoes)| Shape {
                inputs: if step == 0 { Vec::new() } else { inputs.into_iter().collect() },
                undoes,
            })
        };
        (0..=len).map(shape).collect::<Vec<_>>()
    })
}

fn graph(shapes: &[Shape], store: &Recorder, log: &Log) -> Graph<u64> {
    let mut graph = Graph::new("random");
    let last = shapes.len() - 1;
    for (number, shape) in shapes.iter().enumerate() {
        let inputs: Vec<u32> = shape.inputs.iter().map(|&input| input as u32).collect();
        let ledger = store.ledger.clone();
        let step = graph.step(format!("s{number}"), &inputs, move |cx, _| {
            let ledger = ledger.clone();
            Box::pin(async move {
                ledger.begin(cx).await;
                if number == last { Err(BoxError::from("the last one fails")) } else { Ok(number as u64) }
            })
        });
        if shape.undoes == Undoes::Nothing {
            continue;
        }
        let (log, undoes) = (log.clone(), shape.undoes);
        let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        let policy = Policy::DEFAULT.with_retry(Some(Retry::new(1).with_backoff(backoff)));
        graph.undo(step, policy, move |cx, output| {
            let log = log.clone();
            Box::pin(async move {
                assert_eq!(*output, number as u64);
                log.note(format!("begin {}", cx.step()));
                tokio::task::yield_now().await;
                let fails = undoes == Undoes::Never || (undoes == Undoes::Later && cx.attempt() == 1);
                log.note(format!("end {}", cx.step()));
                if fails { Err(BoxError::from("it stays")) } else { Ok(()) }
            })
        });
    }
    graph
}

async fn run(store: &Recorder, shapes: &[Shape]) -> (RunError, Log) {
    let log = Log::default();
    let engine = Engine::builder(store.clone()).observe(store.ledger.clone()).strict_roundtrip(true).build();
    let error = graph(shapes, store, &log).run(&engine, "run").await.unwrap_err();
    (error, log)
}

/// The steps that had to end before this one began.
fn ancestors(shapes: &[Shape], step: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for &input in &shapes[step].inputs {
        all.insert(input);
        all.extend(ancestors(shapes, input));
    }
    all
}

/// That each list of the partition is what the record and the graph say, and that the text of the error fits it.
fn check_partition(shapes: &[Shape], data: &WorkflowData, error: &RunError) {
    let mut expected = Rollback::default();
    let mut failed = Vec::new();
    for (number, shape) in shapes.iter().enumerate() {
        let path = format!("s{number}");
        match (data.status_of(&path).unwrap(), shape.undoes) {
            (StepStatus::Completed, Undoes::Nothing) => expected.nothing_to_do.push(path),
            (StepStatus::Compensated, Undoes::AtOnce | Undoes::Later) => expected.compensated.push(path),
            (StepStatus::CompensationFailed, Undoes::Never) => failed.push(path),
            (StepStatus::Cancelled, _) => expected.in_doubt.push(path),
            (StepStatus::Failed, _) => assert_eq!(number, shapes.len() - 1),
            (StepStatus::Pending | StepStatus::Skipped, _) => {}
            other => panic!("{path} is {other:?}"),
        }
    }
    let rollback = error.rollback().unwrap();
    expected.failed.clone_from(&rollback.failed);
    assert_eq!(*rollback, expected);
    assert_eq!(rollback.failed.iter().map(|failure| failure.step.clone()).collect::<Vec<_>>(), failed);
    assert!(rollback.failed.iter().all(|failure| failure.message == "it stays" && failure.attempt >= 2));
    assert_eq!(error.failures()[0].failure.step, format!("s{}", shapes.len() - 1));

    let is_undone = failed.is_empty() && !rollback.compensated.is_empty();
    let status = if is_undone { WorkflowStatus::RolledBack } else { WorkflowStatus::Failed };
    assert_eq!((data.status, matches!(error, RunError::RolledBack { .. })), (status, is_undone));
}

/// What failed, and the partition. An attempt that a crash cut off counts, so the numbers of attempts differ.
fn partition(error: &RunError) -> (String, Rollback) {
    let mut rollback = error.rollback().unwrap().clone();
    rollback.failed.iter_mut().for_each(|failure| failure.attempt = 0);
    (error.failures()[0].failure.to_string(), rollback)
}

/// That no undo began before those of all that came after its step had ended.
fn check_order(shapes: &[Shape], log: &Log) {
    let lines = log.all();
    let first = |what: String| lines.iter().position(|line| *line == what);
    let last = |what: String| lines.iter().rposition(|line| *line == what);
    for step in 0..shapes.len() {
        for before in ancestors(shapes, step) {
            if let (Some(ended), Some(began)) = (last(format!("end s{step}")), first(format!("begin s{before}"))) {
                assert!(ended < began, "s{before} was undone before s{step}: {lines:?}");
            }
        }
    }
}

/// How often the undo of each step was attempted.
fn attempts(shapes: &[Shape], log: &Log) -> Vec<usize> {
    let lines = log.all();
    (0..shapes.len()).map(|step| lines.iter().filter(|line| **line == format!("begin s{step}")).count()).collect()
}

async fn fails_and_is_undone(shapes: Vec<Shape>) {
    let store = Recorder::default();
    let (error, log) = run(&store, &shapes).await;
    let data = store.record().await;
    check_partition(&shapes, &data, &error);
    check_order(&shapes, &log);
    for (step, times) in attempts(&shapes, &log).into_iter().enumerate() {
        let is_undone = matches!(
            data.status_of(&format!("s{step}")),
            Some(StepStatus::Compensated | StepStatus::CompensationFailed)
        );
        let expected = match shapes[step].undoes {
            _ if !is_undone => 0,
            Undoes::AtOnce => 1,
            _ => 2,
        };
        assert_eq!(times, expected, "s{step}");
    }

    for before in store.ledger.snapshots() {
        if before.status.is_terminal() {
            continue;
        }
        let resumed = Recorder::holding(&before).await;
        let (again, log) = run(&resumed, &shapes).await;
        let after = resumed.record().await;
        check_partition(&shapes, &after, &again);
        check_order(&shapes, &log);
        if before.status == WorkflowStatus::RollingBack {
            assert_eq!(partition(&again), partition(&error));
            assert!(resumed.ledger.calls().is_empty(), "forward work began again after change {}", before.seq);
        }
        for (path, step) in steps(&before) {
            if matches!(before.step(step).status, StepStatus::Compensated | StepStatus::CompensationFailed) {
                assert!(!log.all().contains(&format!("begin {path}")), "{path} was undone twice");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b57_b58_a_random_graph_is_undone_in_order_and_from_every_record(shapes in shapes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(fails_and_is_undone(shapes));
    }
}
