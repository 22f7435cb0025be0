//! Parts beside the files of runs: under power loss and faults of every operation, damage of every byte, and when
//! their run goes.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::disk::{CrashModel, Fault, FaultFs};
use crate::store::PartKey;

/// A part of this run, and its bytes.
fn part(run: &str, run_no: u64, part: u32) -> (PartKey, Bytes) {
    (PartKey::new(id(run), run_no, 7, part), Bytes::from(format!("{run} {run_no} {part}").repeat(9)))
}

/// What is done to a store with parts, in order.
enum Act {
    Put(PartKey, Bytes),
    Do(Box<Step>),
}

/// Two runs with parts that are named by their second change, one of which is deleted and made again; one of a long id.
fn acts() -> Vec<Act> {
    acts_of(&[("a", 1), ("b", 2), (&"L".repeat(200), 3)])
}

/// These runs with their parts; then `a` is deleted and made again.
fn acts_of(runs: &[(&str, u64)]) -> Vec<Act> {
    let mut acts = Vec::new();
    for &(run, run_no) in runs {
        let mut commits =
            walk(run, run_no).into_iter().map(|(data, delta)| Act::Do(Box::new(Step::Commit(data, delta))));
        acts.extend(commits.next());
        acts.extend((0..2).map(|number| part(run, run_no, number)).map(|(key, bytes)| Act::Put(key, bytes)));
        acts.extend(commits);
    }
    acts.push(Act::Do(Box::new(Step::Delete(id("a")))));
    acts.push(Act::Do(Box::new(Step::Commit(walk("a", 4)[0].0.clone(), walk("a", 4)[0].1.clone()))));
    acts
}

async fn run_acts(store: &JsonFileStore, acts: &[Act]) -> (usize, Option<StoreError>) {
    for (done, act) in acts.iter().enumerate() {
        let result = match act {
            Act::Put(key, bytes) => store.put_part(key, bytes.clone()).await,
            Act::Do(step) => step.run(store).await,
        };
        if let Err(error) = result {
            return (done, Some(error));
        }
    }
    (acts.len(), None)
}

/// Each run whose record names its parts has them whole, and no run has parts that is not there.
async fn check(disk: &SimFs, store: &JsonFileStore, what: &str) {
    for (run, run_no) in [("a", 1), ("b", 2), (&*"L".repeat(200), 3)] {
        let found = find(store, &id(run)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let names_parts = found.as_ref().is_some_and(|data| data.run_no == run_no && data.seq > 1);
        for number in 0..2 {
            let (key, bytes) = part(run, run_no, number);
            match store.part(&key).await {
                Ok(found) => assert_eq!(found, bytes, "{what}"),
                Err(error) => assert!(!names_parts, "{what}: {error}"),
            }
        }
        let ours = crate::disk::encode_name(run) + ".";
        let is_part = |path: &PathBuf| {
            let is_of_run = path.file_name().is_some_and(|name| name.to_str().unwrap().starts_with(&ours));
            is_of_run && path.extension().is_some_and(|end| end == "part")
        };
        assert!(found.is_some() || !disk.paths().iter().any(is_part), "{what}: {:?}", disk.paths());
    }
    let listing = store.list_workflows().await.unwrap();
    assert!(listing.damaged.is_empty() && listing.workflows.len() <= 3, "{what}: {listing:?}");
}

#[tokio::test]
async fn b29_parts_come_back_and_go_with_their_run() {
    let disk = SimFs::default();
    let store = open(disk.clone()).unwrap();
    let acts = acts();
    assert_eq!(store.inline_bytes(), Some(64 << 10));
    assert_eq!(run_acts(&store, &acts).await.0, acts.len());
    check(&disk, &store, "as it was written").await;
    let (key, bytes) = part("b", 2, 1);
    drop(store);
    let store = open(disk.clone()).unwrap();
    assert_eq!(store.part(&key).await.unwrap(), bytes);
    let other = Bytes::from_static(b"another");
    store.put_part(&key, other.clone()).await.unwrap();
    assert_eq!(store.part(&key).await.unwrap(), other, "in place of what there was");
    assert_eq!(open_read_only(disk.clone()).unwrap().part(&key).await.unwrap(), other);
    let read_only = open_read_only(disk.clone()).unwrap().put_part(&key, other).await;
    assert!(matches!(read_only, Err(StoreError::ReadOnly { .. })));

    store.delete(&id("b")).await.unwrap();
    let error = store.part(&key).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { id, .. } if *id == self::id("b")), "{error}");
    assert!(error.to_string().contains("part 1: it is not there"), "{error}");
    let long = "L".repeat(200);
    assert_eq!(store.part(&part(&long, 3, 0).0).await.unwrap(), part(&long, 3, 0).1, "that of another is kept");
    let too_long = Bytes::from(vec![0; PartKey::MAX_BYTES + 1]);
    assert!(matches!(store.put_part(&key, too_long).await, Err(StoreError::Unstorable { .. })));
    let longest = Bytes::from(vec![7; PartKey::MAX_BYTES]);
    let key = PartKey::new(id(&long), u64::MAX, u128::MAX, u32::MAX);
    store.put_part(&key, longest.clone()).await.unwrap();
    assert_eq!(store.part(&key).await.unwrap(), longest);
    assert!(disk.paths().iter().all(|path| path.file_name().unwrap().len() <= 255));
}

#[tokio::test]
async fn b35_b39_a_fault_of_any_operation_loses_no_part_that_is_named_and_leaves_none_of_a_run_that_is_gone() {
    let acts = acts();
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(run_acts(&open(counting.clone()).unwrap(), &acts).await.0, acts.len());
    let mut poisoned = 0;
    for at in 0..counting.count() {
        for fault in [Fault::Errno(5), Fault::Errno(28), Fault::ShortWrite, Fault::Ambiguous] {
            for for_ever in [false, true] {
                let what = format!("{fault:?} at {at}, for ever: {for_ever}");
                let disk = SimFs::default();
                let fs = FaultFs::new(disk.clone());
                fs.fail(at, for_ever, fault);
                if let Ok(store) = open(fs.clone()) {
                    let (done, error) = run_acts(&store, &acts).await;
                    fs.heal();
                    if error.is_none() {
                        assert_eq!(done, acts.len());
                    } else if let Act::Put(key, bytes) = &acts[done] {
                        // Either it stops for good, or what failed can be done again.
                        match store.put_part(key, bytes.clone()).await {
                            Err(error) => {
                                poisoned += 1;
                                assert!(matches!(error, StoreError::Poisoned { .. }), "{what}: {error}");
                            }
                            Ok(()) => assert_eq!(store.part(key).await.unwrap(), *bytes, "{what}"),
                        }
                    }
                }
                fs.heal();
                check(&disk, &open(fs.clone()).unwrap(), &what).await;
            }
        }
    }
    assert!(poisoned > 0);
}

#[tokio::test]
async fn b42_b39_whenever_the_power_goes_what_a_record_names_is_there() {
    let acts = acts_of(&[("a", 1)]);
    let counting = FaultFs::new(SimFs::default());
    run_acts(&open(counting.clone()).unwrap(), &acts).await;
    let mut distinct = BTreeSet::new();
    for at in 0..=counting.count() {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        fs.fail(at, true, Fault::Errno(5));
        if let Ok(store) = open(fs.clone()) {
            run_acts(&store, &acts).await;
        }
        for found in CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model)) {
            if distinct.insert(files(&found)) {
                let store = open(found.clone()).unwrap();
                check(&found, &store, &format!("power went at operation {at}")).await;
            }
        }
    }
    assert!(distinct.len() > 100, "{} distinct states", distinct.len());
}

#[tokio::test]
async fn b32_a_part_of_any_bytes_is_refused_by_name() {
    let disk = SimFs::default();
    let store = open(disk.clone()).unwrap();
    commit(&store, &walk("a", 1)[..1]).await;
    let (key, bytes) = part("a", 1, 0);
    store.put_part(&key, bytes.clone()).await.unwrap();
    let (path, whole) =
        files(&disk).into_iter().find(|(path, _)| path.extension().is_some_and(|end| end == "part")).unwrap();
    let read = async |file: &[u8]| {
        disk.set_bytes(&path, file.to_vec());
        store.part(&key).await
    };
    assert_eq!(read(&whole).await.unwrap(), bytes);
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        let error = read(&broken).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{at}: {error}");
        assert!(matches!(read(&whole[..at]).await, Err(StoreError::Corrupt { .. })), "cut at {at}");
    }
    assert!(matches!(read(&[&whole[..], b"x"].concat()).await, Err(StoreError::Corrupt { .. })));
    let mut newer = whole.clone();
    newer[8] = 2;
    let crc = crc32c::crc32c(&newer[..20]).to_le_bytes();
    newer[20..24].copy_from_slice(&crc);
    let error = read(&newer).await.unwrap_err();
    assert!(matches!(&error, StoreError::Newer { found, .. } if found == "format 2"), "{error}");
}
