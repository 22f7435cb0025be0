//! The power goes at each operation of a workload: what was acknowledged is there, and nothing is torn.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::workload::{Allowed, Step, allowed, churn, replaced, run, workload};
use super::*;
use crate::disk::{CrashModel, Fault, FaultFs};

#[tokio::test]
async fn b42_whenever_the_power_goes_what_was_acknowledged_is_there() {
    assert!(lose_power_in(&workload()).await > 1_000);
}

#[tokio::test]
async fn b39_whenever_the_power_goes_while_room_is_given_back_beside_commits_every_run_stands_and_none_comes_back() {
    let steps = churn();
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let sizes = sizes(&fs, &steps).await;
    assert!(sizes.windows(2).filter(|pair| pair[1] < pair[0]).count() >= 3, "room is given back: {sizes:?}");
    assert!(lose_power_in(&steps).await > 1_000);
}

#[tokio::test]
async fn b39_whenever_the_power_goes_while_segments_of_no_use_are_removed_the_log_has_no_gap() {
    let steps = replaced();
    let disk = SimFs::default();
    let sizes = sizes(&FaultFs::new(disk), &steps).await;
    assert!(sizes.windows(2).any(|pair| pair[1] + 3 * 1024 <= pair[0]), "several are removed at once: {sizes:?}");
    assert!(lose_power_in(&steps).await > 100);
}

/// How much the log's files take after each step.
async fn sizes(fs: &FaultFs, steps: &[Step]) -> Vec<usize> {
    let disk = SimFs::default();
    let store = open_small(disk.clone()).unwrap();
    let mut sizes = Vec::new();
    for step in steps {
        step.run(&store).await.unwrap();
        sizes.push(log_files(&disk).iter().map(|(_, bytes)| bytes.len()).sum());
    }
    assert_eq!(run(fs, steps).await, steps.len());
    sizes
}

/// Lets the power go at each operation of these steps. Gives how many states the disk was found in.
async fn lose_power_in(steps: &[Step]) -> usize {
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(run(&counting, steps).await, steps.len());
    let (mut states, mut distinct) = (0_usize, BTreeSet::new());
    for at in 0..=counting.count() {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        fs.fail(at, true, Fault::Errno(5));
        let done = run(&fs, steps).await;
        let allowed = allowed(steps, done);
        for found in CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model)) {
            states += 1;
            if distinct.insert((at, digest(&found))) {
                check(found, &allowed, at).await;
            }
        }
    }
    println!("power loss: {} operations, {states} states, {} of them distinct", counting.count(), distinct.len());
    distinct.len()
}

/// What tells the log's files from others.
fn digest(fs: &SimFs) -> u64 {
    let mut hasher = DefaultHasher::new();
    log_files(fs).hash(&mut hasher);
    hasher.finish()
}

async fn check(disk: SimFs, allowed: &Allowed, at: u64) {
    let store = open_small(disk.clone()).unwrap_or_else(|error| panic!("power went at operation {at}: {error}"));
    let listing = store.list_workflows().await.unwrap();
    assert_eq!(listing.damaged, [], "power went at operation {at}");
    for (id, allowed) in allowed {
        let found = match store.load(id).await {
            Ok(data) => Some(data),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => panic!("power went at operation {at}: {error}"),
        };
        assert_eq!(listing.workflows.contains(id), found.is_some());
        assert!(allowed.contains(&found), "power went at operation {at}: `{id}` is not where it may be");
    }
    // What was found must stand when the power goes again, now that it was shown.
    let shown = log_files(&disk);
    drop(store);
    let reopened = open_small(disk.clone()).unwrap();
    assert_eq!(reopened.list_workflows().await.unwrap(), listing);
    assert_eq!(log_files(&disk), shown, "opening again changes nothing");
}
