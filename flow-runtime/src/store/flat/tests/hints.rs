//! Hints: believed where they can be, done without where not, and never a way for damage to hide.

use super::super::{hint, log, read, scan};
use super::*;
use crate::disk::{FaultFs, read_all};

/// A store of several segments with hints: runs that ended, and one under way whose frames stand in most of them.
async fn hinted() -> (SimFs, Vec<WorkflowData>) {
    let fs = SimFs::default();
    let store = open_small(fs.clone()).unwrap();
    let live = walk("live", 1);
    let mut kept = Vec::new();
    for (n, change) in live[..4].iter().enumerate() {
        commit(&store, std::slice::from_ref(change)).await;
        let walk = walk(&format!("kept-{n}"), n as u64 + 2);
        commit(&store, &walk).await;
        kept.push(walk[4].0.clone());
        let gone = format!("gone-{n}");
        commit(&store, &self::walk(&gone, n as u64 + 20)[..1]).await;
        store.delete(&id(&gone)).await.unwrap();
    }
    kept.push(live[3].0.clone());
    keep_up(&store);
    (fs, kept)
}

fn hints(fs: &SimFs) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let is_hint = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "hint");
    fs.paths().into_iter().filter(is_hint).map(|path| (path.clone(), fs.bytes(&path).unwrap())).collect()
}

/// What a scan finds: how many segments had to be read, whether damage is told of, and which runs are whole.
fn found(fs: &SimFs, kept: &[WorkflowData], what: &str) -> (usize, bool, usize) {
    let dir = fs.open_dir(std::path::Path::new(DIR), false).unwrap();
    let scan = match scan::scan(&*dir, false) {
        Ok(scan) => scan.unwrap(),
        Err(StoreError::Damaged { .. }) => return (0, true, 0),
        Err(error) => panic!("{what}: {error}"),
    };
    let mut is_told = !scan.index.damaged.is_empty();
    let mut whole = 0;
    for data in kept {
        match scan.index.find(&data.id).and_then(|found| read::load(&found)) {
            Ok(found) => {
                assert_eq!(&found, data, "{what}: another record");
                whole += 1;
            }
            Err(StoreError::Corrupt { .. } | StoreError::Damaged { .. }) => is_told = true,
            Err(error) => panic!("{what}: {error}"),
        }
    }
    (scan.unhinted.len(), is_told, whole)
}

#[tokio::test]
async fn a_log_is_opened_by_its_hints_and_known_as_well_as_without() {
    let (fs, kept) = hinted().await;
    // Without one are that which is written to, that which comes next, and the first, in which nothing stands.
    assert!(hints(&fs).len() >= 3 && log_files(&fs).len() == hints(&fs).len() + 3);
    assert_eq!(found(&fs, &kept, "hinted"), (1, false, kept.len()));
    let known = |fs: &SimFs| {
        let dir = fs.open_dir(std::path::Path::new(DIR), false).unwrap();
        let index = scan::scan(&*dir, false).unwrap().unwrap().index;
        let live: Vec<_> = index.segments.values().map(|segment| (segment.live(), segment.batches())).collect();
        let mut runs: Vec<_> = index.runs().map(|(number, run)| (number, run.id.clone(), run.head)).collect();
        runs.sort_by_key(|run| run.0);
        let mut tombs: Vec<_> = index.tombs.keys().copied().collect();
        tombs.sort_unstable();
        (live, runs, tombs, index.next_plan, index.batch)
    };
    let by_hints = known(&fs);
    let dir = fs.open_dir(std::path::Path::new(DIR), true).unwrap();
    for (path, _) in hints(&fs) {
        dir.remove(path.file_name().unwrap().to_str().unwrap()).unwrap();
    }
    assert_eq!(known(&fs), by_hints);
    // They are made again.
    let store = open_small(fs.clone()).unwrap();
    keep_up(&store);
    drop(store);
    assert_eq!(found(&fs, &kept, "made again").0, 1);
}

#[tokio::test]
async fn a_hint_that_is_broken_or_cut_is_done_without() {
    let (fs, kept) = hinted().await;
    for (path, bytes) in hints(&fs) {
        for bit in (0..bytes.len() * 8).step_by(3) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs.set_bytes(&path, flipped);
            assert_eq!(found(&fs, &kept, &format!("bit {bit}")), (2, false, kept.len()), "bit {bit}");
        }
        for len in (0..bytes.len()).step_by(5) {
            fs.set_bytes(&path, bytes[..len].to_vec());
            assert_eq!(found(&fs, &kept, &format!("cut to {len}")), (2, false, kept.len()), "cut to {len}");
        }
        fs.set_bytes(&path, bytes);
    }
}

#[tokio::test]
async fn damage_behind_a_hint_is_found_when_the_run_is_read_and_hurts_no_other() {
    let (fs, kept) = hinted().await;
    let (mut told, mut flips) = (0, 0);
    for (path, bytes) in log_files(&fs) {
        if fs.bytes(path.with_extension("hint")).is_none() {
            continue;
        }
        for place in (0..bytes.len()).step_by(3) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            fs.set_bytes(&path, flipped);
            let (_, is_told, whole) = found(&fs, &kept, &format!("byte {place} of {}", path.display()));
            assert!(whole + 1 >= kept.len(), "byte {place} of {} hurts more than one run", path.display());
            (told, flips) = (told + usize::from(is_told), flips + 1);
        }
        for len in (0..bytes.len()).step_by(17) {
            fs.set_bytes(&path, bytes[..len].to_vec());
            let (_, is_told, _) = found(&fs, &kept, &format!("{} cut to {len}", path.display()));
            assert!(is_told, "{} cut to {len} bytes is not told of", path.display());
        }
        fs.set_bytes(&path, bytes);
    }
    println!("{flips} flips behind hints, {told} told of");
    assert!(told > flips / 5);
}

#[tokio::test]
async fn a_hint_of_what_stood_there_before_is_not_believed() {
    let (fs, kept) = hinted().await;
    let old = hints(&fs);
    let store = open_small(fs.clone()).unwrap();
    for data in &kept[..3] {
        store.delete(&data.id).await.unwrap();
    }
    for n in 0..20 {
        commit(&store, &walk("filler", 100 + n)).await;
        store.delete(&id("filler")).await.unwrap();
    }
    keep_up(&store);
    let rewritten: Vec<_> =
        old.iter().filter(|(path, bytes)| fs.bytes(path).is_some_and(|now| now != *bytes)).collect();
    assert!(!rewritten.is_empty(), "no segment was rewritten in place");
    drop(store);
    let (mut before, ..) = found(&fs, &kept[3..], "rewritten");
    for (path, bytes) in rewritten {
        fs.set_bytes(path, bytes.clone());
        let (unhinted, is_told, whole) = found(&fs, &kept[3..], "stale");
        assert_eq!((unhinted, is_told, whole), (before + 1, false, kept.len() - 3));
        before += 1;
    }
}

#[tokio::test]
async fn opening_reads_no_more_of_a_log_for_its_payloads() {
    let mut counts = Vec::new();
    for bytes in [10, 3_000] {
        let fs = SimFs::default();
        let store = open(fs.clone()).unwrap();
        for n in 0..40 {
            let mut data = walk(&format!("run-{n}"), n + 1)[4].0.clone();
            data.input = Payload::new(Encoding::Raw, vec![7; bytes]);
            store.save(&data).await.unwrap();
        }
        keep_up(&store);
        drop(store);
        let dir = fs.open_dir(std::path::Path::new(DIR), false).unwrap();
        let size: u64 = hints(&fs)
            .iter()
            .map(|(path, _)| {
                read_all(&*dir, path.file_name().unwrap().to_str().unwrap(), 1 << 20).unwrap().len() as u64
            })
            .sum();
        let counting = FaultFs::new(fs);
        drop(open(counting.clone()).unwrap());
        counts.push((size, counting.count()));
    }
    println!("{counts:?}");
    // A payload of 3 000 bytes leaves room for one run in a segment, which is opened and looked at, and not read.
    assert!(counts[1].0 < counts[0].0 + 40 * 160 && counts[1].1 < counts[0].1 + 40 * 12, "{counts:?}");
}

#[tokio::test]
async fn the_hint_of_a_segment_that_is_added_to_is_removed_first() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..2]).await;
    let segment = log::lock(&store.writer().unwrap().index).segments.values().next().unwrap().clone();
    let dir = fs.open_dir(std::path::Path::new(DIR), true).unwrap();
    let store_number = segment.header.store;
    hint::make(&*dir, &segment, store_number).unwrap();
    assert_eq!(hints(&fs).len(), 1);
    drop(store);
    let store = open(fs.clone()).unwrap();
    assert_eq!(hints(&fs).len(), 0);
    commit(&store, &walk[2..]).await;
    drop(store);
    assert_eq!(open(fs).unwrap().load(&id("a")).await.unwrap(), walk[4].0);
}
