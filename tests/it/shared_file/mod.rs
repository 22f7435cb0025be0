//! Engines in several processes on one database: each run has one driver at a time, whoever is killed or paused.

mod child;
mod load;
mod paused;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_runtime::prelude::*;

/// Where the child finds its files, what it does, and what it is called.
const DIR: &str = "FLOW_TEST_SHARED_DIR";
const ROLE: &str = "FLOW_TEST_SHARED_ROLE";
const NAME: &str = "FLOW_TEST_SHARED_NAME";

/// How long the runs of a process that was killed are held. It must outlast a machine that is slow to let the living
/// renew theirs.
const LEASE: Duration = Duration::from_secs(3);

/// A file to which several processes add lines, each in one write.
#[derive(Clone)]
struct Ledger(PathBuf);

impl Ledger {
    fn note(&self, line: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// All lines, as words.
    fn lines(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }
}

fn effects(dir: &Path) -> Ledger {
    Ledger(dir.join("effects"))
}

fn open(dir: &Path, lease: Duration) -> SqliteStore {
    SqliteStore::options().lease(lease).open(dir.join("store/flow.db")).unwrap()
}

/// This test binary as a child with that role.
fn spawn(role: &str, name: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["shared_file::child::child", "--exact", "--nocapture"])
        .env(DIR, dir)
        .env(ROLE, role)
        .env(NAME, name)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What the children run.
#[derive(Clone)]
struct App {
    name: String,
    effects: Ledger,
}

#[node]
async fn add(#[state] app: &App, x: u64, cx: &NodeContext) -> u64 {
    app.effects.note(&format!("{} {} {}", cx.workflow_id().unwrap(), cx.step(), app.name));
    x + 1
}

workflow! {
    fn chain(x: u64) -> u64 {
        let s0 = add(x);
        let s1 = add(s0);
        let s2 = add(s1);
        let s3 = add(s2);
        let s4 = add(s3);
        let s5 = add(s4);
        s5
    }
}
