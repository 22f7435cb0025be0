//! What the writer of a handle and those who ask it both see.
//!
//! In: which runs have outgrown their snapshot, and whether acknowledged changes wait. Out: the same, to whoever
//! commits or reads next.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::state::{Timestamp, WorkflowId};

/// What tells the time for leases in place of the database's own clock.
#[derive(Clone)]
pub(super) struct Clock(pub(super) Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What both sides of a handle see.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) patience: Duration,
    clock: Option<Clock>,
    is_lagging: AtomicBool,
    are_wanted: AtomicBool,
    wanted: Mutex<HashSet<WorkflowId>>,
}

impl Shared {
    pub(super) fn new(path: PathBuf, patience: Duration, clock: Option<Clock>) -> Self {
        let (is_lagging, are_wanted, wanted) = Default::default();
        Self { path, patience, clock, is_lagging, are_wanted, wanted }
    }

    /// The time for leases.
    pub(super) fn now(&self, db: &Connection) -> rusqlite::Result<Timestamp> {
        if let Some(Clock(clock)) = &self.clock {
            return Ok(clock());
        }
        // Whole seconds and their thousandth part, as SQLite knows them.
        let mut now = db.prepare_cached("SELECT CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)")?;
        now.query_row([], |row| row.get::<_, i64>(0)).map(|millis| millis.saturating_mul(1_000_000))
    }

    /// Notes whether changes were acknowledged that are not written yet.
    pub(super) fn set_lagging(&self, is_lagging: bool) {
        self.is_lagging.store(is_lagging, Ordering::Release);
    }

    pub(super) fn is_lagging(&self) -> bool {
        self.is_lagging.load(Ordering::Acquire)
    }

    /// Notes that the next change of this run is to be written as the whole run.
    pub(super) fn want_snapshot(&self, id: WorkflowId) {
        self.wanted().insert(id);
        self.are_wanted.store(true, Ordering::Release);
    }

    /// Whether a change of this run is to be written as the whole run. It is asked for once.
    pub(super) fn takes_snapshot(&self, id: &WorkflowId) -> bool {
        if !self.are_wanted.load(Ordering::Acquire) {
            return false;
        }
        let mut wanted = self.wanted();
        let takes = wanted.remove(id);
        self.are_wanted.store(!wanted.is_empty(), Ordering::Release);
        takes
    }

    fn wanted(&self) -> MutexGuard<'_, HashSet<WorkflowId>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
