//! A process that is paused for longer than its lease, while another takes its run over and ends it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};

use super::child::is_held;
use super::{App, effects, open, spawn};

const LEASE: Duration = Duration::from_millis(500);
const PAUSED: &str = "paused";

/// In the process that is to be paused it ends when it is told to.
#[node]
async fn hold(#[state] app: &App, x: u64) -> u64 {
    app.effects.note(&app.name);
    while app.name == PAUSED && !app.effects.0.with_file_name("go").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    x + 1
}

workflow! {
    fn holds(x: u64) -> u64 { hold(x) }
}

/// Runs it as the child, and gives what came of it.
pub(super) async fn run(dir: &Path, name: String) -> String {
    let engine = Engine::builder(open(dir, LEASE)).state(App { name, effects: effects(dir) }).build();
    match holds(1).run(&engine, "run").await {
        Err(RunError::Store { source, .. }) if matches!(*source, StoreError::Conflict { .. }) => "conflict".to_owned(),
        other => format!("{other:?}"),
    }
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn b64_a_paused_process_that_wakes_up_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut child = spawn("paused", PAUSED, dir);
    while effects(dir).lines().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal("-STOP", child.id());

    let store = open(dir, LEASE);
    let app = App { name: "other".to_owned(), effects: effects(dir) };
    let engine = Engine::builder(store.clone()).state(app).build();
    let output = loop {
        match holds(1).run(&engine, "run").await {
            Err(error) if is_held(&error) => tokio::time::sleep(Duration::from_millis(20)).await,
            ended => break ended.unwrap(),
        }
    };
    assert_eq!(output, 2);
    let id = WorkflowId::new("run").unwrap();
    let ended = store.load(&id).await.unwrap();

    std::fs::write(dir.join("go"), "").unwrap();
    signal("-CONT", child.id());
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.filter(|line| line.contains("said ")).collect();
    assert!(said.len() == 1 && said[0].ends_with("said conflict"), "{said:?}");
    assert!(child.wait().unwrap().success());
    assert_eq!(store.load(&id).await.unwrap(), ended);
    assert_eq!(effects(dir).lines(), [[PAUSED], ["other"]]);
}
