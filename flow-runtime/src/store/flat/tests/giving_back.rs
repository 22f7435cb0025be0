//! Room is given back while commits go on: the log stays small, and nobody sees a difference.

use std::path::PathBuf;

use super::super::batch::{self, BatchHead};
use super::super::format::{self, SEGMENT_HEADER};
use super::super::frame::FrameHead;
use super::super::index::Found;
use super::super::{log, read};
use super::workload::shaped;
use super::*;

/// How many segments the log of a store has, and how many deletions and plans stand in it.
fn counts(store: &FlatBuffersStore) -> (usize, usize, usize) {
    let index = log::lock(&store.writer().unwrap().index);
    (index.segments.len(), index.tombs.len(), index.plans.len())
}

/// Makes a run of which nothing is left, but for the room that it took.
async fn come_and_go(store: &FlatBuffersStore, n: u64) {
    let name = format!("gone-{n}");
    commit(store, &walk(&name, n + 10)).await;
    store.delete(&id(&name)).await.unwrap();
}

/// A store in which a run is kept among others that are gone; with the segment in which it stands, and its place there.
async fn with_a_segment_to_give_back() -> (SimFs, FlatBuffersStore, (PathBuf, Vec<u8>, usize)) {
    let fs = SimFs::default();
    let store = open_small(fs.clone()).unwrap();
    commit(&store, &walk("kept", 1)[..3]).await;
    for n in 0..6 {
        come_and_go(&store, n).await;
    }
    let place_in = |bytes: &[u8]| bytes.windows(6).position(|window| window == b"kept 1");
    let mut found = log_files(&fs).into_iter().filter_map(|(path, bytes)| Some((path, place_in(&bytes)?, bytes)));
    let (path, place, bytes) = found.next().unwrap();
    (fs, store, (path, bytes, place))
}

#[tokio::test]
async fn b39_deletions_and_plans_that_are_of_no_use_are_given_back_too() {
    let fs = SimFs::default();
    let mut store = open(fs.clone()).unwrap();
    let (kept, live) = (walk("kept", 1), walk("live", 2));
    commit(&store, &kept).await;
    commit(&store, &live[..3]).await;
    for n in 0..100 {
        let (data, delta) = shaped(&format!("shaped-{n}"), n);
        store.commit(&data, &delta).await.unwrap();
        store.delete(&data.id).await.unwrap();
        let (before, _, _) = counts(&store);
        keep_up(&store);
        let (segments, tombs, plans) = counts(&store);
        assert!(before <= 6 && segments <= 6, "{before} segments became {segments}");
        assert!(tombs <= 40 && plans <= 40, "{tombs} deletions, {plans} plans after {n} runs");
        if n % 10 == 9 {
            // What is known of a log that is opened is what was known when it was closed.
            let counted = counts(&store);
            drop(store);
            store = open(fs.clone()).unwrap();
            assert_eq!(counts(&store).0, counted.0);
            assert!(counts(&store).1 <= counted.1, "{:?} became {:?}", counted, counts(&store));
        }
    }
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("kept"), id("live")]);
    assert_eq!(store.load(&id("kept")).await.unwrap(), kept[4].0);
    commit(&store, &live[3..]).await;
    assert_eq!(store.load(&id("live")).await.unwrap(), live[4].0);
}

#[tokio::test]
async fn who_reads_meanwhile_sees_every_run_as_it_is() {
    let fs = SimFs::default();
    let options = FlatBuffersStore::options().kept_up_by_test().fs(fs.clone()).segment_bytes(4 * SEGMENT);
    let store = options.open(DIR).unwrap();
    let (kept, live) = (walk("kept", 1), walk("live", 2));
    commit(&store, &kept).await;
    commit(&store, &live[..3]).await;
    // What waits is written first.
    store.list_workflows().await.unwrap();
    let find = |name| log::lock(&store.writer().unwrap().index).find(&id(name)).unwrap();
    let (found_kept, found_live) = (find("kept"), find("live"));
    let mut slices = 0;
    for n in 0..120 {
        come_and_go(&store, n).await;
        while store.writer().unwrap().keep_up(1) {
            slices += 1;
            let beside = open_read_only(fs.clone()).unwrap();
            for store in [&store, &beside] {
                assert_eq!(store.list_workflows().await.unwrap().workflows, [id("kept"), id("live")]);
                assert_eq!(store.load(&id("kept")).await.unwrap(), kept[4].0);
                assert_eq!(store.load(&id("live")).await.unwrap(), live[2].0);
            }
        }
    }
    assert!(slices >= 6, "{slices}");
    // Who looked it up before reads it where it stood then.
    assert_eq!(read::load(&found_kept).unwrap(), kept[4].0);
    assert_eq!(read::load(&found_live).unwrap(), live[2].0);
    let moved = |found: &Found, now: Found| !Arc::ptr_eq(&found.run.frames[0].segment, &now.run.frames[0].segment);
    assert!(moved(&found_kept, find("kept")) && moved(&found_live, find("live")), "they stand elsewhere by now");
}

#[tokio::test]
async fn what_is_changed_while_it_is_copied_stays_changed() {
    let fs = SimFs::default();
    for slices in 0..8 {
        let store = open_small(fs.clone()).unwrap();
        let walks: Vec<_> = (0..6).map(|n| walk(&format!("run-{n}"), n + 1)).collect();
        for walk in &walks {
            commit(&store, &walk[..2]).await;
            store.delete(&walk[0].0.id).await.unwrap();
            commit(&store, &walk[..4]).await;
        }
        store.writer().unwrap().keep_up(slices);
        store.delete(&id("run-0")).await.unwrap();
        commit(&store, &walks[1][4..]).await;
        store.save(&walk("run-2", 9)[4].0).await.unwrap();
        store.delete(&id("run-3")).await.unwrap();
        commit(&store, &walk("run-3", 20)[..1]).await;
        let check = async |store: &FlatBuffersStore| {
            assert!(matches!(store.load(&id("run-0")).await, Err(StoreError::NotFound { .. })), "{slices}");
            assert_eq!(store.load(&id("run-1")).await.unwrap(), walks[1][4].0, "{slices}");
            assert_eq!(store.load(&id("run-2")).await.unwrap(), walk("run-2", 9)[4].0, "{slices}");
            assert_eq!(store.load(&id("run-3")).await.unwrap(), walk("run-3", 20)[0].0, "{slices}");
            assert_eq!(store.load(&id("run-4")).await.unwrap(), walks[4][3].0, "{slices}");
        };
        check(&store).await;
        keep_up(&store);
        check(&store).await;
        drop(store);
        let store = open_small(fs.clone()).unwrap();
        check(&store).await;
        for id in store.list_workflows().await.unwrap().workflows {
            store.delete(&id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_segment_that_was_damaged_meanwhile_is_left_as_it_is() {
    let (fs, store, (path, mut bytes, place)) = with_a_segment_to_give_back().await;
    bytes[place] ^= 1;
    fs.set_bytes(&path, bytes.clone());
    keep_up(&store);
    assert_eq!(fs.bytes(&path).unwrap(), bytes);
    assert!(matches!(store.load(&id("kept")).await, Err(StoreError::Corrupt { .. })));
    commit(&store, &walk("new", 9)).await;
    drop(store);
    let store = open_small(fs).unwrap();
    assert_eq!(store.load(&id("new")).await.unwrap(), walk("new", 9)[4].0);
    assert!(matches!(store.load(&id("kept")).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn a_segment_of_no_use_between_others_leaves_no_gap() {
    let fs = SimFs::default();
    let store = open_small(fs.clone()).unwrap();
    let kept = walk("kept", 1);
    commit(&store, &kept).await;
    for n in 0..8 {
        store.save(&shaped("replaced", n).0).await.unwrap();
    }
    let (before, _, _) = counts(&store);
    keep_up(&store);
    assert!(counts(&store).0 < before);
    drop(store);
    let store = open_small(fs).unwrap();
    assert_eq!(store.list_workflows().await.unwrap().damaged, []);
    assert_eq!(store.load(&id("kept")).await.unwrap(), kept[4].0);
    assert_eq!(store.load(&id("replaced")).await.unwrap(), shaped("replaced", 7).0);
}

#[tokio::test]
async fn a_segment_in_which_others_stand_than_the_index_has_is_left_as_it_is() {
    let (fs, store, (path, bytes, _)) = with_a_segment_to_give_back().await;
    let site = log::lock(&store.writer().unwrap().index).segments.values().next().unwrap().header.store;
    let others = of_others(&bytes, site, format::run_number(&id("kept")));
    assert_ne!(others, bytes);
    fs.set_bytes(&path, others.clone());
    keep_up(&store);
    assert_eq!(fs.bytes(&path), Some(others), "what the index counts on is not thrown away");
}

/// A segment whose batches are whole, and in which another run has what this one had.
fn of_others(bytes: &[u8], store: u64, run: u64) -> Vec<u8> {
    let (mut to, mut at) = (bytes.to_vec(), SEGMENT_HEADER);
    while let Some(head) = BatchHead::read(bytes, at, store) {
        let (mut frames, mut index) = (Vec::new(), Vec::new());
        for frame in head.frames(bytes, at) {
            let placed = frame.unwrap();
            let whole = &bytes[placed.offset as usize..][..placed.len as usize];
            let (head, body) = FrameHead::read(whole).unwrap();
            let other = FrameHead { run: if head.run == run { run ^ 1 } else { head.run }, ..head };
            index.push((other.run, frames.len()));
            other.write(&whole[body], &mut frames);
        }
        let mut batch = Vec::new();
        batch::write((store, head.seq), index.into_iter(), &frames, &mut batch);
        to[at..head.end(at)].copy_from_slice(&batch);
        at = head.end(at);
    }
    to
}

#[tokio::test]
async fn b39_what_was_deleted_while_it_was_copied_does_not_come_back() {
    const LARGE: u64 = 2 << 20;
    let fs = SimFs::default();
    let open = || FlatBuffersStore::options().kept_up_by_test().fs(fs.clone()).segment_bytes(LARGE).open(DIR).unwrap();
    let large = |name: &str, run_no| {
        let mut data = walk(name, run_no)[4].0.clone();
        data.input = Payload::new(Encoding::Raw, vec![7; LARGE as usize / 10 - 2048]);
        data
    };
    let store = open();
    commit(&store, &walk("late", 1)).await;
    let kept: Vec<_> = (0..4).map(|n| large(&format!("kept-{n}"), n + 2)).collect();
    for data in &kept {
        store.save(data).await.unwrap();
    }
    let come_and_go = async |runs: std::ops::Range<u64>| {
        for n in runs {
            let data = large(&format!("gone-{n}"), n + 10);
            store.save(&data).await.unwrap();
            store.delete(&data.id).await.unwrap();
        }
    };
    come_and_go(0..18).await;
    // It is copied in the first slice of several, and deleted behind that.
    assert!(store.writer().unwrap().keep_up(2));
    store.delete(&id("late")).await.unwrap();
    keep_up(&store);
    // The segment in which the deletion stands is rewritten, and the one to which it was copied is not.
    let segments = || log::lock(&store.writer().unwrap().index).segments.keys().copied().collect::<Vec<_>>();
    let before = segments();
    come_and_go(18..48).await;
    keep_up(&store);
    let after = segments();
    assert!(after.contains(&before[0]) && !after.contains(&before[1]), "{before:?} became {after:?}");
    drop(store);
    let store = open();
    assert!(matches!(store.load(&id("late")).await, Err(StoreError::NotFound { .. })));
    for data in &kept {
        assert_eq!(store.load(&data.id).await.unwrap(), *data);
    }
}

#[tokio::test]
async fn a_thread_gives_room_back_without_being_told() {
    let fs = SimFs::default();
    let options = FlatBuffersStore::options().fs(fs.clone()).segment_bytes(SEGMENT);
    let store = options.open(DIR).unwrap();
    let kept = walk("kept", 1);
    commit(&store, &kept).await;
    let mut rounds = 0;
    let is_small_again = async {
        let mut most = 0;
        while most < 8 || fs.paths().len() * 2 > most {
            come_and_go(&store, rounds).await;
            rounds += 1;
            most = most.max(fs.paths().len());
        }
    };
    let small = tokio::time::timeout(std::time::Duration::from_secs(60), is_small_again).await;
    assert!(small.is_ok(), "after {rounds} rounds it has {} files", fs.paths().len());
    assert_eq!(store.load(&id("kept")).await.unwrap(), kept[4].0);
    drop(store);
    assert_eq!(open(fs).unwrap().load(&id("kept")).await.unwrap(), kept[4].0);
}
