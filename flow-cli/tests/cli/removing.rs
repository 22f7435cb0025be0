//! `flow rm` and `flow gc`: what is removed, what is left, and that it must be meant.

use crate::application::Application;
use crate::flow::{flow_on, is, together};
use crate::samples::{Sample, ends, fulfil, some_runs};
use crate::stores::Store;
use flow_runtime::WorkflowData;
use flow_runtime::state::{RunOutcome, RunOutput};

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
