//! The files under everything that can happen to a disk: power loss at each operation, damage of each bit, faults.

mod damage;
mod disk_faults;
mod parts;
mod power;
mod queries;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use super::JsonFileStore;
use super::files::name_of;
use crate::disk::{Fs, SimFs};
use crate::state::{
    CompletedBy, Delta, Encoding, Event, Payload, Phase, RunCreated, RunOutcome, RunOutput, StepRef, WorkflowData,
    WorkflowId,
};
use crate::store::{StoreError, WorkflowStore};
use crate::testing::Graph;

const DIR: &str = "store";

fn open(fs: impl Fs + 'static) -> Result<JsonFileStore, StoreError> {
    JsonFileStore::options().fs(fs).open(DIR)
}

fn open_read_only(fs: impl Fs + 'static) -> Result<JsonFileStore, StoreError> {
    JsonFileStore::options().fs(fs).open_read_only(DIR)
}

fn id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

fn path(id: &str) -> PathBuf {
    PathBuf::from(DIR).join(name_of(&self::id(id)))
}

/// A run of two steps, one after the other: its changes, each with the record after it. The last ends the run.
fn walk(id: &str, run_no: u64) -> Vec<(WorkflowData, Delta)> {
    let mut graph = Graph::<u8>::new("walk");
    let a = graph.step("a", &[], |_, _| Box::pin(async { Ok(0) }));
    graph.step("b", &[a], |_, _| Box::pin(async { Ok(0) }));
    let created = RunCreated::new(self::id(id), Arc::new(graph.plan()), Payload::new(Encoding::Raw, id.to_owned()));
    let output = RunOutput::Step(StepRef::new(0, 1));
    let events = [
        vec![Event::RunCreated(Box::new(created)), started(0)],
        vec![completed(0), started(1)],
        vec![completed(1), Event::RunEnded { outcome: RunOutcome::Completed, output }],
    ];
    let mut all: Vec<(WorkflowData, Delta)> = Vec::new();
    for (seq, events) in (0..).zip(events) {
        let delta = Delta::new(run_no, seq, 1_000 + i64::try_from(seq).unwrap(), events);
        let after = match all.last() {
            None => WorkflowData::create(&delta).unwrap(),
            Some((before, _)) => {
                let mut data = before.clone();
                data.apply(&delta).unwrap();
                data
            }
        };
        all.push((after, delta));
    }
    all
}

fn started(local: u32) -> Event {
    Event::StepStarted { step: StepRef::new(0, local), attempt: 1, phase: Phase::Do }
}

fn completed(local: u32) -> Event {
    let payload = Payload::new(Encoding::Json, local.to_string());
    Event::StepCompleted { step: StepRef::new(0, local), attempt: 1, payload, data: vec![], by: CompletedBy::Body }
}

async fn commit(store: &JsonFileStore, walk: &[(WorkflowData, Delta)]) {
    for (after, delta) in walk {
        store.commit(after, delta).await.unwrap();
    }
}

/// The paths and bytes of all files but the lock, which says nothing of any run.
fn files(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    let names = fs.paths().into_iter().filter(|path| !path.ends_with("LOCK"));
    names.map(|path| (path.clone(), fs.bytes(&path).unwrap())).collect()
}

/// What is there of a run, if anything.
async fn find(store: &JsonFileStore, id: &WorkflowId) -> Result<Option<WorkflowData>, StoreError> {
    match store.load(id).await {
        Ok(data) => Ok(Some(data)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is done to a store.
enum Step {
    Commit(WorkflowData, Delta),
    Save(WorkflowData),
    Delete(WorkflowId),
}

impl Step {
    fn id(&self) -> &WorkflowId {
        match self {
            Self::Commit(data, _) | Self::Save(data) => &data.id,
            Self::Delete(id) => id,
        }
    }

    /// What there is of the run after it.
    fn after(&self) -> Option<&WorkflowData> {
        match self {
            Self::Commit(data, _) | Self::Save(data) => Some(data),
            Self::Delete(_) => None,
        }
    }

    async fn run(&self, store: &JsonFileStore) -> Result<(), StoreError> {
        match self {
            Self::Commit(data, delta) => store.commit(data, delta).await,
            Self::Save(data) => store.save(data).await,
            Self::Delete(id) => store.delete(id).await,
        }
    }
}

/// Two runs that are committed in turns, one that is deleted and made again, one of a long id that is saved twice.
fn workload() -> Vec<Step> {
    let commits = |id, run_no| walk(id, run_no).into_iter().map(|(data, delta)| Step::Commit(data, delta));
    let long = "L".repeat(200);
    let mut all: Vec<Step> = commits("a", 1).collect();
    all.extend(commits("b", 2).take(2));
    all.push(Step::Delete(id("a")));
    all.extend(commits("a", 3).take(1));
    all.extend(walk(&long, 4).into_iter().take(2).map(|(data, _)| Step::Save(data)));
    all.extend(commits("b", 2).skip(2));
    all.push(Step::Delete(id(&long)));
    all
}

/// Does these steps until one fails. Gives how many were acknowledged, and the error.
async fn run(store: &JsonFileStore, steps: &[Step]) -> (usize, Option<StoreError>) {
    for (done, step) in steps.iter().enumerate() {
        if let Err(error) = step.run(store).await {
            return (done, Some(error));
        }
    }
    (steps.len(), None)
}

/// The states in which a run may be when so many steps were acknowledged and the next was under way.
fn allowed<'a>(steps: &'a [Step], done: usize, id: &WorkflowId) -> Vec<Option<&'a WorkflowData>> {
    let of_run = |steps: &'a [Step]| steps.iter().filter(|step| step.id() == id).map(Step::after).next_back();
    let last = of_run(&steps[..done]).unwrap_or_default();
    let under_way = steps.get(done..=done).and_then(of_run);
    std::iter::once(last).chain(under_way).collect()
}

/// The ids that a workload names.
fn ids(steps: &[Step]) -> std::collections::BTreeSet<&WorkflowId> {
    steps.iter().map(Step::id).collect()
}
