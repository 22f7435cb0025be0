//! What a step costs, in what does not depend on how busy the machine is: instructions, and how often memory is asked
//! for; beside what it cost when that was last written down.
//!
//! `cargo run --release --example step_costs` prints both, `-- --check` fails where a figure has grown by more than a
//! tenth, `-- --write` writes the figures down. Instructions are counted by valgrind, which must be installed.

mod shapes;

use std::alloc::System;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use self::shapes::Shape;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// By how much a figure may grow without being written down.
const GROWTH: f64 = 1.1;
/// How many runs are counted. Twice as many are, too, and the difference is what the runs took.
const RUNS: u64 = 200;

#[derive(Parser)]
struct Arguments {
    /// Fail if a figure has grown by more than a tenth.
    #[arg(long)]
    check: bool,
    /// Write the figures down.
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Only run this shape so often, to be watched.
    #[arg(long, num_args = 2, value_names = ["SHAPE", "RUNS"], hide = true)]
    run: Option<Vec<String>>,
}

/// What a step of one shape costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cost {
    instructions: f64,
    allocations: f64,
}

type Costs = BTreeMap<String, Cost>;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some([shape, runs]) = arguments.run.as_deref() {
        Shape::named(shape)?.run(runs.parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = recorded()?;
    let mut costs = Costs::new();
    for shape in Shape::ALL {
        let cost = Cost { instructions: instructions(shape)?, allocations: allocations(shape)? };
        costs.insert(shape.name().to_owned(), cost);
    }
    print(&costs, &recorded);
    if arguments.write {
        std::fs::write(record(), serde_json::to_string_pretty(&costs)? + "\n")?;
    }
    let grown = grown(&costs, &recorded);
    if arguments.check && !grown.is_empty() {
        grown.iter().for_each(|line| eprintln!("{line}"));
        eprintln!("if that is worth it, write it down in the same commit: step_costs --write");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn record() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("step_costs/costs.json")
}

fn recorded() -> anyhow::Result<Costs> {
    let text = std::fs::read_to_string(record()).context("the figures that were written down cannot be read")?;
    Ok(serde_json::from_str(&text)?)
}

/// How often a step asks for memory.
fn allocations(shape: Shape) -> anyhow::Result<f64> {
    let asked = || {
        let stats = ALLOCATOR.stats();
        (stats.allocations + stats.reallocations) as u64
    };
    let mut took = [0; 2];
    for (runs, took) in [RUNS, 2 * RUNS].into_iter().zip(&mut took) {
        let before = asked();
        shape.run(runs)?;
        *took = asked() - before;
    }
    Ok(for_each_step(shape, took))
}

/// How many instructions a step takes.
fn instructions(shape: Shape) -> anyhow::Result<f64> {
    Ok(for_each_step(shape, [process(shape, RUNS)?, process(shape, 2 * RUNS)?]))
}

/// What is left for each step of what so many runs took, and twice as many.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52")]
fn for_each_step(shape: Shape, [once, twice]: [u64; 2]) -> f64 {
    twice.saturating_sub(once) as f64 / (RUNS * shape.steps()) as f64
}

/// How many instructions a process takes that does so many runs.
fn process(shape: Shape, runs: u64) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let output =
        valgrind.args(["--run", shape.name(), &runs.to_string()]).output().context("valgrind cannot be run")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "under valgrind the run failed: {text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = collected.context("valgrind does not say how many instructions there were")?;
    Ok(count.trim().parse()?)
}

fn print(costs: &Costs, recorded: &Costs) {
    println!("{:<24}{:>14}{:>10}{:>14}{:>10}", "shape", "instructions", "before", "allocations", "before");
    for (shape, cost) in costs {
        let before = recorded.get(shape).map_or((f64::NAN, f64::NAN), |cost| (cost.instructions, cost.allocations));
        let Cost { instructions, allocations } = cost;
        println!("{shape:<24}{instructions:>14.0}{:>10.0}{allocations:>14.2}{:>10.2}", before.0, before.1);
    }
}

/// What has grown by more than it may, or was never written down.
fn grown(costs: &Costs, recorded: &Costs) -> Vec<String> {
    let mut grown = Vec::new();
    for (shape, cost) in costs {
        let Some(before) = recorded.get(shape) else {
            grown.push(format!("{shape}: it was never written down"));
            continue;
        };
        let figures = [
            ("instructions", cost.instructions, before.instructions),
            ("allocations", cost.allocations, before.allocations),
        ];
        for (what, now, before) in figures {
            if now > before * GROWTH {
                grown.push(format!("{shape}: {now:.2} {what} for each step, where there were {before:.2}"));
            }
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_ask_for_memory_no_more_often_than_was_written_down() {
        let recorded = recorded().unwrap();
        let mut costs = Costs::new();
        for shape in Shape::ALL {
            // Instructions are counted in the gate, in a program that is optimized.
            let Cost { instructions, .. } = recorded[shape.name()];
            costs.insert(shape.name().to_owned(), Cost { instructions, allocations: allocations(shape).unwrap() });
        }
        assert_eq!(grown(&costs, &recorded), Vec::<String>::new());
        assert_eq!(recorded.len(), costs.len(), "what is written down is measured");
    }

    #[test]
    fn what_grows_by_more_than_a_tenth_is_told() {
        let costs = |instructions, allocations| Costs::from([("a".to_owned(), Cost { instructions, allocations })]);
        assert_eq!(grown(&costs(109.0, 1.0), &costs(100.0, 1.0)), Vec::<String>::new());
        assert_eq!(grown(&costs(111.0, 1.2), &costs(100.0, 1.0)).len(), 2);
        assert_eq!(grown(&costs(1.0, 1.0), &Costs::new()).len(), 1);
    }
}
