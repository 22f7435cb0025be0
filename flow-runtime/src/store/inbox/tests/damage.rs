//! Files that are broken, foreign or newer: refused by name, left as they are, and in nobody's way.

use super::*;
use crate::store::inbox::name;

/// A store with a request for each of two runs, and the file of the first's.
async fn two(run: &str) -> (SimFs, JsonFileStore, PathBuf) {
    let disk = SimFs::default();
    let store = json(disk.clone()).unwrap();
    store.ask(&id(run), &request("1")).await.unwrap();
    let file = letters(&disk).pop().unwrap();
    store.ask(&id("sound"), &request("1")).await.unwrap();
    (disk, store, file)
}

#[track_caller]
fn assert_corrupt(found: Result<Vec<Request>, StoreError>, run: &str, file: &PathBuf, what: &str) -> String {
    match found {
        Err(StoreError::Corrupt { id: found, path: Some(path), reason }) if found == id(run) && path == *file => reason,
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn b32_b34_every_flip_and_every_cut_of_a_request_is_found_and_hides_no_other() {
    for run in ["a", LONG] {
        let (disk, store, file) = two(run).await;
        let sound = disk.bytes(&file).unwrap();
        let flips = (0..sound.len() * 8).map(|bit| {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            (format!("bit {bit}"), bytes)
        });
        let cuts = (0..sound.len()).map(|len| (format!("{len} bytes"), sound[..len].to_vec()));
        for (what, bytes) in flips.chain(cuts).chain([("one more".to_owned(), [&sound[..], &[0]].concat())]) {
            disk.set_bytes(&file, bytes.clone());
            assert_corrupt(store.requests(&id(run)).await, run, &file, &what);
            assert_eq!(store.requests(&id("sound")).await.unwrap(), [request("1")], "{what}");
            assert!(store.asked().await.unwrap().contains(&id("sound")), "{what}");
            assert_eq!(disk.bytes(&file), Some(bytes), "it is left as it is");
        }
        disk.set_bytes(&file, sound);
        assert_eq!(store.requests(&id(run)).await.unwrap(), [request("1")]);
    }
}

#[tokio::test]
async fn a_request_in_anothers_file_is_not_believed() {
    let (disk, store, file) = two("a").await;
    let other = letters(&disk).into_iter().find(|path| *path != file).unwrap();
    let sound = disk.bytes(&file).unwrap();
    disk.set_bytes(&file, disk.bytes(&other).unwrap());
    let reason = assert_corrupt(store.requests(&id("a")).await, "a", &file, "another run's");
    assert!(reason.contains("does not begin with the id of its run"), "{reason}");
    disk.set_bytes(&file, sound.clone());
    let second = file.with_file_name(name::of_request("w-a", 2, &name::digest("2")));
    disk.set_bytes(&second, sound);
    let reason = assert_corrupt(store.requests(&id("a")).await, "a", &second, "another request's");
    assert!(reason.contains("another request than its name says"), "{reason}");
}

#[tokio::test]
async fn b38_a_request_of_a_newer_version_is_refused_by_name() {
    let (disk, store, file) = two("a").await;
    let mut bytes = disk.bytes(&file).unwrap();
    bytes["a\n".len() + 8] = 2;
    let header = "a\n".len().."a\n".len() + 20;
    let crc = crc32c::crc32c(&bytes[header.clone()]).to_le_bytes();
    bytes[header.end..header.end + 4].copy_from_slice(&crc);
    disk.set_bytes(&file, bytes);
    let error = store.requests(&id("a")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Newer { what, .. } if what.contains("a request for run `a`")), "{error}");
    assert!(error.to_string().contains("format 2"), "{error}");
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let (disk, store, file) = two("a").await;
    let foreign = [".gitignore", "w-a.txt", "w-a.00000001.ask", "notes", "w-b.00000001-00.ask"];
    let foreign = foreign.map(|name| file.with_file_name(name));
    for path in &foreign {
        disk.set_bytes(path, b"mine".to_vec());
    }
    assert_eq!(store.asked().await.unwrap(), [id("a"), id("sound")]);
    store.ask(&id("a"), &request("2")).await.unwrap();
    assert_eq!(store.requests(&id("a")).await.unwrap(), [request("1"), request("2")]);
    store.save(&record("a")).await.unwrap();
    store.delete(&id("a")).await.unwrap();
    assert!(foreign.iter().all(|path| disk.bytes(path).as_deref() == Some(b"mine")));
    assert_eq!(letters(&disk).len(), foreign.len() + 1);
}

/// A broken request goes when it is asked for by name: when it is taken, and with its run.
#[tokio::test]
async fn b32_a_broken_request_goes_with_its_run_or_when_it_is_taken() {
    for with_run in [true, false] {
        let (disk, store, file) = two("a").await;
        disk.set_bytes(&file, vec![0; 50]);
        if with_run {
            store.save(&record("a")).await.unwrap();
            store.delete(&id("a")).await.unwrap();
        } else {
            store.take_requests(&id("a"), &["1".to_owned()]).await.unwrap();
        }
        assert_eq!((disk.bytes(&file), store.requests(&id("a")).await.unwrap()), (None, vec![]));
    }
}

/// Whether a run is there that was being deleted cannot be told from a log that has lost a part of itself.
#[tokio::test]
async fn b39_nothing_is_settled_by_what_may_be_lost() {
    let disk = SimFs::default();
    let store = flat(disk.clone()).unwrap();
    store.save(&record("a")).await.unwrap();
    store.save(&record("b")).await.unwrap();
    store.ask(&id("a"), &request("1")).await.unwrap();
    drop(store);
    let letter = letters(&disk).pop().unwrap();
    let deletion = letter.with_file_name(name::of_deletion("w-a", 1));
    disk.set_bytes(&deletion, Vec::new());
    let log = disk.paths().into_iter().find(|path| path.extension().is_some_and(|end| end == "flow")).unwrap();
    let mut bytes = disk.bytes(&log).unwrap();
    let sound = bytes.clone();
    bytes[120..300].fill(0xff);
    disk.set_bytes(&log, bytes);
    assert!(!flat(disk.clone()).unwrap().list_workflows().await.unwrap().damaged.is_empty());
    assert!(disk.bytes(&deletion).is_some() && disk.bytes(&letter).is_some());

    disk.set_bytes(&log, sound);
    drop(flat(disk.clone()).unwrap());
    assert!(disk.bytes(&deletion).is_none() && disk.bytes(&letter).is_some(), "the run is there");
}
