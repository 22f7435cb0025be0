//! `flow show`.

use flow_runtime::state::{Encoding, Payload, RunOutcome, RunOutput, WaitingOn, encode};

use crate::flow::{flow_on, together};
use crate::samples::{self, Sample, ago, claim, completes, ends, fan_out, some_runs, starts, step, waits};
use crate::stores::Store;

#[test]
fn a_run_is_shown_with_its_steps_and_failures() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["show", "order-1"]).exits(0),
            flow_on(&store, &["show", "order-2"]).exits(0),
            flow_on(&store, &["show", "order-2", "--failed"]).exits(0),
            flow_on(&store, &["show", "order-3"]).exits(0),
        ];
        crate::flow::is("show", &together(&calls));
        flow_on(&store, &["show", "order-2", "--json"]).exits(0).is("show_json");
    }
}

#[test]
fn a_step_is_shown_wholly() {
    for store in Store::each_with(&some_runs()) {
        let calls = [
            flow_on(&store, &["show", "order-2", "--step", "payment"]).exits(0),
            flow_on(&store, &["show", "order-2", "--step", "payment", "--json"]).exits(0),
            flow_on(&store, &["show", "order-2", "--step", "nothing"]).exits(3),
            flow_on(&store, &["show", "order-9"]).exits(3),
            flow_on(&store, &["show", "a\nb"]).exits(2),
        ];
        let all = together(&calls);
        let places: Vec<&str> = all.lines().filter(|line| line.starts_with("source ")).collect();
        assert_eq!(places.len(), 1, "{all}");
        crate::flow::is("show_step", &all.replace(places[0], "source  PLACE"));
    }
}

#[test]
fn what_a_run_waits_for_is_told() {
    let (name, type_name) = ("manager".to_owned(), "bool".to_owned());
    let run = Sample::new("claim-1", &claim(), 3_600)
        .then(3_600, vec![starts(0), waits(3, WaitingOn::Timer(ago(-82_800)))])
        .then(
            3_599,
            vec![completes(0, "5"), waits(1, WaitingOn::Signal { name, type_name, deadline: Some(ago(-60)) })],
        );
    for store in Store::each_with(&[run.run()]) {
        flow_on(&store, &["show", "claim-1"]).exits(0).is("show_waits");
    }
}

#[test]
fn the_items_of_a_large_fan_out_are_counted() {
    for store in Store::each_with(&[fan_out(1_000, 40)]) {
        flow_on(&store, &["show", "labels-1"]).exits(0).is("show_fan_out");
        let failed = flow_on(&store, &["show", "labels-1", "--failed"]).exits(0);
        assert_eq!(
            failed.stdout.lines().filter(|line| line.contains(".print ") && line.contains(" Failed ")).count(),
            24,
            "{failed}"
        );
        let all = flow_on(&store, &["show", "labels-1", "--all"]).exits(0);
        assert_eq!(all.stdout.matches(".print  ").count(), 1_000);
        let json = flow_on(&store, &["show", "labels-1", "--json"]).exits(0).json();
        assert_eq!(json["steps"].as_array().map(Vec::len), Some(1_003));
    }
    let store = Store::with("json", &[fan_out(3, 40)]);
    let few = flow_on(&store, &["show", "labels-1"]).exits(0);
    assert!(few.stdout.contains("printed[2].print"), "{few}");
}

/// A run whose first output is this payload.
fn with_output(id: &str, payload: Payload) -> flow_runtime::WorkflowData {
    use flow_runtime::state::{CompletedBy, Event};
    let (data, by) = (Vec::new(), CompletedBy::Body);
    let completed = Event::StepCompleted { step: step(0), attempt: 1, payload, data, by };
    Sample::new(id, &samples::fulfil(), 60).then(60, vec![starts(0)]).then(50, vec![completed]).run()
}

#[test]
fn values_are_told_as_far_as_their_encoding_does() {
    let value = (7, Some("a \u{1b}[31m"), vec![1.5, -0.0]);
    let runs = [
        with_output("json", samples::json("{\"b\": [1, {}], \"a\": \"\u{9b}x\"}")),
        with_output("msgpack", encode(&value.clone(), Encoding::MessagePack).expect("a value")),
        with_output("text", Payload::new(Encoding::Raw, "two\nlines \u{1b}[2J")),
        with_output("bytes", Payload::new(Encoding::Raw, vec![0xff, 0x00, 0x1b])),
        with_output("broken", Payload::new(Encoding::Json, "{\"a\": ")),
    ];
    for store in Store::each_with(&runs) {
        let mut calls = Vec::new();
        for run in ["json", "msgpack", "text", "bytes", "broken"] {
            calls.push(flow_on(&store, &["show", run, "--output", "stock"]).exits(0));
            calls.push(flow_on(&store, &["show", run, "--output", "stock", "--json"]).exits(0));
        }
        calls.push(flow_on(&store, &["show", "json", "--input"]).exits(0));
        calls.push(flow_on(&store, &["show", "json", "--output"]).exits(3));
        calls.push(flow_on(&store, &["show", "json", "--output", "payment"]).exits(3));
        calls.push(flow_on(&store, &["show", "json", "--output", "stock", "--raw", "--json"]).exits(2));
        crate::flow::is("show_values", &together(&calls));
        let raw = flow_on(&store, &["show", "text", "--output", "stock", "--raw"]).exits(0);
        assert_eq!(raw.stdout, "two\nlines \u{1b}[2J");
    }
}

#[test]
fn the_output_of_a_run_is_that_of_its_last_step_or_its_own() {
    let own = Sample::new("own", &samples::fulfil(), 60)
        .then(60, vec![starts(0), starts(1)])
        .then(50, vec![completes(0, "1"), completes(1, "2"), starts(2)])
        .then(40, vec![completes(2, "3"), ends(RunOutcome::Completed, RunOutput::Payload(samples::json("[3]")))]);
    let runs = [some_runs(), vec![own.run()]].concat();
    for store in Store::each_with(&runs) {
        assert_eq!(flow_on(&store, &["show", "order-1", "--output", "--json"]).exits(0).json()["value"], 3);
        assert_eq!(flow_on(&store, &["show", "own", "--output"]).exits(0).stdout, "[\n  3\n]\n");
    }
}
