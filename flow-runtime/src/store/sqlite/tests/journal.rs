//! What stands in the tables after changes: little for each, and never much more than the run is worth.

use super::*;

/// As many changes as it takes for a run to be written whole several times.
const MANY: u32 = 1_500;
const LEN: usize = 400;

#[tokio::test]
async fn b31_a_run_is_written_whole_when_its_changes_have_outgrown_it() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, MANY, LEN));
    commit(&store, &walk[..walk.len() - 1]).await;
    let expected = &walk[walk.len() - 2].0;
    assert_eq!(&store.load(&id("run")).await.unwrap(), expected);
    let whole = place.count("SELECT max(length(body)) FROM journal WHERE kind = 2");
    assert!(whole > 300_000, "the last of several is large: {whole}");
    let changes = place.count(
        "SELECT sum(length(body)) FROM journal WHERE kind = 1 AND row > (SELECT max(row) FROM journal WHERE kind = 2)",
    );
    assert!(changes <= whole / 2 + (128 << 10), "{changes} bytes of changes behind {whole} bytes");
    let rows = place.count("SELECT count(*) FROM journal");
    assert!(rows < i64::from(MANY) / 2, "{rows} rows are kept, most of which no one needs");

    drop(store);
    let store = place.open();
    assert_eq!(&store.load(&id("run")).await.unwrap(), expected);
    commit(&store, &walk[walk.len() - 1..]).await;
    assert_eq!(store.load(&id("run")).await.unwrap(), walk[walk.len() - 1].0);
}

#[tokio::test]
async fn rows_that_no_run_needs_are_removed_by_and_by() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, 300, 40));
    commit(&store, &walk).await;
    commit(&store, &super::walk("stays", 2, 3, 40)).await;
    store.delete(&id("run")).await.unwrap();
    while place.count("SELECT (SELECT count(*) FROM stale) + (SELECT count(*) > 4 FROM journal)") > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(place.count("SELECT count(*) FROM journal"), 4, "those of the other run stay");
    assert_eq!(store.load(&id("stays")).await.unwrap().seq, 4);
}

#[tokio::test]
async fn b71_the_change_with_which_a_run_was_written_whole_is_known_when_it_is_sent_again() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, MANY, LEN));
    for (after, delta) in &walk {
        store.commit(after, delta).await.unwrap();
        if place.count("SELECT count(*) FROM journal WHERE kind = 2") > 0 {
            store.commit(after, delta).await.unwrap();
            assert_eq!(&store.load(&id("run")).await.unwrap(), after);
            return;
        }
    }
    panic!("it was never written whole");
}

#[tokio::test]
async fn b31_a_commit_writes_as_much_late_in_a_run_as_early() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, 600, 40));
    let wal = beside(&place.path(), "-wal");
    let mut grown = Vec::new();
    for change in &walk {
        let before = std::fs::metadata(&wal).map_or(0, |file| file.len());
        commit(&store, std::slice::from_ref(change)).await;
        grown.push(std::fs::metadata(&wal).unwrap().len() - before);
    }
    let sum = |range: std::ops::Range<usize>| grown[range].iter().sum::<u64>() / 100;
    let (early, late) = (sum(10..110), sum(490..590));
    assert!(early > 4_096 && early < 5 * 4_096, "{early} bytes for a change of less than 200");
    assert!(late <= early * 11 / 10, "{late} bytes late and {early} early");
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_read_at_once_and_written_without_a_further_call() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, 3, 40));
    commit(&store, &walk[..1]).await;
    commit(&store, &[lazy(&walk[1])]).await;
    assert_eq!(store.load(&id("run")).await.unwrap().seq, 2);
    commit(&store, &[lazy(&walk[2])]).await;
    while place.count("SELECT next FROM runs") < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn b71_a_lazy_change_that_does_not_follow_is_refused_at_once() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, 4, 40));
    commit(&store, &walk[..1]).await;
    commit(&store, &[lazy(&walk[1])]).await;
    let (after, delta) = lazy(&walk[3]);
    assert!(matches!(store.commit(&after, &delta).await, Err(StoreError::Conflict { .. })));
    commit(&store, &[lazy(&walk[1]), lazy(&walk[2])]).await;
    assert_eq!(store.load(&id("run")).await.unwrap(), walk[2].0);
}

/// Somebody else changes the run before what was acknowledged is written.
#[tokio::test]
async fn b46_what_was_acknowledged_and_could_not_be_written_is_told_with_the_next_change() {
    let place = Place::new();
    let (store, walk) = (place.open(), walk("run", 1, 4, 40));
    commit(&store, &walk[..1]).await;
    let lock = place.raw();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    commit(&store, &[lazy(&walk[1])]).await;
    lock.execute_batch("UPDATE runs SET run_no = 7; COMMIT").unwrap();
    drop(lock);
    let refused = store.commit(&walk[2].0, &walk[2].1).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Conflict { .. }), "{refused}");
    assert_eq!(place.count("SELECT next FROM runs"), 1);
}
