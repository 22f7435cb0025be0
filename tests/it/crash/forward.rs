//! Killed while it does its work: what was committed does not run again.

use std::collections::BTreeSet;

use flow_runtime::WorkflowData;
use flow_runtime::prelude::*;
use flow_runtime::state::StepStatus;

use super::{Entry, ID, Ledger, Left, Story, check_once, kills, on_every_durable_store};

#[node]
async fn first(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.note("do", cx);
    x + 1
}

#[node(retry(times = 3, backoff = "1ms..2ms"))]
async fn flaky(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, String> {
    if cx.attempt() == 1 {
        return Err("not yet".to_owned());
    }
    ledger.note("do", cx);
    Ok(x * 3)
}

#[node(pure)]
async fn even(x: u64) -> bool {
    x.is_multiple_of(2)
}

#[node]
async fn halve(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.note("do", cx);
    x / 2
}

#[node]
async fn refuse(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.note("do", cx);
    Err(format!("{x} is odd"))
}

#[node]
async fn add(#[state] ledger: &Ledger, base: u64, parts: &[u64], cx: &NodeContext) -> u64 {
    ledger.note("do", cx);
    base + parts.iter().sum::<u64>()
}

workflow! {
    fn work(xs: Vec<u64>) -> u64 {
        let base = flaky(first(7));
        let parts = for x in xs {
            let begun = #[id = "begin"] first(x);
            #[catch]
            let part = if even(begun) {
                let half = halve(begun);
                half + 1
            } else {
                refuse(begun)
            };
            match part {
                Ok(halved) => halved + begun,
                Err(_) => begun.clone(),
            }
        };
        let sum = add(base, parts);
        #[id = "last"]
        first(sum)
    }
}

pub(super) async fn run(engine: &Engine<Ledger>) -> String {
    work((0..12).collect()).run(engine, ID).await.unwrap().to_string()
}

/// Looks at what a process left; the steps that had ended for good in the record before are seen.
fn look(ended_before: &mut BTreeSet<String>, left: &Left, entries: &[Entry]) -> bool {
    check_once(&left.new);
    for entry in &left.new {
        assert!(!ended_before.contains(&entry.step), "`{}` was committed and ran again", entry.step);
    }
    let is_ended = |status: &StepStatus| matches!(status, StepStatus::Completed | StepStatus::Failed);
    let statuses = left.data.as_ref().map(WorkflowData::statuses).unwrap_or_default();
    let now: BTreeSet<String> =
        statuses.into_iter().filter(|(_, status)| is_ended(status)).map(|(step, _)| step).collect();
    assert!(now.is_superset(ended_before), "committed steps are lost");
    for step in &now {
        let has_effect = ["halve", "refuse", "add", "begin"].iter().any(|name| step.ends_with(name));
        assert!(!has_effect || entries.iter().any(|entry| entry.step == *step), "`{step}` never ran");
    }
    *ended_before = now;
    !ended_before.is_empty() || !entries.is_empty()
}

async fn kill(store: &'static str, seed: u64) {
    Story { what: "forward", store }.kill(seed, kills(100), look).await;
}

on_every_durable_store!(b42_b43_killed_at_any_moment_a_run_goes_on, super::kill);
