//! `flow list`.

use crate::flow::{flow_on, is_harmless, together};
use crate::samples::{self, Sample, some_runs};
use crate::stores::Store;

#[test]
fn runs_are_listed_the_newest_first_and_the_same_from_each_store() {
    for store in Store::each_with(&some_runs()) {
        flow_on(&store, &["list"]).exits(0).is("list");
        flow_on(&store, &["list", "--json"]).exits(0).is("list_json");
    }
}

#[test]
fn runs_are_chosen_by_status_workflow_time_and_metadata() {
    for store in Store::each_with(&some_runs()) {
        let ids = |args: &[&str]| {
            let document = flow_on(&store, &[&["ls", "--json"], args].concat()).exits(0).json();
            let ids = document["runs"]
                .as_array()
                .expect("runs")
                .iter()
                .map(|run| run["id"].as_str().expect("an id").to_owned());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&["--status", "failed"]), ["order-2"]);
        assert_eq!(ids(&["--status", "FAILED", "--status", "Completed"]), ["order-2", "order-1"]);
        assert_eq!(ids(&["--status", "rolling-back"]), Vec::<String>::new());
        assert_eq!(ids(&["--workflow", "fulfil"]).len(), 3);
        assert_eq!(ids(&["--workflow", "other"]), Vec::<String>::new());
        assert_eq!(ids(&["--since", "1h"]), ["order-3", "order-2"]);
        assert_eq!(ids(&["--since", "3h", "--until", "1h"]), ["order-1"]);
        assert_eq!(ids(&["--until", "2026-11-30T10:30:00Z"]), ["order-1"]);
        assert_eq!(ids(&["--where", "customer=Grace", "--where", "region=eu"]), ["order-2"]);
        assert_eq!(ids(&["--where", "customer=Ada", "--where", "region=eu"]), Vec::<String>::new());
    }
}

#[test]
fn pages_follow_one_another_to_the_end() {
    let runs: Vec<_> = (0..7).map(|n| Sample::new(&format!("r {n}"), &samples::fulfil(), 100).run()).collect();
    for store in Store::each_with(&runs) {
        flow_on(&store, &["list", "-n", "3"]).exits(0).is("list_page");
        let (mut ids, mut mark) = (Vec::new(), None::<String>);
        loop {
            let page: Vec<&str> = mark.iter().flat_map(|mark| ["--page", mark]).collect();
            let document = flow_on(&store, &[&["list", "--json", "-n", "3"], &*page].concat()).exits(0).json();
            ids.extend(document["runs"].as_array().expect("runs").iter().map(|run| run["id"].to_string()));
            mark = document["next"].as_str().map(str::to_owned);
            if mark.is_none() {
                break;
            }
        }
        assert_eq!(ids, (0..7).map(|n| format!("\"r {n}\"")).collect::<Vec<_>>());
        let all = flow_on(&store, &["list", "--json", "--all"]).exits(0).json();
        assert_eq!(all["runs"].as_array().map(Vec::len), Some(7));
    }
}

#[test]
fn what_acts_on_a_terminal_is_shown_and_not_done() {
    let mut plan = samples::fulfil();
    plan.workflow = "\u{1b}[2Jfulfil\u{202e}\r\n".into();
    let run =
        Sample::new("a\u{202e}b\u{200b}' --all", &plan, 60).says("\u{1b}]0;title\u{7}", "two\nlines\u{9b}31m").run();
    for store in Store::each_with(std::slice::from_ref(&run)) {
        let calls = [
            flow_on(&store, &["list"]).exits(0),
            flow_on(&store, &["list", "--color", "always"]).exits(0),
            flow_on(&store, &["list", "--json"]).exits(0),
        ];
        assert!(is_harmless(&calls[0].stdout) && is_harmless(&calls[2].stdout), "{}", together(&calls));
        let without = calls[1].stdout.replace('\u{1b}', "");
        assert!(calls[1].stdout.contains("\u{1b}[") && is_harmless(&without), "{}", calls[1]);
        assert_eq!(calls[2].json()["runs"][0]["id"], run.id.as_str());
        flow_on(&store, &["list"]).is("list_hostile");
    }
}
