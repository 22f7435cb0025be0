//! What is said for good when runs end.

use super::*;
use crate::observe::sample;

#[test]
fn a_run_that_completes_is_one_line() {
    let plan = sample::plan("order", &["charge", "ship"]);
    let mut stage = Stage::new();
    stage.run(&plan, "o", What::RunResumed { saved: 1, left: 1 }).starts(&plan, "o", 1).completes(&plan, "o", 1);
    stage
        .at(75_000)
        .ends(&plan, "o", RunOutcome::Completed, &[])
        .says(&["      done order o in 1m15s, 2 steps, 1 saved"]);
    stage.shows(&[]);
}

#[test]
fn a_failure_comes_with_its_causes_and_what_to_type() {
    let plan = sample::plan("order", &["charge", "ship"]);
    let failed = failure("charge", 3, "the card\nwas declined", &["no money\u{1b}[2J", "a feast"]);
    let mut stage = Stage::new();
    stage.run(&plan, "o'1 x", What::RunCreated).starts(&plan, "o'1 x", 0).at(2_100);
    stage.ends(&plan, "o'1 x", RunOutcome::Failed, &[failed]).says(&[
        "    failed order o'1 x in 2.1s, 0 of 2 steps",
        "           charge, attempt 3: the card was declined",
        "             caused by: no money\\u{1b}[2J",
        "             caused by: a feast",
        "      next flow show 'o'\\''1 x'",
        "           flow retry 'o'\\''1 x'",
    ]);
}

#[test]
fn failures_come_last_when_nothing_is_under_way_any_more() {
    let plan = sample::plan("order", &["charge"]);
    let no = [failure("charge", 1, "no", &[])];
    let mut stage = Stage::new();
    stage.run(&plan, "a", What::RunCreated).run(&plan, "b", What::RunCreated).run(&plan, "c", What::RunCreated);
    stage.ends(&plan, "a", RunOutcome::Failed, &no);
    stage.says(&["    failed order a in 0.0s, 0 of 1 steps: charge: no"]);
    stage.ends(&plan, "b", RunOutcome::Cancelled, &no).ends(&plan, "c", RunOutcome::Completed, &[]);
    stage.says(&[
        " cancelled order b in 0.0s, 0 of 1 steps: charge: no",
        "      done order c in 0.0s, 0 of 1 steps",
        "    failed order a in 0.0s, 0 of 1 steps",
        "           charge: no",
        "      next flow show a",
        "           flow retry a",
        " cancelled order b in 0.0s, 0 of 1 steps",
        "           charge: no",
        "      next flow show b",
    ]);
    stage.says(&[]);
}

#[test]
fn many_failures_and_long_messages_are_cut() {
    let plan = sample::plan("order", &["charge"]);
    let many: Vec<NodeFailure> = (0..7).map(|at| failure(&format!("s{at}"), 1, &"ä".repeat(600), &[])).collect();
    let mut stage = Stage::new();
    stage.run(&plan, "last", What::RunCreated);
    for run in 0..25 {
        let id = format!("r{run}");
        stage.run(&plan, &id, What::RunCreated).ends(&plan, &id, RunOutcome::Failed, &many);
    }
    stage.ends(&plan, "last", RunOutcome::Completed, &[]);
    let said = stage.board.take_said().join("\n");
    assert_eq!(said.matches("flow retry").count(), 20);
    assert_eq!(said.matches("… and 2 more").count(), 20);
    assert!(said.ends_with("           … and 5 more runs have failed"), "{said}");
    assert!(said.contains(&format!("s0: {}…\n", "ä".repeat(500))), "{said}");
}

#[test]
fn a_run_that_the_engine_leaves_is_said_to_have_stopped() {
    let plan = sample::plan("order", &["charge", "ship"]);
    let mut stage = Stage::new();
    stage.run(&plan, "o", What::RunCreated).starts(&plan, "o", 0).completes(&plan, "o", 0);
    stage.measures(&plan, "o", Measured::Left { parks: false });
    stage.says(&["   stopped order o, 1 of 2 steps; run it again and it goes on"]);
    stage.run(&plan, "p", What::RunCreated).board.close();
    stage.says(&["   stopped order p, 0 of 2 steps; run it again and it goes on"]);
    stage.measures(&plan, "p", Measured::Left { parks: false }).says(&[]);
}
