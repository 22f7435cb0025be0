//! Each operation fails once, or for ever, in each way: a typed error, the previous state, and no leftovers.

use super::workload::{allowed, churn};
use super::*;
use crate::disk::{Fault, FaultFs};
use crate::store::faults::{EIO, ENOSPC, FEW_KINDS, KINDS, is_typed, once_and_for_ever};

#[tokio::test]
async fn b35_a_write_that_fails_leaves_the_previous_state_and_no_temp_file() {
    let walk = walk("a", 1);
    let counting = FaultFs::new(SimFs::default());
    commit(&open(counting.clone()).unwrap(), &walk).await;
    let mut runs = 0;
    for at in 0..counting.count() {
        for (fault, for_ever) in once_and_for_ever(&KINDS) {
            let disk = SimFs::default();
            let fs = FaultFs::new(disk.clone());
            fs.fail(at, for_ever, fault);
            let what = format!("{fault:?} at {at}, for ever: {for_ever}");
            let (done, error) = run(&fs, &walk).await;
            let Some(error) = error else {
                // Looking for an inbox that is not there fails by itself, and has told the truth.
                assert!(fault == Fault::Ambiguous && !for_ever && done == walk.len(), "{what}: it went unnoticed");
                assert_eq!(open(disk).unwrap().load(&id("a")).await.unwrap(), walk[done - 1].0, "{what}");
                runs += 1;
                continue;
            };
            assert!(is_typed(&error), "{what}: {error}");
            let store = open(disk.clone()).unwrap_or_else(|error| panic!("{what}: {error}"));
            let found = store.load(&id("a")).await.ok();
            // The last durable change, or one after it.
            let least = walk[..done].iter().rposition(|(_, delta)| delta.ack == Ack::Sync);
            let states = walk.iter().map(|(data, _)| data);
            let is_allowed = match &found {
                None => least.is_none(),
                Some(found) => states.skip(least.unwrap_or(0)).any(|state| state == found),
            };
            assert!(is_allowed, "{what}: {:?} after {done} changes", found.map(|data| data.seq));
            assert!(disk.paths().iter().all(|path| path.extension().is_none_or(|extension| extension != "tmp")));
            runs += 1;
        }
    }
    println!("{runs} faults at {} operations", counting.count());
}

/// Commits until something fails. Gives how many changes were acknowledged, and the error.
async fn run(fs: &FaultFs, walk: &[(WorkflowData, Delta)]) -> (usize, Option<StoreError>) {
    let store = match open(fs.clone()) {
        Ok(store) => store,
        Err(error) => return (0, Some(error)),
    };
    for (done, (after, delta)) in walk.iter().enumerate() {
        if let Err(error) = store.commit(after, delta).await {
            return (done, Some(error));
        }
    }
    (walk.len(), None)
}

#[tokio::test]
async fn a_store_whose_sync_failed_writes_no_more_until_it_is_opened_again() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let walk = walk("a", 1);
    let store = open(fs.clone()).unwrap();
    commit(&store, &walk[..1]).await;
    // A commit is one write and one sync.
    fs.fail(1, false, Fault::Errno(EIO));
    assert!(matches!(store.commit(&walk[1].0, &walk[1].1).await, Err(StoreError::Io { action: "sync", .. })));
    let Err(StoreError::Poisoned { reason, .. }) = store.commit(&walk[1].0, &walk[1].1).await else {
        panic!("it went on after a failed sync")
    };
    assert!(reason.contains("sync"), "{reason}");
    drop(store);
    commit(&open(fs).unwrap(), &walk[1..]).await;
    assert_eq!(open(disk).unwrap().load(&id("a")).await.unwrap(), walk[4].0);
}

#[tokio::test]
async fn a_full_disk_stops_the_change_and_nothing_else() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let store = open(fs.clone()).unwrap();
    let live = walk("live", 1);
    commit(&store, &live[..2]).await;
    let mut data = walk("large", 2)[4].0.clone();
    data.input = Payload::new(Encoding::Raw, vec![7; 2 * SEGMENT as usize]);
    // A record that needs a segment of its own begins with the making of that.
    fs.fail(0, false, Fault::Errno(ENOSPC));
    let refused = store.save(&data).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    store.save(&data).await.unwrap();
    commit(&store, &live[2..]).await;
    assert_eq!(store.load(&id("live")).await.unwrap(), live[4].0);
}

#[tokio::test]
async fn a_full_disk_is_told_to_a_run_whose_acknowledged_change_was_lost() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let store = open(fs.clone()).unwrap();
    let live = walk("live", 1);
    commit(&store, &live[..2]).await;
    // A lazy change that no longer fits into the segment, as large as it takes.
    let mut lazy = live[2].clone();
    let Event::StepCompleted { payload, .. } = &mut lazy.1.events[0] else { panic!("the walk has changed") };
    *payload = Payload::new(Encoding::Raw, vec![7; 2 * SEGMENT as usize]);
    fs.fail(0, false, Fault::Errno(ENOSPC));
    store.commit(&lazy.0, &lazy.1).await.unwrap();
    let flushed = store.load(&id("live")).await;
    assert!(matches!(flushed, Err(StoreError::Full { .. })), "who waits for it is told: {flushed:?}");
    let next = store.commit(&live[3].0, &live[3].1).await;
    assert!(matches!(next, Err(StoreError::Full { .. })), "and so is the run: {next:?}");
    assert_eq!(store.load(&id("live")).await.unwrap(), live[1].0);
    commit(&store, &live[2..]).await;
}

#[tokio::test]
async fn b35_whatever_fails_while_room_is_given_back_every_run_is_where_it_was_left() {
    let steps = churn();
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(workload::run(&counting, &steps).await, steps.len());
    let (mut faults, mut unnoticed) = (0, 0);
    for at in 0..counting.count() {
        for (fault, for_ever) in once_and_for_ever(&FEW_KINDS) {
            let disk = SimFs::default();
            let fs = FaultFs::new(disk.clone());
            fs.fail(at, for_ever, fault);
            let what = format!("{fault:?} at {at}, for ever: {for_ever}");
            let done = workload::run(&fs, &steps).await;
            let allowed = allowed(&steps, done);
            let store = open_small(disk.clone()).unwrap_or_else(|error| panic!("{what}: {error}"));
            // What was left behind by what failed is in the way of nothing, the second time neither.
            for store in [&store, &{
                keep_up(&store);
                store.clone()
            }] {
                assert_eq!(store.list_workflows().await.unwrap().damaged, [], "{what}");
                for (id, allowed) in &allowed {
                    let found = store.load(id).await;
                    let is_missing = matches!(found, Err(StoreError::NotFound { .. }));
                    assert!(found.is_ok() || is_missing, "{what}: {found:?}");
                    assert!(allowed.contains(&found.ok()), "{what}: `{id}` is not where it may be");
                }
            }
            assert!(disk.paths().iter().all(|path| path.extension().is_none_or(|extension| extension != "tmp")));
            faults += 1;
            unnoticed += usize::from(done == steps.len());
        }
    }
    println!("{faults} faults at {} operations, {unnoticed} of them beside the commits", counting.count());
    assert!(unnoticed > 100);
}
