//! The embedded default store: a log of FlatBuffers frames, shared by all runs of a folder.
//!
//! In: changes of runs. Out: the same runs, after a crash as well. [`writer`] says who writes, [`stage`] what, and [`log`]
//! how; [`format`](mod@format) says what the bytes are, [`scan`] reads them when the log is opened, [`index`] knows where
//! each run stands, and [`read`] makes a record of its frames.

mod batch;
mod beside;
mod compact;
mod failure;
mod format;
mod frame;
mod frames;
mod grave;
mod hint;
mod index;
mod living;
mod log;
mod next;
mod options;
mod parts;
mod pending;
mod plans;
mod query;
mod read;
mod scan;
mod segment;
mod source;
mod stage;
mod taking;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use self::beside::Beside;
use self::format::Kind;
use self::index::Found;
pub use self::options::FlatBuffersOptions;
use self::parts::NewPart;
use self::plans::EncodedPlans;
use self::stage::{Commit, Request, Save};
use self::writer::Writer;
use super::claims::Claims;
use super::inbox::Inbox;
use super::worker::{Gone, Work, Worker};
use super::{Listing, Owner, Page, PartKey, Query, StoreError, WorkflowStore};
use crate::plan::Plan;
use crate::state::codec::CodecError;
use crate::state::codec::flat::{Plans, write_change, write_record};
use crate::state::{self, Ack, Delta, Event, WorkflowData, WorkflowId};

/// The most bytes of a payload that is kept with the changes of its run: 1 MiB. A larger one would hold up the changes of
/// other runs that are written with it, and be read and written again with its run.
const INLINE_BYTES: usize = 1 << 20;
/// A run is written whole when its changes have become at least so many bytes, and twice as many as the frame that it
/// begins with: so that reading a run costs little more than its steps, and writing it whole is spread over as many
/// changes.
const MIN_CHANGES_BYTES: u64 = 256 << 10;
/// How many changes lie between two looks at how long they are.
const LOOK_EVERY: u64 = 64;

/// Keeps runs in a folder, in a log of checksummed FlatBuffers frames to which every commit adds what changed.
///
/// One process writes; others may read beside it, and leave requests, through [`open_read_only`](Self::open_read_only).
/// What was committed survives a kill and a power loss. Clones are the same store, and the folder is free again when the
/// last is gone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// use flow_runtime::{Engine, FlatBuffersStore, WorkflowStore};
/// let engine = Engine::new(FlatBuffersStore::open(dir)?);
/// // .. run workflows, here or in the next process ..
/// let beside = FlatBuffersStore::open_read_only(dir)?;
/// assert!(beside.list_workflows().await?.workflows.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FlatBuffersStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    access: Access,
    claims: Claims,
    reads: Worker<ReadJob>,
    inbox: Inbox,
    plans: EncodedPlans,
}

enum Access {
    Write(Writer),
    Read(Beside),
}

type ReadJob = Box<dyn FnOnce() + Send>;

/// The thread that reads, so that a large run holds up neither commits nor other tasks.
struct Reads;

impl Work for Reads {
    type Job = ReadJob;

    fn run(&mut self, jobs: Vec<ReadJob>) -> Option<std::time::Duration> {
        jobs.into_iter().for_each(|job| job());
        None
    }
}

impl FlatBuffersStore {
    /// Opens the store in this folder for writing, and makes it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it open for writing; [`StoreError::Damaged`] if a file of it is
    /// broken beyond reading; [`StoreError::Newer`] if a newer version wrote it; or what the operating system says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// Opens the store in this folder for reading, beside a process that writes to it. Each call reads what the
    /// writer has committed by then. Nothing is changed, but requests may be left for the writer's runs.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open_read_only(path)
    }

    /// Opens the store in this folder for reading as it stands now, beside a process that writes to it: what is
    /// committed later is not seen. For who reads many runs, since
    /// [`open_read_only`](Self::open_read_only) looks through the log anew at each call. Requests are those that there
    /// are when they are asked for.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the lock; and if the folder is not there.
    pub fn open_snapshot(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open_snapshot(path)
    }

    /// The ways to open a store.
    pub fn options() -> FlatBuffersOptions {
        FlatBuffersOptions::new()
    }

    /// Which process has the store open for writing, or had it last and is still there: "process 4711". `None` if there
    /// is none of that number on this machine.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub async fn holder(&self) -> Result<Option<String>, StoreError> {
        match &self.inner.access {
            Access::Write(_) => Ok(Some(format!("process {}", std::process::id()))),
            Access::Read(beside) => {
                let beside = beside.clone();
                self.read(move || beside.holder()).await
            }
        }
    }
}

fn no_thread(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { action: "start a thread for", path: path.to_owned(), source }
}

impl FlatBuffersStore {
    fn new(path: &Path, access: Access, inbox: Inbox) -> Result<Self, StoreError> {
        let reads = Worker::spawn("flow-read", Reads).map_err(|error| no_thread(path, error))?;
        let (path, claims, plans) = (path.to_owned(), Claims::default(), EncodedPlans::default());
        Ok(Self { inner: Arc::new(Inner { path, access, claims, reads, inbox, plans }) })
    }

    fn gone(&self, _: Gone) -> StoreError {
        StoreError::Poisoned { path: self.inner.path.clone(), reason: "its thread has died".to_owned() }
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        match &self.inner.access {
            Access::Write(writer) => Ok(writer),
            Access::Read(_) => Err(StoreError::ReadOnly { path: self.inner.path.clone() }),
        }
    }

    /// Reads in the thread for that.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move || {
            let _ = reply.send(read());
        });
        self.inner.reads.send(job).map_err(|gone| self.gone(gone))?;
        answer.await.map_err(|_| self.gone(Gone))?
    }

    async fn find(&self, id: &WorkflowId) -> Result<Found, StoreError> {
        match &self.inner.access {
            Access::Write(writer) => {
                writer.catch_up().await?;
                log::lock(&writer.index).find(id)
            }
            Access::Read(beside) => {
                let (beside, id) = (beside.clone(), id.clone());
                self.read(move || log::lock(&*beside.index()?).find(&id)).await
            }
        }
    }
}

impl WorkflowStore for FlatBuffersStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        let unstorable = |error| StoreError::from_codec(&data.id, error);
        let save = Save {
            id: data.id.clone(),
            run_no: data.run_no,
            next: data.seq,
            body: write_record(data, Plans::Beside).map_err(unstorable)?,
            plan: self.inner.plans.of(&data.plan).map_err(unstorable)?,
            status: data.status as u8,
            created_at: data.created_at,
            updated_at: data.updated_at,
        };
        self.writer()?.ask(Request::Save(Box::new(save))).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let found = self.find(id).await?;
        self.read(move || read::load(&found)).await
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        let (workflows, damaged) = match &self.inner.access {
            Access::Write(writer) => {
                writer.catch_up().await?;
                log::lock(&writer.index).listing()
            }
            Access::Read(beside) => {
                let beside = beside.clone();
                self.read(move || Ok(log::lock(&*beside.index()?).listing())).await?
            }
        };
        Ok(Listing { workflows, damaged })
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        let writer = self.writer()?;
        self.inner.claims.check_free(id)?;
        self.inner.inbox.delete(id, || writer.hand_over(Request::Delete(id.clone()))).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let unstorable = |error| StoreError::from_codec(&after.id, error);
        let writer = self.writer()?;
        self.inner.claims.check_fence(&after.id, delta.fence)?;
        let plans = &self.inner.plans;
        let mut commit = encode(plans, after, delta).map_err(unstorable)?;
        let is_due = commit.ends || (delta.seq + 1).is_multiple_of(LOOK_EVERY);
        if is_due && has_outgrown(log::lock(&writer.index).bytes_of(&after.id)) {
            commit.condense(plans, after).map_err(unstorable)?;
        }
        writer.commit(commit).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let query = query.clone();
        match &self.inner.access {
            Access::Write(writer) => {
                writer.catch_up().await?;
                let index = writer.index.clone();
                self.read(move || query::page(&index, &query)).await
            }
            Access::Read(beside) => {
                let beside = beside.clone();
                self.read(move || query::page(&*beside.index()?, &query)).await
            }
        }
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        self.inner.claims.claim(id, owner)
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Result<(), StoreError> {
        self.inner.claims.release(id, owner);
        Ok(())
    }

    fn inline_bytes(&self) -> Option<usize> {
        Some(INLINE_BYTES)
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        let part = NewPart::new(key, bytes)?;
        self.writer()?.ask(Request::Part(Box::new(part))).await
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        let key = key.clone();
        match &self.inner.access {
            Access::Write(writer) => {
                let location = log::lock(&writer.index).find_part(&key)?;
                self.read(move || parts::load(&key, &location)).await
            }
            Access::Read(beside) => {
                let beside = beside.clone();
                self.read(move || {
                    let location = log::lock(&*beside.index()?).find_part(&key)?;
                    parts::load(&key, &location)
                })
                .await
            }
        }
    }

    fn forget(&self, owner: Owner) {
        self.inner.claims.forget(owner);
    }

    async fn ask(&self, run: &WorkflowId, request: &state::Request) -> Result<bool, StoreError> {
        self.inner.inbox.ask(run, request).await
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<state::Request>, StoreError> {
        self.inner.inbox.requests(run).await
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.inner.inbox.take(run, ids).await
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        self.inner.inbox.asked().await
    }
}

/// A change as it is kept.
fn encode(encoded: &EncodedPlans, after: &WorkflowData, delta: &Delta) -> Result<Commit, CodecError> {
    let plans: Vec<&Arc<Plan>> = delta
        .events
        .iter()
        .filter_map(|event| match event {
            Event::RunCreated(created) => Some(&created.plan),
            Event::PlanAdopted { plan } => Some(plan),
            _ => None,
        })
        .collect();
    let (place, plan) = match plans.as_slice() {
        [] => (Plans::Beside, None),
        [plan] => (Plans::Beside, Some(encoded.of(plan)?)),
        // A frame names one plan; several stand in the change itself.
        _ => (Plans::Inline, None),
    };
    let body = write_change(delta, place)?;
    Ok(Commit {
        id: after.id.clone(),
        run_no: delta.run_no,
        seq: delta.seq,
        kind: Kind::Delta,
        at: delta.at,
        delta_crc: frame::change_crc(&body, delta.at),
        body,
        plan,
        status: after.status as u8,
        created_at: after.created_at,
        lazy: delta.ack == Ack::Lazy,
        ends: after.status.is_terminal(),
    })
}

const fn has_outgrown((first, changes): (u64, u64)) -> bool {
    changes >= MIN_CHANGES_BYTES && changes >= 2 * first
}

impl Commit {
    /// Keeps the whole run instead of the change, which is then all that is read of it. A run that is beyond the limits
    /// of one record stays as it is.
    fn condense(&mut self, plans: &EncodedPlans, after: &WorkflowData) -> Result<(), CodecError> {
        match write_record(after, Plans::Beside) {
            Ok(record) => {
                (self.kind, self.body, self.plan) = (Kind::Snapshot, record, Some(plans.of(&after.plan)?));
            }
            Err(CodecError::Unstorable { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl fmt::Debug for FlatBuffersStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatBuffersStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
