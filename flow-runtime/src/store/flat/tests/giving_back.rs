//! Room is given back while commits go on: the log stays small, and nobody sees a difference.

use super::super::index::Found;
use super::super::{log, read};
use super::*;

/// How many segments the log of a store has, and how many deletions and plans stand in it.
fn counts(store: &FlatBuffersStore) -> (usize, usize, usize) {
    let index = log::lock(&store.writer().unwrap().index);
    (index.segments.len(), index.tombs.len(), index.plans.len())
}

/// Another shape of workflow each time, with a run that has begun.
fn shaped(n: u64) -> (WorkflowData, Delta) {
    let mut graph = Graph::<u8>::new(format!("shape-{n}"));
    graph.step("a", &[], |_, _| Box::pin(async { Ok(0) }));
    let created = RunCreated::new(id(&format!("shaped-{n}")), Arc::new(graph.plan()), Payload::new(Encoding::Raw, "x"));
    let delta = Delta::new(n + 1, 0, 1, vec![Event::RunCreated(Box::new(created))]);
    (WorkflowData::create(&delta).unwrap(), delta)
}

#[tokio::test]
async fn b39_deletions_and_plans_that_are_of_no_use_are_given_back_too() {
    let fs = SimFs::default();
    let mut store = open(fs.clone()).unwrap();
    let (kept, live) = (walk("kept", 1), walk("live", 2));
    commit(&store, &kept).await;
    commit(&store, &live[..3]).await;
    for n in 0..100 {
        let (data, delta) = shaped(n);
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
        let name = format!("gone-{n}");
        commit(&store, &walk(&name, n + 10)).await;
        store.delete(&id(&name)).await.unwrap();
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
    let fs = SimFs::default();
    let store = open_small(fs.clone()).unwrap();
    let kept = walk("kept", 1);
    commit(&store, &kept[..3]).await;
    for n in 0..6 {
        let name = format!("gone-{n}");
        commit(&store, &walk(&name, n + 10)).await;
        store.delete(&id(&name)).await.unwrap();
    }
    let holds = |bytes: &[u8]| bytes.windows(6).position(|window| window == b"kept 1");
    let (path, mut bytes) = log_files(&fs).into_iter().find(|(_, bytes)| holds(bytes).is_some()).unwrap();
    let place = holds(&bytes).unwrap();
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
            let name = format!("gone-{rounds}");
            commit(&store, &walk(&name, rounds + 10)).await;
            store.delete(&id(&name)).await.unwrap();
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
