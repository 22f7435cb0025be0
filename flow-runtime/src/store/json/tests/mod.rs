//! The files under everything that can happen to a disk: power loss at each operation, damage of each bit, faults.

mod damage;
mod disk_faults;
mod late;
mod parts;
mod power;
mod queries;
mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::JsonFileStore;
use super::files::name_of;
use crate::disk::{Fs, SimFs};
use crate::state::{
    Ack, CompletedBy, Delta, Encoding, Event, Payload, Phase, RunCreated, RunOutcome, RunOutput, StepRef, WorkflowData,
    WorkflowId,
};
use crate::store::{StoreError, WorkflowStore};
use crate::testing::Graph;

const DIR: &str = "store";

/// What waits in it does so until something is asked, however slow the machine is.
fn open(fs: impl Fs + 'static) -> Result<JsonFileStore, StoreError> {
    JsonFileStore::options().fs(fs).max_lag(Duration::from_secs(3600)).open(DIR)
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

/// The change as one that nobody waits for.
fn lazily((after, mut delta): (WorkflowData, Delta)) -> (WorkflowData, Delta) {
    delta.ack = Ack::Lazy;
    (after, delta)
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

    fn is_lazy(&self) -> bool {
        matches!(self, Self::Commit(_, delta) if delta.ack == Ack::Lazy)
    }

    async fn run(&self, store: &JsonFileStore) -> Result<(), StoreError> {
        match self {
            Self::Commit(data, delta) => store.commit(data, delta).await,
            Self::Save(data) => store.save(data).await,
            Self::Delete(id) => store.delete(id).await,
        }
    }
}

/// Two runs that are committed in turns, one that is deleted and made again, one of a long id that is saved twice, one
/// that is deleted before it is written; of each that goes on, some changes are such as nobody waits for.
fn workload() -> Vec<Step> {
    let changes = |id, run_no| {
        let [first, second, third] = walk(id, run_no).try_into().expect("a walk has three changes");
        [first, lazily(second), third].map(|(data, delta)| Step::Commit(data, delta)).into_iter()
    };
    let long = "L".repeat(200);
    let mut all: Vec<Step> = changes("a", 1).collect();
    all.extend(changes("b", 2).take(2));
    all.push(Step::Delete(id("a")));
    all.extend(changes("a", 3).take(2));
    all.extend(walk(&long, 4).into_iter().take(2).map(|(data, _)| Step::Save(data)));
    all.extend(changes("b", 2).skip(2));
    all.push(Step::Delete(id(&long)));
    let (data, delta) = lazily(walk("c", 5).remove(0));
    all.extend([Step::Commit(data, delta), Step::Delete(id("c"))]);
    all.extend(changes("d", 6).take(2));
    all
}

/// Does these steps until one fails. Gives how many were acknowledged, and the error.
async fn run(store: &JsonFileStore, steps: impl IntoIterator<Item = &Step>) -> (usize, Option<StoreError>) {
    let mut done = 0;
    for step in steps {
        if let Err(error) = step.run(store).await {
            return (done, Some(error));
        }
        done += 1;
    }
    (done, None)
}

/// The states in which a run may be when so many steps were acknowledged and the next was under way: that of its last
/// step that was waited for, or of any after it.
fn allowed<'a>(steps: &'a [Step], done: usize, id: &WorkflowId) -> Vec<Option<&'a WorkflowData>> {
    let mut states = vec![None];
    for (place, step) in steps.iter().enumerate().take(done + 1).filter(|(_, step)| step.id() == id) {
        if place < done && !step.is_lazy() {
            states.clear();
        }
        states.push(step.after());
    }
    states
}

/// The ids that a workload names.
fn ids(steps: &[Step]) -> std::collections::BTreeSet<&WorkflowId> {
    steps.iter().map(Step::id).collect()
}
