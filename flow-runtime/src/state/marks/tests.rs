//! What is said of a record in a picture.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::plan::order_plan;
use crate::state::codec::random;
use crate::state::{Encoding, Payload, RunCreated, UndoState, WorkflowId};

const SECOND: i64 = 1_000_000_000;

/// A run of the plan of an order, of which nothing has happened: `stock`, `pay`, the branch `parcel` with the fan-out
/// `labels` in its first arm, and `receipt`.
fn order() -> WorkflowData {
    let created = RunCreated::new(
        WorkflowId::new("order-1").unwrap(),
        Arc::new(order_plan()),
        Payload::new(Encoding::Json, b"null".to_vec()),
    );
    WorkflowData::new(1, &created, SECOND)
}

/// Opens regions for a step of the workflow itself or of the arm in it.
fn open(run: &mut WorkflowData, step: StepRef, region: u32, items: u32) {
    let first = run.instances.len() as u32;
    (0..items).for_each(|item| run.open_instance(Some(step), region, item));
    let at = run.index(step);
    (run.steps[at].opened, run.steps[at].opened_len) = (first, items);
}

fn set(run: &mut WorkflowData, instance: u32, local: u32, status: StepStatus) -> &mut StepState {
    let at = run.index(StepRef::new(instance, local));
    run.steps[at].status = status;
    &mut run.steps[at]
}

fn notes(run: &mut WorkflowData) -> Vec<(Look, String)> {
    run.recount();
    run.marks().steps.into_iter().map(|mark| (mark.look, mark.note)).collect()
}

#[test]
fn what_is_said_of_a_step_follows_from_its_state() {
    let signal = WaitingOn::Signal { name: "boss".to_owned(), type_name: String::new(), deadline: None };
    let state = |status| StepState { status, ..StepState::PENDING };
    let took = |state: StepState| StepState { started_at: SECOND, ended_at: 3 * SECOND, ..state };
    let waits = |on| StepState { waiting: Some(Box::new(on)), ..state(StepStatus::Waiting) };
    let undo = Some(Box::new(UndoState { attempts: 1, ..UndoState::default() }));
    for (state, look, note) in [
        (StepState::PENDING, Look::Open, "pending"),
        (
            StepState { failures: 1, attempts: 1, ..StepState::PENDING },
            Look::Open,
            "pending, to be attempted again after 1 attempt",
        ),
        (StepState { started_at: SECOND, attempts: 1, ..state(StepStatus::Running) }, Look::Running, "running"),
        (waits(WaitingOn::Timer(SECOND)), Look::Waiting, "waiting for a time"),
        (waits(signal), Look::Waiting, "waiting for signal `boss`"),
        (waits(WaitingOn::Doubt(2)), Look::Waiting, "waiting for somebody's word"),
        (took(state(StepStatus::Completed)), Look::Completed, "completed in 2.0 s"),
        (StepState { copied: true, ..state(StepStatus::Completed) }, Look::Completed, "completed, taken over"),
        (StepState { attempts: 3, ..took(state(StepStatus::Failed)) }, Look::Failed, "failed in 2.0 s, 3 attempts"),
        (state(StepStatus::Cancelled), Look::Stopped, "cancelled"),
        (state(StepStatus::Skipped), Look::Stopped, "skipped"),
        (StepState { undo, ..state(StepStatus::Completed) }, Look::Running, "completed, being undone"),
        (state(StepStatus::Compensated), Look::Undone, "compensated"),
        (state(StepStatus::CompensationFailed), Look::Failed, "compensation failed"),
    ] {
        let mut run = order();
        run.steps[0] = state;
        assert_eq!(notes(&mut run)[0], (look, note.to_owned()));
    }
}

#[test]
fn steps_of_items_are_counted_and_the_other_arm_pales() {
    let mut run = order();
    set(&mut run, 0, 2, StepStatus::Running);
    open(&mut run, StepRef::new(0, 2), 1, 1);
    set(&mut run, 1, 4, StepStatus::Running);
    open(&mut run, StepRef::new(1, 4), 3, 4);
    let first = set(&mut run, 2, 6, StepStatus::Completed);
    (first.started_at, first.ended_at, first.attempts) = (SECOND, 2 * SECOND, 3);
    set(&mut run, 3, 6, StepStatus::Failed);
    set(&mut run, 4, 6, StepStatus::Running);
    let expected = [
        (Look::Open, "pending"),
        (Look::Open, "pending"),
        (Look::Running, "running"),
        (Look::Open, "pending"),
        (Look::Running, "running, 1 of 4 items completed, 1 failed"),
        (Look::Stopped, "bypassed"),
        (Look::Failed, "1 failed, 1 running, 1 pending, 1 completed in up to 1.0 s, up to 3 attempts"),
    ];
    assert_eq!(notes(&mut run), expected.map(|(look, note)| (look, note.to_owned())));
    assert_eq!(run.marks().pale, [false, false, true, false]);
    assert_eq!(run.marks().run, "run order-1: running");

    set(&mut run, 3, 6, StepStatus::Pending);
    set(&mut run, 4, 6, StepStatus::Pending);
    let look = notes(&mut run)[6].0;
    assert_eq!(look, Look::Running, "some are done and others to come");
}

#[test]
fn before_a_branch_is_decided_neither_arm_pales() {
    let mut run = order();
    assert_eq!(run.marks().pale, [false; 4]);
    assert!(notes(&mut run).iter().all(|(look, note)| (*look, &**note) == (Look::Open, "pending")));
    set(&mut run, 0, 2, StepStatus::Skipped);
    assert_eq!(run.marks().pale, [false, true, true, true], "nothing in it will ever begin");
    assert_eq!(notes(&mut run)[6], (Look::Stopped, "skipped".to_owned()));
}

#[test]
fn an_ended_run_says_how_long_it_took() {
    let mut run = order();
    (run.status, run.updated_at) = (WorkflowStatus::RolledBack, 201 * SECOND);
    assert_eq!(run.marks().run, "run order-1: rolled back in 3 min 20 s");
}

#[test]
fn a_time_is_said_in_units_that_fit_it() {
    let second = 1_000_000_000;
    for (nanos, expected) in [
        (0, "0 µs"),
        (420_999, "420 µs"),
        (34_900_000, "34 ms"),
        (1_290_000_000, "1.2 s"),
        (59_999_999_999, "59.9 s"),
        (60 * second, "1 min"),
        (200 * second, "3 min 20 s"),
        (5 * 3_600 * second + 180 * second, "5 h 3 min"),
        (3 * 86_400 * second, "3 d"),
        (i64::MAX, "106751 d 23 h"),
    ] {
        assert_eq!(how_long(nanos), expected);
    }
}

#[test]
fn each_status_has_a_place_of_its_own() {
    let places: std::collections::BTreeSet<usize> = STATUSES.iter().map(|status| place(*status)).collect();
    assert_eq!(places.len(), STATUSES.len());
}

proptest! {
    #[test]
    fn any_record_can_be_drawn(record in random::record()) {
        for format in [Format::Text, Format::Mermaid, Format::Dot] {
            prop_assert!(record.render(format).lines().count() > record.plan.steps.len());
        }
        let svg = record.render(Format::Svg);
        let drawn = roxmltree::Document::parse(&svg).unwrap();
        let notes = drawn.descendants().filter(|node| node.has_tag_name("circle")).count();
        prop_assert_eq!(notes, record.plan.steps.len());
    }
}
