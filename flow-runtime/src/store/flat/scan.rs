//! Reading a log from its beginning: what is sound, what is damaged, and where it ends.
//!
//! In: the segments of a folder. Out: the index, and the place where the next batch goes. A write that the power cut
//! off at the end of the log never was acknowledged and is cut away; anything else that is not sound was damaged, is
//! left as it is and laid to the runs that it touches.

use std::sync::Arc;

use super::batch::{self, BatchHead};
use super::format::{self, SEGMENT_HEADER};
use super::frame::FoundFrame;
use super::hint::{self, Hint};
use super::index::Index;
use super::segment::{self, Opened, Segment};
use crate::disk::Dir;
use crate::store::{Damaged, StoreError};

/// A log as it was found.
pub(super) struct Scan {
    pub(super) index: Index,
    pub(super) store: u64,
    /// The segment that the next batch goes to, if it has room.
    pub(super) current: Arc<Segment>,
    /// The segments behind it, in which nothing stands yet.
    pub(super) ready: Vec<Arc<Segment>>,
    /// The numbers of segments that do not count any more, since another stands for them.
    pub(super) superseded: Vec<u64>,
    /// The segments that had to be read, for want of a hint.
    pub(super) unhinted: Vec<Arc<Segment>>,
    pub(super) next_batch: u64,
    /// Where the next batch goes in the last segment; `None` if nothing may be added to it.
    pub(super) end: Option<u64>,
    /// How much was written behind that place without ever having been acknowledged.
    pub(super) torn: usize,
}

/// A segment with its bytes.
type Read = (Opened, Vec<u8>);

/// A stretch of a segment.
struct Stretch {
    from: usize,
    to: usize,
    /// The batch that stands there; `None` if what stands there is none.
    batch: Option<(BatchHead, Vec<FoundFrame>)>,
}

struct Scanner {
    index: Index,
    store: u64,
    /// The number of the next batch; 0 if it is not known yet.
    expected: u64,
    /// The last batch that a later one says was durable.
    synced: u64,
}

/// Reads the log in this folder; `None` if there is none. With `write` it must be one that this version may write.
pub(super) fn scan(dir: &dyn Dir, write: bool) -> Result<Option<Scan>, StoreError> {
    let opened = segment::list(dir)?.into_iter().map(|number| segment::open(dir, number, write));
    let (mut segments, superseded) = without_superseded(opened.collect::<Result<_, _>>()?);
    let Some(first) = segments.first() else { return Ok(None) };
    let mut scanner = Scanner::new(&first.segment);
    let (last, ready) = last_written(&mut segments)?;
    let mut unhinted = Vec::new();
    let hints: Vec<_> = segments.iter().map(|opened| hint::read(dir, opened)).collect();
    scanner.index.expect_runs(hints.iter().flatten().map(Hint::beginnings).sum());
    for (opened, hint) in segments.into_iter().zip(hints) {
        if let Some(hint) = hint.filter(|hint| scanner.follows(hint)) {
            scanner.take_hint(opened, &hint)?;
        } else {
            let bytes = segment::read(&opened.segment, opened.len)?;
            let (segment, ..) = scanner.take_segment(opened, &bytes, false)?;
            unhinted.push(segment);
        }
    }
    let (last, bytes) = last;
    let (current, end, torn) = scanner.take_segment(last, &bytes, true)?;
    let ready = ready.into_iter().map(|opened| scanner.check_ready(opened)).collect::<Result<_, _>>()?;
    scanner.index.judge(&current);
    let Scanner { index, store, expected, .. } = scanner;
    let next_batch = expected.max(1);
    Ok(Some(Scan { index, store, current, ready, superseded, unhinted, next_batch, end, torn }))
}

/// The segments that count, and the numbers of those for which a later one stands.
fn without_superseded(mut segments: Vec<Opened>) -> (Vec<Opened>, Vec<u64>) {
    let mut superseded = Vec::new();
    let mut from = u64::MAX;
    segments.reverse();
    segments.retain(|opened| {
        let counts = opened.segment.number < from;
        if counts {
            from = from.min(opened.segment.from());
        } else {
            superseded.push(opened.segment.number);
        }
        counts
    });
    segments.reverse();
    superseded.reverse();
    (segments, superseded)
}

/// Takes out the last segment that was written to, with its bytes, and those behind it.
fn last_written(segments: &mut Vec<Opened>) -> Result<(Read, Vec<Opened>), StoreError> {
    let mut ready = Vec::new();
    while let Some(opened) = segments.pop() {
        let bytes = segment::read(&opened.segment, opened.len)?;
        let is_written =
            opened.segment.header.rewritten.is_some() || format::written_end(&bytes, SEGMENT_HEADER) > SEGMENT_HEADER;
        if is_written || segments.is_empty() {
            ready.reverse();
            return Ok(((opened, bytes), ready));
        }
        ready.push(opened);
    }
    Err(StoreError::Damaged { path: std::path::PathBuf::new(), reason: "the log has no file".to_owned() })
}

impl Scanner {
    fn new(first: &Segment) -> Self {
        Self { index: Index::new(), store: first.header.store, expected: first.header.first_batch, synced: 0 }
    }

    /// Notes what is wrong with a segment as a file.
    fn check(&mut self, Opened { segment, intact, len }: Opened) -> Result<Arc<Segment>, StoreError> {
        if segment.header.store != self.store {
            return Err(segment::of_another_log(&segment));
        }
        let note = |reason: &str| Damaged::new(segment.path.clone(), reason);
        if !intact {
            self.index.damaged.push(note("one copy of the file's header is broken, the other was used"));
        }
        if len > segment.header.size {
            self.index.damaged.push(note("it is longer than it was; what was added is not read"));
        }
        Ok(Arc::new(segment))
    }

    /// As [`check`](Self::check), for one in which nothing stands yet.
    fn check_ready(&mut self, opened: Opened) -> Result<Arc<Segment>, StoreError> {
        let len = opened.len;
        let segment = self.check(opened)?;
        self.check_len(&segment, len);
        Ok(segment)
    }

    /// Whether a hint is of the batches that come next.
    fn follows(&self, hint: &Hint) -> bool {
        self.expected == 0 || hint.batches.0 == self.expected
    }

    /// Takes in a segment by its hint.
    fn take_hint(&mut self, opened: Opened, hint: &Hint) -> Result<(), StoreError> {
        let segment = self.check(opened)?;
        self.index.segments.insert(segment.number, segment.clone());
        self.begin_segment(&segment);
        let (first, next) = hint.batches;
        segment.note_batch(first);
        segment.note_batch(next - 1);
        self.index.batch = next - 1;
        hint.frames().for_each(|placed| self.index.take(placed, &segment));
        self.expected = next;
        self.synced = self.synced.max(next.saturating_sub(2));
        self.end_segment(&segment);
        Ok(())
    }

    /// Takes in a segment. Gives where the next batch may go in it, and how much stands there without counting.
    fn take_segment(
        &mut self,
        opened: Opened,
        bytes: &[u8],
        is_last: bool,
    ) -> Result<(Arc<Segment>, Option<u64>, usize), StoreError> {
        let len = opened.len;
        let segment = self.check(opened)?;
        self.index.segments.insert(segment.number, segment.clone());
        self.begin_segment(&segment);
        let (end, torn) = self.take_batches(&segment, bytes, is_last && segment.header.rewritten.is_none());
        self.end_segment(&segment);
        let is_whole = self.check_len(&segment, len);
        Ok((segment, end.filter(|_| is_whole), torn))
    }

    /// Whether a segment is as long as it was.
    fn check_len(&mut self, segment: &Segment, len: u64) -> bool {
        let is_whole = len >= segment.header.size;
        if !is_whole {
            self.index.lose(segment, "it is shorter than it was");
        }
        is_whole
    }

    fn begin_segment(&mut self, segment: &Segment) {
        let first = segment.header.first_batch;
        if self.expected == 0 {
            self.expected = first;
        }
        if segment.header.rewritten.is_some() && first != self.expected {
            self.lose_batches(segment, first);
            self.expected = self.expected.max(first);
        }
    }

    /// A segment that was rewritten stands for batches that are gone, but has all that it says it has.
    fn end_segment(&mut self, segment: &Segment) {
        let Some(rewritten) = segment.header.rewritten else { return };
        let first = segment.header.first_batch;
        if self.expected != first + u64::from(rewritten.batches) {
            self.lose_batches(segment, first + u64::from(rewritten.batches));
        }
        self.expected = first + u64::from(rewritten.spans);
    }

    fn lose_batches(&mut self, segment: &Segment, until: u64) {
        self.index.lose(segment, &format!("batches {} to {} are lost", self.expected, until.saturating_sub(1)));
    }

    fn take_batches(&mut self, segment: &Arc<Segment>, bytes: &[u8], is_last: bool) -> (Option<u64>, usize) {
        let stretches = stretches(bytes, self.store);
        let synced = stretches.iter().filter_map(|stretch| stretch.batch.as_ref()).map(|(head, _)| head.seq).max();
        // Each batch was written when the one before it was durable.
        self.synced = self.synced.max(synced.map_or(0, |seq| seq.saturating_sub(1)));
        let mut end = Some(SEGMENT_HEADER as u64);
        for (place, stretch) in stretches.iter().enumerate() {
            if self.is_sound(stretch) {
                self.take_batch(segment, stretch);
                end = end.map(|_| stretch.to as u64);
                continue;
            }
            let was_written = place + 1 == stretches.len() && batch::is_complete(bytes, stretch.from, stretch.to);
            if is_last && self.expected > self.synced && !was_written {
                return (end, format::written_end(bytes, stretch.from) - stretch.from);
            }
            self.take_damaged(segment, bytes, stretch);
            end = None;
        }
        (end, 0)
    }

    fn is_sound(&self, stretch: &Stretch) -> bool {
        let Some((head, frames)) = &stretch.batch else { return false };
        (head.seq == self.expected || self.expected == 0) && frames.iter().all(Result::is_ok)
    }

    fn take_batch(&mut self, segment: &Arc<Segment>, stretch: &Stretch) {
        if let Some((head, frames)) = &stretch.batch {
            segment.note_batch(head.seq);
            self.index.batch = head.seq;
            self.take_frames(segment, frames);
            self.expected = head.seq + 1;
        }
    }

    fn take_frames(&mut self, segment: &Arc<Segment>, frames: &[FoundFrame]) {
        for frame in frames {
            match frame {
                Ok(placed) => self.index.take(placed.clone(), segment),
                Err(Some(run)) => self.index.charge(*run, segment),
                Err(None) => self.index.lose(segment, "changes are damaged beyond knowing whose they are"),
            }
        }
    }

    fn take_damaged(&mut self, segment: &Arc<Segment>, bytes: &[u8], stretch: &Stretch) {
        match &stretch.batch {
            Some((head, _)) if head.seq < self.expected => {
                self.index.damaged.push(Damaged::new(segment.path.clone(), "a batch stands where it cannot belong"));
            }
            Some((head, _)) => {
                if head.seq > self.expected && self.expected > 0 {
                    self.index.lose(segment, &format!("batches {} to {} are lost", self.expected, head.seq - 1));
                }
                self.take_batch(segment, stretch);
            }
            None => self.take_unreadable(segment, bytes, stretch),
        }
    }

    fn take_unreadable(&mut self, segment: &Arc<Segment>, bytes: &[u8], stretch: &Stretch) {
        if let Some(frames) = batch::salvage(bytes, stretch.from, stretch.to) {
            let reason = "a batch's header is broken; its changes were found without it";
            self.index.damaged.push(Damaged::new(segment.path.clone(), reason));
            self.take_frames(segment, &frames);
        } else {
            self.index.lose(segment, &format!("what follows batch {} is damaged", self.expected.saturating_sub(1)));
        }
        if self.expected > 0 {
            self.expected += 1;
        }
    }
}

/// Takes a segment apart into batches and what lies between them. What is empty up to the end is no stretch.
fn stretches(bytes: &[u8], store: u64) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut at = SEGMENT_HEADER;
    while at < bytes.len() {
        if let Some(head) = BatchHead::read(bytes, at, store) {
            let to = head.end(at);
            stretches.push(Stretch { from: at, to, batch: Some((head, head.frames(bytes, at))) });
            at = to;
            continue;
        }
        let to = batch::find(bytes, at, store).unwrap_or_else(|| format::written_end(bytes, at));
        if to <= at {
            break;
        }
        stretches.push(Stretch { from: at, to, batch: None });
        at = to;
    }
    stretches
}
