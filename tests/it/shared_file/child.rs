//! What a child does: run after run until it is told to stop, or one run in which it waits to be paused.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::StoreError;
use flow_runtime::prelude::*;

use super::{App, DIR, LEASE, Ledger, NAME, ROLE, chain, effects, open, paused};

/// How many runs a child drives at once.
const AT_ONCE: usize = 8;
/// How many runs may wait while others have them; more are not begun.
const MOST_HELD: usize = 64;

/// Without the environment of a child it does nothing.
#[test]
fn child() {
    let (Ok(role), Ok(dir), Ok(name)) = (std::env::var(ROLE), std::env::var(DIR), std::env::var(NAME)) else { return };
    let dir = PathBuf::from(dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if role == "load" {
        return runtime.block_on(load(&dir, name));
    }
    let said = runtime.block_on(paused::run(&dir, name));
    // Written past the harness, which would keep it to itself.
    writeln!(std::io::stdout(), "said {said}").unwrap();
}

/// The runs that are to be made, which are the same for every child: 0, 1, 2 and so on.
struct Runs {
    dir: PathBuf,
    next: u64,
    /// Those that another has.
    held: VecDeque<u64>,
}

impl Runs {
    /// The next run, if there is to be one more.
    fn take(&mut self) -> Option<u64> {
        if self.dir.join("stop").exists() {
            return None;
        }
        if (self.held.len() >= MOST_HELD || fastrand::bool())
            && let Some(held) = self.held.pop_front()
        {
            return Some(held);
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

async fn load(dir: &Path, name: String) {
    let engine = Engine::builder(open(dir, LEASE)).state(App { name, effects: effects(dir) }).build();
    let done = Ledger(dir.join("done"));
    // A little before where the others are.
    let last = done.lines().iter().map(|line| line[0].parse::<u64>().unwrap()).max();
    let next = last.unwrap_or(0).saturating_sub(20);
    let runs = Arc::new(Mutex::new(Runs { dir: dir.to_owned(), next, held: VecDeque::new() }));
    let drive = || tokio::spawn(drive(engine.clone(), runs.clone(), done.clone()));
    for task in (0..AT_ONCE).map(|_| drive()).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    engine.shutdown(Duration::from_secs(30)).await;
}

async fn drive(engine: Engine<App>, runs: Arc<Mutex<Runs>>, done: Ledger) {
    loop {
        let Some(run) = runs.lock().unwrap().take() else { return };
        match chain(run).run(&engine, format!("run-{run}")).await {
            Ok(output) => {
                assert_eq!(output, run + 6);
                done.note(&run.to_string());
            }
            Err(error) if is_held(&error) => {
                runs.lock().unwrap().held.push_back(run);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("run {run}: {error}"),
        }
    }
}

pub(super) fn is_held(error: &RunError) -> bool {
    matches!(error, RunError::Store { source, .. } if matches!(**source, StoreError::Held { .. }))
}
