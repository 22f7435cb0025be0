//! Whenever the power goes: the log beside the file ends at any byte, or holds anything behind what was synced.
//!
//! SQLite writes a commit behind the others in the log and syncs it. So what a power loss leaves is the log up to the last
//! sync and behind it what it likes. The file itself is written when the log is put back into it, page by page, and that
//! may be cut off as well.

use std::fs;

use super::*;

/// How long the log was when this was acknowledged, and the record then.
type Acknowledged = Vec<(usize, WorkflowData)>;

/// Has a run done with these changes, and gives the log with what was acknowledged when. Lazy changes promise nothing.
async fn recorded(place: &Place, changes: &Walk) -> (Vec<u8>, Acknowledged) {
    let wal = beside(&place.path(), "-wal");
    let (store, mut acknowledged) = (place.open(), Acknowledged::new());
    for (after, delta) in changes {
        store.commit(after, delta).await.unwrap();
        if delta.ack == Ack::Sync {
            acknowledged.push((usize::try_from(fs::metadata(&wal).unwrap().len()).unwrap(), after.clone()));
        }
    }
    // While the store is open: to close it would put the log back.
    (fs::read(wal).unwrap(), acknowledged)
}

/// What is there after a power loss that left this log.
async fn left(file: &[u8], log: &[u8]) -> Option<WorkflowData> {
    let place = Place::new();
    fs::write(place.path(), file).unwrap();
    fs::write(beside(&place.path(), "-wal"), log).unwrap();
    match place.open().load(&id("run")).await {
        Ok(data) => Some(data),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => panic!("with {} bytes of the log: {error}", log.len()),
    }
}

async fn every_power_loss(changes: Walk) {
    let place = Place::new();
    drop(place.open());
    let file = fs::read(place.path()).unwrap();
    let (log, acknowledged) = recorded(&place, &changes).await;
    let mut random = fastrand::Rng::with_seed(5);
    for len in (0..=log.len()).step_by(331).chain([log.len()]) {
        let mut torn = log[..len].to_vec();
        if random.bool() {
            torn.extend((len..log.len()).map(|_| random.u8(..)));
        }
        let found = left(&file, &torn).await;
        let promised = acknowledged.iter().rfind(|(synced, _)| *synced <= len).map(|(_, data)| data);
        let seq = |data: Option<&WorkflowData>| data.map_or(0, |data| data.seq);
        assert!(seq(found.as_ref()) >= seq(promised), "{len} bytes: {} of {}", seq(found.as_ref()), seq(promised));
        if let Some(found) = found {
            assert!(changes.iter().any(|(after, _)| *after == found), "{len} bytes: what it never was");
        }
    }
}

#[tokio::test]
async fn b42_whenever_the_power_goes_what_was_acknowledged_is_there() {
    every_power_loss(walk("run", 1, 8, 60)).await;
}

#[tokio::test]
async fn b47_whenever_the_power_goes_no_more_is_lost_than_was_not_synced_and_nothing_is_torn() {
    let walk = walk("run", 1, 9, 60);
    let lags = |seq: usize| !seq.is_multiple_of(3) && seq < 9;
    every_power_loss(
        walk.iter().enumerate().map(|(seq, change)| if lags(seq) { lazy(change) } else { change.clone() }).collect(),
    )
    .await;
}

/// Putting the log back into the file stops after any number of pages: the file alone may make no sense then.
#[tokio::test]
async fn b42_a_log_that_was_half_put_back_is_taken_up_again() {
    const PAGE: usize = 4096;
    let place = Place::new();
    drop(place.open());
    let before = fs::read(place.path()).unwrap();
    let changes = walk("run", 1, 12, 3_000);
    let (log, _) = recorded(&place, &changes).await;
    // It was closed, so all of the log is in the file now.
    let after = fs::read(place.path()).unwrap();
    assert!(!beside(&place.path(), "-wal").exists() && after.len() > before.len());
    for pages in 0..=after.len() / PAGE {
        let mut file = after[..pages * PAGE].to_vec();
        file.extend(before.iter().skip(pages * PAGE));
        let found = left(&file, &log).await.expect("the run is gone");
        assert_eq!(found, changes[changes.len() - 1].0, "{pages} pages");
        let place = Place::new();
        fs::write(place.path(), &file).unwrap();
        fs::write(beside(&place.path(), "-wal"), &log).unwrap();
        let reader = SqliteStore::open_read_only(place.path()).unwrap();
        assert_eq!(reader.load(&id("run")).await.unwrap(), found, "{pages} pages, for who only reads");
    }
}
