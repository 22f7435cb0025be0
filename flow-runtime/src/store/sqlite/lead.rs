//! A change that is written within the call that asks for it.
//!
//! In: changes of a run that commits alone. Out: the same, written; or given back where that might take long: if
//! another process writes at the moment, or if the log beside the file is to be put back into it soon.

use std::time::Duration;

use tokio::sync::oneshot;

use super::change::{Change, Job, Request};
use super::open::{self, CHECKPOINT_PAGES};
use super::writer::{MAX_LAG, TRIM_PAUSE, Writer};
use crate::store::StoreError;
use crate::store::lead::Lead;

/// How many bytes may be written within calls until the thread writes again.
const MAX_LED_BYTES: usize = 8 << 20;
/// What a change writes besides itself, at least: a few pages.
const PAGES_BYTES: usize = 16 << 10;

/// For whom a connection writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// A task that must not be held up by others: it waits for no lock, and does not put the log back into the file.
    Caller,
    /// The thread, which does both.
    Thread,
}

impl Writer {
    /// Has the connection wait and tidy up, or not.
    pub(super) fn write_for(&mut self, whom: For) -> rusqlite::Result<()> {
        if self.writes_for == whom {
            return Ok(());
        }
        match whom {
            For::Caller => self.db.busy_handler(None::<fn(i32) -> bool>)?,
            For::Thread => open::wait_for_others(&mut self.db, self.shared.patience)?,
        }
        let pages = if whom == For::Thread { CHECKPOINT_PAGES } else { 0 };
        self.db.pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()))?;
        (self.writes_for, self.led_bytes) = (whom, 0);
        Ok(())
    }

    /// Gets what a change needs, without waiting for others.
    fn prepare(&mut self, change: &Change) -> rusqlite::Result<()> {
        self.write_for(For::Caller)?;
        if change.lazy { self.standing(&change.id).map(drop) } else { self.begin(true) }
    }
}

impl Lead for Writer {
    type Change = Change;

    fn change(job: &Job) -> Option<&Change> {
        if let Request::Commit(change) = &job.request { Some(change) } else { None }
    }

    fn lead(&mut self, change: Change) -> Result<Result<(), StoreError>, Change> {
        let is_full = self.led_bytes > MAX_LED_BYTES;
        // Another failure than that others are there comes again when the change is written, and is told then.
        let mut is_busy = || self.poisoned.is_none() && self.prepare(&change).is_err_and(|error| open::is_busy(&error));
        if is_full || is_busy() {
            return Err(change);
        }
        self.led_bytes += change.body.len() + PAGES_BYTES;
        let (reply, mut answer) = oneshot::channel();
        if self.stage(Job { request: Request::Commit(Box::new(change)), reply }) {
            self.flush();
        }
        Ok(answer.try_recv().unwrap_or_else(|_| unreachable!("a change that was written is answered")).map(drop))
    }

    fn due(&self) -> Option<Duration> {
        let lag = self.since.map(|since| MAX_LAG.saturating_sub(since.elapsed()));
        let trim = (self.known.has_stale && self.poisoned.is_none()).then_some(TRIM_PAUSE);
        [lag, trim].into_iter().flatten().min()
    }
}
