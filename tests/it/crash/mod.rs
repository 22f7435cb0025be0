//! Processes that are killed at random moments: no committed step runs again, and a run comes to the end that it has
//! when it is left alone. A hundred kills of each store in forward work, some in rollbacks and in doubt, or as many as
//! are asked for:
//!
//! ```text
//! FLOW_KILLS=1000 cargo test --release -p flow-tests --test it crash::
//! ```
//!
//! The child is this test binary itself, told by its environment what to run on which store. It writes each effect into
//! a ledger outside the store. Between two kills the parent reads the store beside it, and remembers what was committed.

mod doubt;
mod forward;
mod undo;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flow_runtime::prelude::*;
use flow_runtime::state::Timestamp;
use flow_runtime::{JsonFileStore, StoreError, WorkflowData, WorkflowId, WorkflowStore};

const SIGKILL: i32 = 9;
const ID: &str = "killed";
const STORE: &str = "FLOW_TEST_CRASH_STORE";
const WHAT: &str = "FLOW_TEST_CRASH_WHAT";
const DIR: &str = "FLOW_TEST_CRASH_DIR";
/// Which process it is of those that run over one store.
const TRY: &str = "FLOW_TEST_CRASH_TRY";

/// What the child says when it begins.
const BEGUN: &str = "the run begins";

/// How many kills count in one test, unless more or fewer are asked for.
fn kills(usual: usize) -> usize {
    let asked = std::env::var("FLOW_KILLS").ok();
    asked.map_or(usual, |kills| kills.parse().expect("FLOW_KILLS is a number"))
}

/// What the nodes leave in the world: a line for each effect. Clones are the same.
#[derive(Clone)]
struct Ledger(PathBuf);

/// An effect in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    what: String,
    step: String,
    key: String,
}

impl Ledger {
    fn of(dir: &Path) -> Self {
        Self(dir.join("ledger"))
    }

    fn note(&self, what: &str, cx: &NodeContext) {
        self.add(&format!("{what} {} {}", cx.step(), cx.idempotency_key()));
    }

    fn add(&self, line: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn entries(&self) -> Vec<Entry> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let entry = |line: &str| {
            let [what, step, key] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let [what, step, key] = [what, step, key].map(str::to_owned);
            Entry { what, step, key }
        };
        text.lines().map(entry).collect()
    }
}

/// That each effect had one key, whichever process it was done in.
fn check_keys(entries: &[Entry]) {
    let mut keys = BTreeMap::new();
    for Entry { what, step, key } in entries {
        let first = keys.entry((what, step)).or_insert(key);
        assert_eq!(*first, key, "`{step}` had several keys to {what}");
    }
}

/// Runs a workflow to its end, in a process of its own. Without the environment of a child it does nothing.
#[test]
fn child() {
    let (Ok(store), Ok(what), Ok(dir)) = (std::env::var(STORE), std::env::var(WHAT), std::env::var(DIR)) else {
        return;
    };
    let dir = PathBuf::from(dir);
    // Written past the harness, which would keep it to itself.
    writeln!(std::io::stdout(), "{BEGUN}").unwrap();
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let output = runtime.block_on(async {
        match store.as_str() {
            "json" => run(&what, JsonFileStore::open(dir.join("store")).unwrap(), &dir).await,
            "sqlite" => run(&what, database(&dir), &dir).await,
            _ => run(&what, FlatBuffersStore::open(dir.join("store")).unwrap(), &dir).await,
        }
    });
    std::fs::write(dir.join("micros"), begun.elapsed().as_micros().to_string()).unwrap();
    std::fs::write(dir.join("output"), output).unwrap();
}

/// The database, some time after the leases of the process before have run out.
fn database(dir: &Path) -> SqliteStore {
    let days: Timestamp = std::env::var(TRY).unwrap().parse().unwrap();
    SqliteStore::options().clock(move || days * 86_400_000_000_000).open(dir.join("store/flow.db")).unwrap()
}

/// Gives what is the same in the end, whoever was killed on the way.
async fn run(what: &str, store: impl WorkflowStore, dir: &Path) -> String {
    let engine = Engine::builder(store).state(Ledger::of(dir));
    match what {
        "undo" => undo::run(&engine.build()).await,
        "doubt" => doubt::run(&engine.durability(doubt::SELDOM).build(), dir).await,
        _ => forward::run(&engine.build()).await,
    }
}

/// What is run, and on which store.
#[derive(Clone, Copy)]
struct Story {
    what: &'static str,
    store: &'static str,
}

/// What a process left that came to its end or was killed.
struct Left {
    /// What it did in the world.
    new: Vec<Entry>,
    /// The record, if there is one yet.
    data: Option<WorkflowData>,
    has_ended: bool,
}

impl Story {
    /// Kills runs until so many of the kills counted, each run until it has ended. Of each process `look` is told what
    /// it left, with all that stands in the ledger and what it said of the process before; it says whether a kill then
    /// counts.
    async fn kill<S: Default>(self, seed: u64, wanted: usize, mut look: impl FnMut(&mut S, &Left, &[Entry]) -> bool) {
        let undisturbed = tempfile::tempdir().unwrap();
        assert!(self.run_child(undisturbed.path(), 0, None));
        let read = |name| std::fs::read_to_string(undisturbed.path().join(name)).unwrap();
        let (full_life, expected) = (Duration::from_micros(read("micros").parse().unwrap()), read("output"));
        let effects = Ledger::of(undisturbed.path()).entries().len();
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut kills, mut runs) = (0, 0);
        while kills < wanted {
            let dir = tempfile::tempdir().unwrap();
            kills += self.kill_until_it_ends(dir.path(), full_life, &mut random, &mut look).await;
            assert_eq!(std::fs::read_to_string(dir.path().join("output")).unwrap(), expected);
            runs += 1;
        }
        let Self { what, store } = self;
        println!("{what}, {store}: {kills} kills in {runs} runs of {effects} effects and {full_life:?}, seed {seed}");
    }

    /// Kills one run again and again until it has ended. Gives the number of kills that count.
    async fn kill_until_it_ends<S: Default>(
        self,
        dir: &Path,
        full_life: Duration,
        random: &mut fastrand::Rng,
        look: &mut impl FnMut(&mut S, &Left, &[Entry]) -> bool,
    ) -> usize {
        let (mut kills, mut tries, mut seen, mut entries_before) = (0, 0, S::default(), 0);
        loop {
            // After many kills it is left alone, so that a slow machine comes to an end as well.
            let life = (tries < 20).then(|| full_life.mul_f64(random.f64()));
            let has_ended = self.run_child(dir, tries, life);
            let entries = Ledger::of(dir).entries();
            let left = Left { new: entries[entries_before..].to_vec(), data: self.load(dir).await, has_ended };
            let counts = look(&mut seen, &left, &entries);
            if has_ended {
                check_keys(&entries);
                return kills;
            }
            entries_before = entries.len();
            kills += usize::from(counts);
            tries += 1;
        }
    }

    /// Starts the child, the so-many-th over this store, and kills it this long after it has begun. Says whether it
    /// came to its end before.
    fn run_child(self, dir: &Path, tries: usize, life: Option<Duration>) -> bool {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child", "--exact", "--nocapture"])
            .env(STORE, self.store)
            .env(WHAT, self.what)
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
        let was_killed = life.is_some() && status.signal() == Some(SIGKILL);
        assert!(status.success() || was_killed, "the child failed: {status}");
        status.success()
    }

    async fn load(self, dir: &Path) -> Option<WorkflowData> {
        let id = WorkflowId::new(ID).unwrap();
        let dir = dir.join("store");
        if !dir.exists() {
            return None;
        }
        let loaded = match self.store {
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
            Err(error) => panic!("{}: {error}", self.store),
        }
    }
}

/// That no effect was had twice by one process.
fn check_once(new: &[Entry]) {
    for (number, entry) in new.iter().enumerate() {
        assert!(!new[..number].contains(entry), "one process did it twice: {entry:?}");
    }
}

/// One test for each store that outlives its process.
macro_rules! on_every_durable_store {
    ($name:ident, $kill:path) => {
        mod flat {
            #[tokio::test]
            async fn $name() {
                $kill("flat", 7).await;
            }
        }

        mod json {
            #[tokio::test]
            async fn $name() {
                $kill("json", 8).await;
            }
        }

        mod sqlite {
            #[tokio::test]
            async fn $name() {
                $kill("sqlite", 9).await;
            }
        }
    };
}
use on_every_durable_store;
