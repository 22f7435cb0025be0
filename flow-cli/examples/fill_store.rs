//! Fills a store with runs that have ended, to measure `flow list` on it.
//!
//! ```text
//! cargo build --release -p flow-cli
//! cargo run --release -p flow-cli --example fill_store -- sqlite:/tmp/flow.db 100000
//! time target/release/flow --store sqlite:/tmp/flow.db list
//! ```

use std::error::Error;
use std::sync::Arc;

use flow_runtime::prelude::*;
use flow_runtime::state::{
    CompletedBy, Delta, Encoding, Event, Payload, Phase, RunCreated, RunOutcome, RunOutput, StepRef,
};
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
    let [address, runs] = words.as_slice() else { return Err("write: fill_store KIND:PATH RUNS".into()) };
    let runs = runs.parse()?;
    match address.split_once(':') {
        Some(("sqlite", path)) => fill(SqliteStore::options().sync_commits(false).open(path)?, runs).await,
        Some(("json", path)) => fill(JsonFileStore::open(path)?, runs).await,
        Some(("fb", path)) => fill(FlatBuffersStore::open(path)?, runs).await,
        _ => Err("the store is named sqlite:PATH, json:PATH or fb:PATH".into()),
    }
}

async fn fill<S: WorkflowStore + Clone>(store: S, runs: u64) -> Result<(), Box<dyn Error>> {
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
    let mut events = Vec::new();
    for local in 0..3 {
        let step = StepRef::new(0, local);
        let (payload, by) = (payload.clone(), CompletedBy::Body);
        events.push(Event::StepStarted { step, attempt: 1, phase: Phase::Do });
        events.push(Event::StepCompleted { step, attempt: 1, payload, data: Vec::new(), by });
    }
    let output = RunOutput::Step(StepRef::new(0, 2));
    events.push(Event::RunEnded { outcome: RunOutcome::Completed, output });
    data.apply(&Delta::new(data.run_no, data.seq, at + 500_000_000, events))?;
    Ok(data)
}
