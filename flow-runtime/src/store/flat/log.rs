//! The writer of a log: the one that adds to it.
//!
//! In: changes, whole runs and deletions, as they come from all runs of the store. Out: batches, each written once
//! and synced once, however many runs it serves; then the answers. A change that need not be durable at once waits
//! in memory for the next batch, for 50 ms at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::batch;
use super::failure::Failure;
use super::format::{MIN_READER, MIN_WRITER, SEGMENT_HEADER, SegmentHeader};
use super::frame::Placed;
use super::index::Index;
use super::pending::{Pending, Waiting};
use super::scan::{self, Scan};
use super::segment::{self, Segment};
use super::stage::{Commit, Job, Request};
use crate::disk::{Dir, DiskError, Lock};
use crate::store::StoreError;

/// How long a change may wait to be written.
const MAX_LAG: Duration = Duration::from_millis(50);

/// How much may wait to be written.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// The log, as its writer sees it.
pub(super) struct Log {
    dir: Arc<dyn Dir>,
    index: Arc<Mutex<Index>>,
    store: u64,
    segment_bytes: u64,
    segment: Arc<Segment>,
    /// Where the next batch goes.
    end: u64,
    size: u64,
    next_batch: u64,
    pub(super) pending: Pending,
    /// The bytes of the last batch, kept for the room they have.
    batch: Vec<u8>,
    /// Runs of which changes were acknowledged that could not be written, with the reason.
    pub(super) lost: HashMap<u64, Failure>,
    poisoned: Option<Failure>,
    _lock: Lock,
}

impl Log {
    /// Opens the log of a folder whose lock is held, or begins one.
    pub(super) fn open(dir: Arc<dyn Dir>, lock: Lock, segment_bytes: u64) -> Result<Self, StoreError> {
        let Some(scan) = scan::scan(&*dir, true)? else { return Self::begin(dir, lock, segment_bytes) };
        let segments = scan.segments.clone();
        super::compact::compact(Self::at_end_of(scan, dir, lock, segment_bytes)?, &segments)
    }

    /// The log as it was found, with what the power cut off at its end cut away.
    fn at_end_of(scan: Scan, dir: Arc<dyn Dir>, lock: Lock, segment_bytes: u64) -> Result<Self, StoreError> {
        let Scan { index, store, segments, next_batch, end, torn, size } = scan;
        let segment = segments.last().cloned().ok_or_else(|| no_segment(&*dir))?;
        if let (Some(end), false) = (end, torn.is_empty()) {
            segment.file.write_at(&vec![0; torn.len()], end)?;
            segment.file.sync()?;
        }
        Ok(Self {
            dir,
            index: Arc::new(Mutex::new(index)),
            store,
            segment_bytes,
            segment,
            end: end.unwrap_or(size),
            size,
            next_batch,
            pending: Pending::default(),
            batch: Vec::new(),
            lost: HashMap::new(),
            poisoned: None,
            _lock: lock,
        })
    }

    /// Reads the log again from the disk, in place of what is known of it.
    pub(super) fn reload(self) -> Result<Self, StoreError> {
        let Self { dir, segment_bytes, _lock: lock, .. } = self;
        let scan = scan::scan(&*dir, true)?.ok_or_else(|| no_segment(&*dir))?;
        Self::at_end_of(scan, dir, lock, segment_bytes)
    }

    fn begin(dir: Arc<dyn Dir>, lock: Lock, segment_bytes: u64) -> Result<Self, StoreError> {
        let store = fastrand::u64(1..);
        let segment = Arc::new(new_segment(&*dir, store, 1, segment_bytes, 1)?);
        Ok(Self {
            dir,
            index: Arc::new(Mutex::new(Index::new())),
            store,
            segment_bytes,
            segment,
            end: SEGMENT_HEADER as u64,
            size: segment_bytes,
            next_batch: 1,
            pending: Pending::default(),
            batch: Vec::new(),
            lost: HashMap::new(),
            poisoned: None,
            _lock: lock,
        })
    }

    pub(super) fn shared_index(&self) -> Arc<Mutex<Index>> {
        self.index.clone()
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }

    pub(super) fn dir(&self) -> &dyn Dir {
        &*self.dir
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// Takes a request into the next batch, or answers it at once. Gives whether the batch must be written now.
    pub(super) fn stage(&mut self, Job { request, reply }: Job) -> bool {
        let staged = match request {
            _ if self.poisoned.is_some() => Err(self.poison_error()),
            Request::Commit(commit) => self.stage_commit(*commit),
            Request::Save(save) => {
                self.stage_save(*save);
                Ok(true)
            }
            Request::Delete(id) => self.stage_delete(&id),
            Request::Flush => Ok(true),
            // The change that waits has been answered; the thread only had to hear of it.
            Request::Wake => return false,
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
        if self.poisoned.is_some() {
            return Err(self.poison_error());
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
        for reply in pending.replies {
            let _ = reply.send(written.as_ref().map(|&()| ()).map_err(Failure::to_error));
        }
        written
    }

    fn write(&mut self, pending: &mut Pending) -> Result<(), Failure> {
        let index = pending.waiting.iter().map(|frame| (frame.head.run, frame.offset));
        let frames = batch::write((self.store, self.next_batch), index, &pending.frames, &mut self.batch);
        let len = self.batch.len() as u64;
        if self.end + len > self.size {
            self.roll(len)?;
        }
        let at = self.end;
        // A write that failed may have left anything behind: only who opens the log again can tell what.
        let file = &self.segment.file;
        file.write_at(&self.batch, at).and_then(|()| file.sync()).map_err(|error| {
            let failure = Failure::of(&error);
            self.poisoned = Some(failure.clone());
            failure
        })?;
        self.end += len;
        self.next_batch += 1;
        // What one large batch needed is given back.
        self.batch.shrink_to(MAX_WAITING_BYTES);
        let mut index = lock(&self.index);
        for Waiting { head, offset, len } in pending.waiting.drain(..) {
            let offset = at + frames as u64 + offset as u64;
            index.take(Placed { head, offset, len }, &self.segment);
        }
        Ok(())
    }

    /// Begins a segment that has room for a batch of this length.
    pub(super) fn roll(&mut self, len: u64) -> Result<(), Failure> {
        let size = self.segment_bytes.max(SEGMENT_HEADER as u64 + len);
        let number = self.segment.number + 1;
        let segment = new_segment(&*self.dir, self.store, number, size, self.next_batch).map_err(|error| {
            let failure = Failure::of(&error);
            if error.is_sync() {
                self.poisoned = Some(failure.clone());
            }
            failure
        })?;
        (self.segment, self.end, self.size) = (Arc::new(segment), SEGMENT_HEADER as u64, size);
        Ok(())
    }

    pub(super) fn pending(&mut self) -> &mut Pending {
        &mut self.pending
    }

    /// Whether nothing may be written any more.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.is_some()
    }

    /// The segment that is written to.
    pub(super) fn last_segment(&self) -> u64 {
        self.segment.number
    }

    pub(super) fn poison_error(&self) -> StoreError {
        let reason = self.poisoned.as_ref().map(ToString::to_string).unwrap_or_default();
        StoreError::Poisoned { path: self.dir.path().to_owned(), reason }
    }
}

pub(super) fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

fn new_segment(dir: &dyn Dir, store: u64, number: u64, size: u64, first: u64) -> Result<Segment, DiskError> {
    let header =
        SegmentHeader { store, number, size, first_batch: first, min_reader: MIN_READER, min_writer: MIN_WRITER };
    segment::create(dir, header)
}

fn no_segment(dir: &dyn Dir) -> StoreError {
    StoreError::Damaged { path: dir.path().to_owned(), reason: "the log has no file".to_owned() }
}
