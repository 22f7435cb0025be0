//! Fulfils orders: reserves the goods and charges the card at once, then ships, or cancels and tells the customer.
//!
//! In: a file with an order on each line. Out: a ledger of what was done in the world, and a line for each order. Every
//! order is a run of its own. Kill it whenever you like and start it again: every order comes to the same end, and
//! nothing is done twice.
//!
//! ```text
//! cargo run --example order_fulfilment -- --orders orders.jsonl --ledger ledger.jsonl
//! cargo run --example order_fulfilment -- --draw docs/order_fulfilment.svg     # the picture in the README
//! ```

mod ledger;
mod orders;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use flow_examples::in_workspace;
use flow_runtime::errors::report;
use flow_runtime::observe::TerminalProgress;
use flow_runtime::plan::Format;
use flow_runtime::prelude::*;
use flow_runtime::state::WorkflowStatus;
use flow_runtime::{StoreError, WorkflowId};
use serde::{Deserialize, Serialize};

use ledger::{Effect, Ledger};
use orders::{Card, Order};

/// Goods that are set aside for an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hold {
    number: String,
}

/// What the bank gives for a payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Slip {
    number: String,
}

/// How an order ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Outcome {
    Shipped { parcel: String },
    Cancelled { why: String },
}

// The nodes: each has one effect, under the key that the engine gives for the step. The key is the same however often
// a step runs, so the world does it once.

#[node(blocking, retry(times = 3))]
fn reserve(#[state] world: &Ledger, order: &Order, cx: &NodeContext) -> anyhow::Result<Hold> {
    let number = effect(world, order, cx, "reserve", &order.goods.join(", "))?;
    Ok(Hold { number })
}

#[node(blocking, retry(times = 3, backoff = "50ms..1s"))]
fn charge(#[state] world: &Ledger, order: &Order, cx: &NodeContext) -> Result<Slip, NodeError> {
    match order.card {
        Card::Declined => return Err(NodeError::permanent("the bank declined the card")), // asking again is no use
        Card::Unreachable => return Err(NodeError::retryable("the bank does not answer")),
        Card::Flaky if cx.attempt() < 3 => return Err(NodeError::retryable("the bank is busy")),
        Card::Flaky | Card::Good => {}
    }
    let number = effect(world, order, cx, "charge", &format!("{} cents", order.cents)).map_err(NodeError::retryable)?;
    Ok(Slip { number })
}

#[node(blocking, retry(times = 3))]
fn ship(#[state] world: &Ledger, order: &Order, hold: &Hold, cx: &NodeContext) -> Result<String, NodeError> {
    if order.city == "Atlantis" {
        return Err(NodeError::permanent("no carrier goes to Atlantis"));
    }
    effect(world, order, cx, "ship", &format!("{} to {}", hold.number, order.city)).map_err(NodeError::retryable)
}

#[node(blocking, retry(times = 3))]
fn refund(#[state] world: &Ledger, order: &Order, slip: &Slip, cx: &NodeContext) -> anyhow::Result<String> {
    effect(world, order, cx, "refund", &slip.number)
}

#[node(blocking, retry(times = 3))]
fn cancel(
    #[state] world: &Ledger,
    order: &Order,
    hold: &Hold,
    failure: &NodeFailure,
    cx: &NodeContext,
) -> anyhow::Result<Outcome> {
    let why = failure.message.clone();
    effect(world, order, cx, "cancel", &format!("{} is free again: {why}", hold.number))?;
    Ok(Outcome::Cancelled { why })
}

workflow! {
    /// Fulfils one order.
    fn fulfil(order: Order) -> Outcome {
        let hold = reserve(order);
        #[catch]                                    // a payment that fails for good is a value, not the end of the run
        let payment = charge(order);                // beside `reserve`: there is no edge between them
        #[id = "settle"]
        match payment {
            Err(failure) => cancel(order, hold, failure),
            Ok(slip) => {
                #[catch]
                let sent = ship(order, hold);
                #[id = "deliver"]
                match sent {
                    Ok(parcel) => Outcome::Shipped { parcel: parcel.clone() },
                    Err(failure) => {
                        refund(order, slip);
                        cancel(order, hold, failure)
                    }
                }
            }
        }
    }
}

/// Does something in the world for this step, and gives the number under which it was done.
fn effect(world: &Ledger, order: &Order, cx: &NodeContext, what: &str, detail: &str) -> anyhow::Result<String> {
    let key = cx.idempotency_key();
    let number = format!("{what}-{}", &key[..8]);
    world.record(Effect { key, order: order.id.clone(), what: what.to_owned(), detail: detail.to_owned() })?;
    Ok(number)
}

/// Fulfils the orders of a file, each in a run of its own.
#[derive(Parser)]
struct Args {
    /// The orders, one on each line
    #[arg(long, default_value_os_t = in_workspace("examples/data/orders.jsonl"))]
    orders: PathBuf,
    /// The folder in which progress is kept
    #[arg(long, default_value_os_t = in_workspace("target/order-fulfilment/store"))]
    store: PathBuf,
    /// The file that stands for the world outside
    #[arg(long, default_value_os_t = in_workspace("target/order-fulfilment/ledger.jsonl"))]
    ledger: PathBuf,
    /// Run orders once more whose run has failed
    #[arg(long)]
    retry_failed: bool,
    /// Keep progress in JSON to look at, one file for each run
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Draw the workflow into this file as SVG, and do nothing else
    #[arg(long)]
    draw: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    flow_examples::exit_code(fulfil_all(Args::parse()).await)
}

async fn fulfil_all(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.draw {
        let picture = fulfil::plan().render(Format::Svg);
        std::fs::write(file, picture).with_context(|| format!("cannot write {}", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let orders = orders::read(&args.orders)?;
    let engine = if args.json {
        Engine::builder(JsonFileStore::open(&args.store)?)
    } else {
        Engine::builder(FlatBuffersStore::open(&args.store)?)
    };
    let mut engine = engine.state(Ledger::open(&args.ledger)?);
    let progress = TerminalProgress::new();
    if !args.quiet {
        engine = engine.observe(progress.clone());
    }
    let engine = engine.build();

    let mut runs = Vec::new();
    for order in orders {
        let id = order.id.clone();
        if args.retry_failed {
            forget_failed(&engine, &WorkflowId::new(&id)?).await?;
        }
        runs.push((id.clone(), fulfil(order).start(&engine, &id)?));
    }

    let (mut shipped, mut cancelled, mut failed) = (0, 0, 0);
    for (id, run) in runs {
        match run.result().await {
            Ok(Outcome::Shipped { parcel }) => {
                shipped += 1;
                progress.suspend(|| println!("{id}: shipped as {parcel}"));
            }
            Ok(Outcome::Cancelled { why }) => {
                cancelled += 1;
                progress.suspend(|| println!("{id}: cancelled, {why}"));
            }
            Err(error) => {
                failed += 1;
                let is_ended = matches!(error, RunError::Failed { .. });
                progress.suspend(|| eprintln!("error: {}", report(&error)));
                if is_ended {
                    progress.suspend(|| eprintln!("  once the cause is gone, --retry-failed begins it again"));
                }
            }
        }
    }
    println!("{shipped} shipped, {cancelled} cancelled, {failed} without an end");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Removes the record of a run that failed, so that it can begin again. Its steps get the same keys as before, so what
/// they did in the world is not done twice.
async fn forget_failed(engine: &Engine<Ledger>, id: &WorkflowId) -> Result<(), StoreError> {
    match engine.load(id).await {
        Ok(run) if run.status == WorkflowStatus::Failed => engine.delete(id).await,
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
