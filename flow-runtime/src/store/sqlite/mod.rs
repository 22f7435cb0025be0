//! A store in one SQLite file, which several processes share.
//!
//! In: changes of runs. Out: the same runs, also after a crash, and answers to queries from indexes. [`schema`] says
//! what the tables are, [`open`] how a file is opened; [`writer`] is the one place of a handle that writes, in a thread or,
//! see [`lead`], within a commit; [`runs`] and [`claims`] say what it writes; [`read`] and [`select`] look at the tables beside it.

mod change;
mod claims;
mod failure;
mod head;
mod lead;
mod open;
mod options;
mod read;
mod requests;
mod runs;
mod schema;
mod select;
mod shared;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::change::{Change, Job, Request};
use self::failure::Refusal;
use self::read::PlanCache;
use self::shared::Shared;
use self::writer::Writer;
use super::lead::Led;
use super::worker::{Gone, Work, Worker};
use super::{Listing, Owner, Page, PartKey, Query, StoreError, WorkflowStore};
use crate::state::{self, Delta, WorkflowData, WorkflowId};

pub use options::SqliteOptions;

/// Payloads up to this many bytes stand in the journal.
const INLINE_BYTES: usize = 1 << 20;

/// Keeps runs in one SQLite file, which several processes may have open at a time. Behind the feature `sqlite`, which
/// compiles SQLite and so needs a C compiler.
///
/// Any number of engines, in any number of processes of one machine, run workflows over the same file; each run is
/// driven by one of them, and a second one that is asked for it gets [`StoreError::Held`]. An engine whose process was
/// killed keeps its runs for the [lease](SqliteOptions::lease), 10 s by default. Queries are answered from indexes, so
/// that a page costs the same among a hundred runs and a hundred thousand.
///
/// What was committed survives a kill and a power loss. The file is SQLite's own, in WAL mode: while it is open there
/// are two more beside it, `-wal` and `-shm`, which belong to it and must be moved and copied with it. It must not lie
/// on a network file system. Clones are the same store.
///
/// Changes, records, plans and parts carry checksums: if one is damaged, its run gives [`StoreError::Corrupt`] and no
/// other run is concerned. SQLite keeps no checksums of its own, so damage of what it keeps around them (the names of
/// runs, the indexes) may be found or not.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("flow.db");
/// use flow_runtime::prelude::*;
/// use flow_runtime::state::WorkflowStatus;
/// use flow_runtime::store::{Query, SqliteStore};
/// use flow_runtime::WorkflowStore;
///
/// #[node]
/// async fn double(x: u64) -> u64 { x * 2 }
///
/// workflow! {
///     fn twice(x: u64) -> u64 { double(x) }
/// }
///
/// let engine = Engine::new(SqliteStore::open(&path)?);
/// assert_eq!(twice(21).run(&engine, "run-1").await?, 42);
///
/// // In this process or another one, at the same time:
/// let beside = SqliteStore::open_read_only(&path)?;
/// let page = beside.query(&Query::new().workflow("twice").status(WorkflowStatus::Completed)).await?;
/// assert_eq!(page.runs[0].id.as_str(), "run-1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// Closed before the writer, which puts the log back into the file if it is the last to close it.
    reads: Worker<ReadJob>,
    writer: Option<Led<Writer>>,
}

type ReadJob = Box<dyn FnOnce(&mut Reader) + Send>;

/// The thread that reads, so that a large run holds up neither commits nor other tasks.
struct Reader {
    db: Connection,
    plans: PlanCache,
}

impl Work for Reader {
    type Job = ReadJob;

    fn run(&mut self, jobs: Vec<ReadJob>) -> Option<Duration> {
        jobs.into_iter().for_each(|job| job(self));
        None
    }
}

impl Reader {
    /// Reads at one moment of the file.
    fn at_once<T>(
        &mut self,
        read: impl FnOnce(&Connection, &mut PlanCache) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let moment = self.db.unchecked_transaction()?;
        let answer = read(&moment, &mut self.plans)?;
        moment.finish()?;
        Ok(answer)
    }
}

impl SqliteStore {
    /// Opens the store in this file, and makes it (and its folder) if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is no SQLite database or another program's, which is then left as it is;
    /// [`StoreError::Newer`] if a newer version wrote it and this one must not; [`StoreError::OldLibrary`] if the
    /// program is linked with a SQLite before 3.51.3; [`StoreError::Busy`] if others keep it busy; or what the
    /// operating system says, also if others may write in the folder.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// Opens the store in this file for reading, beside those that write to it. Nothing is changed.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if there is no such file.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open_read_only(path)
    }

    /// The ways to open a store.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    /// Who drives a run: "process 4711". `None` if no engine has it, or one whose lease has run out.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn holder(&self, id: &WorkflowId) -> Result<Option<String>, StoreError> {
        let (id, shared) = (id.clone(), self.inner.shared.clone());
        self.read(move |db, _, _| Ok(claims::living_holder(db, &id, shared.now(db)?)?)).await
    }

    fn new(shared: Arc<Shared>, reads: Worker<ReadJob>, writer: Option<Led<Writer>>) -> Self {
        Self { inner: Arc::new(Inner { shared, reads, writer }) }
    }

    fn gone(&self, _: Gone) -> StoreError {
        StoreError::Poisoned { path: self.inner.shared.path.clone(), reason: "its thread has died".to_owned() }
    }

    fn writer(&self) -> Result<&Led<Writer>, StoreError> {
        let read_only = || StoreError::ReadOnly { path: self.inner.shared.path.clone() };
        self.inner.writer.as_ref().ok_or_else(read_only)
    }

    /// Asks the writer, and waits for its answer.
    async fn request(&self, request: Request) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writer()?.send(Job { request, reply }).map_err(|gone| self.gone(gone))?;
        answer.await.map_err(|_| self.gone(Gone))?
    }

    /// Reads in the thread for that, what was acknowledged before included.
    async fn read<T: Send + 'static>(
        &self,
        mut read: impl FnMut(&Connection, &Path, &mut PlanCache) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.inner.shared.is_lagging() {
            self.request(Request::Flush).await?;
        }
        let (reply, answer) = oneshot::channel();
        let shared = self.inner.shared.clone();
        let job: ReadJob = Box::new(move |reader| {
            let read = open::patiently(shared.patience, || reader.at_once(|db, plans| read(db, &shared.path, plans)));
            let _ = reply.send(read.map_err(|refusal| refusal.into_error("read", &shared.path)));
        });
        self.inner.reads.send(job).map_err(|gone| self.gone(gone))?;
        answer.await.map_err(|_| self.gone(Gone))?
    }
}

impl WorkflowStore for SqliteStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.request(Request::Save(Box::new(Change::of_record(data)?))).await.map(drop)
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let id = id.clone();
        self.read(move |db, path, plans| read::load(db, path, plans, &id)).await
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        self.read(|db, path, _| read::list(db, path)).await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.request(Request::Delete(id.clone())).await.map(drop)
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let whole = delta.seq != 0 && self.inner.shared.takes_snapshot(&after.id);
        let change = Change::of_delta(after, delta, whole)?;
        match self.writer()?.lead(change) {
            Ok(answer) => answer,
            Err(change) => self.request(Request::Commit(Box::new(change))).await.map(drop),
        }
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let query = query.clone();
        self.read(move |db, path, _| Ok(select::page(db, path, &query)?)).await
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        self.request(Request::Claim(id.clone(), owner)).await
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Result<(), StoreError> {
        self.request(Request::Release(id.clone(), owner)).await.map(drop)
    }

    fn forget(&self, owner: Owner) {
        // Nobody waits for the answer, and a store that is gone has forgotten all owners.
        let (reply, _) = oneshot::channel();
        if let Ok(writer) = self.writer() {
            let _ = writer.send(Job { request: Request::Forget(owner), reply });
        }
    }

    fn inline_bytes(&self) -> Option<usize> {
        Some(INLINE_BYTES)
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        self.request(Request::PutPart(key.clone(), bytes)).await.map(drop)
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        let key = key.clone();
        self.read(move |db, path, _| read::part(db, path, &key)).await
    }

    async fn ask(&self, run: &WorkflowId, request: &state::Request) -> Result<bool, StoreError> {
        let body = request.to_bytes().map_err(|error| StoreError::from_codec(run, error))?;
        self.request(Request::Ask(run.clone(), request.id.clone(), body)).await.map(|new| new != 0)
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<state::Request>, StoreError> {
        let run = run.clone();
        if self.inner.writer.is_some() {
            // One whose sender is gone may wait to be written.
            self.request(Request::Flush).await?;
        }
        self.read(move |db, path, _| requests::of_run(db, path, &run)).await
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.request(Request::TakeRequests(run.clone(), ids.to_vec())).await.map(drop)
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        self.read(|db, path, _| requests::asked(db, path)).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.shared.path).finish_non_exhaustive()
    }
}
