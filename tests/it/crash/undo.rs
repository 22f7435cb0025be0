//! Killed while it undoes: nothing is done any more, what was undone stays so, and the rest is undone.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};

use super::{Entry, ID, Ledger, Left, Story, check_once, kills, on_every_durable_store};

/// How long it takes to undo, so that most kills come while something is undone.
const LONG: Duration = Duration::from_millis(2);

#[node(undo = unbook)]
async fn book(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.note("do", cx);
    x + 1
}

#[node(retry(times = 3, backoff = "1ms..2ms"))]
async fn unbook(#[state] ledger: &Ledger, booked: &u64, cx: &NodeContext) -> Result<(), String> {
    if booked.is_multiple_of(2) && cx.attempt() == 1 {
        return Err("not yet".to_owned());
    }
    tokio::time::sleep(LONG).await;
    ledger.note("undo", cx);
    tokio::time::sleep(LONG).await;
    Ok(())
}

#[node]
async fn fails(#[state] ledger: &Ledger, _booked: &Vec<u64>, cx: &NodeContext) -> Result<u64, String> {
    ledger.note("do", cx);
    Err("sold out".to_owned())
}

workflow! {
    fn trip(xs: Vec<u64>) -> u64 {
        let flight = book(1);
        let hotel = book(flight);
        let seats = for x in xs {
            let seat = #[after(hotel)] book(x);
            let meal = book(seat);
            meal + seat
        };
        let end = fails(seats);
        end
    }
}

pub(super) async fn run(engine: &Engine<Ledger>) -> String {
    let error = trip((0..4).collect()).run(engine, ID).await.unwrap_err();
    let failure = &error.failures()[0].failure;
    // In which attempt it failed depends on how often it was begun.
    let undone = matches!(&error, RunError::RolledBack { .. });
    format!("{undone}: {}: {}; {:?}", failure.step, failure.message, error.rollback().unwrap())
}

/// What the record of the process before said.
#[derive(Default)]
struct Seen {
    is_rolling_back: bool,
    undone: BTreeSet<String>,
}

/// Looks at what a process left. A kill counts if it found the run in its rollback.
fn look(before: &mut Seen, left: &Left, entries: &[Entry]) -> bool {
    check_once(&left.new);
    for Entry { what, step, .. } in &left.new {
        assert!(what != "do" || !before.is_rolling_back, "`{step}` was done in a run that is undone");
        assert!(!before.undone.contains(step), "`{step}` was undone and is again");
    }
    let Some(data) = &left.data else { return false };
    let statuses = data.statuses().into_iter().filter(|(_, status)| *status == StepStatus::Compensated);
    let undone: BTreeSet<String> = statuses.map(|(step, _)| step).collect();
    assert!(undone.is_superset(&before.undone), "what was undone is lost");
    for step in &undone {
        assert!(entries.iter().any(|entry| entry.what == "undo" && entry.step == *step), "`{step}` was never undone");
    }
    if left.has_ended {
        assert_eq!((data.status, undone.len()), (WorkflowStatus::RolledBack, 10));
        check_order(entries);
    }
    let is_rolling_back = data.status == WorkflowStatus::RollingBack;
    *before = Seen { is_rolling_back, undone };
    is_rolling_back
}

/// That no undo began before the last of all that came after its step.
fn check_order(entries: &[Entry]) {
    let undos: Vec<&str> = entries.iter().filter(|entry| entry.what == "undo").map(|entry| &*entry.step).collect();
    let first = |step: &str| undos.iter().position(|undo| *undo == step);
    let last = |step: &str| undos.iter().rposition(|undo| *undo == step);
    assert!(last("hotel") < first("flight"), "{undos:?}");
    for item in 0..4 {
        let (seat, meal) = (format!("seats[{item}].seat"), format!("seats[{item}].meal"));
        assert!(last(&meal) < first(&seat) && last(&seat) < first("hotel"), "{undos:?}");
    }
}

async fn kill(store: &'static str, seed: u64) {
    Story { what: "undo", store }.kill(seed, kills(20), look).await;
}

on_every_durable_store!(b58_killed_in_its_rollback_a_run_is_undone_to_the_end, super::kill);
