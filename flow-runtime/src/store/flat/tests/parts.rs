//! Parts of large payloads: kept with their run, never read but when they are asked for, and given back with it.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::disk::{CrashModel, Fault, FaultFs};
use crate::store::PartKey;

fn key(id: &str, run_no: u64, part: u32) -> PartKey {
    PartKey::new(self::id(id), run_no, 7 << 70, part)
}

/// Bytes that are as long as is asked, and others for each seed.
fn bytes(seed: u64, len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes.into()
}

fn size(fs: &SimFs) -> usize {
    log_files(fs).iter().map(|(_, bytes)| bytes.len()).sum()
}

fn is_missing(answer: &Result<Bytes, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt { reason, .. }) if reason.contains("it is not there"))
}

#[tokio::test]
async fn b29_parts_are_there_after_reopening_and_the_last_of_a_name_counts() {
    let fs = SimFs::default();
    let mut store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    // Before its run, beside it, larger than a segment, and empty.
    store.put_part(&key("a", 1, 0), bytes(1, 100)).await.unwrap();
    store.put_part(&key("a", 1, 0), bytes(2, 300)).await.unwrap();
    commit(&store, &walk[..1]).await;
    store.put_part(&key("a", 1, 1), bytes(3, 3 * SEGMENT as usize)).await.unwrap();
    store.put_part(&key("a", 1, 2), Bytes::new()).await.unwrap();
    commit(&store, &walk[1..]).await;
    store.put_part(&key("a", 1, 3), bytes(4, 10)).await.unwrap();
    store.put_part(&key("a", 1, 3), bytes(5, 10)).await.unwrap();
    for again in [false, true] {
        if again {
            drop(store);
            store = open(fs.clone()).unwrap();
        }
        for store in [&store, &open_read_only(fs.clone()).unwrap()] {
            assert_eq!(store.part(&key("a", 1, 0)).await.unwrap(), bytes(2, 300));
            assert_eq!(store.part(&key("a", 1, 1)).await.unwrap(), bytes(3, 3 * SEGMENT as usize));
            assert_eq!(store.part(&key("a", 1, 2)).await.unwrap(), Bytes::new());
            assert_eq!(store.part(&key("a", 1, 3)).await.unwrap(), bytes(5, 10));
            for other in [key("a", 1, 9), key("a", 2, 0), key("b", 9, 0), PartKey::new(id("a"), 1, 7, 0)] {
                let found = store.part(&other).await;
                assert!(is_missing(&found), "{other:?}: {found:?}");
            }
            assert_eq!(store.load(&id("a")).await.unwrap(), walk[4].0);
        }
    }
    let large = bytes(1, PartKey::MAX_BYTES + 1);
    let refused = store.put_part(&key("a", 1, 4), large).await;
    assert!(matches!(refused, Err(StoreError::Unstorable { .. })), "{refused:?}");
    let refused = open_read_only(fs).unwrap().put_part(&key("a", 1, 4), bytes(1, 1)).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
}

#[tokio::test]
async fn b39_parts_go_with_their_run_and_stay_when_it_is_saved_as_the_same() {
    let fs = SimFs::default();
    let mut store = open(fs.clone()).unwrap();
    let (a, b) = (walk("a", 1), walk("b", 2));
    commit(&store, &a).await;
    commit(&store, &b).await;
    store.put_part(&key("a", 1, 0), bytes(1, 9_000)).await.unwrap();
    store.put_part(&key("b", 2, 0), bytes(2, 9_000)).await.unwrap();
    store.save(&a[4].0).await.unwrap();
    assert_eq!(store.part(&key("a", 1, 0)).await.unwrap(), bytes(1, 9_000), "it is the same run");
    store.delete(&id("a")).await.unwrap();
    store.save(&walk("b", 3)[4].0).await.unwrap();
    commit(&store, &walk("a", 4)).await;
    store.put_part(&key("a", 4, 0), bytes(3, 500)).await.unwrap();
    for again in [false, true, true] {
        if again {
            drop(store);
            store = open(fs.clone()).unwrap();
        }
        for gone in [key("a", 1, 0), key("b", 2, 0), key("b", 3, 0)] {
            assert!(is_missing(&store.part(&gone).await), "{gone:?}");
        }
        assert_eq!(store.part(&key("a", 4, 0)).await.unwrap(), bytes(3, 500));
        let before = size(&fs);
        keep_up(&store);
        assert!(again || before - size(&fs) > 17_000, "their room is given back");
    }
}

#[tokio::test]
async fn parts_are_moved_when_room_is_given_back() {
    let fs = SimFs::default();
    let large = || FlatBuffersStore::options().kept_up_by_test().fs(fs.clone()).segment_bytes(4 * SEGMENT).open(DIR);
    let mut store = large().unwrap();
    let live = walk("live", 1);
    commit(&store, &live[..1]).await;
    store.put_part(&key("live", 1, 0), bytes(1, 700)).await.unwrap();
    store.put_part(&key("early", 5, 0), bytes(2, 100)).await.unwrap();
    let before = super::super::log::lock(&store.writer().unwrap().index).find_part(&key("live", 1, 0)).unwrap();
    for n in 0..60 {
        let name = format!("gone-{n}");
        commit(&store, &walk(&name, n + 10)).await;
        store.put_part(&key(&name, n + 10, 0), bytes(3, 400)).await.unwrap();
        store.delete(&id(&name)).await.unwrap();
        keep_up(&store);
        assert_eq!(store.part(&key("live", 1, 0)).await.unwrap(), bytes(1, 700));
        assert_eq!(store.part(&key("early", 5, 0)).await.unwrap(), bytes(2, 100), "its run may still begin");
    }
    let after = super::super::log::lock(&store.writer().unwrap().index).find_part(&key("live", 1, 0)).unwrap();
    assert!(!Arc::ptr_eq(&before.segment, &after.segment), "it stands elsewhere by now");
    drop(store);
    store = large().unwrap();
    assert_eq!(store.part(&key("live", 1, 0)).await.unwrap(), bytes(1, 700));
    assert!(is_missing(&store.part(&key("early", 5, 0)).await), "who was to begin its run is gone");
    commit(&store, &live[1..]).await;
    assert_eq!(store.part(&key("live", 1, 0)).await.unwrap(), bytes(1, 700));
}

#[tokio::test]
async fn b32_a_part_that_is_damaged_is_told_of_when_it_is_asked_for() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..1]).await;
    store.put_part(&key("a", 1, 0), bytes(1, 9_000)).await.unwrap();
    commit(&store, &walk[1..]).await;
    store.put_part(&key("a", 1, 1), bytes(2, 50)).await.unwrap();
    keep_up(&store);
    drop(store);
    let (path, mut file) = log_files(&fs).into_iter().max_by_key(|(_, file)| file.len()).unwrap();
    let middle = file.len() / 2;
    file[middle] ^= 1;
    fs.set_bytes(&path, file);
    let store = open(fs.clone()).unwrap();
    assert_eq!(store.list_workflows().await.unwrap().damaged, [], "it was not read");
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[4].0);
    assert_eq!(store.part(&key("a", 1, 1)).await.unwrap(), bytes(2, 50));
    let Err(StoreError::Corrupt { id, path: Some(found), .. }) = store.part(&key("a", 1, 0)).await else {
        panic!("it is not what it was")
    };
    assert_eq!((id, found), (self::id("a"), path));
}

#[tokio::test]
async fn b42_a_part_is_durable_when_a_change_behind_it_is_wherever_the_power_goes() {
    let (walk, part) = (walk("a", 1), bytes(1, 1_500));
    let run = async |fs: &FaultFs| -> Result<(), StoreError> {
        let store = open_small(fs.clone())?;
        store.commit(&walk[0].0, &walk[0].1).await?;
        store.put_part(&key("a", 1, 0), part.clone()).await?;
        store.writer()?.keep_up(1);
        store.put_part(&key("a", 1, 1), part.slice(..100)).await?;
        store.commit(&walk[1].0, &walk[1].1).await?;
        store.writer()?.keep_up(1);
        store.commit(&walk[2].0, &walk[2].1).await
    };
    let counting = FaultFs::new(SimFs::default());
    run(&counting).await.unwrap();
    let (mut distinct, mut with_parts) = (BTreeSet::new(), 0);
    for at in 0..=counting.count() {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        fs.fail(at, true, Fault::Errno(5));
        let _ = run(&fs).await;
        for found in CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model)) {
            if !distinct.insert(log_files(&found)) {
                continue;
            }
            let store = open_small(found).unwrap_or_else(|error| panic!("power went at operation {at}: {error}"));
            assert_eq!(store.list_workflows().await.unwrap().damaged, [], "power went at operation {at}");
            if store.load(&id("a")).await.is_ok_and(|data| data.seq > 1) {
                assert_eq!(store.part(&key("a", 1, 0)).await.unwrap(), part, "power went at operation {at}");
                assert_eq!(store.part(&key("a", 1, 1)).await.unwrap(), part.slice(..100));
                with_parts += 1;
            }
        }
    }
    println!("{} distinct states, {with_parts} with the parts", distinct.len());
    assert!(with_parts > 50);
}
