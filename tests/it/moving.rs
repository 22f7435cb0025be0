//! Runs that move from one store to another of any kind are the same there.

use std::path::Path;
use std::sync::Arc;

use flow_runtime::prelude::*;
use flow_runtime::state::{Encoding, Payload, Request, RequestKind};
use flow_runtime::store::{self, Copied, copy_all, copy_run, replace_run};
use flow_runtime::{
    FlatBuffersStore, InMemoryStore, JsonFileStore, StoreError, WorkflowData, WorkflowId, WorkflowStore,
};

#[node]
async fn halve(number: &u32) -> Result<u32, String> {
    if number.is_multiple_of(2) { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

workflow! {
    fn quarters(numbers: Vec<u32>) -> Vec<u32> {
        let halves = for number in numbers { halve(number) };
        let quarters = for number in halves { halve(number) };
        quarters
    }
}

fn id(text: &str) -> WorkflowId {
    WorkflowId::new(text).unwrap()
}

/// Runs that completed and that failed.
async fn fill<S: WorkflowStore>(store: &Arc<S>) -> Vec<WorkflowData> {
    let engine = Engine::new(store.clone());
    for numbers in [vec![], vec![4, 8, 12], vec![4, 6, 8], vec![1]] {
        let run = format!("run {numbers:?} / ä");
        let _ = quarters(numbers).run(&engine, run).await;
    }
    drop(engine);
    records(store).await
}

async fn records<S: WorkflowStore>(store: &Arc<S>) -> Vec<WorkflowData> {
    let mut all = Vec::new();
    for id in store.list_workflows().await.unwrap().workflows {
        all.push(store.load(&id).await.unwrap());
    }
    all
}

/// Requests for a run, the older ones with later names.
fn requests() -> Vec<Request> {
    let payload = Payload::new(Encoding::Json, "true");
    let signal = RequestKind::Signal { name: "manager".to_owned(), type_name: "bool".to_owned(), payload };
    let kinds = [("z", signal), ("y", RequestKind::Pause), ("x", RequestKind::Cancel)];
    kinds.map(|(id, kind)| Request::new(id, 7, kind).unwrap()).into()
}

async fn ask(store: &impl WorkflowStore, run: &WorkflowId) {
    for request in &requests() {
        assert!(store.ask(run, request).await.unwrap());
    }
}

#[tokio::test]
async fn b52_requests_move_with_their_runs_and_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Arc::new(json(folder.path())), Arc::new(log(folder.path())));
    let all = fill(&from).await;
    ask(&from, &all[0].id).await;
    ask(&from, &id("to come")).await;
    for again in [false, true] {
        let report = copy_all(&from, &to).await.unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(report.present.len(), if again { all.len() } else { 0 });
        assert_eq!(to.asked().await.unwrap(), [all[0].id.clone(), id("to come")]);
        for run in [&all[0].id, &id("to come")] {
            assert_eq!(to.requests(run).await.unwrap(), requests());
        }
    }
    // A copy that was broken off goes on with what is missing.
    to.take_requests(&all[0].id, &["y".to_owned(), "x".to_owned()]).await.unwrap();
    assert!(copy_all(&from, &to).await.unwrap().is_complete());
    assert_eq!(to.requests(&all[0].id).await.unwrap(), requests());
}

#[tokio::test]
async fn requests_are_not_given_to_another_run() {
    let (from, to) = (Arc::new(InMemoryStore::default()), Arc::new(InMemoryStore::default()));
    let all = fill(&from).await;
    let mut other = all[1].clone();
    other.metadata.insert("by".to_owned(), "another".to_owned());
    to.save(&other).await.unwrap();
    ask(&from, &other.id).await;
    other.id = id("to come");
    to.save(&other).await.unwrap();
    ask(&from, &other.id).await;
    let report = copy_all(&from, &to).await.unwrap();
    assert_eq!(report.different, [all[1].id.clone(), id("to come")]);
    assert!(to.asked().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_target_that_keeps_no_requests_is_told_of() {
    let from = Arc::new(InMemoryStore::default());
    let all = fill(&from).await;
    ask(&from, &all[2].id).await;
    let report = copy_all(&from, &Forgetful::default()).await.unwrap();
    assert_eq!(report.copied.len(), all.len() - 1);
    assert!(matches!(&report.failed[..], [(run, StoreError::Unstorable { .. })] if *run == all[2].id), "{report:?}");
}

/// A store that keeps no requests.
#[derive(Default)]
struct Forgetful(InMemoryStore);

impl WorkflowStore for Forgetful {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.0.save(data).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.0.load(id).await
    }

    async fn list_workflows(&self) -> Result<flow_runtime::store::Listing, StoreError> {
        self.0.list_workflows().await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.0.delete(id).await
    }
}

async fn moves<A: WorkflowStore, B: WorkflowStore>(from: A, to: B) {
    let (from, to) = (Arc::new(from), Arc::new(to));
    let before = fill(&from).await;
    let ids: Vec<WorkflowId> = before.iter().map(|data| data.id.clone()).collect();
    assert_eq!(ids.len(), 4);
    let report = copy_all(&from, &to).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((&report.copied, report.present.len()), (&ids, 0));
    assert_eq!(records(&to).await, before);
    assert_eq!(records(&from).await, before, "the source is as it was");

    let again = copy_all(&from, &to).await.unwrap();
    assert_eq!((again.copied.len(), &again.present), (0, &ids));
    let engine = Engine::new(to.clone());
    assert_eq!(quarters(vec![4, 8, 12]).run(&engine, "run [4, 8, 12] / ä").await.unwrap(), [1, 2, 3]);
}

fn json(at: &Path) -> JsonFileStore {
    JsonFileStore::open(at.join("files")).unwrap()
}

fn log(at: &Path) -> FlatBuffersStore {
    FlatBuffersStore::open(at.join("log")).unwrap()
}

fn database(at: &Path) -> SqliteStore {
    SqliteStore::open(at.join("flow.db")).unwrap()
}

macro_rules! between {
    ($($test:ident: $from:expr, $to:expr;)*) => { $(
        #[tokio::test]
        async fn $test() {
            let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            moves($from(a.path()), $to(b.path())).await;
        }
    )* };
}

fn memory(_: &Path) -> InMemoryStore {
    InMemoryStore::default()
}

between! {
    from_memory_to_memory: memory, memory;
    from_memory_to_files: memory, json;
    from_memory_to_a_log: memory, log;
    from_files_to_memory: json, memory;
    from_files_to_files: json, json;
    from_files_to_a_log: json, log;
    from_a_log_to_memory: log, memory;
    from_a_log_to_files: log, json;
    from_a_log_to_a_log: log, log;
    from_memory_to_a_database: memory, database;
    from_files_to_a_database: json, database;
    from_a_log_to_a_database: log, database;
    from_a_database_to_memory: database, memory;
    from_a_database_to_files: database, json;
    from_a_database_to_a_log: database, log;
    from_a_database_to_a_database: database, database;
}

#[tokio::test]
async fn another_record_in_the_target_is_reported_and_left() {
    let (from, to) = (Arc::new(InMemoryStore::default()), Arc::new(InMemoryStore::default()));
    let all = fill(&from).await;
    let mut other = all[1].clone();
    other.metadata.insert("by".to_owned(), "another".to_owned());
    to.save(&other).await.unwrap();
    to.save(&all[2]).await.unwrap();
    let report = copy_all(&from, &to).await.unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.copied, [all[0].id.clone(), all[3].id.clone()]);
    assert_eq!((report.present, report.different), (vec![all[2].id.clone()], vec![all[1].id.clone()]));
    assert_eq!(to.load(&other.id).await.unwrap(), other);
}

#[tokio::test]
async fn a_damaged_run_is_reported_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Arc::new(json(folder.path())), Arc::new(InMemoryStore::default()));
    let all = fill(&from).await;
    let mut broken = all[0].clone();
    broken.id = id("broken");
    from.save(&broken).await.unwrap();
    let file = folder.path().join("files/w-broken.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 5]).unwrap();
    let report = copy_all(&from, &to).await.unwrap();
    assert_eq!(report.copied.len(), all.len());
    assert!(matches!(&report.failed[..], [(run, StoreError::Corrupt { .. })] if *run == id("broken")), "{report:?}");
    assert!(!report.is_complete());
    assert_eq!(records(&to).await, all);
}

#[tokio::test]
async fn a_target_that_takes_nothing_ends_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    drop(json(folder.path()));
    let to = JsonFileStore::open_read_only(folder.path().join("files")).unwrap();
    let from = Arc::new(InMemoryStore::default());
    fill(&from).await;
    let refused = copy_all(&from, &to).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
}

/// A store that says it kept what it did not.
#[derive(Default)]
struct Liar(InMemoryStore);

impl WorkflowStore for Liar {
    store::hand_on!(|own| &own.0; all but save);

    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        let mut data = data.clone();
        data.metadata.insert("more".to_owned(), "than there was".to_owned());
        self.0.save(&data).await
    }
}

#[tokio::test]
async fn what_does_not_come_back_equal_is_reported() {
    let from = Arc::new(InMemoryStore::default());
    let all = fill(&from).await;
    let report = copy_all(&from, &Liar::default()).await.unwrap();
    assert_eq!((report.copied.len(), report.failed.len()), (0, all.len()));
}

/// A run whose output is too large for its file, so that it is kept beside it.
async fn with_parts(folder: &Path) -> JsonFileStore {
    let store = json(folder);
    let engine = Engine::new(store.clone());
    assert_eq!(large(200_000).run(&engine, "large").await.unwrap(), noise(200_000));
    assert_eq!(part_files(folder).len(), 1);
    store
}

fn part_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder.join("files")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "part")).collect()
}

/// Bytes that no compression makes shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..len).map(|_| random.u8(..)).collect()
}

#[node]
async fn make(len: usize) -> Vec<u8> {
    noise(len)
}

workflow! {
    fn large(len: usize) -> Vec<u8> { make(len) }
}

async fn gives_its_large_output(store: impl WorkflowStore, len: usize) {
    let engine = Engine::new(store);
    assert!(large(len).run(&engine, "large").await.unwrap() == noise(len));
}

#[tokio::test]
async fn large_values_move_with_their_run() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, files, memory) = (with_parts(a.path()).await, json(b.path()), InMemoryStore::default());
    for again in [false, true] {
        let report = copy_all(&from, &files).await.unwrap();
        assert_eq!((report.copied.len(), report.present.len()), if again { (0, 1) } else { (1, 0) }, "{report:?}");
        let report = copy_all(&from, &memory).await.unwrap();
        assert_eq!((report.copied.len(), report.present.len()), if again { (0, 1) } else { (1, 0) }, "{report:?}");
    }
    assert_eq!(part_files(b.path()).len(), 1);
    drop(from);
    std::fs::remove_dir_all(a.path().join("files")).unwrap();
    gives_its_large_output(files, 200_000).await;
    gives_its_large_output(memory, 200_000).await;
}

#[tokio::test]
async fn a_run_is_not_copied_without_its_large_values() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = with_parts(a.path()).await;
    std::fs::remove_file(&part_files(a.path())[0]).unwrap();
    let memory = InMemoryStore::default();
    let files = json(b.path());
    for report in [copy_all(&from, &files).await.unwrap(), copy_all(&from, &memory).await.unwrap()] {
        assert!(matches!(&report.failed[..], [(run, StoreError::Corrupt { .. })] if *run == id("large")), "{report:?}");
    }
    assert!(files.list_workflows().await.unwrap().workflows.is_empty());
    assert!(memory.list_workflows().await.unwrap().workflows.is_empty());
}

#[tokio::test]
async fn a_damaged_large_value_is_put_right_only_if_that_is_asked() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (with_parts(a.path()).await, json(b.path()));
    assert_eq!(copy_run(&from, &to, &id("large")).await.unwrap(), Copied::New);
    std::fs::remove_file(&part_files(b.path())[0]).unwrap();
    let refused = copy_run(&from, &to, &id("large")).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    assert_eq!(replace_run(&from, &to, &id("large")).await.unwrap(), Copied::Replaced);
    assert_eq!(replace_run(&from, &to, &id("large")).await.unwrap(), Copied::Present);
    assert_eq!(replace_run(&from, &to, &id("none")).await.unwrap(), Copied::Absent);
    gives_its_large_output(to, 200_000).await;
}

/// Larger than a row of a database is to be, and inline where a store has no limit.
const LARGE: usize = 3 << 20;

#[tokio::test]
async fn large_values_move_from_a_database_and_into_one() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, files, memory) = (database(a.path()), json(b.path()), InMemoryStore::default());
    gives_its_large_output(from.clone(), LARGE).await;
    assert!(copy_all(&from, &files).await.unwrap().is_complete());
    assert!(copy_all(&from, &memory).await.unwrap().is_complete());
    drop(from);
    gives_its_large_output(memory, LARGE).await;
    let to = database(b.path());
    assert!(copy_all(&files, &to).await.unwrap().is_complete());
    drop(files);
    std::fs::remove_dir_all(b.path().join("files")).unwrap();
    gives_its_large_output(to, LARGE).await;
}
