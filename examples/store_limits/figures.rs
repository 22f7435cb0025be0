//! What does not fit a row of steps per second: whether a step costs the same late in a long run, and how long it takes to
//! load, to resume and to open.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use flow_runtime::observe::{Notice, Observer, What};
use flow_runtime::prelude::*;
use flow_runtime::store::Query;
use flow_runtime::testing::Graph;
use flow_runtime::{WorkflowId, WorkflowStore};

use super::latency;
use serde::Serialize;
use tokio::sync::{Notify, Semaphore};

/// One measured figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) store: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) target: &'static str,
}

/// How many runs are in the store that is opened, and how many steps a long run has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) runs: u64,
    pub(crate) steps: u64,
}

/// How many steps at the beginning and at the end of a long run are compared.
const WINDOW: usize = 1000;

#[node]
async fn number(x: u64) -> u64 {
    x + 1
}

#[node]
async fn total(#[state] gate: &Gate, xs: &[u64]) -> u64 {
    *gate.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    gate.arrived.notify_one();
    if gate.is_closed {
        std::future::pending::<()>().await;
    }
    xs.iter().sum()
}

workflow! {
    fn one(x: u64) -> u64 { number(x) }

    fn many(xs: Vec<u64>) -> u64 {
        let numbers = for x in xs { number(x) };
        total(numbers)
    }
}

/// Where the last step of `many` says that it began, and waits if it is to.
#[derive(Clone, Default)]
struct Gate {
    is_closed: bool,
    arrived: Arc<Notify>,
    reached: Arc<Mutex<Option<Instant>>>,
}

/// When each step was committed.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<Instant>>>);

impl Observer for Times {
    fn observe(&self, notice: &Notice<'_>) {
        if matches!(notice.what, What::StepCompleted { .. }) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
    }
}

/// All figures of one store, opened anew in a folder as often as is asked.
pub(crate) async fn all<S: WorkflowStore + Clone>(
    store: &'static str,
    sizes: Sizes,
    dir: &Path,
    open: impl Fn(&Path) -> anyhow::Result<S>,
) -> anyhow::Result<Vec<Figure>> {
    let figure = |name, value, unit, target| Figure { store, name, value, unit, target };
    let resume_target = if store == "sqlite" { "at most 300" } else { "at most 100" };
    let (open_ms, list_ms) = reopen(sizes, &dir.join("open"), &open, begin_one).await?;
    let (open_kept_ms, _) = reopen(sizes, &dir.join("kept"), &open, begin_kept).await?;
    Ok(vec![
        figure("late step / early step", late_over_early(sizes, &open(&dir.join("long"))?).await?, "", "at most 1.2"),
        figure("load 1 000 steps", load(&open(&dir.join("load"))?).await?, "us", "at most 200"),
        figure("resume after all committed", resume(sizes, &dir.join("resume"), &open).await?, "ms", resume_target),
        figure("open", open_ms, "ms", "at most 150 at 100 000 runs"),
        figure("open, input and output of 4 KiB", open_kept_ms, "ms", "at most 150 at 100 000 runs"),
        figure("open and list the newest 50", list_ms, "ms", "at most 200 at 100 000 runs"),
    ])
}

/// How long one in a hundred commits takes at least while runs come and go and room is given back, as a multiple of what
/// it takes while nothing is given back, because the only segment of the log never fills up.
pub(crate) async fn tail_while_giving_back(dir: &Path) -> anyhow::Result<Figure> {
    let open = |name, bytes| FlatBuffersStore::options().segment_bytes(bytes).open(dir.join(name));
    let mut ratios = Vec::new();
    for round in 0..3 {
        let quiet = latency::tail(open(format!("quiet-{round}"), 512 << 20)?).await?;
        let busy = latency::tail(open(format!("busy-{round}"), 1 << 20)?).await?;
        ratios.push(busy.as_secs_f64() / quiet.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let (name, target) = ("p99 commit giving back room / not", "at most 5");
    Ok(Figure { store: "flatbuffers", name, value: ratios[1], unit: "", target })
}

/// What a step of a long chain takes at its end, as a multiple of what one takes at its beginning.
async fn late_over_early(sizes: Sizes, store: &(impl WorkflowStore + Clone)) -> anyhow::Result<f64> {
    let times = Times::default();
    let engine = Engine::builder(store.clone()).observe(times.clone()).build();
    long_chain(sizes.steps).run(&engine, "long").await?;
    let times = std::mem::take(&mut *times.0.lock().unwrap_or_else(PoisonError::into_inner));
    let between: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let early = between.get(10..10 + WINDOW).context("the chain is too short to be measured")?;
    let late = &between[between.len() - WINDOW..];
    Ok(median(late.to_vec()).as_secs_f64() / median(early.to_vec()).as_secs_f64())
}

fn long_chain(steps: u64) -> Graph<u64> {
    let mut graph = Graph::new("long");
    for step in 0..steps as u32 {
        let before: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &before, |_, inputs| {
            Box::pin(async move { Ok(inputs.into_iter().sum::<u64>() + 1) })
        });
    }
    graph
}

/// How long it takes to load a saved run of 1 000 steps with outputs of 40 bytes, in microseconds.
async fn load(store: &(impl WorkflowStore + Clone)) -> anyhow::Result<f64> {
    let engine = Engine::builder(store.clone()).durability(Durability::OnSuspend).build();
    let mut graph = Graph::<Vec<u8>>::new("thousand");
    for step in 0..1000 {
        graph.step(format!("s{step}"), &[], |_, _| Box::pin(async { Ok(vec![7; 40]) }));
    }
    graph.run(&engine, "thousand").await?;
    let id = WorkflowId::new("thousand")?;
    store.save(&store.load(&id).await?).await?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        anyhow::ensure!(store.load(&id).await?.steps.len() == 1000, "steps are missing");
        times.push(start.elapsed());
    }
    Ok(median(times).as_secs_f64() * 1e6)
}

/// How long a run of which all but the last step is committed takes to its first new step, in milliseconds, from the
/// call in a process that has the store open.
async fn resume<S: WorkflowStore + Clone>(
    sizes: Sizes,
    dir: &Path,
    open: &impl Fn(&Path) -> anyhow::Result<S>,
) -> anyhow::Result<f64> {
    let xs: Vec<u64> = (0..sizes.steps).collect();
    let gate = Gate { is_closed: true, ..Gate::default() };
    let engine = Engine::builder(open(dir)?).state(gate.clone()).durability(Durability::OnSuspend).build();
    let run = many(xs.clone()).start(&engine, "many")?;
    gate.arrived.notified().await;
    engine.shutdown(Duration::ZERO).await;
    anyhow::ensure!(run.result().await.is_err(), "the run was to be stopped");
    drop(engine);

    let gate = Gate::default();
    let engine = Engine::builder(open(dir)?).state(gate.clone()).build();
    let start = Instant::now();
    let sum = many(xs).run(&engine, "many").await?;
    anyhow::ensure!(sum == (1..=sizes.steps).sum::<u64>(), "the sum is wrong");
    let reached = gate.reached.lock().unwrap_or_else(PoisonError::into_inner).context("the last step did not run")?;
    Ok((reached - start).as_secs_f64() * 1e3)
}

/// A run that was begun, until it ends.
type Run = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

fn begin_one(engine: &Engine, run: u64) -> Result<Run, RunError> {
    let handle = one(run).start(engine, format!("run-{run}"))?;
    Ok(Box::pin(async { handle.result().await.map(drop) }))
}

fn begin_kept(engine: &Engine, run: u64) -> Result<Run, RunError> {
    let bytes = latency::bytes(&mut { run });
    let handle = latency::kept(bytes).start(engine, format!("run-{run}"))?;
    Ok(Box::pin(async { handle.result().await.map(drop) }))
}

/// How long it takes to open a store that holds many ended runs, and to open it and list the newest, in milliseconds.
async fn reopen<S: WorkflowStore + Clone>(
    sizes: Sizes,
    dir: &Path,
    open: &impl Fn(&Path) -> anyhow::Result<S>,
    begin: impl Fn(&Engine, u64) -> Result<Run, RunError>,
) -> anyhow::Result<(f64, f64)> {
    let engine = Engine::builder(open(dir)?).durability(Durability::OnSuspend).concurrency(AT_ONCE).build();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    for run in 0..sizes.runs {
        let (permit, run) = (room.clone().acquire_owned().await?, begin(&engine, run)?);
        tokio::spawn(async move {
            let ended = run.await;
            drop(permit);
            ended
        });
    }
    drop(room.acquire_many(AT_ONCE as u32).await?);
    engine.shutdown(Duration::from_secs(30)).await;
    drop(engine);

    let (mut times, mut listed) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let start = Instant::now();
        let store = open(dir)?;
        times.push(start.elapsed());
        anyhow::ensure!(store.query(&Query::new()).await?.runs.len() == 50, "runs are missing");
        listed.push(start.elapsed());
        let id = WorkflowId::new(format!("run-{}", sizes.runs - 1))?;
        anyhow::ensure!(store.load(&id).await?.status.is_terminal(), "a run is not as it ended");
    }
    Ok((median(times).as_secs_f64() * 1e3, median(listed).as_secs_f64() * 1e3))
}

/// How many runs are made at the same time.
const AT_ONCE: usize = 256;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use flow_runtime::testing::{CrashTest, crash_everywhere};

    use super::*;

    #[tokio::test]
    async fn b42_what_is_measured_survives_a_crash_at_each_commit() {
        crash_everywhere(|| one(7)).await.unwrap();
        CrashTest::new(|| many((0..20).collect())).state(Gate::default).everywhere().await.unwrap();
    }
}
