//! Files that are broken, foreign or newer: refused by name, left as they are, and in nobody's way.

use std::fs;

use super::*;
use crate::state::codec::json::seal;

/// A store with two runs, one of which is to be damaged.
async fn two() -> (SimFs, JsonFileStore, Vec<u8>) {
    let disk = SimFs::default();
    let store = open(disk.clone()).unwrap();
    commit(&store, &walk("a", 1)[..2]).await;
    commit(&store, &walk("sound", 2)).await;
    let bytes = disk.bytes(path("a")).unwrap();
    (disk, store, bytes)
}

#[track_caller]
fn assert_corrupt(loaded: Result<WorkflowData, StoreError>, what: &str) {
    match loaded {
        Err(StoreError::Corrupt { id: found, path: Some(file), .. }) => {
            assert_eq!((found, file), (id("a"), path("a")), "{what}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn every_flip_of_a_bit_is_found() {
    let (disk, store, sound) = two().await;
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.set_bytes(path("a"), bytes.clone());
        assert_corrupt(store.load(&id("a")).await, &format!("bit {bit}"));
        assert_eq!(disk.bytes(path("a")), Some(bytes), "it is left as it is");
    }
    println!("{} flips of a file of {} bytes", sound.len() * 8, sound.len());
    assert!(store.load(&id("sound")).await.is_ok());
}

#[tokio::test]
async fn every_cut_and_every_byte_more_is_found() {
    let (disk, store, sound) = two().await;
    for len in 0..sound.len() {
        disk.set_bytes(path("a"), sound[..len].to_vec());
        assert_corrupt(store.load(&id("a")).await, &format!("{len} bytes"));
    }
    for byte in 0..=255 {
        disk.set_bytes(path("a"), [&sound[..], &[byte]].concat());
        assert_corrupt(store.load(&id("a")).await, &format!("{byte} added"));
    }
    disk.set_bytes(path("a"), sound);
    assert!(store.load(&id("a")).await.is_ok());
}

#[tokio::test]
async fn b32_a_broken_file_is_named_and_left_and_only_its_run_is_lost() {
    let (disk, store, mut bytes) = two().await;
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    disk.set_bytes(path("a"), bytes.clone());
    drop(store);
    let store = open(disk.clone()).unwrap();
    let walk = walk("a", 1);
    for (after, delta) in &walk {
        assert_corrupt(store.commit(after, delta).await.map(|()| after.clone()), "nothing starts afresh");
    }
    let error = store.load(&id("a")).await.unwrap_err().to_string();
    assert!(error.contains("run `a` is damaged: the checksum does not fit") && error.contains("w-a.json"), "{error}");
    assert_eq!(disk.bytes(path("a")), Some(bytes));
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("a"), id("sound")]);
    assert!(store.load(&id("sound")).await.is_ok());
    // Who asks for it by name replaces it, or removes it.
    store.save(&walk[0].0).await.unwrap();
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[0].0);
    disk.set_bytes(path("a"), vec![0; 100]);
    drop(store);
    open(disk.clone()).unwrap().delete(&id("a")).await.unwrap();
    assert_eq!(disk.bytes(path("a")), None);
}

#[tokio::test]
async fn b32_what_is_not_there_is_not_found() {
    let store = open(SimFs::default()).unwrap();
    assert!(matches!(store.load(&id("a")).await, Err(StoreError::NotFound { id: of }) if of == id("a")));
    assert!(matches!(store.delete(&id("a")).await, Err(StoreError::NotFound { id: of }) if of == id("a")));
}

#[tokio::test]
async fn b33_a_file_under_the_name_of_another_run_is_refused() {
    let (disk, store, bytes) = two().await;
    disk.set_bytes(path("other"), bytes);
    let Err(StoreError::Corrupt { id: of, reason, .. }) = store.load(&id("other")).await else { panic!("it was read") };
    assert_eq!((of, reason.as_str()), (id("other"), "its file holds the run `a`"));
    let long = "ü".repeat(100);
    let bytes = disk.bytes(path("a")).unwrap();
    disk.set_bytes(path(&long), bytes);
    let listing = store.list_workflows().await.unwrap();
    assert_eq!(listing.workflows, [id("a"), id("other"), id("sound")]);
    assert_eq!(listing.damaged.len(), 1);
    assert_eq!(listing.damaged[0].path, path(&long));
    assert_eq!(listing.damaged[0].reason, "it holds the run `a`");
}

#[tokio::test]
async fn b34_a_file_of_any_bytes_is_refused() {
    let (disk, store, sound) = two().await;
    let line = sound.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let deep = "[".repeat(1_000_000);
    for bytes in [
        Vec::new(),
        vec![0; 1000],
        vec![0xff; 1000],
        b"{}".to_vec(),
        b"null\n".to_vec(),
        sound[line..].to_vec(),
        deep.clone().into_bytes(),
        seal(deep.as_bytes(), 1, 1),
        seal(b"", 1, 1),
        seal(&[0xff; 10], 1, 1),
        [sound.as_slice(), sound.as_slice()].concat(),
    ] {
        disk.set_bytes(path("a"), bytes);
        assert_corrupt(store.load(&id("a")).await, "any bytes");
    }
}

#[tokio::test]
async fn b34_a_file_beyond_the_limit_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = JsonFileStore::open(dir.path()).unwrap();
    let file = fs::File::create(dir.path().join("w-a.json")).unwrap();
    // It takes no room on the disk, and would take a gigabyte of memory.
    file.set_len((1 << 30) + 1).unwrap();
    let error = store.load(&id("a")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { reason, .. } if reason.contains("1073741825 bytes")), "{error}");
    store.delete(&id("a")).await.unwrap();
}

#[tokio::test]
async fn b36_the_list_is_complete_and_sorted_and_nothing_hides_the_others() {
    let disk = SimFs::default();
    let store = open(disk.clone()).unwrap();
    let long = ["z".repeat(200), "é".repeat(100)];
    let mut all: Vec<WorkflowId> =
        ["b", "A", "a/b", "ü", "..", "w-x.json", &long[0], &long[1]].into_iter().map(id).collect();
    for id in &all {
        store.save(&walk(id.as_str(), 1)[0].0).await.unwrap();
    }
    for foreign in
        ["notes.txt", "w-b.json.bak", "w-B.json", "b.json", "w-_0a.json", "w-.json", ".w-a.json", "w-b copy.json"]
    {
        disk.set_bytes(PathBuf::from(DIR).join(foreign), b"not ours".to_vec());
    }
    disk.set_bytes("elsewhere/w-b.json", b"not ours".to_vec());
    all.sort();
    for store in [store.clone(), open_read_only(disk.clone()).unwrap()] {
        let listing = store.list_workflows().await.unwrap();
        assert_eq!((&listing.workflows, listing.damaged.as_slice()), (&all, &[][..]));
    }
    let broken = path(&long[1]);
    disk.set_bytes(&broken, b"{\"flow\":\"run\",".to_vec());
    disk.set_bytes(path("b"), Vec::new());
    let listing = store.list_workflows().await.unwrap();
    let known: Vec<_> = all.iter().filter(|id| id.as_str() != long[1]).cloned().collect();
    assert_eq!(listing.workflows, known, "the name of a file says whose it is, broken or not");
    assert_eq!(listing.damaged.iter().map(|damaged| &damaged.path).collect::<Vec<_>>(), [&broken]);
}

#[tokio::test]
async fn b38_what_a_newer_version_wrote_is_refused_or_only_read() {
    let (disk, store, sound) = two().await;
    drop(store);
    let line = sound.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let walk = walk("a", 1);
    let writes = async |store: &JsonFileStore| {
        let committed = store.commit(&walk[2].0, &walk[2].1).await;
        [committed, store.save(&walk[2].0).await, store.delete(&id("a")).await]
    };
    let newer = |min_reader, min_writer| {
        let bytes = seal(&sound[line..], min_reader, min_writer);
        disk.set_bytes(path("a"), bytes.clone());
        bytes
    };

    let bytes = newer(1, 2);
    let store = open(disk.clone()).unwrap();
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[1].0);
    for refused in writes(&store).await {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "run `a` in store/w-a.json needs a newer version of Flow: it has format 2 for writing (it can be \
             read), this version knows formats up to 1"
        );
    }
    assert_eq!(disk.bytes(path("a")), Some(bytes));

    let bytes = newer(2, 2);
    let error = store.load(&id("a")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Newer { found, .. } if found == "format 2"), "{error}");
    for refused in writes(&store).await {
        assert!(matches!(refused, Err(StoreError::Newer { .. })), "{refused:?}");
    }
    assert_eq!(disk.bytes(path("a")), Some(bytes));
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("a"), id("sound")]);
}
