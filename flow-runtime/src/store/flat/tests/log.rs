//! What the log keeps when nothing goes wrong.

use super::*;
use crate::state::Asked;

#[tokio::test]
async fn changes_are_there_after_reopening() {
    let fs = SimFs::default();
    let (walk_a, walk_b) = (walk("a", 1), walk("b", 2));
    let store = open(fs.clone()).unwrap();
    for (a, b) in walk_a.iter().zip(&walk_b) {
        store.commit(&a.0, &a.1).await.unwrap();
        assert_eq!(store.load(&id("a")).await.unwrap(), a.0);
        store.commit(&b.0, &b.1).await.unwrap();
        assert_eq!(store.load(&id("b")).await.unwrap(), b.0);
    }
    drop(store);
    let store = open(fs.clone()).unwrap();
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("a"), id("b")]);
    assert_eq!(store.load(&id("a")).await.unwrap(), walk_a[4].0);
    let beside = open_read_only(fs).unwrap();
    assert_eq!(beside.load(&id("b")).await.unwrap(), walk_b[4].0);
    assert_eq!(beside.list_workflows().await.unwrap(), store.list_workflows().await.unwrap());
}

/// A run of which nothing changes but that it is paused and goes on.
async fn pause(store: &FlatBuffersStore, changes: u64) -> (WorkflowData, Delta) {
    let (mut data, mut delta) = walk("a", 1).swap_remove(0);
    store.commit(&data, &delta).await.unwrap();
    for seq in 1..changes {
        let kind = if seq % 2 == 0 { Asked::Pause } else { Asked::Resume };
        delta = Delta::new(1, seq, 2_000 + i64::try_from(seq).unwrap(), vec![Event::Asked { kind }]);
        data.apply(&delta).unwrap();
        store.commit(&data, &delta).await.unwrap();
    }
    (data, delta)
}

fn bytes_of(store: &FlatBuffersStore) -> (u64, u64) {
    super::super::log::lock(&store.writer().unwrap().index).bytes_of(&id("a"))
}

#[tokio::test]
async fn b31_a_run_is_written_whole_when_its_changes_have_outgrown_it() {
    const LEAST: u64 = 256 << 10;
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    // Each change takes more than 64 bytes and less than 128.
    pause(&store, LEAST / 128).await;
    let (_, few) = bytes_of(&store);
    assert!(few < LEAST && few > LEAST / 4, "nothing is written twice before: {few}");
    drop(store);

    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let (data, last) = pause(&store, LEAST / 64).await;
    let (first, changes) = bytes_of(&store);
    assert!(first > 128 && changes < LEAST, "it is whole, and what came behind is not: {first} {changes}");
    store.commit(&data, &last).await.unwrap();
    assert_eq!(bytes_of(&store), (first, changes), "the change that was sent again is known");
    drop(store);
    let store = open(fs).unwrap();
    assert_eq!(bytes_of(&store), (first, changes));
    assert_eq!(store.load(&id("a")).await.unwrap(), data);
}

#[tokio::test]
async fn b71_the_change_with_which_a_run_was_written_whole_is_known_when_it_is_sent_again() {
    let fs = SimFs::default();
    let mut store = open(fs.clone()).unwrap();
    let (mut data, mut sent) = pause(&store, 2).await;
    while bytes_of(&store).1 > 0 {
        sent = Delta::new(1, sent.seq + 1, sent.at + 1, vec![Event::Asked { kind: Asked::Pause }]);
        data.apply(&sent).unwrap();
        store.commit(&data, &sent).await.unwrap();
    }
    for again in [false, true] {
        if again {
            drop(store);
            store = open(fs.clone()).unwrap();
        }
        store.commit(&data, &sent).await.unwrap();
        let other = Delta::new(1, sent.seq, sent.at, vec![Event::Asked { kind: Asked::Cancel }]);
        assert!(matches!(store.commit(&data, &other).await, Err(StoreError::Conflict { .. })));
        assert_eq!(bytes_of(&store).1, 0, "nothing was added");
        assert_eq!(store.load(&id("a")).await.unwrap(), data);
    }
}

#[tokio::test]
async fn b31_a_commit_writes_what_changed_and_syncs_once() {
    let fs = SimFs::default();
    let mut graph = Graph::<u8>::new("wide");
    (0..2_000).for_each(|n| {
        graph.step(format!("step-{n}"), &[], |_, _| Box::pin(async { Ok(0) }));
    });
    let created = RunCreated::new(id("wide"), Arc::new(graph.plan()), Payload::new(Encoding::Raw, ""));
    let store = FlatBuffersStore::options().fs(fs.clone()).segment_bytes(1 << 20).open(DIR).unwrap();
    let mut delta = Delta::new(7, 0, 1, vec![Event::RunCreated(Box::new(created))]);
    let mut data = WorkflowData::create(&delta).unwrap();
    store.commit(&data, &delta).await.unwrap();
    let written = |fs: &SimFs| -> usize {
        log_files(fs).iter().map(|(_, bytes)| bytes.iter().rposition(|&byte| byte != 0).unwrap()).sum()
    };
    for local in 0..3 {
        let before = (written(&fs), fs.syncs());
        delta = Delta::new(7, u64::from(local) + 1, 2, vec![completed(local, "x")]);
        data.apply(&delta).unwrap();
        store.commit(&data, &delta).await.unwrap();
        let (bytes, syncs) = (written(&fs) - before.0, fs.syncs() - before.1);
        assert!(bytes <= 1 + 192, "one completed step of 2 000 wrote {bytes} bytes");
        assert_eq!(syncs, 1);
    }
    assert_eq!(store.load(&id("wide")).await.unwrap(), data);
}

#[tokio::test]
async fn b71_a_change_is_taken_once_and_only_if_it_follows() {
    let fs = SimFs::default();
    let walk = walk("a", 1);
    let store = open(fs.clone()).unwrap();
    let conflict = |answer: Result<(), StoreError>| assert!(matches!(answer, Err(StoreError::Conflict { .. })));
    conflict(store.commit(&walk[1].0, &walk[1].1).await);
    commit(&store, &walk[..2]).await;
    store.commit(&walk[1].0, &walk[1].1).await.unwrap();
    conflict(store.commit(&walk[3].0, &walk[3].1).await);
    conflict(store.commit(&walk[0].0, &walk[0].1).await);
    let mut other = walk[2].clone();
    other.1.run_no = 9;
    conflict(store.commit(&other.0, &other.1).await);
    commit(&store, &walk[2..]).await;
    drop(store);
    let store = open(fs).unwrap();
    store.commit(&walk[4].0, &walk[4].1).await.unwrap();
    store.delete(&id("a")).await.unwrap();
    conflict(store.commit(&walk[4].0, &walk[4].1).await);
    assert!(matches!(store.load(&id("a")).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_come_together_share_a_sync() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let before = fs.syncs();
    let runs: Vec<_> = (0..64).map(|n| walk(&format!("run-{n}"), n + 1)).collect();
    let tasks: Vec<_> = runs
        .iter()
        .map(|walk| {
            let (store, walk) = (store.clone(), walk.clone());
            tokio::spawn(async move { commit(&store, &walk).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(fs.syncs() - before <= 64 * 3 + 200, "{} syncs for 192 durable changes", fs.syncs() - before);
    for (n, walk) in runs.iter().enumerate() {
        assert_eq!(store.load(&id(&format!("run-{n}"))).await.unwrap(), walk[4].0);
    }
}

#[tokio::test]
async fn b40_one_writes_and_names_itself_to_the_next() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    commit(&store, &walk("a", 1)).await;
    let Err(StoreError::Locked { holder, .. }) = open(fs.clone()) else { panic!("two writers") };
    assert_eq!(holder, format!("process {}", std::process::id()));
    let beside = open_read_only(fs.clone()).unwrap();
    assert!(beside.load(&id("a")).await.is_ok());
    let refused = beside.delete(&id("a")).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
    drop(store);
    assert!(open(fs).is_ok());
}

#[tokio::test]
async fn the_log_gives_back_room_and_keeps_what_is_there() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let (kept, live) = (walk("kept", 1), walk("live", 2));
    commit(&store, &kept).await;
    commit(&store, &live[..3]).await;
    for n in 0..40 {
        let name = format!("gone-{n}");
        commit(&store, &walk(&name, n + 10)).await;
        store.delete(&id(&name)).await.unwrap();
    }
    let before = log_files(&fs).len();
    keep_up(&store);
    let after = log_files(&fs).len();
    assert!(after * 3 < before, "{before} files became {after}");
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("kept"), id("live")]);
    assert_eq!(store.load(&id("kept")).await.unwrap(), kept[4].0);
    assert_eq!(store.load(&id("live")).await.unwrap(), live[2].0);
    commit(&store, &live[3..]).await;
    drop(store);
    let store = open(fs.clone()).unwrap();
    assert_eq!(store.load(&id("live")).await.unwrap(), live[4].0);
}

#[tokio::test]
async fn a_record_larger_than_a_segment_has_one_of_its_own() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let mut data = walk("large", 1)[4].0.clone();
    data.input = Payload::new(Encoding::Raw, vec![7; 3 * SEGMENT as usize]);
    store.save(&data).await.unwrap();
    drop(store);
    assert_eq!(open(fs).unwrap().load(&id("large")).await.unwrap(), data);
}

#[tokio::test]
async fn b38_a_log_of_a_newer_version_is_refused_by_name() {
    let fs = SimFs::default();
    commit(&open(fs.clone()).unwrap(), &walk("a", 1)).await;
    let (path, bytes) = log_files(&fs).remove(0);
    let (header, _) = super::super::format::SegmentHeader::read(&bytes).unwrap();
    let with = |min_reader, min_writer| {
        let mut bytes = bytes.clone();
        let header = super::super::format::SegmentHeader { min_reader, min_writer, ..header }.to_bytes();
        bytes[..header.len()].copy_from_slice(&header);
        fs.set_bytes(&path, bytes);
    };
    with(1, 2);
    assert!(matches!(open(fs.clone()), Err(StoreError::Newer { .. })));
    assert!(open_read_only(fs.clone()).unwrap().load(&id("a")).await.is_ok());
    with(2, 2);
    let Err(StoreError::Newer { what, found, .. }) = open(fs.clone()) else { panic!("read what it does not know") };
    assert_eq!((what, found), (path.display().to_string(), "format 2".to_owned()));
    let refused = open_read_only(fs.clone()).unwrap().load(&id("a")).await;
    assert!(matches!(refused, Err(StoreError::Newer { .. })));
}

#[tokio::test]
async fn a_run_is_read_in_few_pieces_wherever_its_changes_stand() {
    let disk = SimFs::default();
    let fs = crate::disk::FaultFs::new(disk.clone());
    let options = FlatBuffersStore::options().fs(fs.clone()).segment_bytes(1 << 20);
    let store = options.open(DIR).unwrap();
    let (alone, a, b) = (walk("alone", 1), walk("a", 2), walk("b", 3));
    commit(&store, &alone).await;
    for (a, b) in a.iter().zip(&b) {
        store.commit(&a.0, &a.1).await.unwrap();
        let mut large = walk("large", 9)[4].0.clone();
        large.input = Payload::new(Encoding::Raw, vec![7; 5_000]);
        store.save(&large).await.unwrap();
        store.commit(&b.0, &b.1).await.unwrap();
    }
    for walk in [&a, &b, &alone] {
        assert_eq!(store.load(&walk[0].0.id).await.unwrap(), walk[4].0);
    }
    // The plan is known by now, and five changes that stand side by side are one piece.
    let before = fs.count();
    store.load(&id("alone")).await.unwrap();
    assert_eq!(fs.count() - before, 1);
}
