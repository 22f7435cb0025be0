//! How a SQLite store is opened.
//!
//! In: what is asked for. Out: a store with a connection for its writer and one for its reader, each in a thread of
//! its own.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::schema::Use;
use super::shared::{Clock, Shared};
use super::writer::Writer;
use super::{Reader, SqliteStore, open};
use crate::state::Timestamp;
use crate::store::StoreError;
use crate::store::lead::Led;
use crate::store::worker::Worker;

/// How long an owner is taken to be alive after its store last said so.
const LEASE: Duration = Duration::from_secs(10);
/// How long others may keep the file busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// The shortest lease, and the longest.
const LEASES: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);

/// How a [`SqliteStore`] is opened.
#[derive(Clone, Debug)]
#[must_use = "call `open` to have the store"]
pub struct SqliteOptions {
    sync_commits: bool,
    lease: Duration,
    patience: Duration,
    clock: Option<Clock>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { sync_commits: true, lease: LEASE, patience: PATIENCE, clock: None }
    }
}

impl SqliteOptions {
    /// Whether each commit is synced to the disk before it is acknowledged, as it is by default: `synchronous=FULL`.
    ///
    /// Without it (`synchronous=NORMAL`) a step costs no wait for the disk, a kill of the process still loses nothing,
    /// and **a power loss or a crash of the system loses the last commits**: all since the log beside the file was last
    /// put back into it, which may be those of many minutes. Steps that were committed then run again, also those of
    /// runs that had ended. The file is never torn. An engine with `Durability::Batched` bounds the loss and is nearly
    /// as fast.
    pub fn sync_commits(mut self, sync: bool) -> Self {
        self.sync_commits = sync;
        self
    }

    /// How long an engine keeps its runs after its process was last heard of: from 100 ms to a day, 10 s by default.
    ///
    /// The store renews the leases of its engines every third of that time, however long a step takes. When the
    /// process is killed, others can take over its runs once that time has passed; when it is paused for longer, they
    /// take over as well and the process finds its commits refused.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(*LEASES.start(), *LEASES.end());
        self
    }

    /// How long to wait for others that keep the file busy, before [`StoreError::Busy`]: 10 s by default.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What tells the time for leases, in nanoseconds since 1970; the machine's clock by default. All who have the
    /// file open must have the same. For tests.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Some(Clock(Arc::new(now)));
        self
    }

    /// Opens the store in this file, as [`SqliteStore::open`] does.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let full = open::place(path.as_ref(), Use::Write)?;
        let db = open::connect(&full, Use::Write, self.patience, self.sync_commits)?;
        let shared = Arc::new(Shared::new(full, self.patience, self.clock));
        let reads = reader(&shared, self.patience)?;
        let writer = Writer::new(db, shared.clone(), self.sync_commits, self.lease);
        let writer = Led::spawn("flow-write", writer).map_err(|source| no_thread(&shared.path, source))?;
        Ok(SqliteStore::new(shared, reads, Some(writer)))
    }

    /// Opens the store in this file for reading, as [`SqliteStore::open_read_only`] does.
    ///
    /// # Errors
    /// As [`SqliteStore::open_read_only`].
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let full = open::place(path.as_ref(), Use::Read)?;
        let shared = Arc::new(Shared::new(full, self.patience, self.clock));
        let reads = reader(&shared, self.patience)?;
        Ok(SqliteStore::new(shared, reads, None))
    }
}

fn reader(shared: &Shared, patience: Duration) -> Result<Worker<super::ReadJob>, StoreError> {
    let db = open::connect(&shared.path, Use::Read, patience, true)?;
    let reader = Reader { db, plans: super::read::PlanCache::new() };
    Worker::spawn("flow-read", reader).map_err(|source| no_thread(&shared.path, source))
}

fn no_thread(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action: "start a thread for", path: path.to_owned(), source }
}
