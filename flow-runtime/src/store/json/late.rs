//! Files that nobody waits for, and so wait themselves: for the next change of their run, or for 50 ms at most.
//!
//! In: files that were acknowledged before they are written. Out: the last of each run, written with what has come
//! since. Whoever asks for a run has it written first, so nothing is shown that a loss of power could take back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::files::{Files, Place, Written};
use crate::state::{Ack, WorkflowId};
use crate::store::StoreError;

/// How long a file waits at most.
pub(super) const MAX_LAG: Duration = Duration::from_millis(50);

/// The files that wait, one of a run: each holds all that came before it.
pub(super) struct Late {
    files: BTreeMap<WorkflowId, Waiting>,
    /// Since when the oldest has been waiting, of those that were not tried yet.
    since: Option<Instant>,
    max_lag: Duration,
}

struct Waiting {
    file: Written,
    /// Whether it could not be written, which the next change of the run is told.
    has_failed: bool,
}

impl Late {
    pub(super) fn new(max_lag: Duration) -> Self {
        Self { files: BTreeMap::new(), since: None, max_lag }
    }

    /// Where the run stands whose file waits, if one does.
    pub(super) fn place(&self, id: &WorkflowId) -> Option<Place> {
        self.files.get(id).map(|waiting| waiting.file.place)
    }

    /// Lets go of a file whose run is gone; true if there was one.
    pub(super) fn forget(&mut self, id: &WorkflowId) -> bool {
        self.files.remove(id).is_some()
    }

    /// How long the files may still wait; `None` if none does.
    pub(super) fn due(&self) -> Option<Duration> {
        self.since.map(|since| self.max_lag.saturating_sub(since.elapsed()))
    }

    #[expect(clippy::disallowed_methods, reason = "a test that pauses tokio's clock must not hold up the disk")]
    fn add(&mut self, file: Written) {
        self.since.get_or_insert_with(Instant::now);
        self.files.insert(file.id.clone(), Waiting { file, has_failed: false });
    }
}

impl Files {
    /// Keeps a file: written at once, or acknowledged before that if its sender does not wait for the disk.
    pub(super) fn keep(&mut self, file: Written, ack: Ack) -> Result<(), StoreError> {
        let has_failed = self.late.files.get(&file.id).is_some_and(|before| before.has_failed);
        if ack == Ack::Lazy && !has_failed {
            self.late.add(file);
            return Ok(());
        }
        let was_promised = self.late.files.contains_key(&file.id);
        self.write(file, was_promised)
    }

    /// Writes what waits of this run.
    pub(super) fn catch_up(&mut self, id: &WorkflowId) -> Result<(), StoreError> {
        match self.late.files.remove(id) {
            Some(Waiting { file, .. }) => self.write(file, true),
            None => Ok(()),
        }
    }

    /// Writes all that waits. What cannot be written holds up nothing else.
    pub(super) fn catch_up_all(&mut self) -> Result<(), StoreError> {
        self.late.since = None;
        let ids: Vec<WorkflowId> = self.late.files.keys().cloned().collect();
        ids.iter().map(|id| self.catch_up(id)).fold(Ok(()), Result::and)
    }

    /// Writes a file. If that fails and it holds changes that were acknowledged, it waits on, and the run is told.
    fn write(&mut self, file: Written, was_promised: bool) -> Result<(), StoreError> {
        let written = self.check_writable().and_then(|()| self.replace(&file));
        if was_promised && written.is_err() {
            self.late.files.insert(file.id.clone(), Waiting { file, has_failed: true });
        } else {
            self.late.forget(&file.id);
        }
        written
    }
}
