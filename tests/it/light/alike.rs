//! The same workflows, run light and not.

use flow_runtime::observe::{Notice, Observer};
use flow_runtime::state::{DecodeError, EncodeError};
use flow_runtime::testing::Graph;
use proptest::prelude::*;

use super::*;
use crate::execution::traces::Traces;

struct Nobody;

impl Observer for Nobody {
    fn observe(&self, _: &Notice<'_>) {}
}

/// An engine whose runs are not light.
fn observed(world: &World) -> Ephemeral<World> {
    Engine::ephemeral().state(world.clone()).observe(Nobody).build()
}

/// A number that is bad makes a body fail, or panic.
#[node]
async fn check(#[state] world: &World, x: u64, bad: u64) -> Result<u64, String> {
    world.note(format!("check {x}"));
    if x == bad { Err(format!("{x} is bad")) } else { Ok(x) }
}

#[node(retry(times = 2, backoff = "1ms..1ms"))]
async fn again(#[state] world: &World, x: u64, bad: u64, cx: &NodeContext) -> Result<u64, String> {
    world.note(format!("{} {}", cx.step(), cx.attempt()));
    if x == bad && cx.attempt() < 3 { Err("not yet".to_owned()) } else { Ok(x + 100) }
}

#[node]
async fn pauses(x: u64) -> u64 {
    tokio::task::yield_now().await;
    x + 1
}

#[node]
async fn breaks(#[state] world: &World, x: u64, bad: u64) -> u64 {
    world.note(format!("breaks {x}"));
    assert!(x != bad, "{x} breaks it");
    x
}

#[node]
async fn sum(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

const KEY: Key<u64> = Key::new("key");

#[node]
async fn writes(x: u64, cx: &NodeContext) -> Result<u64, EncodeError> {
    cx.set(KEY, &x)?;
    Ok(x)
}

#[node]
async fn reads(cx: &NodeContext, after: &u64) -> Result<u64, DecodeError> {
    Ok(cx.get(KEY)?.unwrap_or_default() + after)
}

/// `bad` says by its hundreds what goes wrong, and by the rest for which number.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Bad {
    check: u64,
    again: u64,
    breaks: u64,
    head: u64,
    expression: u64,
    output: u64,
}

impl Bad {
    fn is_even(&self, x: u64) -> bool {
        assert!(x != self.head, "a head breaks at {x}");
        x.is_multiple_of(2)
    }

    fn half(&self, x: u64) -> u64 {
        assert!(x != self.expression, "an expression breaks at {x}");
        x / 2
    }

    fn all(&self, x: u64, caught: &Result<u64, NodeFailure>) -> u64 {
        assert!(x != self.output, "the output breaks at {x}");
        x + caught.as_ref().copied().unwrap_or(1_000)
    }
}

workflow! {
    /// Steps, branches, fan-outs in fan-outs, values made of regions, key-value data, failures that are caught.
    fn everything(xs: Vec<u64>, bad: Bad) -> u64 {
        let first = check(xs.len() as u64, bad.check);
        let written = writes(first);
        let beside = pauses(first);
        let rows = for x in xs {
            let y = again(x, bad.again);
            let part = if bad.is_even(x) { check(x, bad.check) } else { bad.half(x) };
            let inner = for z in [x, y] { breaks(z, bad.breaks) };
            let row = sum(inner);
            pauses(row + part + beside)
        };
        #[catch] let caught = check(beside, bad.check);
        let total = sum(rows);
        let read = reads(written);
        bad.all(total + read, &caught)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn b02_b15_a_light_run_ends_as_any_other_does(
        xs in prop::collection::vec(0_u64..6, 0..6),
        picks in prop::array::uniform6(0_u64..40),
    ) {
        let [check, again, breaks, head, expression, output] = picks;
        let bad = Bad { check, again, breaks, head, expression, output: output * 10 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let run = |engine: fn(&World) -> Ephemeral<World>| {
            let world = World::default();
            let ended = runtime.block_on(soon(everything(xs.clone(), bad).run_ephemeral(&engine(&world))));
            (ended.map_err(|error| format!("{error:#}")), world.noted())
        };
        let (light, other) = (run(super::light), run(observed));
        // Which failure comes first, and what begins beside it, depends on the order of bodies that are ready together.
        prop_assert_eq!(light.0.is_ok(), other.0.is_ok(), "{:?} {:?}", light.0, other.0);
        if light.0.is_ok() {
            prop_assert_eq!(light, other);
        }
    }
}

workflow! {
    /// One order only, and values of regions that are used before and behind what may fail.
    fn in_a_row(xs: Vec<u64>, bad: Bad) -> u64 {
        let rows = for x in xs { pauses(x) };
        let total = sum(rows);
        let part = if bad.is_even(total) { check(total, bad.check) } else { bad.half(total) };
        let behind = again(part, bad.again);
        let nothing = for x in xs[..0] { pauses(x) };
        #[after(behind)] let more = sum(rows);
        #[catch] let caught = check(more + part, bad.check);
        #[after(caught)] let rest = sum(nothing);
        bad.all(rest + more, &caught)
    }
}

#[node]
async fn total(rows: &[Vec<Vec<u64>>]) -> u64 {
    rows.iter().flatten().flatten().sum()
}

workflow! {
    /// A value that is made of those of regions in regions.
    fn in_rows(xs: Vec<u64>) -> u64 {
        let rows = for x in xs {
            let row = for y in xs {
                let both = for z in [x, y] { pauses(z) };
                both
            };
            row
        };
        total(rows)
    }
}

#[tokio::test]
async fn b02_values_of_regions_in_regions_are_made_before_they_are_used() {
    let world = World::default();
    let run = async |engine: Ephemeral<World>| in_rows(vec![1, 2, 3]).run_ephemeral(&engine).await.unwrap();
    assert_eq!(run(light(&world)).await, run(observed(&world)).await);
}

/// Counts what it is told of.
#[derive(Clone, Default)]
struct Told(Arc<AtomicU32>);

impl Observer for Told {
    fn observe(&self, _: &Notice<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl flow_runtime::engine::Layer for Told {
    fn after(&self, _: &NodeContext, _: &flow_runtime::engine::AttemptOutcome<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn b19_who_looks_at_a_run_without_a_record_is_told() {
    let (observer, layer) = (Told::default(), Told::default());
    let engines =
        [Engine::ephemeral().observe(observer.clone()).build(), Engine::ephemeral().layer(layer.clone()).build()];
    for engine in engines {
        assert_eq!(in_rows(vec![1]).run_ephemeral(&engine).await.unwrap(), 4);
    }
    assert!(observer.0.load(Ordering::SeqCst) >= 3, "of each of three steps");
    assert_eq!(layer.0.load(Ordering::SeqCst), 3);
    let (traces, _listens) = Traces::listen();
    assert_eq!(in_rows(vec![1]).run_ephemeral(&Engine::ephemeral().build()).await.unwrap(), 4);
    assert_eq!(traces.spans("step.run").len(), 3, "{}", traces.text());
}

#[tokio::test(start_paused = true)]
async fn b02_b15_b17_one_thing_that_goes_wrong_is_told_alike() {
    let fine = Bad { check: 99, again: 99, breaks: 99, head: 99, expression: 99, output: 99 };
    let ways = [
        fine,
        Bad { check: 6, ..fine },
        Bad { check: 12, ..fine },
        Bad { again: 6, ..fine },
        Bad { head: 6, ..fine },
        Bad { output: 6, ..fine },
        Bad { again: 6, output: 6, ..fine },
        Bad { check: 12, output: 6, ..fine },
        Bad { expression: 5, ..fine },
        Bad { again: 2, expression: 99, ..fine },
    ];
    for bad in ways {
        let xs = if bad.expression == 5 || bad.again == 2 { vec![0, 1, 1] } else { vec![0, 1, 2] };
        let run = async |world: World, engine: Ephemeral<World>| {
            let ended = soon(in_a_row(xs.clone(), bad).run_ephemeral(&engine)).await;
            (ended.map_err(|error| format!("{error:#}")), world.noted())
        };
        let (one, other) = (World::default(), World::default());
        let ended = run(one.clone(), light(&one)).await;
        assert_eq!(ended, run(other.clone(), observed(&other)).await, "{bad:?}");
    }
}

/// A chain, so that there is one order only.
fn one_after_another(bad: u32, panics: bool) -> Graph<u64> {
    let mut graph = Graph::new("chain");
    for step in 0..6_u32 {
        let before: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &before, move |_, inputs| {
            let x = inputs.into_iter().sum::<u64>() + 1;
            Box::pin(async move {
                tokio::task::yield_now().await;
                assert!(!(panics && step == bad), "it broke");
                if step == bad { Err("it failed".into()) } else { Ok(x) }
            })
        });
    }
    graph
}

#[tokio::test]
async fn b02_b17_a_failure_says_the_same_whoever_ran_the_steps_before() {
    for (bad, panics) in [(0, false), (3, false), (5, false), (3, true), (9, false)] {
        let graph = one_after_another(bad, panics);
        let run = async |engine: Ephemeral<World>| soon(graph.run_ephemeral(&engine)).await.map_err(|e| e.to_string());
        let world = World::default();
        let (light, other) = (run(light(&world)).await, run(observed(&world)).await);
        assert_eq!(light, other);
        assert_eq!(light.is_ok(), bad > 5);
    }
}
