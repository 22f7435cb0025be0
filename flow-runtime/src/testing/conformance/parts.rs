//! Parts of large payloads: bytes under names, which go with their run. A store that keeps none has nothing to show.

use std::fmt::Display;

use bytes::Bytes;

use super::expect::{commit, delete, done, must, save};
use super::place::{OpenStore, Place};
use super::plans;
use super::records::{Run, bare, id};
use crate::state::WorkflowId;
use crate::store::{PartKey, StoreError, WorkflowStore, with_causes};

/// The store, if it keeps parts.
async fn open(place: &dyn Place) -> Option<OpenStore> {
    let store = place.open().await;
    store.inline_bytes().is_some().then_some(store)
}

fn key(run: &str, run_no: u64, payload: u128, part: u32) -> PartKey {
    PartKey::new(id(run), run_no, payload, part)
}

/// Bytes that no other name has.
fn own(key: &PartKey) -> Bytes {
    Bytes::from(format!("{key:?}"))
}

async fn put(store: &OpenStore, key: &PartKey, bytes: Bytes) {
    done(store.put_part(key, bytes).await, format_args!("keep part {key:?}"));
}

/// That the store gives this part back.
async fn has(store: &OpenStore, key: &PartKey, expected: &Bytes, when: impl Display) {
    let found = done(store.part(key).await, format_args!("give part {key:?} back {when}"));
    must(found == *expected, format_args!("give part {key:?} back as it was {when}"), "its bytes are others");
}

/// That there is no such part, which is damage, as a record names it.
async fn misses(store: &OpenStore, key: &PartKey, when: impl Display) {
    let instead = match store.part(key).await {
        Err(StoreError::Corrupt { id, .. }) if id == key.id => return,
        Err(StoreError::Corrupt { id, .. }) => format!("it named run {id:?}"),
        Err(error) => format!("it said: {}", with_causes(&error)),
        Ok(bytes) => format!("it gave {} bytes", bytes.len()),
    };
    must(false, format_args!("answer `Corrupt` of part {key:?}, which is not there {when}"), instead);
}

/// Parts of few bytes and many, of bytes of every value.
pub(super) async fn b29_parts_of_any_bytes_come_back(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    save(&store, &bare("run")).await;
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let all = [vec![0], vec![0xff; 5], every.clone(), every.repeat(300), b"{}\r\n\0".to_vec()];
    for (bytes, number) in all.into_iter().zip(0..) {
        let (key, bytes) = (key("run", 11, number, 0), Bytes::from(bytes));
        put(&store, &key, bytes.clone()).await;
        has(&store, &key, &bytes, "after it was put").await;
    }
}

/// As many bytes as a part may have.
pub(super) async fn b29_a_part_of_the_largest_size_comes_back(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    save(&store, &bare("run")).await;
    let mut bytes: Vec<u8> = (0..PartKey::MAX_BYTES).map(|place| (place / 7) as u8).collect();
    for number in 0..2 {
        // What is not looked at to its end is found by its last byte.
        if let Some(last) = bytes.last_mut() {
            *last = number;
        }
        let (key, bytes) = (key("run", 11, number.into(), number.into()), Bytes::from(bytes.clone()));
        put(&store, &key, bytes.clone()).await;
        has(&store, &key, &bytes, "with as many bytes as a part may have").await;
    }
}

/// Parts of several payloads, and several of each.
pub(super) async fn b29_parts_of_one_run_are_kept_apart(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    save(&store, &bare("run")).await;
    let payloads = [0, 1, 10, 16, u128::from(u64::MAX), u128::MAX - 1, u128::MAX];
    let parts = [0, 1, 9, 10, 256, u32::MAX];
    let keys: Vec<PartKey> =
        payloads.iter().flat_map(|&payload| parts.map(|part| key("run", 11, payload, part))).collect();
    for key in &keys {
        put(&store, key, own(key)).await;
    }
    for key in &keys {
        has(&store, key, &own(key), "beside others of its run").await;
    }
}

/// A part is put again: with fewer bytes, with more, with the same.
pub(super) async fn b30_a_part_replaces_that_of_its_name(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    save(&store, &bare("run")).await;
    let (key, beside) = (key("run", 11, 7, 0), key("run", 11, 7, 1));
    put(&store, &beside, own(&beside)).await;
    for len in [100, 3, 70_000, 70_000, 1] {
        let bytes = Bytes::from(vec![len as u8; len]);
        put(&store, &key, bytes.clone()).await;
        has(&store, &key, &bytes, "after it replaced another").await;
    }
    has(&store, &beside, &own(&beside), "after another was replaced").await;
}

/// Parts that nobody has put, of runs that are there and that are not.
pub(super) async fn b32_a_part_that_is_not_there_is_corrupt(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    misses(&store, &key("nobody", 11, 1, 0), "in an empty store").await;
    save(&store, &bare("run")).await;
    misses(&store, &key("run", 11, 1, 0), "in a run without parts").await;
    put(&store, &key("run", 11, 1, 0), Bytes::from_static(b"part")).await;
    for key in [key("run", 11, 1, 1), key("run", 11, 2, 0), key("run", 12, 1, 0), key("another", 11, 1, 0)] {
        misses(&store, &key, "beside one that is").await;
    }
}

/// Runs whose steps have the same names, and so their parts, but for the id; the ids are alike, or odd.
pub(super) async fn b33_parts_of_runs_are_kept_apart(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    let long = "x".repeat(WorkflowId::MAX_BYTES - 1);
    let texts = ["run", "Run", "run.", "run/1", "run_2f1", "run%2f1", "..", " ", "*", "'; --", "e\u{301}", "\u{e9}"];
    let texts = texts.map(str::to_owned).into_iter().chain(["1", "2"].map(|end| format!("{long}{end}")));
    let keys: Vec<PartKey> = texts.map(|text| key(&text, 11, 1, 0)).collect();
    for key in &keys {
        save(&store, &bare(key.id.as_str())).await;
        put(&store, key, own(key)).await;
    }
    for (number, key) in keys.iter().enumerate() {
        has(&store, key, &own(key), "beside those of other runs").await;
        delete(&store, &key.id).await;
        misses(&store, key, "after its run was deleted").await;
        for other in &keys[number + 1..] {
            has(&store, other, &own(other), "after another run was deleted").await;
        }
    }
}

/// A deletion takes the parts of its run, all of them, and no others; also after reopening.
pub(super) async fn b39_parts_go_with_their_run_alone(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    let keys = |run| (0..3).flat_map(move |payload| (0..2).map(move |part| key(run, 11, payload, part)));
    for run in ["kept", "gone"] {
        save(&store, &bare(run)).await;
        for key in keys(run) {
            put(&store, &key, own(&key)).await;
        }
    }
    delete(&store, &id("gone")).await;
    drop(store);
    let store = place.open().await;
    for (gone, kept) in keys("gone").zip(keys("kept")) {
        misses(&store, &gone, "after its run was deleted and reopening").await;
        has(&store, &kept, &own(&kept), "after another run was deleted and reopening").await;
    }
}

/// Another run of the same id, whose number is another, begins without parts.
pub(super) async fn b39_parts_of_a_deleted_run_are_not_those_of_the_next(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    for run_no in [1, 2] {
        let run = Run::numbered("again", run_no, &plans::calls(1));
        commit(&store, (&run.first, &run.data)).await;
        let part = key("again", run_no, 1, 0);
        misses(&store, &part, "in a run that has just begun").await;
        put(&store, &part, own(&part)).await;
        has(&store, &part, &own(&part), "after it was put").await;
        if run_no == 1 {
            delete(&store, &run.data.id).await;
        } else {
            misses(&store, &key("again", 1, 1, 0), "as its run was deleted").await;
        }
    }
}

/// A part that was put before a delta is as durable as that.
pub(super) async fn b42_parts_are_there_after_reopening(place: &dyn Place) {
    let Some(store) = open(place).await else { return };
    let mut run = Run::new("run", &plans::chain(2));
    commit(&store, (&run.first, &run.data)).await;
    let keys = [key("run", 11, 1, 0), key("run", 11, 1, 1)];
    let bytes = |key: &PartKey| Bytes::from(own(key).repeat(5_000));
    for key in &keys {
        put(&store, key, bytes(key)).await;
    }
    let (delta, after) = run.complete(0);
    commit(&store, (&delta, &after)).await;
    drop(store);
    for _ in 0..2 {
        let store = place.open().await;
        for key in &keys {
            has(&store, key, &bytes(key), "after reopening").await;
        }
    }
}
