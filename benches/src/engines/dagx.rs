//! dagx. A graph runs once, so it is built for each run, outside of what is measured or inside. A step has eight inputs
//! at most, so what joins more is a tree of sums, whose steps are not counted as steps.
#![expect(clippy::unused_async, clippy::too_many_arguments, reason = "its steps are async and have as many inputs")]

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use dagx::{DagRunner, Task, TaskHandle, task};
use futures::future::BoxFuture;
use harness::case::{Case, Class, Subject};
use harness::shape::{self, INPUTS, Shape, WIDTH};

type Handle = TaskHandle<u64>;

struct Graph {
    dag: DagRunner,
    last: Handle,
}

pub(crate) fn in_memory() -> Vec<Case> {
    let both = |shape, build| [built_before(shape, build), built_in_run(shape, build)];
    [
        both(&shape::CHAIN, chain as Build),
        both(&shape::FAN, || fan(&shape::FAN, next)),
        both(&shape::FAN_20US, || fan(&shape::FAN_20US, busy)),
        both(&shape::LAYERS, layers),
        both(&shape::DIAMOND, || fan(&shape::DIAMOND, next)),
        both(&shape::STRAGGLER, straggler),
        both(&shape::ITEMS_10_000, || items(10_000)),
        both(&shape::ITEMS_100_000, || items(100_000)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type Build = fn() -> Graph;

fn built_in_run(shape: &Shape, build: Build) -> Case {
    Case::in_memory(shape, "dagx, with its build", move || async move { run(&build()).await }).builds_in_run()
}

fn built_before(shape: &Shape, build: Build) -> Case {
    let gives = shape.gives;
    Case::new(Class::None, shape, "dagx", move |_| Ok(RunAlone { build, gives })).prepares()
}

/// Runs of which the building is not measured.
struct RunAlone {
    build: Build,
    gives: u64,
}

impl Subject for RunAlone {
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            let mut took = Duration::ZERO;
            for _ in 0..runs {
                let graph = (self.build)();
                let start = Instant::now();
                let given = run(&graph).await?;
                took += start.elapsed();
                ensure!(given == self.gives, "a run gave {given} where {} is right", self.gives);
            }
            Ok(took)
        })
    }
}

async fn run(graph: &Graph) -> Result<u64> {
    let ran = graph.dag.run(|step| drop(tokio::spawn(step))).await;
    ran.map_err(|error| anyhow!("the graph failed: {error}"))?;
    graph.dag.get(graph.last).map_err(|error| anyhow!("the graph has no output: {error}"))
}

struct First(u64);

#[task]
impl First {
    async fn run(&self) -> u64 {
        self.0
    }
}

struct Next;

#[task]
impl Next {
    async fn run(x: &u64) -> u64 {
        shape::next(*x)
    }
}

struct Busy;

#[task]
impl Busy {
    async fn run(x: &u64) -> u64 {
        shape::busy(*x)
    }
}

struct Slow;

#[task]
impl Slow {
    async fn run(x: &u64) -> u64 {
        shape::slow(*x).await
    }
}

struct Mixed;

#[task]
impl Mixed {
    async fn run(x1: &u64, x2: &u64, x3: &u64, x4: &u64, x5: &u64, x6: &u64, x7: &u64, x8: &u64) -> u64 {
        shape::mixed([*x1, *x2, *x3, *x4, *x5, *x6, *x7, *x8])
    }
}

struct Total;

#[task]
impl Total {
    async fn run(x1: &u64, x2: &u64, x3: &u64, x4: &u64, x5: &u64, x6: &u64, x7: &u64, x8: &u64) -> u64 {
        shape::total(&[*x1, *x2, *x3, *x4, *x5, *x6, *x7, *x8])
    }
}

/// A graph with its input, which is a step that has none.
fn begin() -> (DagRunner, Handle) {
    let dag = DagRunner::new();
    let input = Handle::from(&dag.add_task(First(0)));
    (dag, input)
}

fn next(dag: &DagRunner, before: Handle) -> Handle {
    dag.add_task(Next).depends_on(before)
}

fn busy(dag: &DagRunner, before: Handle) -> Handle {
    dag.add_task(Busy).depends_on(before)
}

fn chain() -> Graph {
    let (dag, mut last) = begin();
    for _ in 0..shape::CHAIN.steps {
        last = next(&dag, last);
    }
    Graph { dag, last }
}

fn fan(shape: &Shape, middle: fn(&DagRunner, Handle) -> Handle) -> Graph {
    let (dag, zero) = begin();
    let first = next(&dag, zero);
    let beside = (2..shape.steps).map(|_| middle(&dag, first)).collect();
    let last = joined(&dag, zero, beside);
    Graph { dag, last }
}

fn layers() -> Graph {
    let (dag, zero) = begin();
    let mut layer: Vec<Handle> = (0..WIDTH).map(|_| next(&dag, zero)).collect();
    for _ in 1..WIDTH {
        layer = (0..WIDTH)
            .map(|place| {
                let [x1, x2, x3, x4, x5, x6, x7, x8] =
                    std::array::from_fn::<_, INPUTS, _>(|input| layer[(place + input) % WIDTH]);
                dag.add_task(Mixed).depends_on((&x1, &x2, &x3, &x4, &x5, &x6, &x7, &x8))
            })
            .collect();
    }
    let last = joined(&dag, zero, layer);
    Graph { dag, last }
}

fn straggler() -> Graph {
    let (dag, zero) = begin();
    let (mut even, mut odd) = (zero, zero);
    for place in 0..shape::STRAGGLER.steps / 2 {
        if place % 2 == 0 {
            (even, odd) = (dag.add_task(Slow).depends_on(even), next(&dag, odd));
        } else {
            (even, odd) = (next(&dag, even), dag.add_task(Slow).depends_on(odd));
        }
    }
    let last = joined(&dag, zero, vec![even, odd]);
    Graph { dag, last }
}

fn items(count: u64) -> Graph {
    let (dag, zero) = begin();
    let outputs = (0..count).map(|item| next(&dag, Handle::from(&dag.add_task(First(item))))).collect();
    let last = joined(&dag, zero, outputs);
    Graph { dag, last }
}

/// Adds them up, eight at a time; places that are left have the zero.
fn joined(dag: &DagRunner, zero: Handle, mut level: Vec<Handle>) -> Handle {
    while level.len() > 1 {
        level = level
            .chunks(INPUTS)
            .map(|some| {
                let [x1, x2, x3, x4, x5, x6, x7, x8] =
                    std::array::from_fn::<_, INPUTS, _>(|place| some.get(place).copied().unwrap_or(zero));
                dag.add_task(Total).depends_on((&x1, &x2, &x3, &x4, &x5, &x6, &x7, &x8))
            })
            .collect();
    }
    level.first().copied().unwrap_or(zero)
}
