//! How near the stores come to what the disk gives: each row is a store and, beside it in the same minute, the plainest
//! program that makes as many bytes durable on the same disk.
//!
//! `cargo run --release --example store_limits [-- --json] [--only flatbuffers] [--dir DIR] [--rounds 5]`

#![expect(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod counted;
mod figures;
mod latency;
mod raw;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use flow_runtime::prelude::*;
use flow_runtime::{RunHandle, WorkflowStore};
use serde::Serialize;
use tempfile::TempDir;

use counted::CountedFs;
use steps::chain;

/// How many steps `chain` has.
const STEPS: u64 = 200;

/// Measures the stores beside the raw disk.
#[derive(Debug, Parser)]
struct Arguments {
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// Only rows of which the store's name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// The folder on the disk to be measured; files are made and removed there.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Also how long it takes to load, resume and open, at the sizes that the targets name; it takes some minutes.
    #[arg(long)]
    figures: bool,
    /// How many runs and steps those figures are taken at.
    #[arg(long, default_value_t = 100_000)]
    size: u64,
    /// How often each row is measured; it shows the medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// What is measured: so many runs of the chain at once.
#[derive(Clone, Copy, Debug)]
struct Case {
    store: &'static str,
    durability: Durability,
    runs: u64,
    payload: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Row {
    store: &'static str,
    durability: String,
    runs: u64,
    steps: u64,
    payload_bytes: usize,
    steps_per_s: f64,
    raw_per_s: f64,
    ratio: f64,
    fsyncs_per_step: f64,
    bytes_per_step: f64,
}

/// One round of a store.
struct Round {
    took: Duration,
    syncs: u64,
    bytes: u64,
}

const BATCHED: Durability = Durability::Batched { steps: 100, interval: Duration::from_millis(50) };

const CASES: [Case; 7] = [
    Case { store: "flatbuffers", durability: Durability::Strict, runs: 1, payload: 40 },
    Case { store: "flatbuffers", durability: Durability::Strict, runs: 128, payload: 40 },
    Case { store: "flatbuffers", durability: BATCHED, runs: 1, payload: 40 },
    Case { store: "flatbuffers", durability: BATCHED, runs: 128, payload: 40 },
    Case { store: "flatbuffers", durability: Durability::OnSuspend, runs: 1, payload: 40 },
    Case { store: "json", durability: Durability::Strict, runs: 1, payload: 40 },
    Case { store: "json", durability: Durability::Strict, runs: 16, payload: 40 },
];

/// Runs the chains over a store that was just opened.
async fn run_chains(case: Case, store: impl WorkflowStore, fs: &CountedFs) -> anyhow::Result<Round> {
    let engine = Engine::builder(store).durability(case.durability).concurrency(1024).build();
    let payload = vec![b'x'; case.payload];
    let (syncs, bytes) = fs.counts();
    let start = Instant::now();
    let runs: Result<Vec<RunHandle<_>>, _> =
        (0..case.runs).map(|run| chain(payload.clone()).start(&engine, format!("run-{run}"))).collect();
    for run in runs? {
        anyhow::ensure!(run.result().await? == payload, "a chain gave something else than it was given");
    }
    let took = start.elapsed();
    let (now_syncs, now_bytes) = fs.counts();
    Ok(Round { took, syncs: now_syncs - syncs, bytes: now_bytes - bytes })
}

async fn round(case: Case, dir: &Path) -> anyhow::Result<Round> {
    let fs = CountedFs::default();
    match case.store {
        "flatbuffers" => {
            let options = FlatBuffersStore::options().segment_bytes(64 << 20).fs(fs.clone());
            run_chains(case, options.open(dir.join("flatbuffers"))?, &fs).await
        }
        _ => run_chains(case, JsonFileStore::options().fs(fs.clone()).open(dir.join("json"))?, &fs).await,
    }
}

/// The same bytes, as often and as many at once, without Flow. Only `Strict` has a limit on the disk; the other modes
/// are shown beside that of `Strict`.
async fn raw_round(case: Case, bytes_per_step: usize, dir: &Path) -> anyhow::Result<Duration> {
    let records = STEPS + 1;
    Ok(match (case.store, case.runs) {
        ("json", _) => raw::replace(dir, records * case.runs, bytes_per_step)?,
        (_, 1) => raw::append(dir, records, bytes_per_step)?,
        (_, runs) => raw::append_together(dir, runs, records, bytes_per_step).await?,
    })
}

async fn measure(case: Case, arguments: &Arguments) -> anyhow::Result<Row> {
    let (mut ours, mut raws, mut last) = (Vec::new(), Vec::new(), None);
    let steps = STEPS * case.runs;
    for _ in 0..arguments.rounds.max(1) {
        let dir = TempDir::new_in(&arguments.dir).context("no folder to measure in")?;
        let round = round(case, dir.path()).await?;
        raws.push(raw_round(case, (round.bytes / (steps + case.runs)) as usize, dir.path()).await?);
        ours.push(round.took);
        last = Some(round);
    }
    let Round { syncs, bytes, .. } = last.context("there is at least one round")?;
    let per_s = |took: &mut Vec<Duration>| steps as f64 / median(took).as_secs_f64();
    let (steps_per_s, raw_per_s) = (per_s(&mut ours), per_s(&mut raws));
    Ok(Row {
        store: case.store,
        durability: format!("{:?}", case.durability),
        runs: case.runs,
        steps,
        payload_bytes: case.payload,
        steps_per_s: steps_per_s.round(),
        raw_per_s: raw_per_s.round(),
        ratio: rounded(steps_per_s / raw_per_s),
        fsyncs_per_step: rounded(syncs as f64 / steps as f64),
        bytes_per_step: rounded(bytes as f64 / steps as f64),
    })
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn show(row: &Row, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(row)?);
        return Ok(());
    }
    let Row { store, durability, runs, steps_per_s, raw_per_s, ratio, fsyncs_per_step, bytes_per_step, .. } = row;
    println!(
        "{store:<12} {runs:>4} runs {steps_per_s:>9} steps/s {raw_per_s:>9} raw/s  ratio {ratio:<5} \
         {fsyncs_per_step:<5} fsyncs/step {bytes_per_step:>7} bytes/step  {durability}"
    );
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    flow_examples::exit_code(measure_all(&arguments).await)
}

async fn measure_all(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    for case in CASES.into_iter().filter(|case| case.store.contains(&arguments.only)) {
        show(&measure(case, arguments).await?, arguments.json)?;
    }
    if arguments.figures {
        show_figures(arguments).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show_figures(arguments: &Arguments) -> anyhow::Result<()> {
    let sizes = figures::Sizes { runs: arguments.size, steps: arguments.size };
    let dir = TempDir::new_in(&arguments.dir).context("no folder to measure in")?;
    if !"flatbuffers".contains(&arguments.only) {
        return Ok(());
    }
    let mut all = figures::all("flatbuffers", sizes, dir.path(), |dir| Ok(FlatBuffersStore::open(dir)?)).await?;
    all.push(figures::tail_while_giving_back(dir.path()).await?);
    for figure in all {
        let figures::Figure { store, name, value, unit, target } = &figure;
        if arguments.json {
            println!("{}", serde_json::to_string(&figure)?);
        } else {
            println!("{store:<12} {name:<34} {value:>10.2} {unit:<3} ({target})");
        }
    }
    Ok(())
}
