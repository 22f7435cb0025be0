//! `flow cancel`, `terminate`, `pause`, `resume`, `retry`, `resolve` and `fork`: what is asked of runs that others drive.

use flow_runtime::RunError;
use flow_runtime::state::{Asked, RequestKind};

use crate::application::{Answer, Application, asks, delivers, mission};
use crate::flow::{Call, flow_on, is, together};
use crate::samples::some_runs;
use crate::stores::{KINDS, Store};

/// Asks with these arguments and waits until it is taken.
fn is_taken(store: &Store, args: &[&str]) {
    let call = flow_on(store, &[args, &["--wait=60s", "--json"]].concat()).exits(0);
    assert_eq!(call.json()["runs"][0]["outcome"], "taken", "{call}");
}

#[test]
fn runs_are_paused_resumed_cancelled_and_terminated_beside_their_engine() {
    for store in Store::each_with(&[]) {
        let application = Application::on(&store);
        application.has_asked("a");
        application.has_asked("b");
        is_taken(&store, &["pause", "a"]);
        assert_eq!(application.record("a").asked, Some(Asked::Pause));
        is_taken(&store, &["resume", "a"]);
        assert_eq!(application.record("a").asked, None);
        is_taken(&store, &["cancel", "a"]);
        is_taken(&store, &["terminate", "b"]);
        for run in ["a", "b"] {
            let ended = application.wait(async |engine| asks().run(engine, run).await);
            assert!(matches!(ended, Err(RunError::Cancelled { .. })), "{ended:?}");
        }
    }
}

#[test]
fn an_order_waits_for_an_application_that_does_not_run() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["cancel", "order-3"]).exits(0),
            flow_on(&store, &["pause", "order-3", "order-1", "none"]).exits(1),
            flow_on(&store, &["resume", "none"]).exits(3),
            flow_on(&store, &["terminate", "order-3", "order-1", "--json"]).exits(1),
            flow_on(&store, &["pause", "order-3", "--wait=1ms"]).exits(1),
            flow_on(&store, &["cancel"]).exits(2),
            flow_on(&store, &["cancel", "order-3", "--status", "running"]).exits(2),
        ];
        is("orders", &together(&calls));
        let kinds: Vec<_> = store.requests("order-3").iter().map(|request| request.kind.name()).collect();
        assert_eq!(kinds, ["Cancel", "Pause", "Terminate", "Pause"]);
        assert!(store.requests("order-1").is_empty());
    }
}

#[test]
fn runs_are_chosen_and_then_it_must_be_meant() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["cancel", "--workflow", "fulfil"]).exits(1),
            flow_on(&store, &["cancel", "--workflow", "other", "--yes"]).exits(0),
            flow_on(&store, &["cancel", "--workflow", "fulfil", "--yes"]).exits(0),
            flow_on(&store, &["retry", "--since", "2h", "--yes", "--json"]).exits(0),
        ];
        is("orders_chosen", &together(&calls));
        let asked = ["order-1", "order-2", "order-3"].map(|run| store.requests(run).len());
        assert_eq!(asked, [0, 1, 1], "what has ended is not cancelled, and what goes on or is complete not retried");
    }
}

#[test]
fn what_failed_runs_again() {
    for store in Store::each_with(&[]) {
        let application = Application::on(&store);
        assert!(application.wait(async |engine| delivers(3).run(engine, "d").await).is_err());
        application.open_the_port();
        is_taken(&store, &["retry", "d"]);
        assert_eq!(application.wait(async |engine| delivers(3).run(engine, "d").await).expect("it completes"), 3);
        is_taken(&store, &["retry", "d", "--from", "pack"]);
        assert_eq!(application.wait(async |engine| delivers(3).run(engine, "d").await).expect("it completes"), 3);
        assert_eq!(application.record("d").steps.iter().map(|step| step.resets).collect::<Vec<_>>(), [1, 1]);
    }
}

#[test]
fn a_retry_that_cannot_be_is_refused() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["retry", "order-2", "--from", "stock"]).exits(0),
            flow_on(&store, &["retry", "order-2", "--from", "nothing"]).exits(3),
            flow_on(&store, &["retry", "order-1"]).exits(1),
            flow_on(&store, &["retry", "order-3"]).exits(1),
        ];
        is("retry", &together(&calls));
        let requests = store.requests("order-2");
        assert!(matches!(&requests[..], [one] if one.kind == RequestKind::RetryFrom { step: "stock".to_owned() }));
    }
}

#[test]
fn an_attempt_of_unknown_end_gets_its_word() {
    let answer = r#"{"yes": true, "by": "radar"}"#;
    for store in Store::each_with(&[]) {
        for run in ["done", "failed", "again"] {
            Application::has_launched(&store, run);
        }
        let application = Application::on(&store);
        let refused = flow_on(&store, &["resolve", "done", "launch", "--done", "7", "--wait=60s"]);
        is_taken(&store, &["resolve", "done", "launch", "--done", answer]);
        is_taken(&store, &["resolve", "failed", "launch", "--failed", "it fell down"]);
        is_taken(&store, &["resolve", "again", "launch", "--not-done"]);
        is("resolve_refused", &refused.exits(1).to_string());
        let done = application.wait(async |engine| mission().run(engine, "done").await).expect("it completes");
        assert_eq!(done, Answer { yes: true, by: "radar".to_owned() });
        let failed = application.wait(async |engine| mission().run(engine, "failed").await).expect_err("it fails");
        assert!(failed.to_string().contains("it fell down"), "{failed}");
        application.has_launched_again();
    }
}

#[test]
fn a_word_that_nobody_waits_for_is_refused() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["resolve", "order-3", "stock", "--not-done"]).exits(1),
            flow_on(&store, &["resolve", "order-3", "nothing", "--failed", "so"]).exits(3),
            flow_on(&store, &["resolve", "order-1", "stock", "--done", "1", "--json"]).exits(1),
            flow_on(&store, &["resolve", "order-3", "stock"]).exits(2),
            flow_on(&store, &["resolve", "order-3", "stock", "--not-done", "--done", "1"]).exits(2),
        ];
        is("resolve", &together(&calls));
    }
}

#[test]
fn a_fork_takes_over_what_was_done() {
    for store in Store::each_with(&[]) {
        {
            let application = Application::with_open_port(&store);
            assert_eq!(application.wait(async |engine| delivers(3).run(engine, "d").await).expect("it completes"), 3);
        }
        let calls = [
            flow_on(&store, &["fork", "d", "--from", "ship"]).exits(0),
            flow_on(&store, &["fork", "d", "--from", "ship", "--json"]).exits(0),
            flow_on(&store, &["fork", "d", "--from", "pack", "--as", "other"]).exits(0),
            flow_on(&store, &["fork", "d", "--from", "pack", "--as", "other"]).exits(1),
            flow_on(&store, &["fork", "d", "--from", "nothing"]).exits(3),
            flow_on(&store, &["fork", "none", "--from", "ship"]).exits(3),
            flow_on(&store, &["fork", &"x".repeat(256), "--from", "ship"]).exits(1),
        ];
        is("fork", &together(&calls));
        let application = Application::with_open_port(&store);
        assert_eq!(
            application.wait(async |engine| delivers(3).run(engine, "d-fork-1").await).expect("it completes"),
            3
        );
        let record = application.record("d-fork-1");
        assert_eq!(record.steps.iter().map(|step| step.copied).collect::<Vec<_>>(), [true, false]);
        assert_eq!(record.forked_from.as_ref().map(ToString::to_string).as_deref(), Some("d"));
    }
}

/// A folder is held by the application that has it open; a file of SQLite is shared.
#[test]
fn what_must_write_names_who_holds_the_store() {
    let commands: [&[&str]; 5] = [
        &["fork", "order-1", "--from", "ship"],
        &["rm", "order-1", "--yes"],
        &["gc", "--completed", "0s", "--yes"],
        &["import", "/dev/null"],
        &["cancel", "order-3"],
    ];
    for kind in KINDS {
        let store = Store::with(kind, &some_runs());
        let held = store.open();
        let calls: Vec<Call> = commands.iter().map(|args| flow_on(&store, args)).collect();
        drop(held);
        let pid = format!("process {}", std::process::id());
        let name = if kind == "sqlite" { "held_shared" } else { "held" };
        is(name, &together(&calls).replace(&pid, "process PID"));
    }
}

#[test]
fn what_is_asked_of_a_damaged_run_is_refused_and_others_are_served() {
    for store in Store::each_with(&some_runs()) {
        store.damage("Grace");
        let call = flow_on(&store, &["retry", "order-2", "order-1", "--from", "stock", "--json"]);
        assert_eq!(call.exit, 5, "{call}");
        let document = call.json();
        assert_eq!(document["runs"][0]["error"]["exit"], 5, "{call}");
        assert_eq!(document["runs"][1]["outcome"], "asked", "{call}");
        let signal = flow_on(&store, &["signal", "order-2", "go", "1"]);
        assert_eq!(signal.exit, 5, "{signal}");
    }
}
