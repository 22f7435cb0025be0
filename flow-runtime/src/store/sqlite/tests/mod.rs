//! The database under what can happen to it: other programs, other versions, other processes, damage, power loss.

mod damage;
mod journal;
mod leading;
mod opening;
mod power;
mod select;
mod sharing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore};
use crate::state::{
    Ack, CompletedBy, Delta, Encoding, Event, Payload, Phase, RunCreated, RunOutcome, RunOutput, StepRef, WorkflowData,
    WorkflowId,
};
use crate::store::{StoreError, WorkflowStore};
use crate::testing::Graph;

type Walk = Vec<(WorkflowData, Delta)>;

/// A folder with a database in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("flow.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }

    fn open_as(&self, options: SqliteOptions) -> SqliteStore {
        options.open(self.path()).unwrap()
    }

    /// The database as any program may open it.
    fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn count(&self, sql: &str) -> i64 {
        self.raw().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

/// A run of so many steps, one after the other, whose outputs are this long: its changes, each with the record after
/// it. The last ends the run.
fn walk(id: &str, run_no: u64, steps: u32, len: usize) -> Walk {
    let mut graph = Graph::<u8>::new("walk");
    let mut before: Vec<u32> = Vec::new();
    for step in 0..steps {
        before = vec![graph.step(format!("s{step}"), &before, |_, _| Box::pin(async { Ok(0) }))];
    }
    let mut created = RunCreated::new(self::id(id), Arc::new(graph.plan()), Payload::new(Encoding::Raw, id.to_owned()));
    created.metadata.insert("name".to_owned(), id.to_owned());
    let mut events = vec![Event::RunCreated(Box::new(created)), started(0)];
    let (mut all, mut after) = (Walk::new(), None::<WorkflowData>);
    for seq in 0..=steps {
        let delta = Delta::new(run_no, u64::from(seq), 1_000 + i64::from(seq), std::mem::take(&mut events));
        let data = match after.take() {
            None => WorkflowData::create(&delta).unwrap(),
            Some(mut data) => {
                data.apply(&delta).unwrap();
                data
            }
        };
        after = Some(data.clone());
        all.push((data, delta));
        events = next_events(seq, steps, &format!("{id} {seq} ").repeat(len).as_bytes()[..len]);
    }
    all
}

fn next_events(step: u32, steps: u32, output: &[u8]) -> Vec<Event> {
    let payload = Payload::new(Encoding::Raw, output.to_vec());
    let (at, data, by) = (StepRef::new(0, step), vec![], CompletedBy::Body);
    let completed = Event::StepCompleted { step: at, attempt: 1, payload, data, by };
    if step + 1 < steps {
        return vec![completed, started(step + 1)];
    }
    vec![completed, Event::RunEnded { outcome: RunOutcome::Completed, output: RunOutput::Step(at) }]
}

fn started(local: u32) -> Event {
    Event::StepStarted { step: StepRef::new(0, local), attempt: 1, phase: Phase::Do }
}

async fn commit(store: &SqliteStore, walk: &[(WorkflowData, Delta)]) {
    for (after, delta) in walk {
        store.commit(after, delta).await.unwrap();
    }
}

/// The change, under this fence.
fn fenced((after, delta): &(WorkflowData, Delta), fence: u64) -> (WorkflowData, Delta) {
    let mut delta = delta.clone();
    delta.fence = fence;
    (after.clone(), delta)
}

fn lazy((after, delta): &(WorkflowData, Delta)) -> (WorkflowData, Delta) {
    let mut delta = delta.clone();
    delta.ack = Ack::Lazy;
    (after.clone(), delta)
}
