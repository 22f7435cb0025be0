//! Changes that nobody waits for: written with the next of their run, or after a while, and never shown before.

use super::*;
use crate::disk::{Fault, FaultFs};

const ENOSPC: i32 = 28;

/// A store in which a run has begun.
async fn begun() -> (SimFs, FaultFs, JsonFileStore, Vec<(WorkflowData, Delta)>) {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..1]).await;
    (disk, fs, store, walk)
}

/// What would be there if the process died now.
async fn after_kill(disk: &SimFs, run: &str) -> Option<WorkflowData> {
    find(&open(disk.after_kill()).unwrap(), &id(run)).await.unwrap()
}

#[tokio::test]
async fn b31_changes_that_nobody_waits_for_are_written_with_the_next() {
    let (disk, fs, store, walk) = begun().await;
    let before = (fs.count(), disk.syncs());
    commit(&store, &[lazily(walk[1].clone())]).await;
    assert_eq!((fs.count(), disk.syncs()), before, "nothing is done yet");
    assert_eq!(after_kill(&disk, "a").await.unwrap(), walk[0].0);
    commit(&store, &walk[2..]).await;
    let both = disk.syncs() - before.1;
    assert_eq!(after_kill(&disk, "a").await.unwrap(), walk[2].0);
    store.save(&walk[2].0).await.unwrap();
    assert_eq!(disk.syncs() - before.1 - both, both, "two changes cost what one does");
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_written_before_it_is_shown() {
    let (disk, _, store, walk) = begun().await;
    commit(&store, &[lazily(walk[1].clone())]).await;
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[1].0);
    assert_eq!(after_kill(&disk, "a").await.unwrap(), walk[1].0);
    for (number, ask) in ["list", "query", "drop"].into_iter().enumerate() {
        let first = self::walk(ask, 10 + number as u64).remove(0);
        commit(&store, &[lazily(first.clone())]).await;
        assert_eq!(after_kill(&disk, ask).await, None);
        match ask {
            "list" => assert!(store.list_workflows().await.unwrap().workflows.contains(&id(ask))),
            "query" => assert_eq!(store.query(&crate::store::Query::new()).await.unwrap().runs.len(), 3),
            _ => break,
        }
        assert_eq!(after_kill(&disk, ask).await.unwrap(), first.0);
    }
    drop(store);
    assert!(after_kill(&disk, "drop").await.is_some(), "closing writes what waits");
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_written_without_a_further_call() {
    let disk = SimFs::default();
    let store = JsonFileStore::options().fs(disk.clone()).open(DIR).unwrap();
    let walk = walk("a", 1);
    for change in &walk {
        let before = disk.syncs();
        commit(&store, &[lazily(change.clone())]).await;
        let written = async {
            while disk.syncs() == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.expect("it was never written");
    }
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
}

#[tokio::test]
async fn b39_a_run_that_is_deleted_before_it_is_written_does_not_come_back() {
    let (disk, _, store, _) = begun().await;
    let walk = walk("new", 7);
    let lazy: Vec<_> = walk.iter().cloned().map(lazily).collect();
    commit(&store, &lazy[..2]).await;
    store.delete(&id("new")).await.unwrap();
    assert!(matches!(store.delete(&id("new")).await, Err(StoreError::NotFound { .. })));
    for change in [&walk[2], &lazy[2]] {
        assert!(matches!(store.commit(&change.0, &change.1).await, Err(StoreError::Conflict { .. })));
    }
    drop(store);
    assert_eq!(after_kill(&disk, "new").await, None);
}

#[tokio::test]
async fn b46_a_run_whose_acknowledged_change_cannot_be_written_is_told_and_loses_nothing() {
    let (disk, fs, store, walk) = begun().await;
    let lazy: Vec<_> = walk.iter().cloned().map(lazily).collect();
    let is_full = |answer| matches!(answer, Err(StoreError::Full { .. }));
    commit(&store, &lazy[1..2]).await;
    fs.fail(0, true, Fault::Errno(ENOSPC));
    assert!(is_full(store.load(&id("a")).await.map(drop)), "who asks for it is told");
    assert!(is_full(store.commit(&lazy[2].0, &lazy[2].1).await), "and so is the run, although it does not wait");
    assert!(is_full(store.commit(&lazy[2].0, &lazy[2].1).await), "sent again as well");
    fs.heal();
    assert_eq!(after_kill(&disk, "a").await.unwrap(), walk[0].0);
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
    assert_eq!(after_kill(&disk, "a").await.unwrap(), walk[2].0);
    commit(&store, &lazy[2..]).await;
}

/// The same change may come again, as one that waits or as one that does not.
#[tokio::test]
async fn b71_a_change_that_waits_and_is_sent_again_is_kept_once() {
    let (disk, _, store, walk) = begun().await;
    let lazy = lazily(walk[1].clone());
    commit(&store, std::slice::from_ref(&lazy)).await;
    let other = (lazy.0.clone(), Delta { taken: vec!["request".to_owned()], ..lazy.1.clone() });
    assert!(matches!(store.commit(&other.0, &other.1).await, Err(StoreError::Conflict { .. })));
    commit(&store, &[lazy]).await;
    assert_eq!(after_kill(&disk, "a").await.unwrap(), walk[1].0);
    commit(&store, &walk[2..]).await;
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
}
