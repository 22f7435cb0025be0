//! `flow rm` and `flow gc`: what is removed, what is left, and that it must be meant.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;

use flow_runtime::WorkflowData;
use flow_runtime::state::{RunOutcome, RunOutput};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::application::Application;
use crate::flow::{command, flow_on, is, together};
use crate::samples::{Sample, ends, fulfil, some_runs};
use crate::stores::Store;

fn ids(store: &Store) -> Vec<String> {
    let document = flow_on(store, &["list", "--json", "--all"]).exits(0).json();
    let mut ids: Vec<_> = document["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| run["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn runs_that_have_ended_are_removed_if_that_is_meant() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["rm", "order-1"]).exits(1),
            flow_on(&store, &["rm", "order-1", "order-3", "--dry-run"]).exits(1),
            flow_on(&store, &["rm", "--status", "completed", "--dry-run", "--json"]).exits(0),
        ];
        assert_eq!(ids(&store), ["order-1", "order-2", "order-3"], "nothing was removed");
        let more = [
            flow_on(&store, &["rm", "order-1", "order-3", "none", "--yes"]).exits(1),
            flow_on(&store, &["rm", "--workflow", "fulfil", "--yes", "--json"]).exits(0),
            flow_on(&store, &["rm", "order-3", "--yes", "--force"]).exits(0),
            flow_on(&store, &["rm", "--workflow", "fulfil", "--yes"]).exits(0),
        ];
        is("rm", &together(&calls.into_iter().chain(more).collect::<Vec<_>>()));
        assert!(ids(&store).is_empty());
    }
}

#[test]
fn a_damaged_run_is_removed_only_by_force() {
    for store in Store::each_with(&some_runs()) {
        store.damage("Grace");
        let call = flow_on(&store, &["rm", "order-2", "--yes"]);
        assert_eq!(call.exit, 5, "{call}");
        flow_on(&store, &["rm", "order-2", "--yes", "--force"]).exits(0);
        assert_eq!(ids(&store), ["order-1", "order-3"]);
    }
}

#[test]
fn a_run_that_an_engine_drives_is_left_in_any_case() {
    let store = Store::with("sqlite", &[]);
    let application = Application::on(&store);
    application.begin_launch("m");
    let call = flow_on(&store, &["rm", "m", "--yes", "--force", "--json"]).exits(1);
    assert_eq!(call.json()["runs"][0]["outcome"], "failed", "{call}");
    assert_eq!(application.record("m").id.as_str(), "m");
}

fn ended(id: &str, seconds_ago: i64, outcome: RunOutcome) -> WorkflowData {
    let output = RunOutput::Errors(Vec::new());
    Sample::new(id, &fulfil(), seconds_ago + 1).then(seconds_ago, vec![ends(outcome, output)]).run()
}

#[test]
fn what_ended_long_ago_is_collected() {
    const DAY: i64 = 86_400;
    let runs = [
        ended("old", 91 * DAY, RunOutcome::Failed),
        ended("cancelled", 40 * DAY, RunOutcome::Cancelled),
        ended("young", DAY, RunOutcome::Failed),
        Sample::new("open", &fulfil(), 400 * DAY).run(),
    ];
    for store in Store::each_with(&[&runs[..], &some_runs()].concat()) {
        let calls = [
            flow_on(&store, &["gc"]).exits(2),
            flow_on(&store, &["gc", "--failed", "soon"]).exits(2),
            flow_on(&store, &["gc", "--failed", "90d"]).exits(1),
            flow_on(&store, &["gc", "--completed", "1h", "--failed", "30d", "--dry-run"]).exits(0),
            flow_on(&store, &["gc", "--completed", "1h", "--failed", "90d", "--dry-run", "--json"]).exits(0),
        ];
        assert_eq!(ids(&store).len(), 7, "nothing was removed");
        let more = [
            flow_on(&store, &["gc", "--completed", "1h", "--failed", "90d", "--yes"]).exits(0),
            flow_on(&store, &["gc", "--completed", "1h", "--failed", "90d"]).exits(0),
            flow_on(&store, &["gc", "--failed", "30d", "--yes", "--json"]).exits(0),
        ];
        is("gc", &together(&calls.into_iter().chain(more).collect::<Vec<_>>()));
        assert_eq!(ids(&store), ["open", "order-2", "order-3", "young"]);
    }
}

/// Runs `flow` at a terminal at which somebody types this; gives its exit code and what stood there.
fn at_a_terminal(store: &Store, args: &[&str], typed: &str) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("a name");
    let seat = || OpenOptions::new().read(true).write(true).open(&name).expect("a seat");
    let mut terminal = File::from(terminal);
    let mut command = command(args);
    command.env("FLOW_STORE", store.address()).stdin(seat()).stderr(seat()).stdout(Stdio::null());
    let mut child = command.spawn().expect("flow runs");
    terminal.write_all(typed.as_bytes()).expect("it is typed");
    let status = child.wait().expect("flow ends");
    // Once nobody sits at it any more, reading from it ends with an error.
    drop(command);
    let mut shown = Vec::new();
    let _ = terminal.read_to_end(&mut shown);
    (status.code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn at_a_terminal_there_is_a_question() {
    let store = Store::with("json", &some_runs());
    for (args, question) in [
        (&["rm", "order-1"][..], "remove run `order-1`? [y/N] "),
        (&["rm", "--workflow", "fulfil"], "remove 2 runs? [y/N] "),
        (&["gc", "--completed", "1h"], "remove 1 run? [y/N] "),
        (&["cancel", "--workflow", "fulfil"], "cancel run `order-3`? [y/N] "),
    ] {
        for no in ["n\n", "\n", "no\n"] {
            let (exit, shown) = at_a_terminal(&store, args, no);
            assert!(exit == Some(1) && shown.contains(question) && shown.contains("nothing was done"), "{shown}");
        }
        assert_eq!(ids(&store).len(), 3);
        assert!(store.requests("order-3").is_empty());
    }
    let (exit, shown) = at_a_terminal(&store, &["rm", "order-1"], "Yes\n");
    assert_eq!(exit, Some(0), "{shown}");
    assert_eq!(ids(&store), ["order-2", "order-3"]);
    let json = at_a_terminal(&store, &["rm", "order-2", "--json"], "y\n");
    assert!(json.0 == Some(1) && json.1.contains("nobody can be asked"), "{json:?}");
}
