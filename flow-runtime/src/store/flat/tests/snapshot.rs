//! A reader that sees the log as it was when it was opened, whatever the writer does to it.

use super::*;

fn open_snapshot(fs: &SimFs) -> FlatBuffersStore {
    FlatBuffersStore::options().fs(fs.clone()).open_snapshot(DIR).unwrap()
}

#[tokio::test]
async fn b40_a_snapshot_stays_as_it_was_while_the_log_is_written_and_given_back() {
    let fs = SimFs::default();
    let store = open_small(fs.clone()).unwrap();
    let (early, late) = (walk("early", 1), walk("late", 2));
    commit(&store, &early[..3]).await;
    let gone = walk("gone", 3);
    commit(&store, &gone).await;
    let snapshot = open_snapshot(&fs);

    commit(&store, &early[3..]).await;
    commit(&store, &late).await;
    store.delete(&id("gone")).await.unwrap();
    for n in 10..30 {
        let name = format!("other-{n}");
        commit(&store, &walk(&name, n)).await;
        store.delete(&id(&name)).await.unwrap();
    }
    keep_up(&store);

    assert_eq!(snapshot.load(&id("early")).await.unwrap(), early[2].0);
    assert_eq!(snapshot.load(&id("gone")).await.unwrap(), gone.last().unwrap().0);
    assert!(matches!(snapshot.load(&id("late")).await, Err(StoreError::NotFound { .. })));
    assert_eq!(snapshot.list_workflows().await.unwrap().workflows, [id("early"), id("gone")]);
    assert_eq!(snapshot.query(&crate::store::Query::new()).await.unwrap().runs.len(), 2);
    assert_eq!(open_snapshot(&fs).load(&id("late")).await.unwrap(), late.last().unwrap().0, "a new one sees all");
    assert!(matches!(snapshot.delete(&id("early")).await, Err(StoreError::ReadOnly { .. })));
}

#[tokio::test]
async fn b40_a_snapshot_of_nothing_is_empty_and_one_of_no_folder_an_error() {
    let fs = SimFs::default();
    drop(open(fs.clone()).unwrap());
    assert_eq!(open_snapshot(&fs).list_workflows().await.unwrap(), crate::store::Listing::default());
    let folder = tempfile::tempdir().unwrap();
    assert!(FlatBuffersStore::open_snapshot(folder.path().join("absent")).is_err());
}

#[tokio::test]
async fn b40_who_has_the_log_open_is_named() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let own = Some(format!("process {}", std::process::id()));
    assert_eq!(store.holder().await.unwrap(), own);
    assert_eq!(open_read_only(fs).unwrap().holder().await.unwrap(), own);
}
