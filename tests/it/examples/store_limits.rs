//! `store_limits`: what it counts is what the stores promise. What it times is not looked at.

use serde_json::Value;

use super::{example, folder, run};

fn rows(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn b31_a_strict_chain_of_n_steps_makes_n_and_one_syncs_and_a_step_costs_few_bytes() {
    let folder = folder();
    let arguments = ["--json", "--only", "flatbuffers", "--rounds", "1", "--dir"];
    let ended = run(example("store_limits").args(arguments).arg(folder.path())).succeeded();
    let rows = rows(&ended.stdout);
    let figure = |row: &Value, name: &str| row[name].as_f64().unwrap();
    let row = |runs: u64, durability: &str| {
        let is_it = |row: &&Value| row["runs"] == runs && row["durability"] == durability;
        rows.iter().find(is_it).unwrap_or_else(|| panic!("no {runs} {durability} in {rows:?}"))
    };
    for row in &rows {
        assert!(figure(row, "steps_per_s") > 0.0 && figure(row, "raw_per_s") > 0.0 && figure(row, "ratio") > 0.0);
        assert_eq!((row["store"].as_str(), row["payload_bytes"].as_u64()), (Some("flatbuffers"), Some(40)));
    }
    // 201 of 200.
    assert_eq!(figure(row(1, "Strict"), "fsyncs_per_step").to_string(), "1.005");
    assert!(figure(row(1, "OnSuspend"), "fsyncs_per_step") < 0.5);
    let many = row(128, "Strict");
    assert!(figure(many, "fsyncs_per_step") < 0.5, "commits that come together share their syncs: {many}");
    assert!(figure(many, "bytes_per_step") <= 40.0 + 192.0, "{many}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "its files are gone");
}

#[test]
fn b31_a_step_in_a_database_writes_a_few_pages_and_steps_that_come_together_share_them() {
    let folder = folder();
    let arguments = ["--json", "--only", "sqlite", "--rounds", "1", "--dir"];
    let ended = run(example("store_limits").args(arguments).arg(folder.path())).succeeded();
    let rows = rows(&ended.stdout);
    assert!(rows.iter().all(|row| row["store"] == "sqlite" && row["fsyncs_per_step"].is_null()), "{rows:?}");
    let bytes = |runs: u64| {
        let row = rows.iter().find(|row| row["runs"] == runs && row["durability"] == "Strict").unwrap();
        row["bytes_per_step"].as_f64().unwrap()
    };
    assert!(bytes(1) < 3.0 * 4096.0, "{rows:?}");
    assert!(bytes(128) < bytes(1) / 2.0, "{rows:?}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let ended = run(example("store_limits").args(["--only", "flatbuffers", "--dir"]).arg(&missing));
    ended.failed_saying(&["no folder to measure in"]);
}
