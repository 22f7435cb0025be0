//! Queries: what loading every run would give, also of files that are damaged, foreign or newer.

use super::*;
use crate::state::WorkflowStatus;
use crate::state::codec::json::seal;
use crate::store::query::by_loading;
use crate::store::{Damaged, Query};

/// Three runs in a folder: one that goes on, one that has ended, one of a long id; and the bytes of the first.
async fn three() -> (SimFs, JsonFileStore, Vec<u8>) {
    let disk = SimFs::default();
    let store = open(disk.clone()).unwrap();
    commit(&store, &walk("a", 1)[..2]).await;
    commit(&store, &walk("ended", 2)).await;
    let mut data = walk(&"L".repeat(200), 3)[0].0.clone();
    data.metadata.extend([("city".to_owned(), "Zürich".to_owned()), ("\"".to_owned(), "\\\n".to_owned())]);
    data.created_at -= 7;
    store.save(&data).await.unwrap();
    let bytes = disk.bytes(path("a")).unwrap();
    (disk, store, bytes)
}

/// That each query gives what loading every run gives; gives what is damaged.
async fn assert_same(store: &JsonFileStore, what: &str) -> Vec<Damaged> {
    let all = Query::new();
    for query in [
        all.clone(),
        all.clone().page(1),
        all.clone().status(WorkflowStatus::Completed),
        all.clone().metadata("city", "Zürich"),
        all.clone().workflow("walk").created(..1_000),
    ] {
        assert_eq!(store.query(&query).await.unwrap(), by_loading(store, &query).await.unwrap(), "{what}");
    }
    store.query(&all).await.unwrap().damaged
}

#[tokio::test]
async fn b36_a_query_gives_what_loading_every_run_gives() {
    let (disk, store, _) = three().await;
    assert_eq!(assert_same(&store, "whole").await, []);
    assert_eq!(store.query(&Query::new()).await.unwrap().runs.len(), 3);
    assert_eq!(assert_same(&open_read_only(disk).unwrap(), "for reading").await, []);
}

#[tokio::test]
async fn b36_a_query_names_every_damage_that_loading_finds() {
    let (disk, store, sound) = three().await;
    for bit in (0..sound.len() * 8).step_by(7) {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.set_bytes(path("a"), bytes);
        let page = store.query(&Query::new()).await.unwrap();
        assert_eq!((page.runs.len(), page.damaged.len()), (2, 1), "bit {bit}");
        assert!(page.damaged[0].reason.starts_with("run `a`: "), "{:?}", page.damaged);
        if bit % 64 == 0 {
            assert_same(&store, &format!("bit {bit}")).await;
        }
    }
    for len in (0..sound.len()).step_by(100) {
        disk.set_bytes(path("a"), sound[..len].to_vec());
        assert_eq!(assert_same(&store, &format!("{len} bytes")).await.len(), 1);
    }
    let other = disk.bytes(path("ended")).unwrap();
    disk.set_bytes(path("a"), other);
    let damaged = assert_same(&store, "of another run").await;
    assert_eq!(damaged, [Damaged::new(path("a"), "run `a`: its file holds the run `ended`")]);
}

#[tokio::test]
async fn b38_a_query_names_what_only_a_newer_version_can_read_and_gives_the_rest() {
    let (disk, store, sound) = three().await;
    let line = sound.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let members = std::str::from_utf8(&sound[line..]).unwrap();
    for (bytes, says) in [
        (seal(members.as_bytes(), 2, 2), "format 2"),
        (seal(members.replace("\"format\": 1", "\"format\": 2").as_bytes(), 1, 1), "a record of structure 2"),
        (
            seal(members.replacen("\"status\": \"Running\"", "\"status\": \"Dreaming\"", 1).as_bytes(), 1, 1),
            "run status `Dreaming`",
        ),
    ] {
        disk.set_bytes(path("a"), bytes);
        let damaged = assert_same(&store, says).await;
        let [Damaged { reason, .. }] = &damaged[..] else { panic!("{damaged:?}") };
        assert!(reason.starts_with("run `a`: ") && reason.contains("newer") && reason.contains(says), "{reason}");
        assert_eq!(store.query(&Query::new()).await.unwrap().runs.len(), 2);
    }
}
