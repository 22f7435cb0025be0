//! Reading a log from its beginning: what is sound, what is damaged, and where it ends.
//!
//! In: the segments of a folder. Out: the index, and the place where the next batch goes. A write that the power cut
//! off at the end of the log never was acknowledged and is cut away; anything else that is not sound was damaged, is
//! left as it is and laid to the runs that it touches.

use std::sync::Arc;

use super::batch::{self, BatchHead};
use super::format::{self, SEGMENT_HEADER, SegmentHeader};
use super::frame::FoundFrame;
use super::index::Index;
use super::segment::{self, Segment};
use crate::disk::Dir;
use crate::store::{Damaged, StoreError};

/// A log as it was found.
pub(super) struct Scan {
    pub(super) index: Index,
    pub(super) store: u64,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) next_batch: u64,
    /// Where the next batch goes in the last segment; `None` if nothing may be added to it.
    pub(super) end: Option<u64>,
    /// What was written behind that place without ever having been acknowledged.
    pub(super) torn: Vec<u8>,
    /// The size of the last segment.
    pub(super) size: u64,
}

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
    expected: u64,
    /// The last batch that a later one says was durable.
    synced: u64,
}

/// Reads the log in this folder; `None` if there is none. With `write` it must be one that this version may write.
pub(super) fn scan(dir: &dyn Dir, write: bool) -> Result<Option<Scan>, StoreError> {
    let mut scanner: Option<Scanner> = None;
    let mut segments = Vec::new();
    let mut last = (Some(SEGMENT_HEADER as u64), Vec::new(), 0);
    let numbers = segment::list(dir)?;
    for (place, &number) in numbers.iter().enumerate() {
        let is_last = place + 1 == numbers.len();
        let segment = Arc::new(segment::open(dir, number, write)?);
        let bytes = segment::read(&segment)?;
        let header = read_header(&segment, &bytes, write)?;
        let scanner = scanner.get_or_insert_with(|| Scanner::new(&header.0));
        scanner.check_header(&segment, &header, bytes.len())?;
        last = scanner.take_segment(&segment, &bytes, is_last);
        if (bytes.len() as u64) < header.0.size {
            scanner.index.lose(&segment, "it is shorter than it was");
            last.0 = None;
        }
        last.2 = header.0.size;
        segments.push(segment);
    }
    let (Some(mut scanner), Some(segment)) = (scanner, segments.last()) else { return Ok(None) };
    scanner.index.judge(segment);
    let (end, torn, size) = last;
    let Scanner { index, store, expected, .. } = scanner;
    Ok(Some(Scan { index, store, segments, next_batch: expected, end, torn, size }))
}

fn read_header(segment: &Segment, bytes: &[u8], write: bool) -> Result<(SegmentHeader, bool), StoreError> {
    let Some((header, intact)) = SegmentHeader::read(bytes) else {
        let reason = "both copies of the file's header are broken".to_owned();
        return Err(StoreError::Damaged { path: segment.path.clone(), reason });
    };
    segment::check_version(segment, &header, write)?;
    Ok((header, intact))
}

impl Scanner {
    fn new(first: &SegmentHeader) -> Self {
        Self { index: Index::new(), store: first.store, expected: first.first_batch, synced: 0 }
    }

    fn check_header(
        &mut self,
        segment: &Segment,
        (header, intact): &(SegmentHeader, bool),
        len: usize,
    ) -> Result<(), StoreError> {
        if header.store != self.store || header.number != segment.number {
            let reason = "the file belongs to another log".to_owned();
            return Err(StoreError::Damaged { path: segment.path.clone(), reason });
        }
        let note = |reason: &str| Damaged::new(segment.path.clone(), reason);
        if !intact {
            self.index.damaged.push(note("one copy of the file's header is broken, the other was used"));
        }
        if len as u64 > header.size {
            self.index.damaged.push(note("it is longer than it was; what was added is not read"));
        }
        Ok(())
    }

    /// Takes in a segment. Gives where the next batch may go in it, with what stands there without counting.
    fn take_segment(&mut self, segment: &Arc<Segment>, bytes: &[u8], is_last: bool) -> (Option<u64>, Vec<u8>, u64) {
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
                let torn = bytes.get(stretch.from..format::written_end(bytes, stretch.from)).unwrap_or_default();
                return (end, torn.to_vec(), 0);
            }
            self.take_damaged(segment, bytes, stretch);
            end = None;
        }
        (end, Vec::new(), 0)
    }

    fn is_sound(&self, stretch: &Stretch) -> bool {
        let Some((head, frames)) = &stretch.batch else { return false };
        head.seq == self.expected && frames.iter().all(Result::is_ok)
    }

    fn take_batch(&mut self, segment: &Arc<Segment>, stretch: &Stretch) {
        if let Some((head, frames)) = &stretch.batch {
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
                if head.seq > self.expected {
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
            self.index.lose(segment, &format!("what follows batch {} is damaged", self.expected - 1));
        }
        self.expected += 1;
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
