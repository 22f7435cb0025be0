//! Bytes that changed in the file: no run is ever given as another than it was, and no bytes make a panic.

use std::fs;

use super::super::open;
use super::super::read::{self, PlanCache};
use super::super::schema::Use;
use super::super::select;
use super::*;
use crate::store::Query;

/// A file with a run that ended, one under way and one that was deleted; and the two that are there.
async fn kept(place: &Place) -> [WorkflowData; 2] {
    let store = place.open();
    let (ended, live) = (walk("ended", 1, 3, 60), walk("live", 2, 3, 60));
    commit(&store, &live[..1]).await;
    commit(&store, &ended).await;
    commit(&store, &walk("gone", 3, 3, 60)[..2]).await;
    store.delete(&id("gone")).await.unwrap();
    commit(&store, &live[1..2]).await;
    [ended[3].0.clone(), live[1].0.clone()]
}

/// What is found in the file: how many of the runs are whole, how many are reported, and how many are neither.
#[derive(Debug, Default)]
struct Found {
    whole: usize,
    reported: usize,
    lost: usize,
}

fn look(place: &Place, kept: &[WorkflowData; 2], what: &str) -> Found {
    let path = place.path();
    let mut found = Found::default();
    let db = match open::connect(&path, Use::Read, std::time::Duration::ZERO, true) {
        Ok(db) => db,
        Err(StoreError::Damaged { .. } | StoreError::Newer { .. } | StoreError::Io { .. }) => {
            found.reported = 2;
            return found;
        }
        Err(error) => panic!("{what}: {error}"),
    };
    for data in kept {
        let loaded =
            read::load(&db, &path, &mut PlanCache::new(), &data.id).map_err(|error| error.into_error("read", &path));
        match loaded {
            Ok(loaded) => {
                assert_eq!(&loaded, data, "{what}: another record");
                found.whole += 1;
            }
            Err(StoreError::NotFound { .. }) => found.lost += 1,
            Err(StoreError::Corrupt { .. } | StoreError::Damaged { .. } | StoreError::Newer { .. }) => {
                found.reported += 1;
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
    if let Ok(page) = select::page(&db, &path, &Query::new()) {
        for run in page.runs {
            let data = kept.iter().find(|data| data.id == run.id).unwrap_or_else(|| panic!("{what}: {}", run.id));
            assert_eq!(run, data.into(), "{what}: another summary");
        }
    }
    found
}

#[tokio::test]
async fn no_flipped_bit_makes_another_run_of_one() {
    let place = Place::new();
    let kept = kept(&place).await;
    let bytes = fs::read(place.path()).unwrap();
    let (mut flips, mut all) = (0, Found::default());
    for byte in (0..bytes.len()).step_by(43) {
        let bit = byte / 43 % 8;
        let mut damaged = bytes.clone();
        damaged[byte] ^= 1 << bit;
        fs::write(place.path(), damaged).unwrap();
        let found = look(&place, &kept, &format!("bit {bit} of byte {byte}"));
        flips += 1;
        all.whole += found.whole;
        all.reported += found.reported;
        all.lost += found.lost;
    }
    println!("{flips} flips of a file of {} bytes, two runs each: {all:?}", bytes.len());
    assert!(all.reported > 0 && all.lost * 100 < flips, "{all:?}");
}

#[tokio::test]
async fn no_cut_makes_another_run_of_one() {
    let place = Place::new();
    let kept = kept(&place).await;
    let bytes = fs::read(place.path()).unwrap();
    for len in (0..bytes.len()).step_by(509) {
        fs::write(place.path(), &bytes[..len]).unwrap();
        look(&place, &kept, &format!("cut to {len}"));
    }
}

/// Flips a bit wherever the file has this text.
fn damage(place: &Place, text: &[u8]) -> Vec<u8> {
    let mut bytes = fs::read(place.path()).unwrap();
    let places: Vec<usize> = (0..bytes.len()).filter(|&place| bytes[place..].starts_with(text)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|place| bytes[place] ^= 1);
    fs::write(place.path(), &bytes).unwrap();
    bytes
}

#[tokio::test]
async fn b32_b36_a_damaged_run_is_named_and_left_and_the_others_go_on() {
    let place = Place::new();
    let kept = kept(&place).await;
    let bytes = damage(&place, b"live 0 live 0");
    let store = place.open();
    for _ in 0..2 {
        let Err(StoreError::Corrupt { id: which, path, .. }) = store.load(&id("live")).await else {
            panic!("not found")
        };
        assert_eq!((which, path), (id("live"), Some(place.path().canonicalize().unwrap())));
    }
    assert_eq!(store.load(&id("ended")).await.unwrap(), kept[0]);
    assert_eq!(store.list_workflows().await.unwrap().workflows, [id("ended"), id("live")]);
    assert!(fs::read(place.path()).unwrap() == bytes, "it was changed");
    commit(&store, &walk("new", 4, 2, 40)).await;
    store.save(&kept[1]).await.unwrap();
    assert_eq!(store.load(&id("live")).await.unwrap(), kept[1], "whoever saves it knows better what it should be");
}

#[tokio::test]
async fn b32_a_run_whose_place_is_damaged_takes_no_change_and_no_rows_of_others_with_it() {
    let place = Place::new();
    let kept = kept(&place).await;
    let walk = walk("live", 2, 3, 60);
    place
        .raw()
        .execute_batch("UPDATE runs SET last = (SELECT last FROM runs WHERE id = 'ended') WHERE id = 'live'")
        .unwrap();
    let store = place.open();
    assert!(matches!(store.load(&id("live")).await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.commit(&walk[2].0, &walk[2].1).await, Err(StoreError::Corrupt { .. })));
    let page = store.query(&Query::new()).await.unwrap();
    assert_eq!((page.runs.len(), page.damaged.len()), (1, 1), "{:?}", page.damaged);
    assert!(page.damaged[0].reason.contains("`live`"), "{:?}", page.damaged);
    store.delete(&id("live")).await.unwrap();
    commit(&store, &super::walk("new", 4, 20, 40)).await;
    assert_eq!(store.load(&id("ended")).await.unwrap(), kept[0]);
}

#[tokio::test]
async fn b36_what_queries_ask_is_checked_as_well() {
    let place = Place::new();
    kept(&place).await;
    for change in ["status = 3", "version = 9", "created = created + 1", "updated = 5", "workflow = 'other'"] {
        let copy = Place::new();
        fs::copy(place.path(), copy.path()).unwrap();
        copy.raw().execute_batch(&format!("UPDATE runs SET {change} WHERE id = 'live'")).unwrap();
        let page = copy.open().query(&Query::new()).await.unwrap();
        assert_eq!((page.runs.len(), page.damaged.len()), (1, 1), "{change}: {:?}", page.damaged);
    }
    place.raw().execute_batch("UPDATE metadata SET value = 'other' WHERE value = 'live'").unwrap();
    let page = place.open().query(&Query::new()).await.unwrap();
    assert_eq!((page.runs.len(), page.damaged.len()), (1, 1), "{:?}", page.damaged);
}

#[tokio::test]
async fn b34_files_of_any_bytes_are_refused_or_read() {
    let place = Place::new();
    let kept = kept(&place).await;
    let bytes = fs::read(place.path()).unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..200 {
        let mut damaged = bytes.clone();
        for _ in 0..random.usize(1..40) {
            let from = random.usize(..damaged.len());
            let to = (from + random.usize(1..600)).min(damaged.len());
            random.fill(&mut damaged[from..to]);
        }
        fs::write(place.path(), damaged).unwrap();
        look(&place, &kept, &format!("round {round}"));
    }
}

#[tokio::test]
async fn b32_a_part_that_is_damaged_or_missing_is_named() {
    let place = Place::new();
    let store = place.open();
    let key = crate::store::PartKey::new(id("run"), 1, 7, 0);
    let missing = store.part(&key).await.unwrap_err();
    assert!(missing.to_string().contains("part 0") && matches!(missing, StoreError::Corrupt { .. }), "{missing}");
    store.put_part(&key, bytes::Bytes::from_static(b"many bytes")).await.unwrap();
    assert_eq!(store.part(&key).await.unwrap(), b"many bytes"[..]);
    place.raw().execute("UPDATE parts SET body = x'00'", []).unwrap();
    assert!(matches!(store.part(&key).await, Err(StoreError::Corrupt { .. })));
    store.put_part(&key, bytes::Bytes::from_static(b"again")).await.unwrap();
    assert_eq!(store.part(&key).await.unwrap(), b"again"[..]);
}
