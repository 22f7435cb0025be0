//! Random graphs that call random graphs, any step of which may fail: what is undone, by itself or with the run, in which
//! order, and that a crash changes nothing of it.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_runtime::plan::{Backoff, Policy, Retry, StepKind};
use flow_runtime::state::{BoxError, StepRef, StepStatus};
use flow_runtime::testing::Graph;
use flow_runtime::{Engine, WorkflowData};
use proptest::prelude::*;

use super::super::undo::Log;
use crate::recorder::{Recorder, steps};

#[derive(Clone, Debug)]
struct Shape {
    inputs: Vec<usize>,
    does: Does,
}

#[derive(Clone, Debug)]
enum Does {
    /// A body, which may fail, and has an undo that succeeds at this attempt; at 0 there is none, at 3 it never does.
    Step { fails: bool, undone_at: u32 },
    /// Another graph, whose failure may be a value.
    Call { inner: Vec<Shape>, is_caught: bool },
}

fn shapes(depth: u32) -> BoxedStrategy<Vec<Shape>> {
    let step = (prop::bool::weighted(0.15), prop::sample::select(vec![0, 1, 1, 1, 2, 3]))
        .prop_map(|(fails, undone_at)| Does::Step { fails, undone_at });
    let does = if depth == 0 {
        step.boxed()
    } else {
        let call = (shapes(depth - 1), prop::bool::weighted(0.6));
        prop_oneof![2 => step, 1 => call.prop_map(|(inner, is_caught)| Does::Call { inner, is_caught })].boxed()
    };
    let inputs = prop::collection::btree_set(0..8_usize, 0..3);
    let shape = (inputs, does).prop_map(|(inputs, does)| Shape { inputs: inputs.into_iter().collect(), does });
    prop::collection::vec(shape, 1..5)
        .prop_map(|mut shapes| {
            (0..shapes.len()).for_each(|step| shapes[step].inputs.retain(|input| *input < step));
            shapes
        })
        .boxed()
}

fn graph(name: &str, shapes: &[Shape], store: &Recorder, log: &Log) -> Graph<u64> {
    let mut graph = Graph::new(name);
    for (number, shape) in shapes.iter().enumerate() {
        let (id, inputs) = (format!("s{number}"), shape.inputs.iter().map(|&input| input as u32).collect::<Vec<_>>());
        let &Does::Step { fails, undone_at } = &shape.does else {
            let Does::Call { inner, is_caught } = &shape.does else { continue };
            let inner = self::graph(&format!("{name}.{id}"), inner, store, log);
            graph.call(id, &inputs, inner, is_caught.then_some(|_| 0));
            continue;
        };
        let (ledger, told) = (store.ledger.clone(), log.clone());
        let step = graph.step(id, &inputs, move |cx, _| {
            let ledger = ledger.clone();
            told.note(format!("start {}", cx.step()));
            Box::pin(async move {
                ledger.begin(cx).await;
                if fails { Err(BoxError::from("it fails")) } else { Ok(number as u64) }
            })
        });
        if undone_at == 0 {
            continue;
        }
        let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        let (policy, told) = (Policy::DEFAULT.with_retry(Some(Retry::new(1).with_backoff(backoff))), log.clone());
        graph.undo(step, policy, move |cx, _| {
            let told = told.clone();
            Box::pin(async move {
                told.note(format!("begin {}", cx.step()));
                tokio::task::yield_now().await;
                told.note(format!("end {}", cx.step()));
                // An attempt that a crash cut off counts.
                if undone_at == 3 || cx.attempt() < undone_at { Err(BoxError::from("it stays")) } else { Ok(()) }
            })
        });
    }
    graph
}

/// A run and what its bodies and undos noted.
async fn run(store: &Recorder, shapes: &[Shape]) -> (WorkflowData, Log) {
    let log = Log::default();
    let engine = Engine::builder(store.clone()).observe(store.ledger.clone()).strict_roundtrip(true).build();
    let _ = graph("random", shapes, store, &log).run(&engine, "run").await;
    (store.record().await, log)
}

/// A step that calls a workflow, by its path, or the run itself, by no path.
fn is_under(path: &str, caller: &str) -> bool {
    caller.is_empty() || path.strip_prefix(caller).is_some_and(|rest| rest.starts_with('.'))
}

struct Ended<'a> {
    data: &'a WorkflowData,
    lines: Vec<String>,
    /// The paths of the calls of workflows that failed.
    failed: Vec<String>,
    /// The paths of the steps that something undoes, with their status.
    undoable: Vec<(String, StepStatus)>,
}

impl<'a> Ended<'a> {
    fn of(data: &'a WorkflowData, log: &Log) -> Self {
        let kind = |step: StepRef| &data.plan.step(step.local).kind;
        let all = steps(data);
        let is_failed = |step: StepRef| data.step(step).status == StepStatus::Failed && data.step(step).opened_len > 0;
        let failed = all.iter().filter(|(_, step)| matches!(kind(**step), StepKind::Sub { .. }) && is_failed(**step));
        let undoable = all.iter().filter(|(_, step)| data.plan.step(step.local).undo.is_some());
        Self {
            data,
            lines: log.all(),
            failed: failed.map(|(path, _)| path.clone()).collect(),
            undoable: undoable.map(|(path, step)| (path.clone(), data.step(*step).status)).collect(),
        }
    }

    /// What failed was undone as far as it can be, and nothing else.
    fn check_partition(&self) {
        let is_lost = !self.data.failures().is_empty();
        for (path, status) in &self.undoable {
            let is_undone = matches!(status, StepStatus::Compensated | StepStatus::CompensationFailed);
            let has_failed_around = self.failed.iter().any(|caller| is_under(path, caller));
            if is_lost || has_failed_around {
                assert_ne!(*status, StepStatus::Completed, "{path} stays as it was");
            } else {
                assert!(!is_undone, "{path} is {status:?}, and nothing around it failed");
            }
        }
        let rollback = self.data.rollback();
        let told = |status| self.undoable.iter().filter(|(_, other)| *other == status).count();
        assert_eq!(rollback.compensated.len(), told(StepStatus::Compensated));
        assert_eq!(rollback.failed.len(), told(StepStatus::CompensationFailed));
        assert!(!is_lost || rollback.left.is_empty(), "{rollback:?}");
    }

    fn first(&self, what: &str, is_meant: impl Fn(&str) -> bool) -> Option<usize> {
        self.lines.iter().position(|line| line.strip_prefix(what).is_some_and(&is_meant))
    }

    fn last(&self, what: &str, is_meant: impl Fn(&str) -> bool) -> Option<usize> {
        self.lines.iter().rposition(|line| line.strip_prefix(what).is_some_and(&is_meant))
    }

    /// That the last of some undos had ended when the first of others, or of bodies, began.
    fn check_before(&self, before: impl Fn(&str) -> bool, what: &str, after: impl Fn(&str) -> bool, context: &str) {
        if let (Some(ended), Some(began)) = (self.last("end ", before), self.first(what, after)) {
            assert!(ended < began, "{context}: {:?}", self.lines);
        }
    }

    /// The called workflow around a step that failed, the innermost; the run itself if there is none.
    fn lost_with(&self, path: &str) -> &str {
        let around = self.failed.iter().filter(|caller| is_under(path, caller));
        around.max_by_key(|caller| caller.len()).map_or("", String::as_str)
    }

    fn check_order(&self, shapes: &[Shape], around: &str) {
        for (number, shape) in shapes.iter().enumerate() {
            let path = if around.is_empty() { format!("s{number}") } else { format!("{around}.s{number}") };
            let is_here = |other: &str| other == path || is_under(other, &path);
            // In reverse order of the edges, within what is lost together.
            for input in ancestors(shapes, number) {
                let input = if around.is_empty() { format!("s{input}") } else { format!("{around}.s{input}") };
                let is_input = |other: &str| other == input || is_under(other, &input);
                let scope = self.lost_with(&path).to_owned();
                let of_scope = |other: &str| self.lost_with(other) == scope;
                let context = format!("{input} was undone before {path}");
                self.check_before(
                    |other| is_here(other) && of_scope(other),
                    "begin ",
                    |other| is_input(other) && of_scope(other),
                    &context,
                );
                // A failure is a value when the workflow is undone.
                if self.failed.contains(&input) {
                    self.check_before(is_input, "start ", is_here, &format!("{path} began before {input} was undone"));
                }
            }
            if let Does::Call { inner, .. } = &shape.does {
                self.check_order(inner, &path);
                if self.failed.contains(&path) {
                    // What failed is undone before what is around it.
                    let outer = self.lost_with(&path).to_owned();
                    let context = format!("{path} was not undone first");
                    self.check_before(
                        |other| is_under(other, &path),
                        "begin ",
                        |other| self.lost_with(other) == outer,
                        &context,
                    );
                }
            }
        }
    }
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

fn check(data: &WorkflowData, log: &Log, shapes: &[Shape]) {
    let ended = Ended::of(data, log);
    ended.check_partition();
    ended.check_order(shapes, "");
}

async fn ends_and_is_undone(shapes: Vec<Shape>) {
    let store = Recorder::default();
    let (data, log) = run(&store, &shapes).await;
    assert!(data.status.is_terminal());
    check(&data, &log, &shapes);
    let lines = log.all();
    for line in lines.iter().filter(|line| line.starts_with("begin ")) {
        assert!(
            lines.iter().filter(|other| *other == line).count() <= 2,
            "{line} more often than it is tried: {lines:?}"
        );
    }
    for before in store.ledger.snapshots() {
        if before.status.is_terminal() {
            continue;
        }
        // As a store of bytes gives it back.
        let bytes = before.to_bytes().unwrap();
        assert_eq!(WorkflowData::from_bytes(bytes).unwrap(), before);
        let resumed = Recorder::holding(&before).await;
        let (after, log) = run(&resumed, &shapes).await;
        check(&after, &log, &shapes);
        let lines = log.all();
        for (path, step) in steps(&before) {
            let status = before.step(step).status;
            let is_done = status.has_ended() && before.step(step).opened_len == 0;
            assert!(!is_done || !lines.contains(&format!("start {path}")), "{path} ran twice");
            let is_undone = matches!(status, StepStatus::Compensated | StepStatus::CompensationFailed);
            assert!(!is_undone || !lines.contains(&format!("begin {path}")), "{path} was undone twice");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b57_b58_b60_random_graphs_in_graphs_are_undone_in_order_and_from_every_record(shapes in shapes(2)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ends_and_is_undone(shapes));
    }
}

/// A failure that is caught inside of a workflow that is lost: nothing that comes after it was counted when the run was
/// taken up.
#[test]
fn b42_b60_what_is_caught_inside_what_is_lost_starts_nothing() {
    let of = |inputs: &[usize], does| Shape { inputs: inputs.to_vec(), does };
    let step = |fails| of(&[], Does::Step { fails, undone_at: 0 });
    let caught = of(&[], Does::Call { inner: vec![step(false), step(true)], is_caught: true });
    let after = of(&[2], Does::Step { fails: false, undone_at: 0 });
    let lost = of(&[0], Does::Call { inner: vec![step(true), step(false), caught, after], is_caught: false });
    let undone = Does::Call { inner: vec![of(&[], Does::Step { fails: false, undone_at: 1 })], is_caught: false };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ends_and_is_undone(vec![step(false), of(&[], undone), lost]));
}
