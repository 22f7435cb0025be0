//! Each operation fails once, or for ever, in each way: a typed error, the previous state, and no leftovers.

use super::*;
use crate::disk::{Fault, FaultFs};
use crate::store::faults::{EDQUOT, EIO, ENOSPC, KINDS, is_typed, once_and_for_ever};

fn is_sync(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { action, .. } | StoreError::Full { action, .. } if action.starts_with("sync"))
}

fn leftovers(disk: &SimFs) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.extension().is_some_and(|end| end == "tmp")).collect()
}

#[tokio::test]
async fn b35_a_write_that_fails_leaves_the_previous_state_and_no_temp_file() {
    let steps = workload();
    let counting = FaultFs::new(SimFs::default());
    let opened = open(counting.clone()).unwrap();
    let opening = counting.count();
    assert_eq!(run(&opened, &steps).await.0, steps.len());
    let (mut runs, mut poisoned) = (0, 0);
    for at in 0..counting.count() {
        for (fault, for_ever) in once_and_for_ever(&KINDS) {
            let what = format!("{fault:?} at {at}, for ever: {for_ever}");
            let disk = SimFs::default();
            let fs = FaultFs::new(disk.clone());
            fs.fail(at, for_ever, fault);
            runs += 1;
            let store = match open(fs.clone()) {
                Ok(store) => store,
                Err(error) => {
                    assert!(at < opening && is_typed(&error), "{what}: {error}");
                    fs.heal();
                    open(fs).unwrap();
                    continue;
                }
            };
            let (done, error) = run(&store, &steps).await;
            fs.heal();
            let Some(error) = error else {
                // What failed by itself, such as opening a file that is not there, has told the truth.
                assert!(fault == Fault::Ambiguous && !for_ever, "{what}: it went unnoticed");
                assert_states(&store, &steps, done, &what).await;
                continue;
            };
            assert!(is_typed(&error), "{what}: {error}");
            let go_on = async |store: &JsonFileStore, what: &str| {
                assert_states(store, &steps, done, what).await;
                let mut rest = Vec::new();
                for (place, step) in steps.iter().enumerate() {
                    if place >= reached(store, &steps[..=done], step.id()).await {
                        rest.push(step);
                    }
                }
                let (_, error) = run(store, rest).await;
                assert!(error.is_none(), "{what}: {error:?}");
            };
            if is_sync(&error) {
                poisoned += 1;
                assert_poisoned(&store, &steps, &what).await;
                drop(store);
                let store = open(fs.clone()).unwrap();
                assert_eq!(leftovers(&disk), [] as [PathBuf; 0], "{what}");
                go_on(&store, &what).await;
            } else {
                go_on(&store, &what).await;
                drop(store);
                drop(open(fs.clone()).unwrap());
            }
            assert_eq!(leftovers(&disk), [] as [PathBuf; 0], "{what}");
            assert_states(&open(disk).unwrap(), &steps, steps.len(), &what).await;
        }
    }
    println!("{runs} faults at {} operations, {poisoned} of them of a sync", counting.count());
    assert!(poisoned > 0);
}

/// How many of these steps it takes to come to what is there of a run.
async fn reached(store: &JsonFileStore, steps: &[Step], id: &WorkflowId) -> usize {
    let found = find(store, id).await.unwrap();
    let last = steps.iter().rposition(|step| step.id() == id && step.after() == found.as_ref());
    last.map_or(0, |last| last + 1)
}

async fn assert_states(store: &JsonFileStore, steps: &[Step], done: usize, what: &str) {
    for id in ids(steps) {
        let found = find(store, id).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(allowed(steps, done, id).contains(&found.as_ref()), "{what}: `{id}` after {done} steps");
    }
}

/// Whatever is asked of it, the store writes no more.
async fn assert_poisoned(store: &JsonFileStore, steps: &[Step], what: &str) {
    for step in steps {
        let refused = step.run(store).await;
        assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{what}: {refused:?}");
    }
}

#[tokio::test]
async fn what_is_in_doubt_after_a_failed_sync_is_not_read() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    store.commit(&walk[0].0, &walk[0].1).await.unwrap();
    store.save(&self::walk("b", 2)[0].0).await.unwrap();
    // A commit makes a file, writes it, syncs it, renames it, and syncs the folder.
    fs.fail(4, false, Fault::Errno(EIO));
    let error = store.commit(&walk[1].0, &walk[1].1).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { action: "sync the folder", .. }), "{error}");
    let error = store.load(&id("a")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Poisoned { reason, .. } if reason.contains("sync the folder")), "{error}");
    assert!(store.load(&id("b")).await.is_ok(), "nothing was done to this one");
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("a"), id("b")]);
    drop(store);
    let store = open(fs.clone()).unwrap();
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[1].0);

    // One that has not read the file yet opens, measures and reads it before.
    fs.fail(5, false, Fault::Errno(EIO));
    let error = store.commit(&walk[2].0, &walk[2].1).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { action: "sync", .. }), "{error}");
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[1].0, "the file before is as it was");
    assert!(matches!(store.commit(&walk[2].0, &walk[2].1).await, Err(StoreError::Poisoned { .. })));
}

#[tokio::test]
async fn a_full_disk_stops_the_change_and_nothing_else() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..1]).await;
    // After a failure a commit opens, measures and reads the file before it makes a new one and writes it.
    for (write, fault) in [(1, Fault::Errno(ENOSPC)), (4, Fault::ShortWrite), (4, Fault::Errno(EDQUOT))] {
        fs.fail(write, false, fault);
        let error = store.commit(&walk[1].0, &walk[1].1).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { action: "write", .. }), "{error}");
        assert_eq!(store.load(&id("a")).await.unwrap(), walk[0].0);
        assert_eq!(files(&disk).len(), 1, "{:?}", disk.paths());
    }
    commit(&store, &walk[1..]).await;
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
}

/// The file was replaced, but that failed: who reads it again and goes on from there is not held up.
#[tokio::test]
async fn b71_a_change_that_was_kept_although_it_failed_is_gone_on_from() {
    for resend in [true, false] {
        let fs = FaultFs::new(SimFs::default());
        let store = open(fs.clone()).unwrap();
        let walk = walk("a", 1);
        commit(&store, &walk[..1]).await;
        fs.fail(3, false, Fault::Ambiguous);
        let error = store.commit(&walk[1].0, &walk[1].1).await.unwrap_err();
        assert!(matches!(error, StoreError::Io { action: "rename", .. }), "{error}");
        assert_eq!(store.load(&id("a")).await.unwrap(), walk[1].0);
        commit(&store, &walk[if resend { 1 } else { 2 }..]).await;
        assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
    }
}
