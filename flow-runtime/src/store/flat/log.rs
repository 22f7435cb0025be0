//! The writer of a log: the one that adds to it.
//!
//! In: changes, whole runs and deletions, as they come from all runs of the store. Out: batches, each written once
//! and synced once, however many runs it serves; then the answers. A change that need not be durable at once waits
//! in memory for the next batch, for 50 ms at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::failure::Failure;
use super::format::{self, FrameHead, Kind, MIN_READER, MIN_WRITER, PLAN_BIT, Placed, SEGMENT_HEADER, SegmentHeader};
use super::index::{Head, Index};
use super::pending::{Fate, Pending, Standing, Waiting};
use super::scan::{self, Scan};
use super::segment::{self, Segment};
use crate::disk::{Dir, DiskError, Lock};
use crate::state::WorkflowId;
use crate::store::StoreError;
use crate::store::worker::Work;

/// How long a change may wait to be written.
const MAX_LAG: Duration = Duration::from_millis(50);

/// How much may wait to be written.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// A request, with the way back for its answer.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// What is asked of the writer.
pub(super) enum Request {
    /// Keep this change.
    Commit(Box<Commit>),
    /// Keep this run in place of what there is of it.
    Save(Box<Save>),
    /// Remove this run.
    Delete(WorkflowId),
    /// Write what waits.
    Flush,
}

/// A change of a run.
pub(super) struct Commit {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    pub(super) seq: u64,
    pub(super) kind: Kind,
    /// The change, or the whole run after it.
    pub(super) body: Vec<u8>,
    pub(super) delta_crc: u32,
    pub(super) plan: Option<EncodedPlan>,
    pub(super) status: u8,
    pub(super) lazy: bool,
}

/// A whole run.
pub(super) struct Save {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    pub(super) next: u64,
    pub(super) body: Vec<u8>,
    pub(super) plan: EncodedPlan,
    pub(super) status: u8,
}

/// A plan as it is kept.
pub(super) struct EncodedPlan {
    pub(super) digest: u64,
    pub(super) bytes: Vec<u8>,
}

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
    pending: Pending,
    /// Runs of which changes were acknowledged that could not be written, with the reason.
    lost: HashMap<u64, Failure>,
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
    fn stage(&mut self, Job { request, reply }: Job) -> bool {
        let staged = match request {
            _ if self.poisoned.is_some() => Err(self.poison_error()),
            Request::Commit(commit) => self.stage_commit(*commit),
            Request::Save(save) => {
                self.stage_save(*save);
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

    fn stage_commit(&mut self, commit: Commit) -> Result<bool, StoreError> {
        let conflict = |reason: String| Err(StoreError::Conflict { id: commit.id.clone(), reason });
        let (run, begins) = match self.find(&commit.id)? {
            None if commit.seq == 0 => (self.new_number(&commit.id), true),
            None => return conflict("it is not there any more".to_owned()),
            Some(Standing { run, run_no, head }) => {
                let is_same_run = run_no == commit.run_no;
                if is_same_run && head.next == commit.seq + 1 && head.delta_crc == commit.delta_crc {
                    return Ok(!commit.lazy);
                }
                let failure = self.lost.remove(&run);
                if !is_same_run || head.next != commit.seq {
                    if let Some(failure) = failure {
                        return Err(failure.to_error());
                    }
                    let (found, sent) = (head.next, commit.seq);
                    return conflict(format!("it is at change {found}, and change {sent} does not follow"));
                }
                (run, false)
            }
        };
        let is_whole = begins || commit.kind == Kind::Snapshot;
        let head = FrameHead {
            kind: commit.kind,
            run,
            next: commit.seq + 1,
            plan: commit.plan.as_ref().map_or(0, |plan| self.stage_plan(plan)),
            delta_crc: commit.delta_crc,
            status: commit.status,
            begins: is_whole.then(|| (commit.id.clone(), commit.run_no)),
        };
        let standing = Standing { run, run_no: commit.run_no, head: Head::of(&head) };
        self.pending.set_fate(commit.id, Fate::Stands(standing));
        self.pending.add(head, &commit.body);
        Ok(!commit.lazy)
    }

    fn stage_save(&mut self, save: Save) {
        // A damaged run may be replaced as well: whoever saves it knows better what it should be.
        let run = self.number_of(&save.id).unwrap_or_else(|| self.new_number(&save.id));
        let plan = self.stage_plan(&save.plan);
        let head = FrameHead {
            kind: Kind::Snapshot,
            run,
            next: save.next,
            plan,
            delta_crc: 0,
            status: save.status,
            begins: Some((save.id.clone(), save.run_no)),
        };
        let standing = Standing { run, run_no: save.run_no, head: Head::of(&head) };
        self.pending.set_fate(save.id, Fate::Stands(standing));
        self.pending.add(head, &save.body);
    }

    fn stage_delete(&mut self, id: &WorkflowId) -> Result<bool, StoreError> {
        let run = self.number_of(id).ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
        let head = FrameHead { kind: Kind::Deleted, run, next: 0, plan: 0, delta_crc: 0, status: 0, begins: None };
        self.pending.set_fate(id.clone(), Fate::Gone);
        self.pending.add(head, &[]);
        Ok(true)
    }

    /// The number of a plan, which is added to the batch if the log does not have it yet.
    fn stage_plan(&mut self, plan: &EncodedPlan) -> u32 {
        let known = self.pending.plan(plan.digest).or_else(|| self.index().plan_number(plan.digest));
        if let Some(number) = known {
            return number;
        }
        let next = self.index().next_plan;
        let number = self.pending.new_plan(plan.digest, next);
        let (run, next) = (u64::from(number) | PLAN_BIT, plan.digest);
        let head = FrameHead { kind: Kind::Plan, run, next, plan: 0, delta_crc: 0, status: 0, begins: None };
        // Many runs depend on a plan, so damage of one copy must not matter.
        self.pending.add(head.clone(), &plan.bytes);
        self.pending.add(head, &plan.bytes);
        number
    }

    /// A number for a run that is not there: that of its id, or the next that no other run has.
    fn new_number(&self, id: &WorkflowId) -> u64 {
        let mut number = format::run_number(id);
        while self.pending.is_taken(number, id) || self.index().is_taken(number, id) {
            number = (number + 1) & !PLAN_BIT;
        }
        number
    }

    /// The number of a run, also of a damaged one.
    fn number_of(&self, id: &WorkflowId) -> Option<u64> {
        match self.pending.fate(id) {
            Some(Fate::Stands(standing)) => Some(standing.run),
            Some(Fate::Gone) => None,
            None => self.index().number_of(id),
        }
    }

    /// Where a run stands, with what waits to be written.
    fn find(&self, id: &WorkflowId) -> Result<Option<Standing>, StoreError> {
        match self.pending.fate(id) {
            Some(Fate::Stands(standing)) => return Ok(Some(standing)),
            Some(Fate::Gone) => return Ok(None),
            None => {}
        }
        let index = self.index();
        let run = index.run_of(id)?;
        Ok(run.map(|(run, found)| Standing { run, run_no: found.run_no, head: found.head }))
    }

    /// Writes what waits, and answers those who wait for it.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let pending = std::mem::take(&mut self.pending);
        let written = if pending.is_empty() { Ok(()) } else { self.write(&pending) };
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

    fn write(&mut self, pending: &Pending) -> Result<(), Failure> {
        let synced = self.next_batch - 1;
        let index = pending.waiting.iter().map(|frame| (frame.head.run, frame.offset));
        let (batch, frames) = format::write_batch((self.store, self.next_batch, synced), index, &pending.frames);
        if self.end + batch.len() as u64 > self.size {
            self.roll(batch.len() as u64)?;
        }
        let at = self.end;
        // A write that failed may have left anything behind: only who opens the log again can tell what.
        let file = &self.segment.file;
        file.write_at(&batch, at).and_then(|()| file.sync()).map_err(|error| {
            let failure = Failure::of(&error);
            self.poisoned = Some(failure.clone());
            failure
        })?;
        self.end += batch.len() as u64;
        self.next_batch += 1;
        let mut index = lock(&self.index);
        for Waiting { head, offset, len } in &pending.waiting {
            let offset = at + frames as u64 + *offset as u64;
            index.take(Placed { head: head.clone(), offset, len: *len }, &self.segment);
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

    fn poison_error(&self) -> StoreError {
        let reason = self.poisoned.as_ref().map(ToString::to_string).unwrap_or_default();
        StoreError::Poisoned { path: self.dir.path().to_owned(), reason }
    }
}

impl Work for Log {
    type Job = Job;

    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        let is_wake_up = jobs.is_empty();
        let mut must_write = false;
        for job in jobs {
            must_write |= self.stage(job);
        }
        if self.pending.is_empty() && !must_write {
            return None;
        }
        let left = MAX_LAG.saturating_sub(self.pending.lag());
        if must_write || is_wake_up || left.is_zero() || self.pending.frames.len() > MAX_WAITING_BYTES {
            // Who waits has been told, and who does not wait is told at the next change.
            let _ = self.flush();
            return None;
        }
        Some(left)
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
