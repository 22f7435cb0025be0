//! `flow signal`: the value comes to the workflow, whose type the program has not.

use std::fs;

use crate::application::{Answer, Application, asks, asks_whether};
use crate::flow::{Call, flow_on, flow_reading, is, is_harmless, together};
use crate::samples::some_runs;
use crate::stores::Store;

const YES: &str = r#"{"yes": true, "by": "Ada"}"#;

fn yes() -> Answer {
    Answer { yes: true, by: "Ada".to_owned() }
}

#[test]
fn a_signal_comes_to_a_workflow_that_is_driven_by_another_process() {
    for store in Store::each_with(&[]) {
        let application = Application::on(&store);
        application.has_asked("r");
        flow_on(&store, &["signal", "r", "answer", YES, "--wait=60s"]).exits(0).is("signal_taken");
        let answer = application.wait(async |engine| asks().run(engine, "r").await).expect("it completes");
        assert_eq!(answer, yes());
        flow_on(&store, &["signal", "r", "answer", YES]).exits(1).is("signal_ended");
    }
}

#[test]
fn a_signal_waits_for_an_application_that_does_not_run() {
    for store in Store::each_with(&[]) {
        Application::on(&store).has_asked("r");
        flow_on(&store, &["signal", "r", "answer", YES, "--id", "from Ada"]).exits(0).is("signal_asked");
        flow_on(&store, &["signal", "r", "answer", YES, "--id", "from Ada", "--json"]).exits(0).is("signal_present");
        let late = flow_on(&store, &["signal", "r", "answer", YES, "--id", "from Ada", "--wait=1ms"]).exits(0);
        assert!(late.stdout.contains("sent before"), "{late}");
        let application = Application::on(&store);
        let answer = application.wait(async |engine| asks().run(engine, "r").await).expect("it completes");
        assert_eq!(answer, yes());
        assert_eq!(application.record("r").steps[0].signal.as_deref(), Some("from Ada"));
    }
}

#[test]
fn a_value_stands_on_standard_input_or_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("answer.json");
    fs::write(&file, format!("\n{YES}\n")).expect("a file");
    for store in Store::each_with(&[]) {
        let application = Application::on(&store);
        application.has_asked("a");
        application.has_asked("b");
        let at = format!("@{}", file.display());
        flow_on(&store, &["signal", "a", "answer", &at, "--wait=60s"]).exits(0);
        flow_reading(&store, &["signal", "b", "answer", "-", "--wait=60s"], &file).exits(0);
        for run in ["a", "b"] {
            assert_eq!(application.wait(async |engine| asks().run(engine, run).await).expect("it completes"), yes());
        }
    }
    let store = Store::with("json", &some_runs());
    let call = flow_on(&store, &["signal", "order-3", "go", "@/nowhere/answer.json"]).exits(1);
    assert!(call.stderr.contains("cannot read /nowhere/answer.json"), "{call}");
}

#[test]
fn a_value_that_does_not_fit_is_refused_at_once_where_its_type_is_known() {
    for store in Store::each_with(&[]) {
        let application = Application::on(&store);
        let parked = application.wait(async |engine| asks_whether().run_until_parked(engine, "r").await);
        assert!(parked.is_ok());
        let calls = [
            flow_on(&store, &["signal", "r", "answer", "\"yes\""]).exits(1),
            flow_on(&store, &["signal", "r", "answer", "yes"]).exits(1),
            flow_on(&store, &["signal", "r", "answer", "-1", "--json"]).exits(1),
        ];
        is("signal_unfit", &together(&calls));
        flow_on(&store, &["signal", "r", "answer", " true ", "--wait=60s"]).exits(0);
        assert!(application.wait(async |engine| asks_whether().run(engine, "r").await).expect("it completes"));
    }
}

#[test]
fn a_value_that_the_application_refuses_is_told_to_who_waits() {
    for store in Store::each_with(&[]) {
        let application = Application::on(&store);
        application.has_asked("r");
        flow_on(&store, &["signal", "r", "answer", "7", "--wait=60s"]).exits(1).is("signal_refused");
        flow_on(&store, &["signal", "r", "answer", YES, "--wait=60s"]).exits(0);
        assert_eq!(application.wait(async |engine| asks().run(engine, "r").await).expect("it completes"), yes());
    }
}

#[test]
fn a_signal_that_nothing_waits_for_is_sent_with_a_remark() {
    let calls = |store: &Store| {
        Application::on(store).has_asked("r");
        [
            flow_on(store, &["signal", "r", "anser", "true"]).exits(0),
            flow_on(store, &["signal", "order-3", "go", "true"]).exits(0),
            flow_on(store, &["signal", "none", "go", "-7"]).exits(0),
            flow_on(store, &["signal", "order-1", "go", "true"]).exits(1),
            flow_on(store, &["signal", "r", "anser", "true", "--wait=1ms"]).exits(1),
        ]
    };
    for store in Store::each_with(&some_runs()) {
        is("signal_early", &together(&calls(&store)));
        let kept: Vec<usize> = ["r", "order-3", "none", "order-1"].map(|run| store.requests(run).len()).into();
        assert_eq!(kept, [2, 1, 1, 0]);
    }
}

#[test]
fn hostile_names_and_ids_are_shown_and_not_done() {
    let (run, name) = ("-\u{202e}' --all", "go\u{1b}[2J\n");
    for store in Store::each_with(&[]) {
        let calls: Vec<Call> = [&["--"][..], &["--json", "--"]]
            .into_iter()
            .map(|options| flow_on(&store, &[&["signal"], options, &[run, name, "1"]].concat()).exits(0))
            .collect();
        assert!(is_harmless(&calls[0].stdout) && is_harmless(&calls[0].stderr), "{}", calls[0]);
        assert!(is_harmless(&calls[1].stdout) && is_harmless(&calls[1].stderr), "{}", calls[1]);
        assert_eq!(calls[1].json()["runs"][0]["id"], run);
        assert_eq!(store.requests(run).len(), 2);
        let call = flow_on(&store, &["signal", "a\nb", "go", "1"]).exits(2);
        assert!(call.stderr.contains("is no workflow id"), "{call}");
    }
}
