//! The inbox under everything that can happen to a disk, in each store that has one: power loss at each operation,
//! faults, damage of each bit.

mod damage;
mod disk_faults;
mod lock;
mod power;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::{CrashModel, FaultFs, Fs, SimFs};
use crate::state::{Delta, Encoding, Event, Payload, Request, RequestKind, RunCreated, WorkflowData, WorkflowId};
use crate::store::{FlatBuffersStore, JsonFileStore, StoreError, WorkflowStore};
use crate::testing::Graph;

const DIR: &str = "store";
/// A run whose id has no room in the name of a file.
const LONG: &str = "LONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONG";

fn json(fs: impl Fs + 'static) -> Result<JsonFileStore, StoreError> {
    JsonFileStore::options().fs(fs).open(DIR)
}

fn flat(fs: impl Fs + 'static) -> Result<FlatBuffersStore, StoreError> {
    FlatBuffersStore::options().kept_up_by_test().fs(fs).segment_bytes(4096).open(DIR)
}

fn id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

/// A request whose content is its own.
fn request(id: &str) -> Request {
    let payload = Payload::new(Encoding::Raw, id.to_owned());
    let kind = RequestKind::Signal { name: "name".to_owned(), type_name: "Vec<u8>".to_owned(), payload };
    Request::new(id, 7, kind).unwrap()
}

/// A run that has just begun.
fn record(run: &str) -> WorkflowData {
    let mut graph = Graph::<u8>::new("one step");
    graph.step("a", &[], |_, _| Box::pin(async { Ok(0) }));
    let created = RunCreated::new(id(run), Arc::new(graph.plan()), Payload::new(Encoding::Raw, run.to_owned()));
    WorkflowData::create(&Delta::new(1, 0, 1_000, vec![Event::RunCreated(Box::new(created))])).unwrap()
}

/// The paths and bytes of all files but the locks, which say nothing of any run.
fn files(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    let names = fs.paths().into_iter().filter(|path| !path.ends_with("LOCK"));
    names.map(|path| (path.clone(), fs.bytes(&path).unwrap())).collect()
}

/// The files of the inbox but the lock.
fn letters(fs: &SimFs) -> Vec<PathBuf> {
    let paths = fs.paths().into_iter();
    paths.filter(|path| path.starts_with(PathBuf::from(DIR).join("inbox")) && !path.ends_with("LOCK")).collect()
}

/// What is done to a store.
#[derive(Clone, Copy)]
enum Step {
    Save(&'static str),
    Ask(&'static str, &'static str),
    Take(&'static str, &'static str),
    Delete(&'static str),
}

/// What there is of a run.
#[derive(Clone, Debug, Default)]
struct Run {
    is_there: bool,
    requests: Vec<&'static str>,
    /// Those that were taken, which the power may bring back.
    may_return: Vec<&'static str>,
}

type Model = BTreeMap<&'static str, Run>;

/// Requests before and behind a run's beginning, twice the same, some taken; runs deleted with some and right after the
/// last was taken; each id used again; one with a long id.
const WORKLOAD: [Step; 19] = {
    use Step::{Ask, Delete, Save, Take};
    [
        Ask("a", "1"),
        Save("a"),
        Ask("a", "2"),
        Ask("b", "1"),
        Ask("a", "1"),
        Take("a", "1"),
        Ask("a", "3"),
        Delete("a"),
        Ask("a", "4"),
        Save(LONG),
        Ask(LONG, "1"),
        Save("a"),
        Take("a", "4"),
        Delete("a"),
        Ask("b", "2"),
        Ask(LONG, "2"),
        Delete(LONG),
        Ask(LONG, "3"),
        Save("a"),
    ]
};

impl Step {
    const fn run(self) -> &'static str {
        match self {
            Self::Save(run) | Self::Ask(run, _) | Self::Take(run, _) | Self::Delete(run) => run,
        }
    }

    fn apply(self, model: &mut Model) {
        let run = model.entry(self.run()).or_default();
        match self {
            Self::Save(_) => run.is_there = true,
            Self::Ask(_, id) => {
                if !run.requests.contains(&id) {
                    run.requests.push(id);
                }
            }
            Self::Take(_, id) => {
                run.requests.retain(|known| *known != id);
                run.may_return.push(id);
            }
            Self::Delete(_) => *run = Run::default(),
        }
    }

    async fn act(self, store: &impl WorkflowStore) -> Result<(), StoreError> {
        let run = id(self.run());
        match self {
            Self::Save(run) => store.save(&record(run)).await,
            Self::Ask(_, id) => store.ask(&run, &request(id)).await.map(drop),
            Self::Take(_, id) => store.take_requests(&run, &[id.to_owned()]).await,
            Self::Delete(_) => store.delete(&run).await,
        }
    }
}

/// Does these steps until one fails. Gives how many were acknowledged, and the error.
async fn run(store: &impl WorkflowStore, steps: &[Step]) -> (usize, Option<StoreError>) {
    for (done, step) in steps.iter().enumerate() {
        if let Err(error) = step.act(store).await {
            return (done, Some(error));
        }
    }
    (steps.len(), None)
}

/// What there is after so many steps.
fn after(steps: usize) -> Model {
    let mut model = Model::new();
    WORKLOAD.iter().take(steps).for_each(|step| step.apply(&mut model));
    model
}

/// That the store has what it must have when so many steps were acknowledged and the next was under way.
async fn check(store: &impl WorkflowStore, done: usize, what: &str) {
    let (last, next) = (after(done), after(done + 1));
    let asked = store.asked().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    for run in ["a", "b", LONG] {
        let is_there = match store.load(&id(run)).await {
            Ok(_) => true,
            Err(StoreError::NotFound { .. }) => false,
            Err(error) => panic!("{what}: {error}"),
        };
        let found = store.requests(&id(run)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(asked.contains(&id(run)), !found.is_empty(), "{what}: `{run}`");
        assert!(found.iter().all(|found| *found == request(&found.id)), "{what}: a request of `{run}` has changed");
        let fits = |model: &Model| {
            let Run { is_there: is_due, requests, may_return } = model.get(run).cloned().unwrap_or_default();
            let found = found.iter().map(|request| request.id.as_str()).filter(|id| !may_return.contains(id));
            is_there == is_due && found.eq(requests)
        };
        let found: Vec<&str> = found.iter().map(|request| request.id.as_str()).collect();
        assert!(fits(&last) || fits(&next), "{what}: `{run}` after {done} steps: {is_there}, {found:?}");
    }
}

#[tokio::test]
async fn the_workload_does_what_it_is_for() {
    let disk = SimFs::default();
    let store = json(disk.clone()).unwrap();
    for (done, step) in WORKLOAD.into_iter().enumerate() {
        check(&store, done, "before a step").await;
        step.act(&store).await.unwrap();
        check(&store, done + 1, "after a step").await;
    }
    let ids: Vec<String> = store.requests(&id("b")).await.unwrap().into_iter().map(|request| request.id).collect();
    assert_eq!((ids, letters(&disk).len()), (vec!["1".to_owned(), "2".to_owned()], 3));
}
