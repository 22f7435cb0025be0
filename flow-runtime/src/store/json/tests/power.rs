//! The power goes at each operation of a workload: what was acknowledged is there, and nothing is torn.

use std::collections::BTreeSet;

use super::*;
use crate::disk::{CrashModel, Fault, FaultFs};

async fn run_on(fs: &FaultFs, steps: &[Step]) -> usize {
    match open(fs.clone()) {
        Ok(store) => run(&store, steps).await.0,
        Err(_) => 0,
    }
}

async fn operations(steps: &[Step]) -> u64 {
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(run_on(&counting, steps).await, steps.len());
    counting.count()
}

/// The disk after the power went, or the process died, at this operation; and how many steps were acknowledged.
async fn cut_at(at: u64, steps: &[Step]) -> (SimFs, usize) {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    fs.fail(at, true, Fault::Errno(5));
    let done = run_on(&fs, steps).await;
    (disk, done)
}

fn after_power_loss(disk: &SimFs) -> impl Iterator<Item = SimFs> {
    CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model))
}

#[tokio::test]
async fn b42_whenever_the_power_goes_what_was_acknowledged_is_there() {
    let steps = workload();
    let operations = operations(&steps).await;
    let (mut states, mut distinct) = (0_usize, BTreeSet::new());
    for at in 0..=operations {
        let (disk, done) = cut_at(at, &steps).await;
        for found in after_power_loss(&disk) {
            states += 1;
            if distinct.insert((done, files(&found))) {
                check(found, &steps, done, at).await;
            }
        }
    }
    let contents: BTreeSet<_> = distinct.iter().map(|(_, files)| files).collect();
    println!(
        "power loss: {operations} operations, {states} states, {} of them distinct with what was acknowledged by \
         then, {} different folders",
        distinct.len(),
        contents.len()
    );
    assert!(distinct.len() > 1_000, "{} distinct states", distinct.len());
}

async fn check(disk: SimFs, steps: &[Step], done: usize, at: u64) {
    let store = open(disk.clone()).unwrap_or_else(|error| panic!("power went at operation {at}: {error}"));
    let listing = store.list_workflows().await.unwrap();
    assert_eq!(listing.damaged, [], "power went at operation {at}");
    for id in ids(steps) {
        let found = find(&store, id).await.unwrap_or_else(|error| panic!("power went at operation {at}: {error}"));
        assert_eq!(listing.workflows.contains(id), found.is_some());
        let allowed = allowed(steps, done, id);
        assert!(allowed.contains(&found.as_ref()), "power went at operation {at}: `{id}` is not where it may be");
    }
    assert!(
        files(&disk).iter().all(|(path, _)| path.extension().is_some_and(|end| end == "json")),
        "{:?}",
        disk.paths()
    );
}

/// What the next process reads must not be taken back by the power, although the one before did not come to sync it.
#[tokio::test]
async fn b42_what_was_read_after_a_kill_stands_when_the_power_goes() {
    let steps = workload();
    let mut states = 0_usize;
    for at in 0..=operations(&steps).await {
        let (disk, _) = cut_at(at, &steps).await;
        let disk = disk.after_kill();
        let store = open(disk.clone()).unwrap();
        let mut seen = Vec::new();
        for id in ids(&steps) {
            seen.push((id, find(&store, id).await.unwrap()));
        }
        for found in after_power_loss(&disk) {
            states += 1;
            let store = open(found).unwrap();
            for (id, seen) in &seen {
                assert_eq!(find(&store, id).await.unwrap(), *seen, "killed at operation {at}");
            }
        }
    }
    println!("power loss after a kill: {states} states");
}
