//! How near the stores come to what the disk gives: each row is a store and, beside it in the same minute, the plainest
//! program that makes as many bytes durable on the same disk.
//!
//! `cargo run --release --example store_limits [-- --json] [--only flatbuffers] [--dir DIR] [--rounds 5]`

#![expect(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod counted;
mod figures;
mod latency;
mod raw;
mod sqlite;
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
    /// Not counted where SQLite makes them; strace shows them.
    fsyncs_per_step: Option<f64>,
    bytes_per_step: f64,
}

/// One round of a store.
struct Round {
    took: Duration,
    syncs: Option<u64>,
    bytes: u64,
    /// How long what the raw program writes for a step is to be.
    raw_bytes: usize,
}

const BATCHED: Durability = Durability::Batched { steps: 100, interval: Duration::from_millis(50) };

const CASES: [Case; 10] = [
    Case { store: "flatbuffers", durability: Durability::Strict, runs: 1, payload: 40 },
    Case { store: "flatbuffers", durability: Durability::Strict, runs: 128, payload: 40 },
    Case { store: "flatbuffers", durability: BATCHED, runs: 1, payload: 40 },
    Case { store: "flatbuffers", durability: BATCHED, runs: 128, payload: 40 },
    Case { store: "flatbuffers", durability: Durability::OnSuspend, runs: 1, payload: 40 },
    Case { store: "sqlite", durability: Durability::Strict, runs: 1, payload: 40 },
    Case { store: "sqlite", durability: Durability::Strict, runs: 128, payload: 40 },
    Case { store: "sqlite", durability: BATCHED, runs: 128, payload: 40 },
    Case { store: "json", durability: Durability::Strict, runs: 1, payload: 40 },
    Case { store: "json", durability: Durability::Strict, runs: 16, payload: 40 },
];

/// Runs the chains over a store that was just opened.
async fn run_chains(case: Case, store: impl WorkflowStore) -> anyhow::Result<Duration> {
    let engine = Engine::builder(store).durability(case.durability).concurrency(1024).build();
    let payload = vec![b'x'; case.payload];
    let start = Instant::now();
    let runs: Result<Vec<RunHandle<_>>, _> =
        (0..case.runs).map(|run| chain(payload.clone()).start(&engine, format!("run-{run}"))).collect();
    for run in runs? {
        anyhow::ensure!(run.result().await? == payload, "a chain gave something else than it was given");
    }
    Ok(start.elapsed())
}

/// The same over a store whose files are counted.
async fn count_chains(case: Case, store: impl WorkflowStore, fs: &CountedFs) -> anyhow::Result<Round> {
    let (syncs, bytes) = fs.counts();
    let took = run_chains(case, store).await?;
    let (now_syncs, now_bytes) = fs.counts();
    let bytes = now_bytes - bytes;
    let raw_bytes = (bytes / (case.runs * (STEPS + 1))) as usize;
    Ok(Round { took, syncs: Some(now_syncs - syncs), bytes, raw_bytes })
}

async fn sqlite_round(case: Case, path: &Path) -> anyhow::Result<Round> {
    let store = SqliteStore::open(path)?;
    let bytes = sqlite::written()?;
    let took = run_chains(case, store).await?;
    let bytes = sqlite::written()? - bytes;
    Ok(Round { took, syncs: None, bytes, raw_bytes: sqlite::body_bytes(path)? })
}

async fn round(case: Case, dir: &Path) -> anyhow::Result<Round> {
    let fs = CountedFs::default();
    match case.store {
        "flatbuffers" => {
            let options = FlatBuffersStore::options().segment_bytes(64 << 20).fs(fs.clone());
            count_chains(case, options.open(dir.join("flatbuffers"))?, &fs).await
        }
        "sqlite" => sqlite_round(case, &dir.join("flow.db")).await,
        _ => count_chains(case, JsonFileStore::options().fs(fs.clone()).open(dir.join("json"))?, &fs).await,
    }
}

/// The same bytes (of SQLite, the same rows), as often and as many at once, without Flow. Only `Strict` has a limit on the disk; the other modes
/// are shown beside that of `Strict`.
async fn raw_round(case: Case, bytes: usize, dir: &Path) -> anyhow::Result<Duration> {
    let records = STEPS + 1;
    Ok(match (case.store, case.runs) {
        ("json", _) => raw::replace(dir, records * case.runs, bytes)?,
        ("sqlite", 1) => sqlite::alone(dir, records, bytes)?,
        ("sqlite", runs) => sqlite::together(dir, runs, records, bytes).await?,
        (_, 1) => raw::append(dir, records, bytes)?,
        (_, runs) => raw::append_together(dir, runs, records, bytes).await?,
    })
}

async fn measure(case: Case, arguments: &Arguments) -> anyhow::Result<Row> {
    let (mut ours, mut raws, mut last) = (Vec::new(), Vec::new(), None);
    let steps = STEPS * case.runs;
    for _ in 0..arguments.rounds.max(1) {
        let dir = TempDir::new_in(&arguments.dir).context("no folder to measure in")?;
        let round = round(case, dir.path()).await?;
        raws.push(raw_round(case, round.raw_bytes, dir.path()).await?);
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
        fsyncs_per_step: syncs.map(|syncs| rounded(syncs as f64 / steps as f64)),
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
    let fsyncs_per_step = fsyncs_per_step.map_or("?".to_owned(), |number| number.to_string());
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
    let mut figures = Vec::new();
    if "flatbuffers".contains(&arguments.only) {
        let open = |dir: &Path| Ok(FlatBuffersStore::open(dir)?);
        figures.extend(figures::all("flatbuffers", sizes, &dir.path().join("flatbuffers"), open).await?);
        figures.push(figures::tail_while_giving_back(dir.path()).await?);
    }
    if "sqlite".contains(&arguments.only) {
        let open = |dir: &Path| Ok(SqliteStore::open(dir.join("flow.db"))?);
        figures.extend(figures::all("sqlite", sizes, &dir.path().join("sqlite"), open).await?);
    }
    for figure in figures {
        let figures::Figure { store, name, value, unit, target } = &figure;
        if arguments.json {
            println!("{}", serde_json::to_string(&figure)?);
        } else {
            println!("{store:<12} {name:<34} {value:>10.2} {unit:<3} ({target})");
        }
    }
    Ok(())
}
