//! The writer of a log: the one that adds to it.
//!
//! In: changes, whole runs and deletions, as they come from all runs of the store. Out: batches, each written once
//! and synced once, however many runs it serves; then the answers. A change that need not be durable at once waits
//! in memory for the next batch, for 50 ms at most.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::batch;
use super::failure::Failure;
use super::format::SEGMENT_HEADER;
use super::frame::Placed;
use super::hint;
use super::index::Index;
use super::next::NextSegment;
use super::pending::{Pending, Waiting};
use super::scan::{self, Scan};
use super::segment::{self, Segment};
use super::stage::{Commit, Job, Request};
use super::upkeep::{Chore, Site};
use crate::disk::{self, Dir, DiskError, Lock};
use crate::store::StoreError;

/// How long a change may wait to be written.
const MAX_LAG: Duration = Duration::from_millis(50);

/// How much may wait to be written.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// After so many batches it is looked whether there is room to be given back, unless a segment is full before.
const LOOK_EVERY: u64 = 256;

/// The log, as its writer sees it.
pub(super) struct Log {
    site: Arc<Site>,
    segment: Arc<Segment>,
    /// Where the next batch goes.
    end: u64,
    next_batch: u64,
    pub(super) pending: Pending,
    /// The bytes of the last batch, kept for the room they have.
    batch: Vec<u8>,
    /// Runs of which changes were acknowledged that could not be written, with the reason.
    pub(super) lost: HashMap<u64, Failure>,
    /// What is to be done beside the commits.
    pub(super) chores: Vec<Chore>,
    /// Whether the next segment has been asked for.
    has_asked: bool,
    /// The segment before, until a batch stands in the one that is written to.
    full: Option<Arc<Segment>>,
    _lock: Lock,
}

impl Log {
    /// Opens the log of a folder whose lock is held, or begins one.
    pub(super) fn open(dir: Arc<dyn Dir>, lock: Lock, segment_bytes: u64) -> Result<Self, StoreError> {
        let Some(scan) = scan::scan(&*dir, true)? else { return Self::begin(dir, lock, segment_bytes) };
        let Scan { index, store, current, ready, superseded, unhinted, next_batch, end, torn } = scan;
        for number in superseded {
            segment::remove(&*dir, number)?;
        }
        remove_stale_hints(&*dir, &index, current.number)?;
        if let (Some(end), true) = (end, torn > 0) {
            current.file.write_at(&vec![0; torn], end)?;
            current.file.sync()?;
        }
        let next = NextSegment::new(dir.clone(), store, segment_bytes, current.number, ready);
        let end = end.unwrap_or(current.header.size);
        let mut log = Self::new(dir, lock, store, next, index, (current, end, next_batch));
        log.chores.extend(unhinted.into_iter().map(Chore::Hint));
        log.chores.push(Chore::GiveBack);
        Ok(log)
    }

    fn begin(dir: Arc<dyn Dir>, lock: Lock, segment_bytes: u64) -> Result<Self, StoreError> {
        let store = fastrand::u64(1..);
        let next = NextSegment::new(dir.clone(), store, segment_bytes, 0, Vec::new());
        let segment = next.take()?;
        let mut index = Index::new();
        index.segments.insert(segment.number, segment.clone());
        Ok(Self::new(dir, lock, store, next, index, (segment, SEGMENT_HEADER as u64, 1)))
    }

    fn new(
        dir: Arc<dyn Dir>,
        lock: Lock,
        store: u64,
        next: NextSegment,
        index: Index,
        (segment, end, next_batch): (Arc<Segment>, u64, u64),
    ) -> Self {
        let index = Arc::new(Mutex::new(index));
        Self {
            site: Arc::new(Site { dir, store, next, index, is_closing: AtomicBool::new(false) }),
            segment,
            end,
            next_batch,
            pending: Pending::default(),
            batch: Vec::new(),
            lost: HashMap::new(),
            chores: Vec::new(),
            has_asked: false,
            full: None,
            _lock: lock,
        }
    }

    pub(super) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    pub(super) fn shared_index(&self) -> Arc<Mutex<Index>> {
        self.site.index.clone()
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.site.index)
    }

    /// Takes a request into the next batch, or answers it at once. Gives whether the batch must be written now.
    pub(super) fn stage(&mut self, Job { request, reply }: Job) -> bool {
        if let Some(error) = self.poison_error() {
            let _ = reply.send(Err(error));
            return false;
        }
        let staged = match request {
            Request::Commit(commit) => self.stage_commit(*commit),
            Request::Save(save) => {
                self.stage_save(*save);
                Ok(true)
            }
            Request::Part(part) => {
                self.stage_part(&part);
                Ok(true)
            }
            Request::Delete(id) => self.stage_delete(&id),
            Request::Flush => Ok(true),
        };
        match staged {
            Ok(true) => {
                self.pending.replies.push(reply);
                true
            }
            // Who asked may have gone; the answer is then of no use to anybody.
            Ok(false) => {
                self.index().lagging = true;
                let _ = reply.send(Ok(()));
                false
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                false
            }
        }
    }

    /// Takes in a change, and writes it if it must be durable; what waits goes with it.
    pub(super) fn lead(&mut self, commit: Commit) -> Result<(), StoreError> {
        if let Some(error) = self.poison_error() {
            return Err(error);
        }
        if self.stage_commit(commit)? || self.is_overfull() {
            return self.flush().map_err(|failure| failure.to_error());
        }
        self.index().lagging = !self.pending.is_empty();
        Ok(())
    }

    /// Whether more waits than should.
    pub(super) fn is_overfull(&self) -> bool {
        self.pending.frames.len() > MAX_WAITING_BYTES
    }

    /// When what waits must be written, if anything does; at once if it has waited for long enough.
    pub(super) fn due(&self) -> Option<Duration> {
        let left = if self.is_overfull() { Duration::ZERO } else { MAX_LAG.saturating_sub(self.pending.lag()) };
        (!self.pending.is_empty()).then_some(left)
    }

    /// Writes what waits, and answers those who wait for it.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let mut pending = std::mem::take(&mut self.pending);
        let written = if pending.is_empty() { Ok(()) } else { self.write(&mut pending) };
        self.index().lagging = false;
        if let Err(failure) = &written {
            // Changes of these runs may have been acknowledged; who commits the next one is told what became of them.
            let runs = pending.waiting.iter().map(|frame| frame.head.run);
            self.lost.extend(runs.map(|run| (run, failure.clone())));
        }
        for reply in pending.replies.drain(..) {
            let _ = reply.send(written.as_ref().map(|&()| ()).map_err(Failure::to_error));
        }
        pending.clear(MAX_WAITING_BYTES);
        self.pending = pending;
        written
    }

    fn write(&mut self, pending: &mut Pending) -> Result<(), Failure> {
        let index = pending.waiting.iter().map(|frame| (frame.head.run, frame.offset));
        let frames = batch::write((self.site.store, self.next_batch), index, &pending.frames, &mut self.batch);
        let at = self.write_batch().map_err(|(error, may_be_written)| {
            let failure = Failure::of(&error);
            if may_be_written || error.is_sync() {
                self.index().poison.get_or_insert_with(|| failure.clone());
            }
            failure
        })?;
        self.segment.note_batch(self.next_batch);
        // What one large batch needed is given back.
        self.batch.shrink_to(MAX_WAITING_BYTES);
        let mut index = lock(&self.site.index);
        index.batch = self.next_batch;
        index.segments.entry(self.segment.number).or_insert_with(|| self.segment.clone());
        for Waiting { head, offset, len } in pending.waiting.drain(..) {
            let offset = at + frames as u64 + offset as u64;
            index.take(Placed { head, offset, len }, &self.segment);
        }
        self.next_batch += 1;
        // Only now nothing will ever be added to the segment before, whatever happens.
        self.chores.extend(self.full.take().into_iter().flat_map(|full| [Chore::Hint(full), Chore::GiveBack]));
        if self.next_batch.is_multiple_of(LOOK_EVERY) && index.has_outlived(self.site.next.segment_bytes()) {
            self.chores.push(Chore::GiveBack);
        }
        Ok(())
    }

    /// Writes the batch, and gives where it stands. After an error, whether some of it may be written.
    fn write_batch(&mut self) -> Result<u64, (DiskError, bool)> {
        let len = self.batch.len() as u64;
        if self.end + len > self.segment.header.size {
            if SEGMENT_HEADER as u64 + len > self.site.next.segment_bytes() {
                return self.write_segment().map_err(|error| (error, false));
            }
            self.roll_to(NextSegment::take).map_err(|error| (error, false))?;
        }
        let at = self.end;
        // A write that failed may have left anything behind: only who opens the log again can tell what.
        let file = &self.segment.file;
        file.write_at(&self.batch, at).and_then(|()| file.sync()).map_err(|error| (error, true))?;
        self.end += len;
        if !self.has_asked && self.end > self.segment.header.size / 2 {
            self.has_asked = true;
            self.chores.push(Chore::Prepare);
        }
        Ok(at)
    }

    /// Writes a batch that is too long for a segment as one of its own.
    fn write_segment(&mut self) -> Result<u64, DiskError> {
        let (number, batch) = (self.next_batch, std::mem::take(&mut self.batch));
        self.roll_to(|next| next.take_with(number, &batch))?;
        self.end = self.segment.header.size;
        self.batch = batch;
        if !self.site.next.is_ready() {
            self.chores.push(Chore::Prepare);
        }
        Ok(SEGMENT_HEADER as u64)
    }

    fn roll_to(
        &mut self,
        segment: impl FnOnce(&NextSegment) -> Result<Arc<Segment>, DiskError>,
    ) -> Result<(), DiskError> {
        let full = std::mem::replace(&mut self.segment, segment(&self.site.next)?);
        self.end = SEGMENT_HEADER as u64;
        self.has_asked = false;
        self.full = Some(full);
        Ok(())
    }

    /// What is said when nothing may be written any more.
    fn poison_error(&self) -> Option<StoreError> {
        let reason = self.index().poison.as_ref()?.to_string();
        Some(StoreError::Poisoned { path: self.site.dir.path().to_owned(), reason })
    }
}

/// Removes hints of segments that are gone, and that of the one to which more will be added.
fn remove_stale_hints(dir: &dyn Dir, index: &Index, current: u64) -> Result<(), DiskError> {
    for name in dir.list()? {
        let is_stale = |number| number == current || !index.segments.contains_key(&number);
        if hint::number_of(&name).is_some_and(is_stale) {
            disk::remove_durably(dir, &name)?;
        }
    }
    Ok(())
}

pub(super) fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}
