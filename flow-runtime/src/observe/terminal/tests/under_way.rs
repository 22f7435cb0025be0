//! What is shown of runs that are under way.

use super::*;
use crate::observe::sample;
use crate::state::{Asked, RegionKind, RollbackCause, WaitingOn};

#[test]
fn a_run_has_its_bar_and_the_steps_that_run_the_longest_first() {
    let plan = sample::plan("order", &["reserve", "charge", "ship", "notify"]);
    let mut stage = Stage::new();
    stage.run(&plan, "ord-1", What::RunCreated).starts(&plan, "ord-1", 0);
    stage.at(1_500).completes(&plan, "ord-1", 0).starts(&plan, "ord-1", 1).at(2_000).starts(&plan, "ord-1", 2);
    stage.step(&plan, "ord-1", (2, "ship"), What::Progress { fraction: 0.4, message: "packed\tup" });
    stage.at(12_345).shows(&[
        "   running [=====>              ]   1/4 order ord-1: 12s",
        "              10s charge",
        "              10s ship 40 % packed up",
    ]);
}

#[test]
fn a_retry_counts_down_to_its_attempt() {
    let plan = sample::plan("order", &["charge"]);
    let failure = failure("charge", 1, "the bank\nis busy", &[]);
    let mut stage = Stage::new();
    stage.run(&plan, "o", What::RunCreated).starts(&plan, "o", 0).at(100);
    let what = What::AttemptFailed { attempt: 1, failure: &failure, retry_in: Duration::from_secs(90) };
    stage.step(&plan, "o", (0, "charge"), what).shows(&[
        "   running [>                   ]   0/1 order o: 0.1s",
        "  again in  1m30s charge: attempt 2 after: the bank is busy",
    ]);
    stage.at(87_000);
    assert_eq!(stage.lines()[1], "  again in   3.1s charge: attempt 2 after: the bank is busy");
    stage.at(99_000);
    assert_eq!(
        stage.lines()[1],
        "  again in   0.0s charge: attempt 2 after: the bank is busy",
        "a permit is waited for"
    );
    stage.step(&plan, "o", (0, "charge"), What::StepStarted { attempt: 2 });
    assert_eq!(stage.lines()[1], "             0.0s charge");
}

#[test]
fn a_step_is_marked_from_the_limit_on() {
    let plan = sample::plan("order", &["charge"]);
    let mut stage = Stage::new();
    stage.run(&plan, "o", What::RunCreated).starts(&plan, "o", 0).at(59_999);
    assert_eq!(stage.lines()[1], "              59s charge");
    stage.at(60_000);
    assert_eq!(stage.lines()[1], "      SLOW  1m00s charge");
}

#[test]
fn a_run_that_goes_on_says_what_was_saved_and_counts_on_when_it_is_woken() {
    let plan = sample::fan_out("audit");
    let mut stage = Stage::new();
    stage.run(&plan, "a", What::RunResumed { saved: 178, left: 22 });
    stage.shows(&["   running [=================>  ] 178/200 audit a: 178 saved, 0.0s"]);
    stage.starts(&plan, "a", 2).completes(&plan, "a", 2);
    let timer = WaitingOn::Timer(5);
    stage.step(&plan, "a", (1, "report"), What::StepWaits(&timer));
    stage.measures(&plan, "a", Measured::Left { parks: true }).measures(&plan, "a", Measured::Suspended);
    stage.shows(&[
        "   waiting [=================>  ] 179/200 audit a: 178 saved, 0.0s",
        "     waits        report: for a point in time",
    ]);
    stage.measures(&plan, "a", Measured::Woken).shows(&[]);
    stage.measures(&plan, "a", Measured::Driven).run(&plan, "a", What::RunResumed { saved: 179, left: 21 });
    assert_eq!(
        stage.lines()[0],
        "   running [=================>  ] 179/200 audit a: 178 saved, 0.0s".replace("running", "waiting")
    );
    stage.completes(&plan, "a", 1).at(500);
    stage.shows(&["   running [==================> ] 180/200 audit a: 178 saved, 0.5s"]);
}

#[test]
fn a_fan_out_of_ten_thousand_is_as_many_lines_as_one_of_ten() {
    let plan = sample::fan_out("audit");
    let mut stage = Stage::new();
    stage.run(&plan, "a", What::RunCreated);
    stage.step(&plan, "a", (0, "items"), What::RegionOpened(&RegionKind::Items(10_000)));
    for item in 0..10_000 {
        stage.at(item).step(&plan, "a", (2, &format!("items[{item}].work")), What::StepStarted { attempt: 1 });
    }
    for item in 20..10_000 {
        let what = What::StepCompleted { attempt: 1, took: Duration::ZERO };
        stage.step(&plan, "a", (2, &format!("items[{item}].work")), what);
    }
    stage.at(30_000).shows(&[
        "   running [===================>] 9980/10001 audit a: 30s",
        "              30s items[0].work",
        "              29s items[1].work",
        "              29s items[2].work",
        "              29s items[3].work",
        "              29s items[4].work",
        "              29s items[5].work",
        "              29s items[6].work",
        "              29s items[7].work",
        "           … and 12 more running",
    ]);
}

#[test]
fn several_runs_have_a_bar_each_and_share_the_room() {
    let plan = sample::plan("order", &["charge", "ship"]);
    let mut stage = Stage::new();
    for run in 0..12 {
        stage.run(&plan, &format!("ord-{run}"), What::RunCreated).starts(&plan, &format!("ord-{run}"), 0);
    }
    stage.size.rows = 24;
    stage.completes(&plan, "ord-1", 0).starts(&plan, "ord-1", 1).at(1_000);
    stage.shows(&[
        "   running [>                   ]   0/2 order ord-0: 1.0s",
        "             1.0s charge",
        "   running [==========>         ]   1/2 order ord-1: 1.0s",
        "             1.0s ship",
        "   running [>                   ]   0/2 order ord-2: 1.0s",
        "             1.0s charge",
        "   running [>                   ]   0/2 order ord-3: 1.0s",
        "             1.0s charge",
        "           … and 8 more runs",
    ]);
}

#[test]
fn what_was_asked_and_what_is_undone_is_said() {
    let plan = sample::plan("order", &["charge", "ship"]);
    let mut stage = Stage::new();
    stage.run(&plan, "o", What::RunCreated).starts(&plan, "o", 0).run(&plan, "o", What::Asked(Asked::Pause));
    assert!(stage.lines()[0].starts_with("    paused [>"), "{:?}", stage.lines());
    stage.run(&plan, "o", What::Asked(Asked::Resume));
    assert!(stage.lines()[0].starts_with("   running [>"), "{:?}", stage.lines());
    stage.completes(&plan, "o", 0).run(&plan, "o", What::RollbackStarted(RollbackCause::Failure));
    stage.step(&plan, "o", (0, "charge"), What::UndoStarted { attempt: 1 });
    stage.shows(&["   undoing [==========>         ]   1/2 order o: 0.0s", "      undo   0.0s charge"]);
    stage.step(&plan, "o", (0, "charge"), What::UndoCompleted);
    stage.shows(&["   undoing [==========>         ]   1/2 order o: 1 undone, 0.0s"]);
}

#[test]
fn a_caught_failure_is_counted_and_the_head_of_a_fan_out_is_no_step_of_its_own() {
    let plan = sample::fan_out("audit");
    let no = failure("items[0].work", 1, "no", &[]);
    let what = || What::StepFailed { attempt: 1, failure: &no, took: Duration::ZERO };
    let mut stage = Stage::new();
    stage.run(&plan, "a", What::RunCreated);
    stage.step(&plan, "a", (0, "items"), What::RegionOpened(&RegionKind::Items(3)));
    stage.step(&plan, "a", (2, "items[0].work"), what());
    stage.shows(&["   running [=====>              ]   1/4 audit a: 1 failed, 0.0s"]);
    stage.step(&plan, "a", (0, "items"), what());
    stage.shows(&["   running [=====>              ]   1/4 audit a: 2 failed, 0.0s"]);
}

#[test]
fn nothing_of_a_users_text_is_obeyed_and_no_line_is_longer_than_the_screen() {
    let plan = sample::plan("or\u{1b}[31mder", &["a\nb"]);
    let hostile = failure("a", 1, "\u{1b}]0;title\u{7}\r\u{1b}[2Jgone", &[]);
    let mut stage = Stage::new();
    stage.run(&plan, "o\u{202e}x", What::RunCreated);
    let what = What::AttemptFailed { attempt: 1, failure: &hostile, retry_in: Duration::from_secs(1) };
    stage.step(&plan, "o\u{202e}x", (0, "a\nb"), what);
    stage.shows(&[
        "   running [>                   ]   0/1 or\\u{1b}[31mder o\\u{202e}x: 0.0s",
        "  again in   1.0s a\\nb: attempt 2 after: \\u{1b}]0;title\\u{7} \\u{1b}[2Jgone",
    ]);
    stage.size.columns = 40;
    stage.shows(&["   running [>                   ]   0/1…", "  again in   1.0s a\\nb: attempt 2 after…"]);
    stage.size.columns = 0;
    assert!(stage.lines().iter().all(|line| line.chars().count() <= 1), "{:?}", stage.lines());
}

#[test]
fn runs_without_a_record_are_shown_together_by_their_workflow() {
    let plan = sample::plan("sum", &["add"]);
    let mut stage = Stage::new();
    let notice = |what| Notice::new(&plan, None, None, what);
    stage.board.take(&notice(What::RunCreated), stage.now);
    stage.board.take(&notice(What::RunCreated), stage.now);
    stage.shows(&["   running [>                   ]   0/2 sum: 0.0s"]);
    let ended = || What::RunEnded { outcome: RunOutcome::Completed, failures: &[], took: Duration::ZERO };
    stage.board.take(&notice(ended()), stage.now);
    stage.shows(&["   running [>                   ]   0/2 sum: 0.0s"]);
    stage.board.take(&notice(ended()), stage.now);
    stage.says(&["      done sum in 0.0s, 0 of 2 steps"]);
}
