//! Bytes that changed on the disk: found, laid to the runs they belong to, and left as they are.

use super::super::{read, scan};
use super::*;
use crate::state::WorkflowStatus;
use crate::store::Query;
use crate::store::query::by_loading;

/// A store with a run that ended, one under way and one that was deleted.
async fn damaged_store() -> (SimFs, [WorkflowData; 2]) {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let (ended, live) = (walk("ended", 1), walk("live", 2));
    commit(&store, &live[..1]).await;
    commit(&store, &ended).await;
    commit(&store, &walk("gone", 3)[..2]).await;
    store.delete(&id("gone")).await.unwrap();
    commit(&store, &live[1..2]).await;
    drop(store);
    (fs, [ended[4].0.clone(), live[1].0.clone()])
}

/// What is found of each run: its record, or that it is reported as damaged. Gives how many are whole, and whether
/// anything is reported.
fn look(fs: &SimFs, kept: &[WorkflowData; 2], what: &str) -> (usize, bool) {
    let dir = fs.open_dir(std::path::Path::new(DIR), false).unwrap();
    let index = match scan::scan(&*dir, false) {
        Ok(scan) => scan.unwrap().index,
        Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) => return (0, true),
        Err(error) => panic!("{what}: {error}"),
    };
    let load = |id: &WorkflowId| index.find(id).and_then(|found| read::load(&found));
    let mut whole = 0;
    let mut is_reported = !index.damaged.is_empty();
    for data in kept {
        match load(&data.id) {
            Ok(found) => {
                assert_eq!(&found, data, "{what}: another record");
                whole += 1;
            }
            Err(StoreError::Corrupt { .. } | StoreError::Damaged { .. } | StoreError::Newer { .. }) => {
                is_reported = true;
            }
            Err(StoreError::NotFound { .. }) => panic!("{what}: a run is lost without a word"),
            Err(error) => panic!("{what}: {error}"),
        }
    }
    if let Ok(data) = load(&id("gone")) {
        assert!(is_reported, "{what}: run `{}` came back without a word", data.id);
    }
    (whole, is_reported)
}

#[tokio::test]
async fn every_flipped_bit_is_found_or_harmless() {
    let (fs, kept) = damaged_store().await;
    let files = log_files(&fs);
    let (mut flips, mut reported, mut one_hurt) = (0, 0, 0);
    for (path, bytes) in &files {
        // Behind the last batch there are only zeros that nothing reads; one sector of them is enough.
        let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 512;
        for bit in 0..end.min(bytes.len()) * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs.set_bytes(path, damaged);
            let (whole, is_reported) = look(&fs, &kept, &format!("bit {bit} of {}", path.display()));
            assert!(whole >= 1, "bit {bit} of {} hurts more than one run", path.display());
            flips += 1;
            reported += usize::from(is_reported);
            one_hurt += usize::from(whole == 1);
        }
        fs.set_bytes(path, bytes.clone());
    }
    println!("{flips} flips: {reported} reported, {one_hurt} hurt one run, none hurt two, the rest changed nothing");
    assert!(reported > flips / 2);
}

#[tokio::test]
async fn every_truncation_is_found() {
    let (fs, kept) = damaged_store().await;
    for (path, bytes) in log_files(&fs) {
        for len in 0..bytes.len() {
            fs.set_bytes(&path, bytes[..len].to_vec());
            let (_, is_reported) = look(&fs, &kept, &format!("{} cut to {len}", path.display()));
            assert!(is_reported, "{} cut to {len} bytes is not reported", path.display());
        }
        fs.set_bytes(&path, bytes);
    }
}

#[tokio::test]
async fn every_sector_that_is_zeroed_or_doubled_is_found_or_harmless() {
    let (fs, kept) = damaged_store().await;
    for (path, bytes) in log_files(&fs) {
        let last = bytes.windows(4).rposition(|window| window == b"FLWB").unwrap();
        // From there on damage may look like a write that was cut off, which nobody was told had succeeded.
        for from in (0..last - 128).step_by(64) {
            let to = (from + 64).min(bytes.len());
            let mut zeroed = bytes.clone();
            zeroed[from..to].fill(0);
            let mut doubled = bytes.clone();
            doubled.copy_within(from..to, (to % bytes.len()).min(bytes.len() - 64));
            for damaged in [zeroed, doubled] {
                fs.set_bytes(&path, damaged);
                look(&fs, &kept, &format!("64 bytes from {from} of {}", path.display()));
            }
        }
        fs.set_bytes(&path, bytes);
    }
}

#[tokio::test]
async fn b32_a_damaged_log_is_left_as_it_is_and_goes_on_for_the_other_runs() {
    let (fs, kept) = damaged_store().await;
    let (path, mut bytes) = log_files(&fs).remove(0);
    let place = bytes.windows(6).position(|window| window == b"live 0").unwrap();
    bytes[place] ^= 1;
    fs.set_bytes(&path, bytes.clone());
    let store = open(fs.clone()).unwrap();
    let Err(StoreError::Corrupt { id: which, path: Some(which_file), .. }) = store.load(&id("live")).await else {
        panic!("damage was not found")
    };
    assert_eq!((which, &which_file), (id("live"), &path));
    let refused = store.commit(&walk("live", 2)[2].0, &walk("live", 2)[2].1).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })));
    assert_eq!(store.load(&id("ended")).await.unwrap(), kept[0]);
    commit(&store, &walk("new", 4)).await;
    drop(store);
    let store = open(fs.clone()).unwrap();
    assert!(matches!(store.load(&id("live")).await, Err(StoreError::Corrupt { .. })));
    assert_eq!(store.load(&id("new")).await.unwrap(), walk("new", 4)[4].0);
    assert_eq!(fs.bytes(&path).unwrap(), bytes, "the damaged file was changed");
    // Whoever knows better may replace the run, or remove it.
    store.save(&kept[1]).await.unwrap();
    assert_eq!(store.load(&id("live")).await.unwrap(), kept[1]);
}

#[tokio::test]
async fn b32_a_run_whose_beginning_is_damaged_never_begins_afresh() {
    let (fs, kept) = damaged_store().await;
    let (path, mut bytes) = log_files(&fs).remove(0);
    // The id of `live` stands in its first frame only.
    let place = bytes.windows(4).position(|window| window == b"live").unwrap();
    bytes[place] ^= 1;
    fs.set_bytes(&path, bytes);
    let store = open(fs.clone()).unwrap();
    for refused in [store.load(&id("live")).await.map(drop), {
        let walk = walk("live", 9);
        store.commit(&walk[0].0, &walk[0].1).await
    }] {
        let Err(StoreError::Corrupt { id: which, .. }) = refused else { panic!("it began afresh: {refused:?}") };
        assert_eq!(which, id("live"));
    }
    assert!(matches!(store.load(&id("other")).await, Err(StoreError::NotFound { .. })));
    commit(&store, &walk("other", 10)).await;
    drop(store);
    let store = open(fs.clone()).unwrap();
    assert!(matches!(store.load(&id("live")).await, Err(StoreError::Corrupt { .. })));
    store.delete(&id("live")).await.unwrap();
    assert!(matches!(store.load(&id("live")).await, Err(StoreError::NotFound { .. })));
    store.save(&kept[1]).await.unwrap();
    drop(store);
    assert_eq!(open(fs).unwrap().load(&id("live")).await.unwrap(), kept[1]);
}

#[tokio::test]
async fn no_run_begins_where_it_may_have_been_lost_unless_that_is_accepted() {
    let (fs, kept) = damaged_store().await;
    let (path, bytes) = log_files(&fs).remove(0);
    fs.set_bytes(&path, bytes[..bytes.len() - 8].to_vec());
    let store = open(fs.clone()).unwrap();
    let new = walk("new", 9);
    let Err(StoreError::Damaged { reason, .. }) = store.commit(&new[0].0, &new[0].1).await else {
        panic!("it may have been there before")
    };
    assert!(reason.contains("`new`") && reason.contains("accept_losses"), "{reason}");
    assert_eq!(store.load(&kept[0].id).await.unwrap(), kept[0], "a run that had ended has lost nothing");
    drop(store);
    let options = FlatBuffersStore::options().fs(fs).segment_bytes(SEGMENT).accept_losses(true);
    let store = options.open(DIR).unwrap();
    commit(&store, &new).await;
    assert_eq!(store.load(&id("new")).await.unwrap(), new[4].0);
}

#[tokio::test]
async fn a_lost_file_in_the_middle_is_found() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let (live, quiet) = (walk("live", 1), walk("quiet", 2));
    let fill = async |from: u64| {
        for n in from..from + 10 {
            commit(&store, &walk(&format!("run-{n}"), n)).await;
        }
    };
    commit(&store, &live[..2]).await;
    commit(&store, &quiet[..2]).await;
    fill(10).await;
    commit(&store, &live[2..3]).await;
    fill(20).await;
    commit(&store, &live[3..4]).await;
    fill(30).await;
    drop(store);
    let lost = log_files(&fs).into_iter().find(|(_, bytes)| bytes.windows(6).any(|window| window == b"live 1"));
    let dir = fs.open_dir(std::path::Path::new(DIR), false).unwrap();
    dir.remove(lost.unwrap().0.file_name().unwrap().to_str().unwrap()).unwrap();
    let store = open_read_only(fs).unwrap();
    assert!(!store.list_workflows().await.unwrap().damaged.is_empty());
    let Err(StoreError::Corrupt { reason, .. }) = store.load(&id("live")).await else { panic!("a gap went unnoticed") };
    assert_eq!(reason, "changes are missing behind change 2");
    let Err(StoreError::Corrupt { reason, .. }) = store.load(&id("quiet")).await else {
        panic!("it may have had more")
    };
    assert_eq!(reason, "a lost part of the log may have held its last changes");
    assert!(store.load(&id("run-10")).await.is_ok(), "a run that had ended before has lost nothing");
}

#[tokio::test]
async fn what_a_cut_off_write_left_behind_is_never_taken_for_damage() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let live = walk("live", 1);
    commit(&store, &live[..1]).await;
    let (path, before) = log_files(&fs).remove(0);
    let mut large = walk("large", 2)[4].0.clone();
    large.input = Payload::new(Encoding::Raw, vec![7; 1_000]);
    store.save(&large).await.unwrap();
    drop(store);
    // Of the write of the large record all sectors but its first reached the disk.
    let mut torn = fs.bytes(&path).unwrap();
    let start = torn.iter().zip(&before).position(|(torn, before)| torn != before).unwrap();
    torn[start..(start + 8).next_multiple_of(512)].fill(0);
    fs.set_bytes(&path, torn);
    let store = open(fs.clone()).unwrap();
    assert!(matches!(store.load(&id("large")).await, Err(StoreError::NotFound { .. })));
    // This one is shorter than what was cut off.
    commit(&store, &live[1..2]).await;
    drop(store);
    let store = open(fs).unwrap();
    assert_eq!(store.list_workflows().await.unwrap().damaged, []);
    assert_eq!(store.load(&id("live")).await.unwrap(), live[1].0);
}

#[tokio::test]
async fn b34_files_of_any_bytes_are_refused_or_read() {
    let (fs, _) = damaged_store().await;
    let (path, bytes) = log_files(&fs).remove(0);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..500 {
        let mut any = match round % 3 {
            0 => (0..random.usize(..4_000)).map(|_| random.u8(..)).collect(),
            1 => bytes.iter().cycle().take(random.usize(..9_000)).copied().collect(),
            _ => bytes.clone(),
        };
        for _ in 0..random.usize(..40) {
            if let Some(place) = (!any.is_empty()).then(|| random.usize(..any.len())) {
                any[place] = random.u8(..);
            }
        }
        fs.set_bytes(&path, any);
        let store = open_read_only(fs.clone()).unwrap();
        if let Ok(listing) = store.list_workflows().await {
            for id in listing.workflows {
                let _ = store.load(&id).await;
            }
        }
    }
}

#[tokio::test]
async fn b36_a_query_reports_damage_and_gives_the_rest_as_loading_all_would() {
    let (fs, _) = damaged_store().await;
    let (path, bytes) = log_files(&fs).swap_remove(0);
    let mut hurt = 0;
    for byte in (0..bytes.len().min(4096)).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[byte] ^= 4;
        fs.set_bytes(&path, damaged);
        let store = open_read_only(fs.clone()).unwrap();
        for query in [Query::new(), Query::new().page(1), Query::new().status(WorkflowStatus::Completed)] {
            let (page, expected) = (store.query(&query).await, by_loading(&store, &query).await);
            let (page, expected) = (page.unwrap(), expected.unwrap());
            assert_eq!((&page.runs, &page.next), (&expected.runs, &expected.next), "byte {byte}");
            assert_eq!(page.damaged, expected.damaged, "byte {byte}");
            hurt += usize::from(!page.damaged.is_empty());
        }
    }
    assert!(hurt > 10, "{hurt}");
}
