//! Processes that are killed at random moments: no committed step runs again, and the output is that of a run that
//! was left alone.
//!
//! The child is this test binary itself, told by its environment which store to run on. It writes each effect into a
//! ledger outside the store. Between two kills the parent reads the store beside it, and remembers what was committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, Timestamp};
use flow_runtime::{JsonFileStore, StoreError, WorkflowData, WorkflowId, WorkflowStore};

/// Of each store; only those count that came after the run was begun.
const KILLS: usize = 100;
const SIGKILL: i32 = 9;
const ID: &str = "killed";
const STORE: &str = "FLOW_TEST_CRASH_STORE";
const DIR: &str = "FLOW_TEST_CRASH_DIR";
/// Which process it is of those that run over one store.
const TRY: &str = "FLOW_TEST_CRASH_TRY";

/// What the child says when it begins.
const BEGUN: &str = "the run begins";

/// What the nodes leave in the world: a line for each effect.
struct Ledger(PathBuf);

impl Ledger {
    fn note(&self, cx: &NodeContext) {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        file.write_all(format!("{} {}\n", cx.step(), cx.idempotency_key()).as_bytes()).unwrap();
    }
}

#[node]
async fn first(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.note(cx);
    x + 1
}

#[node(retry(times = 3, backoff = "1ms..2ms"))]
async fn flaky(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, String> {
    if cx.attempt() == 1 {
        return Err("not yet".to_owned());
    }
    ledger.note(cx);
    Ok(x * 3)
}

#[node(pure)]
async fn even(x: u64) -> bool {
    x.is_multiple_of(2)
}

#[node]
async fn halve(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.note(cx);
    x / 2
}

#[node]
async fn refuse(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.note(cx);
    Err(format!("{x} is odd"))
}

#[node]
async fn add(#[state] ledger: &Ledger, base: u64, parts: &[u64], cx: &NodeContext) -> u64 {
    ledger.note(cx);
    base + parts.iter().sum::<u64>()
}

workflow! {
    fn work(xs: Vec<u64>) -> u64 {
        let base = flaky(first(7));
        let parts = for x in xs {
            let begun = #[id = "begin"] first(x);
            #[catch]
            let part = if even(begun) {
                let half = halve(begun);
                half + 1
            } else {
                refuse(begun)
            };
            match part {
                Ok(halved) => halved + begun,
                Err(_) => begun.clone(),
            }
        };
        let sum = add(base, parts);
        #[id = "last"]
        first(sum)
    }
}

/// Runs the workflow to its end, in a process of its own. Without the environment of a child it does nothing.
#[test]
fn child() {
    let (Ok(store), Ok(dir)) = (std::env::var(STORE), std::env::var(DIR)) else { return };
    let dir = PathBuf::from(dir);
    // Written past the harness, which would keep it to itself.
    writeln!(std::io::stdout(), "{BEGUN}").unwrap();
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let output = match store.as_str() {
        "json" => runtime.block_on(run(JsonFileStore::open(dir.join("store")).unwrap(), &dir)),
        "sqlite" => runtime.block_on(run(database(&dir), &dir)),
        _ => runtime.block_on(run(FlatBuffersStore::open(dir.join("store")).unwrap(), &dir)),
    };
    std::fs::write(dir.join("micros"), begun.elapsed().as_micros().to_string()).unwrap();
    std::fs::write(dir.join("output"), output.to_string()).unwrap();
}

/// The database, some time after the leases of the process before have run out.
fn database(dir: &Path) -> SqliteStore {
    let days: Timestamp = std::env::var(TRY).unwrap().parse().unwrap();
    SqliteStore::options().clock(move || days * 86_400_000_000_000).open(dir.join("store/flow.db")).unwrap()
}

async fn run(store: impl WorkflowStore, dir: &Path) -> u64 {
    let engine = Engine::builder(store).state(Ledger(dir.join("ledger"))).build();
    work((0..12).collect()).run(&engine, ID).await.unwrap()
}

/// Starts the child, the so-many-th over this store, and kills it this long after it has begun. Says whether it came to
/// its end before.
fn run_child(store: &str, dir: &Path, tries: usize, life: Option<Duration>) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--nocapture"])
        .env(STORE, store)
        .env(DIR, dir)
        .env(TRY, tries.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(BEGUN)), "the child did not begin");
    if let Some(life) = life {
        std::thread::sleep(life);
        child.kill().unwrap();
    }
    lines.for_each(drop);
    let status = child.wait().unwrap();
    assert!(status.success() || (life.is_some() && status.signal() == Some(SIGKILL)), "the child failed: {status}");
    status.success()
}

fn ledger(dir: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(dir.join("ledger")).unwrap_or_default();
    let entries = text.lines().map(|line| line.split_once(' ').unwrap());
    entries.map(|(step, key)| (step.to_owned(), key.to_owned())).collect()
}

async fn load(store: &str, dir: &Path) -> Option<WorkflowData> {
    let id = WorkflowId::new(ID).unwrap();
    let dir = dir.join("store");
    if !dir.exists() {
        return None;
    }
    let loaded = match store {
        "json" => JsonFileStore::open_read_only(dir).unwrap().load(&id).await,
        "sqlite" => match SqliteStore::open_read_only(dir.join("flow.db")) {
            Ok(store) => store.load(&id).await,
            // It was killed before it had made its tables.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => Err(error),
        },
        _ => FlatBuffersStore::open_read_only(dir).unwrap().load(&id).await,
    };
    match loaded {
        Ok(data) => Some(data),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => panic!("{store}: {error}"),
    }
}

/// The steps that have ended for good in this record.
fn ended(data: &WorkflowData) -> BTreeSet<String> {
    let is_ended = |status: &StepStatus| matches!(status, StepStatus::Completed | StepStatus::Failed);
    data.statuses().into_iter().filter(|(_, status)| is_ended(status)).map(|(step, _)| step).collect()
}

/// Kills one run again and again until it has ended. Gives the number of kills.
async fn kill_until_it_ends(store: &str, full_life: Duration, expected: &str, random: &mut fastrand::Rng) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (mut kills, mut tries, mut ended_before, mut entries_before) = (0, 0, BTreeSet::new(), 0);
    loop {
        // After many kills it is left alone, so that a slow machine comes to an end as well.
        let life = (tries < 20).then(|| full_life.mul_f64(random.f64()));
        let has_ended = run_child(store, dir, tries, life);
        let entries = ledger(dir);
        let new: Vec<&String> = entries[entries_before..].iter().map(|(step, _)| step).collect();
        for step in &new {
            assert!(!ended_before.contains(*step), "{store}: `{step}` was committed and ran again");
            assert_eq!(new.iter().filter(|other| other == &step).count(), 1, "{store}: `{step}` ran twice at once");
        }
        entries_before = entries.len();
        let data = load(store, dir).await;
        let now = data.as_ref().map(ended).unwrap_or_default();
        assert!(now.is_superset(&ended_before), "{store}: committed steps are lost");
        for step in &now {
            let has_effect = ["halve", "refuse", "add", "begin"].iter().any(|name| step.ends_with(name));
            assert!(!has_effect || entries.iter().any(|(entry, _)| entry == step), "{store}: `{step}` never ran");
        }
        ended_before = now;
        if has_ended {
            let keys: BTreeMap<&String, BTreeSet<&String>> = entries.iter().fold(BTreeMap::new(), |mut keys, entry| {
                keys.entry(&entry.0).or_insert_with(BTreeSet::new).insert(&entry.1);
                keys
            });
            assert!(keys.values().all(|keys| keys.len() == 1), "{store}: a step had several keys");
            assert_eq!(std::fs::read_to_string(dir.join("output")).unwrap(), expected);
            return kills;
        }
        kills += usize::from(!ended_before.is_empty() || !entries.is_empty());
        tries += 1;
    }
}

async fn kill(store: &str, seed: u64) {
    let undisturbed = tempfile::tempdir().unwrap();
    assert!(run_child(store, undisturbed.path(), 0, None));
    let micros = std::fs::read_to_string(undisturbed.path().join("micros")).unwrap();
    let full_life = Duration::from_micros(micros.parse().unwrap());
    let expected = std::fs::read_to_string(undisturbed.path().join("output")).unwrap();
    let effects = ledger(undisturbed.path()).len();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut kills, mut runs) = (0, 0);
    while kills < KILLS {
        kills += kill_until_it_ends(store, full_life, &expected, &mut random).await;
        runs += 1;
    }
    println!("{store}: {kills} kills in {runs} runs of {effects} effects and {full_life:?}, seed {seed}");
}

#[tokio::test]
async fn b42_b43_killed_at_any_moment_a_run_in_the_log_goes_on() {
    kill("flat", 7).await;
}

#[tokio::test]
async fn b42_b43_killed_at_any_moment_a_run_in_json_files_goes_on() {
    kill("json", 8).await;
}

#[tokio::test]
async fn b42_b43_killed_at_any_moment_a_run_in_a_database_goes_on() {
    kill("sqlite", 9).await;
}
