//! The log under everything that can happen to a disk: power loss at each operation, damage of each bit, faults.

mod damage;
mod disk_faults;
mod giving_back;
mod hints;
mod leading;
mod log;
mod memory;
mod parts;
mod power;
mod snapshot;
mod workload;

use std::sync::Arc;

use super::FlatBuffersStore;
use crate::disk::{Fs, SimFs};
use crate::state::{
    Ack, CompletedBy, Delta, Encoding, Event, Payload, Phase, RunCreated, RunOutcome, RunOutput, StepRef, WorkflowData,
    WorkflowId,
};
use crate::store::{StoreError, WorkflowStore};
use crate::testing::Graph;

const DIR: &str = "store";
/// Small, so that tests look at every byte and logs have several segments.
const SEGMENT: u64 = 4096;

fn open(fs: impl Fs + 'static) -> Result<FlatBuffersStore, StoreError> {
    FlatBuffersStore::options().kept_up_by_test().fs(fs).segment_bytes(SEGMENT).open(DIR)
}

/// With segments of which even a few runs need several.
fn open_small(fs: impl Fs + 'static) -> Result<FlatBuffersStore, StoreError> {
    FlatBuffersStore::options().kept_up_by_test().fs(fs).segment_bytes(1024).open(DIR)
}

fn open_read_only(fs: impl Fs + 'static) -> Result<FlatBuffersStore, StoreError> {
    FlatBuffersStore::options().fs(fs).segment_bytes(SEGMENT).open_read_only(DIR)
}

/// Does all that there is to be done beside the commits.
fn keep_up(store: &FlatBuffersStore) {
    let writer = store.writer().unwrap();
    while writer.keep_up(1) {}
}

fn id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

/// A run of three steps, one after the other: its changes, each with the record after it. The last ends the run.
fn walk(id: &str, run_no: u64) -> Vec<(WorkflowData, Delta)> {
    let mut graph = Graph::<u8>::new("walk");
    let mut before: Vec<u32> = Vec::new();
    for name in ["a", "b", "c"] {
        before = vec![graph.step(name, &before, |_, _| Box::pin(async { Ok(0) }))];
    }
    let created = RunCreated::new(self::id(id), Arc::new(graph.plan()), Payload::new(Encoding::Raw, id.to_owned()));
    let mut walk = vec![(vec![Event::RunCreated(Box::new(created)), started(0)], Ack::Sync)];
    walk.push((vec![completed(0, id), started(1)], Ack::Sync));
    walk.push((vec![completed(1, id)], Ack::Lazy));
    walk.push((vec![started(2)], Ack::Lazy));
    let output = RunOutput::Step(StepRef::new(0, 2));
    walk.push((vec![completed(2, id), Event::RunEnded { outcome: RunOutcome::Completed, output }], Ack::Sync));
    let mut after: Option<WorkflowData> = None;
    let mut all = Vec::new();
    for (seq, (events, durability)) in (0..).zip(walk) {
        let mut delta = Delta::new(run_no, seq, 1_000 + i64::try_from(seq).unwrap(), events);
        delta.ack = durability;
        let data = match after.take() {
            None => WorkflowData::create(&delta).unwrap(),
            Some(mut data) => {
                data.apply(&delta).unwrap();
                data
            }
        };
        after = Some(data.clone());
        all.push((data, delta));
    }
    all
}

fn started(local: u32) -> Event {
    Event::StepStarted { step: StepRef::new(0, local), attempt: 1, phase: Phase::Do }
}

fn completed(local: u32, text: &str) -> Event {
    let payload = Payload::new(Encoding::Raw, format!("{text} {local}"));
    Event::StepCompleted { step: StepRef::new(0, local), attempt: 1, payload, data: vec![], by: CompletedBy::Body }
}

/// Commits the first changes of a walk.
async fn commit(store: &FlatBuffersStore, walk: &[(WorkflowData, Delta)]) {
    for (after, delta) in walk {
        store.commit(after, delta).await.unwrap();
    }
}

/// The bytes of all files of the log.
fn log_files(fs: &SimFs) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let is_log = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "flow");
    fs.paths().into_iter().filter(is_log).map(|path| (path.clone(), fs.bytes(&path).unwrap())).collect()
}
