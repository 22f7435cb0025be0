//! `flow watch`.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;

use flow_runtime::RunError;
use tokio::sync::Notify;

use crate::flow::{command, flow_on};
use crate::samples::some_runs;
use crate::stores::{KINDS, Opened, Store};

mod gated {
    use std::sync::Arc;

    use flow_runtime::prelude::*;
    use tokio::sync::Notify;

    /// What the second step waits for.
    #[derive(Clone, Default)]
    pub(super) struct Gate(pub(super) Arc<Notify>);

    #[node]
    async fn first() -> u64 {
        1
    }

    #[node]
    async fn second(#[state] gate: &Gate, one: &u64) -> Result<u64, String> {
        gate.0.notified().await;
        if *one == 1 { Err("no paper".to_owned()) } else { Ok(*one) }
    }

    workflow! {
        pub(super) fn fails() -> u64 { second(first()) }
    }
}

#[test]
fn a_run_that_has_ended_is_told_at_once() {
    for store in Store::each_with(&some_runs()) {
        flow_on(&store, &["watch", "order-1"]).exits(0).is("watch_completed");
        flow_on(&store, &["watch", "order-2"]).exits(6).is("watch_failed");
        flow_on(&store, &["watch", "order-2", "--json"]).exits(6).is("watch_failed_json");
        flow_on(&store, &["watch", "order-9"]).exits(3);
    }
}

/// Starts watching a run that is not there yet.
fn watch(store: &Store) -> (Child, BufReader<ChildStdout>) {
    let mut command = command(&["watch", "--wait", "g"]);
    let mut child = command.env("FLOW_STORE", store.address()).stdout(Stdio::piped()).spawn().expect("flow runs");
    let stdout = BufReader::new(child.stdout.take().expect("its output"));
    (child, stdout)
}

#[test]
fn each_change_is_told_until_the_run_ends() {
    for kind in KINDS {
        let store = Store::absent(kind);
        let gate = gated::Gate(Arc::new(Notify::new()));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let engine = Opened::open(kind, store.path()).expect("a store").engine();
        let _inside = runtime.enter();
        let engine = engine.state(gate.clone()).build();
        let (mut child, mut lines) = watch(&store);
        let run = gated::fails().start(&engine, "g").expect("it starts");
        let mut told = String::new();
        // The step is under way and the watcher has seen it: now it may fail.
        while !told.contains(" second Running\n") {
            assert_ne!(lines.read_line(&mut told).expect("lines"), 0, "it ended early: {told}");
        }
        gate.0.notify_one();
        assert!(matches!(runtime.block_on(run.result()), Err(RunError::Failed { .. })));
        while lines.read_line(&mut told).expect("lines") != 0 {}
        assert_eq!(child.wait().expect("flow ends").code(), Some(6), "{told}");
        let words: Vec<&str> = told.lines().map(|line| line.split_once("Z ").map_or(line, |(_, rest)| rest)).collect();
        let has = |line: &str| words.iter().any(|word| word.starts_with(line));
        for line in
            ["g Running", "first Completed", "second Failed", "g Failed", "second failed at attempt 1: no paper"]
        {
            assert!(has(line), "{line} is not told: {told}");
        }
    }
}
