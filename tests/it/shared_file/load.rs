//! Two processes drive the same runs as fast as they can, and one of them is killed and started again and again. A
//! minute of it, or as long as is asked:
//!
//! ```text
//! FLOW_SHARED_SECONDS=60 cargo test --release -p flow-tests --test it shared_file::load
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use flow_runtime::prelude::*;
use flow_runtime::state::WorkflowStatus;
use flow_runtime::{WorkflowId, WorkflowStore};

use super::child::is_held;
use super::{App, LEASE, Ledger, chain, effects, open, spawn};

const SIGKILL: i32 = 9;

fn length() -> Duration {
    let asked = std::env::var("FLOW_SHARED_SECONDS").ok();
    Duration::from_secs(asked.map_or(5, |seconds| seconds.parse().expect("FLOW_SHARED_SECONDS is a number")))
}

/// What each process did in a run, in the order in which it began it: who, and which step.
type Story = Vec<(String, u32)>;

/// Starts a process and kills it until the time is over. Gives the names of those that were killed.
fn kill_until(end: Instant, dir: &Path) -> BTreeSet<String> {
    let mut killed = BTreeSet::new();
    while Instant::now() < end {
        let name = format!("victim-{}", killed.len());
        let mut victim = spawn("load", &name, dir);
        let has_begun = || effects(dir).lines().iter().any(|line| line[2] == name);
        while !has_begun() {
            assert!(victim.try_wait().unwrap().is_none(), "{name} ended by itself");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(..2_500)));
        victim.kill().unwrap();
        let status = victim.wait().unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "{name} ended by itself: {status}");
        killed.insert(name);
    }
    killed
}

fn stories(dir: &Path) -> BTreeMap<String, Story> {
    let mut stories = BTreeMap::<_, Story>::new();
    for line in effects(dir).lines() {
        let [run, step, name] = line.try_into().unwrap();
        stories.entry(run).or_default().push((name, step.trim_start_matches('s').parse().unwrap()));
    }
    stories
}

/// That one process at a time drove the run, the next only after the one before was killed, and that what had been
/// committed did not run again.
fn is_told_by_one_at_a_time(run: &str, story: &Story, killed: &BTreeSet<String>) {
    for pair in story.windows(2) {
        let [(before, last), (name, step)] = pair else { unreachable!("windows of two") };
        if name == before {
            assert_eq!(*step, last + 1, "{run}: {story:?}");
        } else {
            assert!(killed.contains(before), "{run} went from {before}, which was alive, to {name}: {story:?}");
            // The step in which it was killed may have been committed or not.
            assert!(step == last || *step == last + 1, "{run}: {story:?}");
        }
    }
    let drivers: Vec<&String> = story.iter().map(|(name, _)| name).collect();
    let changes = drivers.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(changes + 1, drivers.iter().collect::<BTreeSet<_>>().len(), "{run} came back to a driver: {story:?}");
    assert_eq!(story[0].1, 0, "{run}: {story:?}");
    assert_eq!(story[story.len() - 1].1, 5, "{run}: {story:?}");
}

/// Runs to its end what the killed have left.
async fn finish(dir: &Path) -> usize {
    let engine =
        Engine::builder(open(dir, LEASE)).state(App { name: "last".to_owned(), effects: effects(dir) }).build();
    let runs = engine.list().await.unwrap().workflows;
    for id in &runs {
        let number: u64 = id.as_str().trim_start_matches("run-").parse().unwrap();
        loop {
            match chain(number).run(&engine, id).await {
                Ok(output) => break assert_eq!(output, number + 6),
                Err(error) if is_held(&error) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{id}: {error}"),
            }
        }
    }
    runs.len()
}

#[tokio::test]
async fn b62_b63_b66_two_processes_drive_the_runs_of_one_file_while_one_is_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut steady = spawn("load", "steady", dir);
    let killed = kill_until(Instant::now() + length(), dir);
    std::fs::write(dir.join("stop"), "").unwrap();
    assert!(steady.wait().unwrap().success(), "the process that was left alone failed");

    let store = open(dir, LEASE);
    let done: BTreeSet<String> = Ledger(dir.join("done")).lines().into_iter().map(|mut line| line.remove(0)).collect();
    for run in &done {
        let data = store.load(&WorkflowId::new(format!("run-{run}")).unwrap()).await.unwrap();
        assert_eq!(data.status, WorkflowStatus::Completed, "run {run} was told to have ended");
    }
    drop(store);
    let runs = finish(dir).await;
    let stories = stories(dir);
    stories.iter().for_each(|(run, story)| is_told_by_one_at_a_time(run, story, &killed));
    assert_eq!(stories.len(), runs, "each run that is there was driven, and each that was driven is there");
    let drivers: BTreeSet<&String> = stories.values().flatten().map(|(name, _)| name).collect();
    let taken_over = stories.values().filter(|story| story[0].0 != story[story.len() - 1].0).count();
    println!("{runs} runs, {} ended before the end, {} kills, {taken_over} taken over", done.len(), killed.len());
    assert!(drivers.contains(&"steady".to_owned()) && drivers.iter().any(|name| name.starts_with("victim")));
}
