//! An expense claim that waits for its manager's word, which another process gives.
//!
//! In: a claim, and later a word on it. Out: what became of the claim. While it waits the process may be killed, started
//! again, or not run at all: the claim waits on disk, and after three days it is closed. The money for it is set aside
//! meanwhile; when the claim is declined, that is undone.
//!
//! ```text
//! cargo run --example approval_flow -- claim taxi-7 4200          # waits
//! cargo run --example approval_flow -- word taxi-7 yes            # in another terminal, now or later
//! ```

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand, ValueEnum};
use flow_examples::in_workspace;
use flow_runtime::engine::Clock;
use flow_runtime::observe::LineProgress;
use flow_runtime::prelude::*;
use flow_runtime::state::Timestamp;
use serde::{Deserialize, Serialize};

/// What someone paid and wants back.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claim {
    what: String,
    cents: u64,
}

#[node]
async fn ask_manager(claim: &Claim, cx: &NodeContext) {
    // A real one sends a message here, with the run's id for the answer.
    cx.progress(1.0, &format!("the manager is asked about {} cents for {}", claim.cents, claim.what));
}

/// Sets the money aside, so that nobody else spends it meanwhile.
#[node(undo = release(claim))]
async fn hold_budget(claim: &Claim, cx: &NodeContext) {
    cx.progress(1.0, &format!("{} cents are set aside", claim.cents));
}

#[node]
async fn release(claim: &Claim, cx: &NodeContext) {
    cx.progress(1.0, &format!("{} cents are free again", claim.cents));
}

#[node]
async fn pay(claim: &Claim, by: &str) -> String {
    format!("{} cents for {} are paid, approved by {by}", claim.cents, claim.what)
}

/// A claim that is declined fails, and so what was done for it is undone.
#[node]
async fn decline(claim: &Claim, word: &Approval) -> Result<String, NodeError> {
    Err(NodeError::permanent(format!("{}: {word}", claim.what)))
}

#[node]
async fn close(claim: &Claim, cx: &NodeContext) -> String {
    release(claim, cx).await; // a node is a function like any other
    format!("{}: closed, nobody answered within three days", claim.what)
}

workflow! {
    /// Pays small claims at once, and others when the manager says so within three days.
    fn expense(claim: Claim) -> String {
        #[id = "by_size"]
        if claim.cents < 1_000 {
            pay(claim, "the rules")
        } else {
            let held = hold_budget(claim);
            #[after(held)]
            let asked = ask_manager(claim);
            #[catch]                                        // that nobody answers is a value, not the end of the run
            #[after(asked)]
            let answer = #[with(timeout = "3d")] approval("manager");
            #[id = "settle"]
            match answer {
                Err(_) => close(claim),
                Ok(word) => #[id = "say"] if word.is_approved() {
                    pay(claim, word.by())
                } else {
                    decline(claim, word)
                },
            }
        }
    }
}

/// Files an expense claim, or gives a word on one.
#[derive(Parser)]
struct Args {
    /// The folder in which claims are kept
    #[arg(long, default_value_os_t = in_workspace("target/approval-flow/store"))]
    store: PathBuf,
    /// Pretend that so many days have passed
    #[arg(long, default_value_t = 0)]
    days_later: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// File a claim and wait for its end; again, to wait for one that was filed
    Claim {
        /// The claim's id
        id: String,
        /// How much it is about
        cents: u64,
        /// What it is about
        #[arg(long, default_value = "a taxi")]
        what: String,
    },
    /// Say yes or no to a claim
    Word {
        /// The claim's id
        id: String,
        /// The word
        word: Word,
        /// Why not
        #[arg(long, default_value = "no reason given")]
        reason: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Word {
    Yes,
    No,
}

/// The machine's clock, some days ahead.
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.0;
        Timestamp::try_from(now.as_nanos()).unwrap_or(Timestamp::MAX)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    flow_examples::exit_code(run(Args::parse()).await)
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Claim { id, cents, what } => {
            let engine = Engine::builder(FlatBuffersStore::open(&args.store)?)
                .clock(Ahead(Duration::from_secs(args.days_later * 24 * 3600)))
                .observe(LineProgress::stderr())
                .build();
            match expense(Claim { what, cents }).run(&engine, id).await {
                Ok(paid) => println!("{paid}"),
                Err(RunError::RolledBack { failures, .. }) => println!("{}", failures[0].failure.message),
                Err(error) => return Err(error.into()),
            }
        }
        Command::Word { id, word, reason } => {
            let word = match word {
                Word::Yes => Approval::approved("the manager"),
                Word::No => Approval::rejected("the manager", reason),
            };
            // The process that waits for the claim has the store; this one reads, and leaves word.
            let engine = Engine::new(FlatBuffersStore::open_read_only(&args.store)?);
            expense::signals().manager.send(&engine, &id, &word).await?;
            println!("the manager's word on {id} is there");
        }
    }
    Ok(ExitCode::SUCCESS)
}
