//! Long chains and wide fan-outs: how long a step takes when there are n of them, and when there are ten times as many.
//!
//! `cargo run --release --example scale [n]`, with n from 1 to 1 000 000, 10 000 if none is given. Each line is one
//! shape of workflow over one store; a ratio of 10 means that a step costs the same however many there are.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use flow_runtime::prelude::*;
use flow_runtime::testing::Graph;

const DEFAULT: u64 = 10_000;
const MOST: u64 = 1_000_000;
const COUNT: Key<u64> = Key::new("count");

#[node]
async fn double(x: u64) -> u64 {
    x * 2
}

#[node]
async fn sum(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

workflow! {
    /// One step for each item.
    fn fan_out(items: Vec<u64>) -> u64 {
        let doubled = for item in items { double(item) };
        sum(doubled)
    }
}

/// A chain of steps, each of which adds one to the output of the one before.
fn chain(len: u64) -> Graph<u64> {
    let mut graph = Graph::new("chain");
    for step in 0..len {
        let before: Vec<u32> = step.checked_sub(1).map(|before| before as u32).into_iter().collect();
        graph.step(format!("s{step}"), &before, |_, inputs| {
            Box::pin(async move { Ok(inputs.into_iter().sum::<u64>() + 1) })
        });
    }
    graph
}

/// A chain of steps that count in the key-value data of the run.
fn counting(len: u64) -> Graph<u64> {
    let mut graph = Graph::new("counting");
    for step in 0..len {
        let before: Vec<u32> = step.checked_sub(1).map(|before| before as u32).into_iter().collect();
        graph.step(format!("s{step}"), &before, |cx, _| {
            Box::pin(async move {
                let count = cx.get(COUNT)?.unwrap_or_default() + 1;
                cx.set(COUNT, &count)?;
                Ok(count)
            })
        });
    }
    graph
}

/// The shapes, each with and without a store.
const SHAPES: [&str; 6] = [
    "chain, ephemeral",
    "chain, in memory",
    "counting chain, ephemeral",
    "counting chain, in memory",
    "fan-out, ephemeral",
    "fan-out, in memory",
];

/// Runs a shape with this many steps, and gives how long that took.
async fn run(shape: &str, steps: u64) -> Result<Duration, RunError> {
    let (ephemeral, stored) = (Engine::ephemeral().build(), Engine::new(InMemoryStore::default()));
    let graph = if shape.starts_with("counting") { counting(steps) } else { chain(steps) };
    let items: Vec<u64> = (0..steps).collect();
    let doubled = steps * steps.saturating_sub(1);
    let start = Instant::now();
    let (output, expected) = match shape {
        "fan-out, ephemeral" => (fan_out(items).run_ephemeral(&ephemeral).await?, doubled),
        "fan-out, in memory" => (fan_out(items).run(&stored, "fan-out").await?, doubled),
        shape if shape.ends_with("ephemeral") => (graph.run_ephemeral(&ephemeral).await?, steps),
        _ => (graph.run(&stored, "chain").await?, steps),
    };
    let took = start.elapsed();
    assert_eq!(output, expected, "{shape} of {steps} steps");
    Ok(took)
}

async fn measure(steps: u64) -> Result<(), RunError> {
    println!("{:<28} {:>9} {:>11} {:>10} {:>6}", "", "steps", "time", "per step", "ratio");
    for shape in SHAPES {
        let mut before: Option<Duration> = None;
        for steps in [steps, 10 * steps] {
            let took = run(shape, steps).await?;
            let per_step = took.as_nanos() as u64 / steps;
            let ratio = before.map(|before| format!("{:.1}", took.as_secs_f64() / before.as_secs_f64()));
            let ratio = ratio.unwrap_or_default();
            println!("{shape:<28} {steps:>9} {:>8.1} ms {per_step:>7} ns {ratio:>6}", took.as_secs_f64() * 1e3);
            before = Some(took);
        }
    }
    Ok(())
}

/// How many steps are asked for.
fn steps() -> Result<u64, String> {
    let mut arguments = std::env::args().skip(1);
    let (asked, more) = (arguments.next(), arguments.next());
    if more.is_some() {
        return Err("there is one argument, the number of steps".to_owned());
    }
    let Some(asked) = asked else { return Ok(DEFAULT) };
    let steps = asked.parse().ok().filter(|steps| (1..=MOST).contains(steps));
    steps.ok_or_else(|| format!("`{asked}` is no number of steps from 1 to {MOST}"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let measured = match steps() {
        Ok(steps) => measure(steps).await.map_err(|error| error.to_string()),
        Err(message) => Err(message),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("scale: {message}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn b42_a_fan_out_survives_a_crash_at_each_commit() {
        flow_runtime::testing::crash_everywhere(|| fan_out((0..20).collect())).await.unwrap();
    }
}
