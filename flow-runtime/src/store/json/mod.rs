//! The store for reading by eye: one pretty JSON file for each run.
//!
//! In: records. Out: files that a person, an editor and any tool can read, and the same records after a crash.
//! [`files`] works on them in a thread of its own; what a file looks like is told in `state/codec/json`.

mod files;
mod late;
mod parts;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use self::files::{Files, Job, Place, Written, name_of};
use self::late::MAX_LAG;
use super::claims::Claims;
use super::inbox::Inbox;
use super::query::Found;
use super::worker::{Gone, Worker};
use super::{Listing, Owner, Page, PartKey, Query, StoreError, WorkflowStore};
use crate::disk::{self, Fs, RealFs};
use crate::state::codec::flat::{Plans, write_delta};
use crate::state::codec::json::write_record;
use crate::state::{Delta, Encoding, Request, WorkflowData, WorkflowId};

/// From this many steps on, a run is told to be better off in another store.
const MANY_STEPS: usize = 1000;
/// Outputs of more bytes have files of their own, so that they are not written anew at every commit.
const INLINE_BYTES: usize = 64 << 10;

/// Keeps each run in a file of its own, as JSON made for reading by eye.
///
/// It is for looking at what a run does: the file has the plan, every step with its status, times, output and error,
/// and values that are JSON or text as they are. Every commit writes the whole file anew, so for runs of thousands of
/// steps [`FlatBuffersStore`](super::FlatBuffersStore) is the one to take. A file that was edited by hand is refused:
/// its first line has a checksum over all of it. A run may have a million steps, 65,536 keys and 1 GiB; outputs of more
/// than 64 KiB do not count, they have files of their own beside that of the run, `w-order-1.<number>.part`.
///
/// One process writes; others may read beside it, and leave requests, through [`open_read_only`](Self::open_read_only).
/// What was committed survives a kill and a power loss; changes that a [`Durability`](crate::Durability) lets wait are written with the
/// next of their run, at the latest after 50 ms. Clones are the same store, and the folder is free again when the last
/// is gone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// use flow_runtime::{Engine, JsonFileStore, WorkflowStore};
/// let engine = Engine::new(JsonFileStore::open(dir)?);
/// // .. run `order-1`, and look at `w-order-1.json` ..
/// let beside = JsonFileStore::open_read_only(dir)?;
/// assert!(beside.list_workflows().await?.workflows.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct JsonFileStore {
    inner: Arc<Inner>,
}

/// How a [`JsonFileStore`] is opened.
#[derive(Clone, Debug)]
#[must_use = "call `open` to have the store"]
pub struct JsonFileOptions {
    fs: Arc<dyn Fs>,
    max_lag: Duration,
}

struct Inner {
    path: PathBuf,
    worker: Worker<Job>,
    inbox: Inbox,
    /// The runs that are taken. Writes look here in the thread, at their turn.
    claims: Arc<Claims>,
    /// The runs of which it was told that they have many steps.
    told: Mutex<HashSet<WorkflowId>>,
}

impl JsonFileStore {
    /// Opens the store in this folder for writing, and makes it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it open for writing, or what the operating system says; a folder
    /// in which others may write is refused.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// Opens the store in this folder for reading, beside a process that writes to it. Each call reads what is there
    /// by then. Nothing is changed, but requests may be left for the writer's runs.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open_read_only(path)
    }

    /// The ways to open a store.
    pub fn options() -> JsonFileOptions {
        JsonFileOptions { fs: Arc::new(RealFs), max_lag: MAX_LAG }
    }

    /// Which process has the store open for writing, or had it last and is still there: "process 4711". `None` if there
    /// is none of that number on this machine.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub async fn holder(&self) -> Result<Option<String>, StoreError> {
        self.in_thread(|files| Ok(disk::holder(&*files.dir)?)).await
    }
}

impl JsonFileOptions {
    /// The file system; the operating system's by default. For tests.
    pub fn fs(mut self, fs: impl Fs + 'static) -> Self {
        self.fs = Arc::new(fs);
        self
    }

    /// How long a change waits that nobody waits for.
    #[cfg(test)]
    fn max_lag(mut self, max_lag: Duration) -> Self {
        self.max_lag = max_lag;
        self
    }

    /// Opens the store in this folder for writing, as [`JsonFileStore::open`] does.
    ///
    /// # Errors
    /// As [`JsonFileStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<JsonFileStore, StoreError> {
        let path = path.as_ref();
        let dir = self.fs.open_dir(path, true)?;
        let lock = disk::lock(&*dir)?.map_err(|holder| StoreError::Locked { path: path.to_owned(), holder })?;
        let files = Files::open(dir.clone(), lock, self.max_lag)?;
        let inbox = Inbox::open(dir.clone(), |run| files::is_there(&*dir, run).map(Some))?;
        JsonFileStore::new(path, files, inbox)
    }

    /// Opens the store in this folder for reading, as [`JsonFileStore::open_read_only`] does.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<JsonFileStore, StoreError> {
        let dir = self.fs.open_dir(path.as_ref(), false)?;
        JsonFileStore::new(path.as_ref(), Files::read_only(dir.clone()), Inbox::beside(dir)?)
    }
}

impl JsonFileStore {
    fn new(path: &Path, files: Files, inbox: Inbox) -> Result<Self, StoreError> {
        let worker = Worker::spawn("flow-json", files).map_err(|source| StoreError::Io {
            action: "start a thread for",
            path: path.to_owned(),
            source,
        })?;
        let inner = Inner { path: path.to_owned(), worker, inbox, claims: Arc::default(), told: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Has the store's thread do this, and waits for its answer. It is done whether the answer is waited for or not.
    async fn in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_over(work)?.await.map_err(|_| self.gone(Gone))?
    }

    /// Has the store's thread do this.
    fn hand_over<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |files| {
            let _ = reply.send(work(files));
        });
        self.inner.worker.send(job).map_err(|gone| self.gone(gone))?;
        Ok(answer)
    }

    fn gone(&self, _: Gone) -> StoreError {
        StoreError::Poisoned { path: self.inner.path.clone(), reason: "its thread has died".to_owned() }
    }

    /// The file of a record, made here, so that the store's thread has nothing to do but to write it.
    fn written(&self, data: &WorkflowData, last_change: Option<u32>) -> Result<Written, StoreError> {
        let bytes = write_record(data, last_change).map_err(|error| StoreError::from_codec(&data.id, error))?;
        self.tell_if_long(data);
        Ok(Written { id: data.id.clone(), place: Place { run_no: data.run_no, seq: data.seq, last_change }, bytes })
    }

    fn tell_if_long(&self, data: &WorkflowData) {
        let steps = data.steps.len();
        if steps >= MANY_STEPS && self.told().insert(data.id.clone()) {
            tracing::warn!(
                run = %data.id,
                steps,
                "JsonFileStore, which is made for reading, writes all steps of a run at every commit; \
                 FlatBuffersStore writes only what changed, and InMemoryStore nothing"
            );
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, HashSet<WorkflowId>> {
        self.inner.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkflowStore for JsonFileStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        let file = self.written(data, None)?;
        self.in_thread(|files| files.save(file)).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let of = id.clone();
        let bytes = self.in_thread(move |files| files.read(&of)).await?;
        reading::read(id, &self.inner.path.join(name_of(id)), &bytes).map(|stored| stored.data)
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        self.in_thread(Files::list).await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        let (of, claims) = (id.clone(), self.inner.claims.clone());
        let delete = move |files: &mut Files| claims.check_free(&of).and_then(|()| files.delete(&of));
        self.inner.inbox.delete(id, || self.hand_over(delete)).await?;
        self.told().remove(id);
        Ok(())
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        if (after.run_no, after.seq) != (delta.run_no, delta.seq.saturating_add(1)) {
            let reason = format!("change {} does not lead to the record that came with it", delta.seq);
            return Err(StoreError::Conflict { id: after.id.clone(), reason });
        }
        let change = write_delta(delta, Plans::Beside).map_err(|error| StoreError::from_codec(&after.id, error))?;
        let file = self.written(after, Some(crc32c::crc32c(&change)))?;
        let (fence, ack, claims) = (delta.fence, delta.ack, self.inner.claims.clone());
        self.in_thread(move |files| claims.check_fence(&file.id, fence).and_then(|()| files.commit(file, ack))).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let listing = self.in_thread(Files::list).await?;
        let mut found = Found { damaged: listing.damaged, ..Found::default() };
        for id in listing.workflows {
            let of = id.clone();
            let bytes = self.in_thread(move |files| files.read(&of)).await;
            let path = self.inner.path.join(name_of(&id));
            found.add(&id, bytes.and_then(|bytes| reading::read_summary(&id, &path, &bytes)))?;
        }
        Ok(query.page_of(found.runs, found.damaged))
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        self.inner.claims.claim(id, owner)
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Result<(), StoreError> {
        self.inner.claims.release(id, owner);
        Ok(())
    }

    fn forget(&self, owner: Owner) {
        self.inner.claims.forget(owner);
    }

    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn inline_bytes(&self) -> Option<usize> {
        Some(INLINE_BYTES)
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        let key = key.clone();
        self.in_thread(move |files| files.put_part(&key, &bytes)).await
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        let key = key.clone();
        self.in_thread(move |files| files.part(&key)).await.map(Bytes::from)
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        self.inner.inbox.ask(run, request).await
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        self.inner.inbox.requests(run).await
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.inner.inbox.take(run, ids).await
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        self.inner.inbox.asked().await
    }
}

impl fmt::Debug for JsonFileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonFileStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
