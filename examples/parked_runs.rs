//! How much runs cost that only wait: memory for each, and the time to suspend all, to take all up again in a new
//! process, and to wake some.
//!
//! `cargo run --release --example parked_runs [-- --runs 100000] [--dir DIR]`. Each figure is taken in a process of its own;
//! memory is what the process has resident more than before (`VmRSS` of `/proc/self/status`), so on Linux only.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use flow_runtime::engine::{Progress, Recovery};
use flow_runtime::prelude::*;
use flow_runtime::testing::VirtualClock;
use serde::{Deserialize, Serialize};

/// How many runs begin at the same time.
const AT_ONCE: u64 = 512;

/// How many runs are due first.
const EARLY: u64 = 1_000;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a subscriber is to be reminded of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reminder {
    number: u64,
    after: Duration,
    text: String,
}

#[node]
async fn remind(reminder: &Reminder) -> u64 {
    reminder.number
}

workflow! {
    /// Waits, and reminds.
    fn reminder(what: Reminder) -> u64 {
        let nap = sleep(what.after);
        #[after(nap)]
        remind(what)
    }
}

/// Measures runs that only wait.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many runs wait
    #[arg(long, default_value_t = 100_000)]
    runs: u64,
    /// The folder in which they are kept; files are made and removed there
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// One figure alone, of a store that is there
    #[arg(long, hide = true)]
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    Suspend,
    Recover,
}

#[tokio::main]
async fn main() -> ExitCode {
    flow_examples::exit_code(measure(Arguments::parse()).await)
}

async fn measure(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { runs, dir, part } = arguments;
    ensure!(runs >= EARLY, "at least {EARLY} runs are needed");
    match part {
        Some(Part::Suspend) => suspend(runs, &dir).await?,
        Some(Part::Recover) => recover(runs, &dir).await?,
        None => {
            let dir = tempfile::tempdir_in(dir)?;
            for part in ["suspend", "recover"] {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--runs", &runs.to_string(), "--part", part, "--dir"]).arg(dir.path());
                ensure!(command.status()?.success(), "`{part}` failed");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn engine(dir: &Path, clock: &VirtualClock) -> anyhow::Result<Engine> {
    let store = FlatBuffersStore::open(dir.join("store"))?;
    Ok(Engine::builder(store).clock(clock.clone()).concurrency(512).register::<reminder>().build())
}

/// A reminder; the first of them are due after a day, the others after a month.
fn what(number: u64) -> Reminder {
    let after = if number < EARLY { DAY } else { 30 * DAY };
    Reminder { number, after, text: format!("letter {number} is to be answered") }
}

async fn suspend(runs: u64, dir: &Path) -> anyhow::Result<()> {
    let clock = VirtualClock::new();
    let engine = engine(dir, &clock)?;
    let (before, start) = (resident()?, Instant::now());
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..runs {
        if waiting.len() as u64 >= AT_ONCE {
            parked(waiting.join_next().await)?;
        }
        let engine = engine.clone();
        waiting.spawn(async move { reminder(what(number)).run_until_parked(&engine, format!("r{number}")).await });
    }
    while !waiting.is_empty() {
        parked(waiting.join_next().await)?;
    }
    tell("suspend all", runs, start.elapsed());
    tell_memory("while all wait", runs, before)?;
    Ok(())
}

type Joined = Result<Result<Progress<u64>, RunError>, tokio::task::JoinError>;

fn parked(run: Option<Joined>) -> anyhow::Result<()> {
    match run.context("no run is left")?? {
        Ok(Progress::Parked(_)) => Ok(()),
        other => bail!("a run does not wait: {other:?}"),
    }
}

async fn recover(runs: u64, dir: &Path) -> anyhow::Result<()> {
    let clock = VirtualClock::new();
    let engine = engine(dir, &clock)?;
    let (before, start) = (resident()?, Instant::now());
    let recovered = engine.recover().await?;
    tell("recover all", runs, start.elapsed());
    let waiting = recovered.iter().filter(|run| matches!(run.what, Recovery::Parked)).count();
    ensure!(waiting as u64 == runs, "{waiting} runs wait, not {runs}");
    drop(recovered);
    tell_memory("when taken up", runs, before)?;

    let handles: Vec<_> = (0..EARLY)
        .map(|number| reminder(what(number)).start(&engine, format!("r{number}")))
        .collect::<Result<_, _>>()?;
    let start = Instant::now();
    clock.advance(DAY);
    for (number, handle) in (0..).zip(handles) {
        ensure!(handle.result().await? == number, "run {number} gave another output");
    }
    tell("wake and end some", EARLY, start.elapsed());
    Ok(())
}

fn tell(what: &str, runs: u64, took: Duration) {
    let each = took / u32::try_from(runs).unwrap_or(u32::MAX);
    println!("{what:<20} {runs:>8} runs {took:>12.2?} {each:>10.2?} each");
}

fn tell_memory(when: &str, runs: u64, before: u64) -> anyhow::Result<()> {
    let bytes = resident()?.saturating_sub(before) / runs;
    println!("{when:<20} {runs:>8} runs {bytes:>8} bytes of memory each (at most 1024)");
    Ok(())
}

/// The bytes of memory that this process has resident.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn b42_a_reminder_survives_a_crash_at_each_commit() {
        let what = || Reminder { number: 7, after: DAY, text: "tea".to_owned() };
        flow_runtime::testing::crash_everywhere(|| reminder(what())).await.unwrap();
    }
}
