//! Killed while it does what must not be done twice: somebody looks whether it was done, and says so, and it goes on.

use std::path::Path;
use std::time::Duration;

use flow_runtime::AskError;
use flow_runtime::engine::{Durability, Progress, Resolution};
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WaitingOn};

use super::{Entry, ID, Ledger, Left, Story, kills, on_every_durable_store};

/// How long it takes before and after its effect, so that most kills come in the middle of it.
const LONG: Duration = Duration::from_millis(2);

/// What must not be done twice does not depend on how seldom the rest is on disk.
pub(super) const SELDOM: Durability = Durability::Batched { steps: 1000, interval: Duration::from_secs(1000) };

#[node(at_most_once)]
async fn launch(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    tokio::time::sleep(LONG).await;
    ledger.note("do", cx);
    tokio::time::sleep(LONG).await;
    x + 1
}

#[node]
async fn sum(#[state] ledger: &Ledger, first: &u64, all: &[u64], cx: &NodeContext) -> u64 {
    ledger.note("do", cx);
    first + all.iter().sum::<u64>()
}

workflow! {
    fn missions(xs: Vec<u64>) -> u64 {
        let first = launch(1);
        let second = launch(first);
        let all = for x in xs {
            let up = #[after(second)] launch(x);
            up
        };
        let landed = sum(second, all);
        let last = launch(landed);
        last
    }
}

/// Runs to the end. Of each launch of which nobody knows, it looks in the world whether it was, as an operator does.
pub(super) async fn run(engine: &Engine<Ledger>, dir: &Path) -> String {
    loop {
        let waits = match missions((0..3).collect()).run_until_parked(engine, ID).await.unwrap() {
            Progress::Ended(output) => return output.to_string(),
            Progress::Parked(waits) => waits,
            other => panic!("it came to no end: {other:?}"),
        };
        for (step, on) in waits {
            assert!(matches!(on, WaitingOn::Doubt(_)), "`{step}` waits for {on:?}");
            let was_launched = Ledger::of(dir).entries().iter().any(|entry| entry.step == step);
            Ledger(dir.join("doubts")).add(if was_launched { "done" } else { "not done" });
            let word = if was_launched { Resolution::done(output_of(&step)) } else { Resolution::NotDone };
            match engine.resolve(ID, &step, word).await {
                // The word of the process before has come to the run in the meantime.
                Ok(()) | Err(AskError::NotInDoubt { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// What the launch of this step gives.
fn output_of(step: &str) -> u64 {
    match step {
        "first" => 2,
        "second" => 3,
        // The sum of what the others give, and one more.
        "last" => 10,
        item => item.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() + 1,
    }
}

/// Looks at what a process left. A kill counts if somebody has to say how a launch went.
fn look((): &mut (), left: &Left, entries: &[Entry]) -> bool {
    let launches: Vec<&Entry> = entries.iter().filter(|entry| entry.step != "landed").collect();
    for (number, launch) in launches.iter().enumerate() {
        assert!(!launches[..number].contains(launch), "`{}` was launched twice", launch.step);
    }
    let Some(data) = &left.data else { return false };
    let steps = data.statuses();
    let launches_now = steps.iter().filter(|(step, _)| step != "landed" && step != "all");
    for (step, status) in launches_now {
        let is_launched = launches.iter().any(|launch| launch.step == *step);
        assert!(is_launched || *status != StepStatus::Completed, "`{step}` is complete and was never launched");
    }
    assert!(!left.has_ended || launches.len() == 6, "{launches:?}");
    steps.iter().any(|(step, status)| step != "landed" && step != "all" && *status == StepStatus::Running)
}

async fn kill(store: &'static str, seed: u64) {
    Story { what: "doubt", store }.kill(seed, kills(20), look).await;
}

on_every_durable_store!(b48_killed_at_any_moment_what_must_not_be_done_twice_is_not, super::kill);
