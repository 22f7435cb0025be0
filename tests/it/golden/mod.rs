//! Files of every format that was released open for ever, and hold what they held.
//!
//! Each folder of `tests/golden/` was written once, by the version that brought its format: the same three runs in a
//! log, as JSON, in a database and as bytes, and under `damaged/` with a bit of one run flipped in each. Once their format
//! is released they are never written anew. For a new format, say 2, run this once and commit what it wrote; for one
//! that changes before its release remove its folder first:
//!
//!     FLOW_TEST_WRITE_GOLDEN=2 cargo test -p flow-tests --test it golden::
//!
//! The workflow below belongs to these files: it does not change either.

mod facts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flow_runtime::engine::Clock;
use flow_runtime::prelude::*;
use flow_runtime::state::codec::CodecError;
use flow_runtime::state::{Delta, Encoding, Timestamp};
use flow_runtime::store::Listing;
use flow_runtime::{FlatBuffersStore, JsonFileStore, Key, StoreError, WorkflowData, WorkflowId, WorkflowStore};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::facts::{DONE, FAILED, OPEN, summary};

const WRITE: &str = "FLOW_TEST_WRITE_GOLDEN";
/// The runs: id, what the last step is told to do, and the encoding of the values.
const RUNS: [(&str, &str, Encoding); 3] = [
    ("done", "do it well", Encoding::Json),
    ("failed", "refuse it", Encoding::MessagePack),
    ("open", "leave it open", Encoding::MessagePack),
];
const TRACKING: Key<String> = Key::new("tracking");

#[derive(Clone, Default)]
struct World {
    /// Whether the last step, told to leave the run open, does so.
    is_patient: bool,
    begun: Arc<Notify>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parcel {
    line: String,
    weight: f64,
}

#[node(retry(times = 2, backoff = "1ms..1ms"))]
async fn price(limit: u64, cx: &NodeContext) -> Result<u64, String> {
    if cx.attempt() == 1 {
        return Err("the price list is being printed".to_owned());
    }
    cx.set(TRACKING, &format!("track-{limit}")).map_err(|error| error.to_string())?;
    Ok(limit * 3)
}

#[node(pure)]
async fn label(text: &str, price: u64) -> String {
    format!("{text} at {price}")
}

#[node]
async fn pack(line: &str) -> Parcel {
    Parcel { line: line.to_owned(), weight: 0.5 }
}

#[node]
async fn insure(price: u64) -> Result<u64, std::num::ParseIntError> {
    format!("{price} crowns").parse()
}

#[node]
async fn tell(insured: &Result<u64, NodeFailure>) -> String {
    match insured {
        Ok(sum) => format!("insured for {sum}"),
        Err(failure) => format!("not insured: {}", failure.message),
    }
}

#[node]
async fn close(
    #[state] world: &World,
    how: &str,
    label: &str,
    parcels: &[Parcel],
    told: &str,
) -> Result<String, String> {
    if how == "refuse it" {
        return Err("the customer has gone".to_owned());
    }
    if how == "leave it open" && world.is_patient {
        world.begun.notify_one();
        std::future::pending::<()>().await;
    }
    let weight: f64 = parcels.iter().map(|parcel| parcel.weight).sum();
    Ok(format!("{label}, {} of {weight} kg, {told}", parcels.len()))
}

workflow! {
    /// An order, for the golden files.
    fn golden_order(lines: Vec<String>, limit: u64, how: String) -> String {
        let base = price(limit);
        let text = if base > 10 { #[id = "large"] label("large", base) } else { #[id = "small"] label("small", base) };
        let parcels = for line in lines { pack(line) };
        #[catch]
        let insured = insure(base);
        let told = tell(insured);
        close(how, text, parcels, told)
    }
}

fn order(how: &str) -> flow_runtime::Invocation<golden_order> {
    let lines = ["tea", "Zürich \"cups\""].map(str::to_owned).to_vec();
    golden_order(lines, 4, how.to_owned()).metadata("customer", "42").metadata("note", "by hand")
}

/// The folders of a format.
const FOLDERS: [&str; 4] = ["log", "json", "sqlite", "bytes"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

#[tokio::test]
async fn b38_files_of_every_format_open() {
    if let Some(format) = std::env::var_os(WRITE) {
        write(&golden().join(format)).await;
    }
    let mut formats = 0;
    for format in fs::read_dir(golden()).unwrap() {
        let format = format.unwrap().path();
        let whole = opens(&format).await;
        damage_is_found(&format.join("damaged"), &whole).await;
        formats += 1;
    }
    assert!(formats >= 1);
}

/// That all runs are in all files of this folder, as they were; gives them.
async fn opens(dir: &Path) -> BTreeMap<&'static str, WorkflowData> {
    let copy = tempfile::tempdir().unwrap();
    copy_all(dir, copy.path());
    let log = FlatBuffersStore::open(copy.path().join("log")).unwrap();
    let json = JsonFileStore::open(copy.path().join("json")).unwrap();
    let sqlite = SqliteStore::open(copy.path().join("sqlite/flow.db")).unwrap();
    let listings = [log.list_workflows().await, json.list_workflows().await, sqlite.list_workflows().await];
    for listing in listings.map(Result::unwrap) {
        let ids: Vec<&str> = listing.workflows.iter().map(WorkflowId::as_str).collect();
        assert_eq!((ids, listing.damaged), (vec!["done", "failed", "open"], vec![]), "{}", dir.display());
    }
    let mut whole = BTreeMap::new();
    for ((name, how, encoding), expected) in RUNS.into_iter().zip([DONE, FAILED, OPEN]) {
        let data = log.load(&id(name)).await.unwrap();
        assert_eq!(summary(&data), expected.trim_start(), "{}", dir.display());
        assert_eq!(json.load(&id(name)).await.unwrap(), data);
        let bytes = fs::read(copy.path().join("bytes").join(name)).unwrap();
        assert_eq!(WorkflowData::from_bytes(bytes).unwrap(), data);
        assert_eq!(summary(&sqlite.load(&id(name)).await.unwrap()), expected.trim_start(), "{}", dir.display());
        let store = Each { log: log.clone(), json: json.clone(), sqlite: None, encoding };
        ends_as_it_should(store, name, how).await;
        ends_as_it_should(sqlite.clone(), name, how).await;
        assert_eq!(json.load(&id(name)).await.unwrap(), log.load(&id(name)).await.unwrap());
        whole.insert(name, data);
    }
    whole
}

/// The run, run again: it gives what it ended with, or goes on to its end.
async fn ends_as_it_should(store: impl WorkflowStore, name: &str, how: &str) {
    let engine = Engine::builder(store).state(World::default()).build();
    match order(how).run(&engine, name).await {
        Ok(output) => {
            assert_ne!(name, "failed");
            assert_eq!(output, "large at 12, 2 of 1 kg, not insured: invalid digit found in string");
        }
        Err(error) => {
            assert_eq!(name, "failed", "{error}");
            assert_eq!(error.failures()[0].failure.message, "the customer has gone");
        }
    }
}

/// That what is damaged is reported, by run and file, and left as it is; and that the rest is read.
async fn damage_is_found(dir: &Path, whole: &BTreeMap<&'static str, WorkflowData>) {
    let copy = tempfile::tempdir().unwrap();
    copy_all(dir, copy.path());
    let log = FlatBuffersStore::open(copy.path().join("log")).unwrap();
    is_reported(&log, "open", &copy.path().join("log"), whole).await;
    let json = JsonFileStore::open(copy.path().join("json")).unwrap();
    is_reported(&json, "done", &copy.path().join("json"), whole).await;
    let sqlite = SqliteStore::open(copy.path().join("sqlite/flow.db")).unwrap();
    is_reported(&sqlite, "failed", &copy.path().join("sqlite"), whole).await;
    let error = WorkflowData::from_bytes(fs::read(dir.join("bytes/failed")).unwrap()).unwrap_err();
    assert_eq!(error, CodecError::Broken { reason: "the checksum does not fit".to_owned() });
    drop((log, json, sqlite));
    for folder in ["log", "json", "sqlite"] {
        for (name, bytes) in files(&dir.join(folder)) {
            let now = fs::read(copy.path().join(folder).join(&name)).unwrap();
            assert!(now == bytes, "{folder}/{name} was changed");
        }
    }
}

async fn is_reported(
    store: &impl WorkflowStore,
    damaged: &str,
    dir: &Path,
    whole: &BTreeMap<&'static str, WorkflowData>,
) {
    for (&name, data) in whole {
        match store.load(&id(name)).await {
            Ok(found) => assert!(name != damaged && summary(&found) == summary(data), "{name} in {}", dir.display()),
            Err(StoreError::Corrupt { id, path: Some(path), .. }) => {
                assert_eq!((name, id.as_str()), (damaged, damaged));
                assert!(path.is_file() && path.starts_with(dir), "{}", path.display());
            }
            Err(error) => panic!("{name} in {}: {error}", dir.display()),
        }
    }
}

/// Writes the folder of a format.
async fn write(dir: &Path) {
    assert!(!dir.exists(), "{} is there; files of a format are never written anew", dir.display());
    for folder in FOLDERS {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let log = FlatBuffersStore::options().segment_bytes(4096).open(dir.join("log")).unwrap();
    let json = JsonFileStore::open(dir.join("json")).unwrap();
    let sqlite = SqliteStore::open(dir.join("sqlite/flow.db")).unwrap();
    for (name, how, encoding) in RUNS {
        let world = World { is_patient: true, ..World::default() };
        let store = Each { log: log.clone(), json: json.clone(), sqlite: Some(sqlite.clone()), encoding };
        let engine = Engine::builder(store).state(world.clone()).clock(Ticks::default()).concurrency(1).build();
        let handle = order(how).start(&engine, name).unwrap();
        if name == "open" {
            world.begun.notified().await;
            engine.shutdown(Duration::ZERO).await;
        }
        assert_eq!(handle.result().await.is_ok(), name == "done");
        let data = log.load(&id(name)).await.unwrap();
        assert_eq!(json.load(&id(name)).await.unwrap(), data);
        fs::write(dir.join("bytes").join(name), data.to_bytes().unwrap()).unwrap();
    }
    drop((log, json, sqlite));
    fs::remove_file(dir.join("log/LOCK")).unwrap();
    fs::remove_file(dir.join("json/LOCK")).unwrap();
    copy_all(dir, &dir.join("damaged"));
    damage(&dir.join("damaged/log"), b"leave it open");
    damage(&dir.join("damaged/json"), b"do it well");
    damage(&dir.join("damaged/sqlite"), b"refuse it");
    damage(&dir.join("damaged/bytes"), b"refuse it");
}

/// Flips one bit of this text, in the first file that has it. A database may hold copies that belong to nothing any
/// more, so it is done to all.
fn damage(dir: &Path, text: &[u8]) {
    for (name, mut bytes) in files(dir) {
        let places: Vec<usize> = (0..bytes.len()).filter(|&place| bytes[place..].starts_with(text)).collect();
        if !places.is_empty() {
            places.into_iter().for_each(|place| bytes[place] ^= 1);
            return fs::write(dir.join(name), bytes).unwrap();
        }
    }
    panic!("no file in {} has the text", dir.display());
}

fn copy_all(from: &Path, to: &Path) {
    for folder in FOLDERS {
        fs::create_dir_all(to.join(folder)).unwrap();
        for (name, bytes) in files(&from.join(folder)) {
            fs::write(to.join(folder).join(name), bytes).unwrap();
        }
    }
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// A clock that is a millisecond further each time it is looked at.
#[derive(Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        1_700_000_000_000_000_000 + self.0.fetch_add(1_000_000, Ordering::SeqCst)
    }
}

/// Keeps every change in each of the stores.
#[derive(Clone)]
struct Each {
    log: FlatBuffersStore,
    json: JsonFileStore,
    sqlite: Option<SqliteStore>,
    encoding: Encoding,
}

impl WorkflowStore for Each {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.log.save(data).await?;
        self.json.save(data).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.log.load(id).await
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        self.log.list_workflows().await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.log.delete(id).await?;
        self.json.delete(id).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        if let Some(sqlite) = &self.sqlite {
            sqlite.commit(after, delta).await?;
        }
        self.log.commit(after, delta).await?;
        self.json.commit(after, delta).await
    }

    fn encoding(&self) -> Encoding {
        self.encoding
    }
}
