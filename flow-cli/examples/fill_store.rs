//! Fills a store with runs that have ended, to measure `flow list` on it; and, if that is asked for, with one of many
//! steps, of which half are done, to measure `flow graph`.
//!
//! ```text
//! cargo build --release -p flow-cli
//! cargo run --release -p flow-cli --example fill_store -- sqlite:/tmp/flow.db 100000
//! time target/release/flow --store sqlite:/tmp/flow.db list
//! cargo run --release -p flow-cli --example fill_store -- fb:/tmp/flow 1 1000
//! time target/release/flow --store fb:/tmp/flow graph long --as svg
//! ```

use std::error::Error;
use std::sync::Arc;

use flow_runtime::prelude::*;
use flow_runtime::state::{
    CompletedBy, Delta, Encoding, Event, Payload, Phase, RunCreated, RunOutcome, RunOutput, StepRef,
};
use flow_runtime::testing::Graph;
use flow_runtime::{FlatBuffersStore, JsonFileStore, Plan, SqliteStore, WorkflowData, WorkflowId, WorkflowStore};
use tokio::task::JoinSet;

/// How many runs are saved at a time, so that a store can take them together.
const TOGETHER: u64 = 1_000;
/// When the first run was made; the others follow by the second.
const BEGIN: i64 = 1_780_000_000_000_000_000;

#[node]
async fn reserve(order: &u64) -> u64 {
    *order
}

#[node]
async fn charge(stock: &u64) -> u64 {
    *stock
}

#[node]
async fn ship(payment: &u64) -> u64 {
    *payment
}

workflow! {
    /// Fulfils one order.
    fn fulfil_order(order: u64) -> u64 { ship(charge(reserve(order))) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (address, runs, steps) = match words.as_slice() {
        [address, runs] => (address, runs.parse()?, 0),
        [address, runs, steps] => (address, runs.parse()?, steps.parse()?),
        _ => return Err("write: fill_store KIND:PATH RUNS [STEPS]".into()),
    };
    match address.split_once(':') {
        Some(("sqlite", path)) => fill(SqliteStore::options().sync_commits(false).open(path)?, runs, steps).await,
        Some(("json", path)) => fill(JsonFileStore::open(path)?, runs, steps).await,
        Some(("fb", path)) => fill(FlatBuffersStore::open(path)?, runs, steps).await,
        _ => Err("the store is named sqlite:PATH, json:PATH or fb:PATH".into()),
    }
}

async fn fill<S: WorkflowStore + Clone>(store: S, runs: u64, steps: u32) -> Result<(), Box<dyn Error>> {
    if steps > 0 {
        store.save(&long_run(steps)?).await?;
    }
    let plan = Arc::new(fulfil_order::plan().clone());
    let mut next = 0;
    while next < runs {
        let mut saved = JoinSet::new();
        for n in next..runs.min(next + TOGETHER) {
            let (store, run) = (store.clone(), run(&plan, n)?);
            saved.spawn(async move { store.save(&run).await });
        }
        while let Some(saved) = saved.join_next().await {
            saved??;
        }
        next += TOGETHER;
    }
    Ok(())
}

/// A run that has completed.
fn run(plan: &Arc<Plan>, n: u64) -> Result<WorkflowData, Box<dyn Error>> {
    let payload = Payload::new(Encoding::Json, n.to_string());
    let mut created = RunCreated::new(WorkflowId::new(format!("order-{n}"))?, plan.clone(), payload.clone());
    created.metadata.insert("customer".to_owned(), format!("c{}", n % 1_000));
    let at = BEGIN + i64::try_from(n)? * 1_000_000_000;
    let mut data = WorkflowData::new(n + 1, &created, at);
    let mut events = completed(3, &payload);
    let output = RunOutput::Step(StepRef::new(0, 2));
    events.push(Event::RunEnded { outcome: RunOutcome::Completed, output });
    data.apply(&Delta::new(data.run_no, data.seq, at + 500_000_000, events))?;
    Ok(data)
}

/// A run of a plan in rows of ten, each step of which uses three of the row before; half of it is done.
fn long_run(steps: u32) -> Result<WorkflowData, Box<dyn Error>> {
    let mut graph = Graph::<u64>::new("long");
    let mut all = Vec::new();
    for step in 0..steps {
        let before: Vec<u32> =
            (8..=10).filter_map(|back| all.get((step as usize).checked_sub(back)?).copied()).collect();
        all.push(graph.step(format!("s{step}"), &before, |_, _| Box::pin(async { Ok(0) })));
    }
    let payload = Payload::new(Encoding::Json, "0");
    let created = RunCreated::new(WorkflowId::new("long")?, Arc::new(graph.plan()), payload.clone());
    let mut data = WorkflowData::new(1, &created, BEGIN);
    let events = completed(steps / 2, &payload);
    data.apply(&Delta::new(data.run_no, data.seq, BEGIN + 500_000_000, events))?;
    Ok(data)
}

/// That so many steps, the first ones, have run and completed.
fn completed(steps: u32, payload: &Payload) -> Vec<Event> {
    let events = |local| {
        let (step, payload, by) = (StepRef::new(0, local), payload.clone(), CompletedBy::Body);
        let started = Event::StepStarted { step, attempt: 1, phase: Phase::Do };
        [started, Event::StepCompleted { step, attempt: 1, payload, data: Vec::new(), by }]
    };
    (0..steps).flat_map(events).collect()
}
