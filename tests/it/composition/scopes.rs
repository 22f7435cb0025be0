//! A called workflow that fails undoes what it did before its failure reaches the one that called it.

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::testing::CrashTest;

use super::super::undo::{Log, World, rollback_of};
use super::super::waits::{on_every_store, soon};

#[node(undo = release)]
async fn hold(#[state] log: &Log, what: &str) -> String {
    log.note(format!("hold {what}"));
    what.to_owned()
}

#[node]
async fn release(#[state] log: &Log, held: &str) {
    log.note(format!("undo {held}"));
}

#[node]
async fn check(#[state] log: &Log, held: &str) -> Result<String, String> {
    log.note(format!("check {held}"));
    if held.contains("bad") { Err(format!("{held} is refused")) } else { Ok(held.to_owned()) }
}

#[node]
async fn tell(#[state] log: &Log, what: &str) -> String {
    log.note(format!("tell {what}"));
    what.to_owned()
}

#[node(undo = release)]
async fn hold_more(#[state] log: &Log, what: &str, more: &str) -> String {
    log.note(format!("hold {what}{more}"));
    format!("{what}{more}")
}

/// What came of it.
#[node]
async fn told(#[state] log: &Log, result: &Result<String, NodeFailure>) -> String {
    let told = result.as_ref().map_or_else(|failure| format!("{}: {}", failure.step, failure.message), String::clone);
    log.note(format!("tell {told}"));
    told
}

#[node]
async fn refuse(slow: &str, said: &str) -> Result<String, String> {
    Err(format!("{slow}: {said}"))
}

#[node]
async fn count(#[state] log: &Log, booked: &[Result<String, NodeFailure>]) -> usize {
    let good = booked.iter().filter(|booked| booked.is_ok()).count();
    log.note(format!("count {good}"));
    good
}

workflow! {
    /// Two things are held, and the second depends on the first.
    fn booking(name: String) -> String {
        let first = hold(name);
        let second = hold_more(first, "2");
        check(second)
    }

    /// A booking, with something held before and after it.
    fn trip(name: String) -> String {
        let before = hold("before");
        #[after(before)]
        let booked = booking(name);
        let behind = hold_more(booked, " behind");
        tell(behind)
    }

    /// A booking whose failure is a value.
    fn tried(name: String) -> String {
        let before = hold("before");
        #[after(before)]
        #[catch]
        let booked = booking(name);
        told(booked)
    }

    /// Many bookings, of which some may fail.
    fn many(names: Vec<String>) -> usize {
        #[catch]
        let booked = for name in names {
            let around = hold_more("around ", name);
            #[after(around)]
            booking(name)
        };
        count(booked)
    }

    /// A booking inside one that is caught: the outer one is undone as a whole.
    fn deep(name: String) -> String {
        #[catch]
        let gone = trip(name);
        told(gone)
    }

    /// A booking that is undone by itself in a run that fails later.
    fn beside(name: String) -> String {
        let slow = hold("slow");
        #[catch]
        let booked = booking(name);
        let said = told(booked);
        refuse(slow, said)
    }
}

fn position(all: &[String], line: &str) -> usize {
    all.iter().position(|other| other == line).unwrap_or_else(|| panic!("no `{line}` in {all:?}"))
}

async fn b60_it_is_undone_before_its_failure_is_a_value<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    assert_eq!(soon(tried("bad".to_owned()).run(&world.engine(), "r")).await.unwrap(), "booked.check: bad2 is refused");
    assert_eq!(
        world.log.all(),
        [
            "hold before",
            "hold bad",
            "hold bad2",
            "check bad2",
            "undo bad2",
            "undo bad",
            "tell booked.check: bad2 is refused"
        ]
    );
    let data = world.stored("r").await;
    assert_eq!(data.status, WorkflowStatus::Completed);
    let statuses =
        ["before", "booked", "booked.first", "booked.second", "booked.check"].map(|step| data.status_of(step).unwrap());
    let expected = [
        StepStatus::Completed,
        StepStatus::Failed,
        StepStatus::Compensated,
        StepStatus::Compensated,
        StepStatus::Failed,
    ];
    assert_eq!(statuses, expected);
    let rollback = data.rollback();
    assert_eq!(rollback.compensated, ["booked.first", "booked.second"]);
    assert_eq!(soon(tried("good".to_owned()).run(&world.engine(), "s")).await.unwrap(), "good2");
}

async fn b60_it_is_undone_first_where_nothing_catches_its_failure<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    let rollback = rollback_of(soon(trip("bad".to_owned()).run(&world.engine(), "r")).await);
    assert_eq!(rollback.compensated, ["before", "booked.first", "booked.second"]);
    assert_eq!(world.log.undone(), ["bad2", "bad", "before"]);
    assert_eq!(world.stored("r").await.status, WorkflowStatus::RolledBack);
}

async fn b60_each_item_is_undone_by_itself<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    let names = ["a", "bad b", "c", "bad d"].map(str::to_owned).to_vec();
    assert_eq!(soon(many(names).run(&world.engine(), "r")).await.unwrap(), 2);
    let mut undone = world.log.undone();
    undone.sort();
    // What an item did around the workflow that it calls stays.
    assert_eq!(undone, ["bad b", "bad b2", "bad d", "bad d2"]);
    let all = world.log.all();
    assert!(position(&all, "undo bad b2") < position(&all, "undo bad b"));
    assert!(position(&all, "undo bad d") < position(&all, "count 2"));
}

async fn b60_one_inside_another_is_undone_with_it<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    assert_eq!(
        soon(deep("bad".to_owned()).run(&world.engine(), "r")).await.unwrap(),
        "gone.booked.check: bad2 is refused"
    );
    assert_eq!(world.log.undone(), ["bad2", "bad", "before"]);
    let all = world.log.all();
    assert_eq!(position(&all, "tell gone.booked.check: bad2 is refused"), all.len() - 1);
}

async fn b60_what_was_undone_by_itself_is_not_undone_with_the_run<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    let rollback = rollback_of(soon(beside("bad".to_owned()).run(&world.engine(), "r")).await);
    assert_eq!(rollback.compensated, ["slow", "booked.first", "booked.second"]);
    assert_eq!(world.log.undone(), ["bad2", "bad", "slow"]);
}

/// What was done, and how often what was undone: more than once only where the commit that says so was lost.
fn done(log: &Log) -> std::collections::BTreeSet<String> {
    log.all().into_iter().collect()
}

async fn b58_b60_it_is_undone_wherever_its_process_is_killed<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    let bad = || "bad".to_owned();
    let test = CrashTest::new(|| tried(bad())).state(Log::default).store(&place).effects(done);
    let killed = test.everywhere().await.unwrap();
    assert!(killed.iter().any(|at| at.events.contains(&"UndoCompleted of `booked.second`".to_owned())), "{killed:?}");
    CrashTest::new(|| trip(bad())).state(Log::default).store(&place).effects(done).everywhere().await.unwrap();
    CrashTest::new(|| deep(bad())).state(Log::default).store(&place).effects(done).everywhere().await.unwrap();
    CrashTest::new(|| beside(bad())).state(Log::default).store(&place).effects(done).everywhere().await.unwrap();
    let names = || ["a", "bad b", "bad c"].map(str::to_owned).to_vec();
    CrashTest::new(|| many(names())).state(Log::default).store(&place).effects(done).everywhere().await.unwrap();
}

on_every_store! {
    b60_it_is_undone_before_its_failure_is_a_value
    b60_it_is_undone_first_where_nothing_catches_its_failure
    b60_each_item_is_undone_by_itself
    b60_one_inside_another_is_undone_with_it
    b60_what_was_undone_by_itself_is_not_undone_with_the_run
}

mod killed {
    use super::super::super::kit::on_every_durable_store;
    use super::b58_b60_it_is_undone_wherever_its_process_is_killed;
    on_every_durable_store! { b58_b60_it_is_undone_wherever_its_process_is_killed }
}
