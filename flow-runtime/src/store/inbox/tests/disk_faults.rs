//! Each operation fails once, or for ever, in each way: a typed error, the previous state, and no leftovers.

use super::*;
use crate::disk::Fault;
use crate::store::faults::{EIO, KINDS, is_typed, once_and_for_ever};

/// Whether the store, or its inbox, writes no more until it is opened again: after a failed sync, and a log also after a
/// failed write.
fn is_stopped(error: &StoreError) -> bool {
    match error {
        StoreError::Io { action, path, .. } | StoreError::Full { action, path, .. } => {
            action.starts_with("sync") || path.extension().is_some_and(|end| end == "flow")
        }
        StoreError::Poisoned { .. } => true,
        _ => false,
    }
}

async fn faults<S: WorkflowStore>(open: fn(FaultFs) -> Result<S, StoreError>) {
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(run(&open(counting.clone()).unwrap(), &WORKLOAD).await.0, WORKLOAD.len());
    let all = (0..counting.count()).flat_map(|at| once_and_for_ever(&KINDS).map(move |kind| (at, kind)));
    for (at, (fault, for_ever)) in all {
        let what = format!("{fault:?} at {at}, for ever: {for_ever}");
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        fs.fail(at, for_ever, fault);
        let store = match open(fs.clone()) {
            Ok(store) => store,
            Err(error) => {
                assert!(is_typed(&error), "{what}: {error}");
                fs.heal();
                open(fs.clone()).unwrap_or_else(|error| panic!("{what}: {error}"))
            }
        };
        let (mut done, error) = run(&store, &WORKLOAD).await;
        fs.heal();
        let mut store = Some(store);
        if let Some(error) = error {
            assert!(is_typed(&error), "{what}: {error}");
            if is_stopped(&error) {
                store = None;
                store.get_or_insert(open(fs.clone()).unwrap());
            }
        }
        // What was done although it failed is done again, but what removes a run.
        let current = store.as_ref().unwrap();
        if let Some(Step::Delete(run)) = WORKLOAD.get(done)
            && matches!(current.load(&id(run)).await, Err(StoreError::NotFound { .. }))
        {
            let again = current.delete(&id(run)).await;
            assert!(matches!(again, Err(StoreError::NotFound { .. })), "{what}: {again:?}");
            done += 1;
            assert_is_gone(current, run, &what).await;
        }
        check(current, done, &what).await;
        let (more, error) = run(current, &WORKLOAD[done..]).await;
        assert!(error.is_none(), "{what}: after {more} steps more: {error:?}");
        check(current, WORKLOAD.len(), &what).await;
        drop(store);
        check(&open(fs).unwrap(), WORKLOAD.len(), &what).await;
        assert!(disk.paths().iter().all(|path| path.extension().is_none_or(|end| end != "tmp")), "{what}");
    }
}

/// Nothing of a deleted run is there, whoever was told that it was deleted.
async fn assert_is_gone(store: &impl WorkflowStore, run: &str, what: &str) {
    assert_eq!(store.requests(&id(run)).await.unwrap(), [], "{what}: of `{run}`, which was deleted");
}

#[tokio::test]
async fn b35_an_operation_that_fails_leaves_what_was_there_in_json_files() {
    faults(json).await;
}

#[tokio::test]
async fn b35_an_operation_that_fails_leaves_what_was_there_in_the_log() {
    faults(flat).await;
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_left_until_the_store_is_opened_again() {
    let fs = FaultFs::new(SimFs::default());
    let store = json(fs.clone()).unwrap();
    store.ask(&id("a"), &request("1")).await.unwrap();
    let last = fs.count();
    store.ask(&id("a"), &request("2")).await.unwrap();
    let operations = fs.count() - last;
    // The last operation is the sync of the folder.
    fs.fail(operations - 1, false, Fault::Errno(EIO));
    let error = store.ask(&id("a"), &request("3")).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { action: "sync the folder", .. }), "{error}");
    for refused in [store.ask(&id("b"), &request("1")).await.map(drop), store.delete(&id("b")).await] {
        let Err(StoreError::Poisoned { path, reason }) = refused else { panic!("{refused:?}") };
        assert!(path.ends_with("inbox") && reason.contains("sync the folder"), "{reason}");
    }
    store.save(&record("a")).await.unwrap();
    assert_eq!(store.requests(&id("a")).await.unwrap().len(), 3, "what is there may be read");
    drop(store);
    let store = json(fs).unwrap();
    assert!(!store.ask(&id("a"), &request("3")).await.unwrap());
    store.delete(&id("a")).await.unwrap();
}
