//! Random graphs, killed after random commits, again and again until they end.
//!
//! In: the edges of a graph, which of its steps are pure, how often each fails before it succeeds, and where the run is
//! killed. Out: the same output and record as of a run that was left alone, with nothing committed run twice.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_runtime::Engine;
use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::state::BoxError;
use flow_runtime::testing::Graph;
use proptest::prelude::*;

use super::outcome::{Outcome, given};
use super::protocol;
use crate::recorder::{Ledger, Recorder, steps};

/// One step: which of the steps before it uses, whether it is pure, how often it fails.
#[derive(Clone, Debug)]
struct Shape {
    inputs: Vec<prop::sample::Index>,
    pure: bool,
    failures: u32,
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = (prop::collection::vec(any::<prop::sample::Index>(), 0..4), any::<bool>(), 0..3_u32);
    let shape = shape.prop_map(|(inputs, pure, failures)| Shape { inputs, pure, failures: failures.saturating_sub(1) });
    prop::collection::vec(shape, 1..12)
}

/// The graph of these steps. What a step gives depends on its place and its inputs only.
fn graph(shapes: &[Shape], ledger: &Ledger) -> Graph<u64> {
    let mut graph = Graph::new("random");
    for (number, shape) in shapes.iter().enumerate() {
        let mut inputs: Vec<u32> = Vec::new();
        if number > 0 {
            inputs = shape.inputs.iter().map(|index| index.index(number) as u32).collect();
            inputs.sort_unstable();
            inputs.dedup();
        }
        let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        let policy = Policy::DEFAULT.with_pure(shape.pure).with_retry(Some(Retry::new(2).with_backoff(backoff)));
        let (ledger, failures) = (ledger.clone(), shape.failures);
        graph.step_with(format!("s{number}"), &inputs, policy, move |cx, inputs| {
            let ledger = ledger.clone();
            Box::pin(async move {
                ledger.begin(cx).await;
                if ledger.fails(cx, failures) {
                    return Err(BoxError::from("not yet"));
                }
                Ok(inputs.into_iter().fold(number as u64, |sum, input| sum.wrapping_mul(31).wrapping_add(*input + 1)))
            })
        });
    }
    graph
}

async fn run(store: &Recorder, shapes: &[Shape]) -> u64 {
    let engine = Engine::builder(store.clone()).observe(store.ledger.clone()).strict_roundtrip(true).build();
    given(graph(shapes, &store.ledger).run(&engine, "run").await).unwrap()
}

async fn ends_as_if_it_was_left_alone(shapes: Vec<Shape>, kills: Vec<prop::sample::Index>) {
    let undisturbed = Recorder::default();
    let expected = run(&undisturbed, &shapes).await;
    let outcome = Outcome::of(&undisturbed.record().await);
    let calls = undisturbed.ledger.counts();
    protocol::check(&undisturbed.ledger);

    let mut store = undisturbed;
    for kill in kills {
        let snapshots = store.ledger.snapshots();
        if snapshots.is_empty() {
            break;
        }
        let before = kill.get(&snapshots).clone();
        store = Recorder::holding(&before).await;
        assert_eq!(run(&store, &shapes).await, expected);
        assert_eq!(Outcome::of(&store.record().await), outcome);
        protocol::check(&store.ledger);

        let mut committed: BTreeMap<String, u32> = BTreeMap::new();
        for (path, step) in steps(&before) {
            let state = before.step(step);
            let done = if state.status.has_ended() { calls[&path] } else { state.failures };
            committed.insert(path, done);
        }
        for (path, times) in store.ledger.counts() {
            *committed.get_mut(&path).unwrap() += times;
        }
        assert_eq!(committed, calls, "killed at change {}", before.seq);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b42_a_random_graph_goes_on_from_random_commits(
        shapes in shapes(),
        kills in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ends_as_if_it_was_left_alone(shapes, kills));
    }
}
