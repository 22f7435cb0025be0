//! `flow verify`, and damage wherever else one meets it.

use std::fs;
use std::path::{Path, PathBuf};

use flow_runtime::WorkflowData;
use flow_runtime::state::{Encoding, Event, Payload};

use crate::flow::flow_on;
use crate::samples::{self, Sample, some_runs, starts, step};
use crate::stores::{KINDS, Opened, Store};

const MARK: &str = "what is to be damaged";

/// A run that is not to be damaged, and one whose output is found in the files.
fn runs() -> Vec<WorkflowData> {
    let (payload, data) = (Payload::new(Encoding::Raw, MARK), Vec::new());
    let by = flow_runtime::state::CompletedBy::Body;
    let completed = Event::StepCompleted { step: step(0), attempt: 1, payload, data, by };
    let marked = Sample::new("marked", &samples::fulfil(), 60).then(60, vec![starts(0)]).then(50, vec![completed]);
    [some_runs(), vec![marked.run()]].concat()
}

/// All files of a store.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| files(&path)).collect()
}

/// Changes a byte of each place where these stand.
fn damage(store: &Store, mark: &[u8]) {
    let mut damaged = 0;
    for file in files(store.path()) {
        let mut bytes = fs::read(&file).expect("a file");
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(mark)).collect();
        for place in &places {
            bytes[*place] ^= 1;
        }
        if !places.is_empty() {
            damaged += places.len();
            fs::write(&file, bytes).expect("a file");
        }
    }
    assert!(damaged > 0, "the mark is not there");
}

#[test]
fn a_store_without_damage_is_said_to_have_none() {
    for store in Store::each_with(&runs()) {
        flow_on(&store, &["verify"]).exits(0).is("verify_whole");
        flow_on(&store, &["verify", "--json"]).exits(0).is("verify_whole_json");
    }
}

#[test]
fn a_damaged_record_is_named_and_hides_no_other() {
    for store in Store::each_with(&runs()) {
        damage(&store, MARK.as_bytes());
        let kind = store.address().split(':').next().expect("a kind").to_owned();
        let told = flow_on(&store, &["verify"]).exits(5);
        told.is(&format!("verify_damaged_{kind}"));
        let json = flow_on(&store, &["verify", "--json"]).exits(5).json();
        let found = json["damaged"].as_array().expect("damage");
        assert_eq!(found.len(), 1, "{json}");
        assert_eq!(json["runs"], 3, "{json}");
        if kind == "fb" {
            // All of the run was one change, so it is not known that what is lost was this run.
            assert_eq!(found[0]["what"], "store", "{json}");
        } else {
            assert_eq!(found[0]["run"], "marked", "{json}");
        }

        flow_on(&store, &["show", "marked"]).exits(5);
        flow_on(&store, &["doctor", "marked"]).exits(5);
        flow_on(&store, &["doctor"]).exits(5);
        let listed = flow_on(&store, &["list", "--json"]).exits(0).json();
        assert!(listed["runs"].as_array().is_some_and(|runs| runs.len() >= 3), "{listed}");
    }
}

/// In a database that stands beside the records, and is checked by itself.
#[test]
fn what_queries_read_is_checked_too() {
    let store = Store::with("sqlite", &runs());
    let db = rusqlite::Connection::open(store.path()).expect("a database");
    db.execute("UPDATE metadata SET value = 'Eve' WHERE value = 'Ada'", []).expect("a change");
    drop(db);
    let json = flow_on(&store, &["verify", "--json"]).exits(5).json();
    let found = json["damaged"].as_array().expect("damage");
    assert_eq!(found.len(), 1, "{json}");
    assert_eq!(found[0]["reason"], "run `order-1`: what queries ask of it is damaged", "{json}");
    let list = flow_on(&store, &["list"]).exits(0);
    assert!(list.stderr.starts_with("damaged: ") && list.stderr.contains("order-1"), "{list}");
    assert!(!list.stdout.contains("order-1") && list.stdout.contains("order-2"), "{list}");
}

/// Bytes that nothing compresses.
fn random(seed: u64) -> Vec<u8> {
    let mut random = seed;
    let next = std::iter::repeat_with(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 56) as u8
    });
    next.take(2 << 20).collect()
}

#[test]
fn a_damaged_part_is_named_with_the_step_whose_it_is() {
    mod large {
        use flow_runtime::prelude::*;

        #[node]
        async fn read(seed: &u64) -> Vec<u8> {
            super::random(*seed)
        }

        workflow! { pub(super) fn reads(seed: u64) -> Vec<u8> { read(seed) } }
    }
    for kind in KINDS {
        let store = Store::absent(kind);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let engine = Opened::open(kind, store.path()).expect("a store").engine().build();
            large::reads(7).run(&engine, "large").await.expect("it runs");
        });
        flow_on(&store, &["verify"]).exits(0);
        damage(&store, &random(7)[1_000_000..1_000_032]);
        let json = flow_on(&store, &["verify", "--json"]).exits(5).json();
        assert_eq!(json["damaged"][0]["run"], "large", "{json}");
        assert_eq!(json["damaged"][0]["what"], "output of read", "{json}");
        flow_on(&store, &["show", "large", "--output"]).exits(5);
    }
}

/// Every byte of a small store, damaged in turn, makes no panic and no silence of the exit code.
#[test]
fn whatever_is_damaged_there_is_no_panic() {
    for kind in ["json", "fb", "sqlite"] {
        let store = Store::with(kind, &runs()[..1]);
        let whole: Vec<(PathBuf, Vec<u8>)> =
            files(store.path()).into_iter().map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect();
        for (path, bytes) in whole.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            for at in (0..bytes.len().min(20_000)).step_by(997) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xff;
                fs::write(path, &damaged).expect("a file");
                for args in [&["list"][..], &["verify"], &["show", "order-1"]] {
                    let call = flow_on(&store, args);
                    assert!([0, 1, 3, 4, 5].contains(&call.exit) && !call.stderr.contains("panicked"), "{at}: {call}");
                }
            }
            fs::write(path, bytes).expect("a file");
        }
        flow_on(&store, &["verify"]).exits(0);
    }
}
