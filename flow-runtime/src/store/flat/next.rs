//! The segment that comes next, made ready before it is needed.
//!
//! In: the wish for a new segment. Out: one, which has its full length and its name on disk already, so that who
//! commits waits for neither; it is made anew only where none could be made ready in time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::format::{MIN_READER, MIN_WRITER, SEGMENT_HEADER, SegmentHeader};
use super::segment::{self, Segment};
use crate::disk::{Dir, DiskError};

/// Segments that are made ready have numbers so far apart. Those between are for records that need a segment of their
/// own, so that such a record does not use up what was made ready.
const GAP: u64 = 1 << 16;

/// Makes segments.
pub(super) struct NextSegment {
    dir: Arc<dyn Dir>,
    store: u64,
    segment_bytes: u64,
    line: Mutex<Line>,
}

struct Line {
    /// The number of the segment that is written to.
    current: u64,
    ready: VecDeque<Arc<Segment>>,
}

impl NextSegment {
    /// Goes on behind the segment of this number with those that are ready.
    pub(super) fn new(
        dir: Arc<dyn Dir>,
        store: u64,
        segment_bytes: u64,
        current: u64,
        ready: Vec<Arc<Segment>>,
    ) -> Self {
        Self { dir, store, segment_bytes, line: Mutex::new(Line { current, ready: ready.into() }) }
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// Makes a segment ready if none is.
    pub(super) fn prepare(&self) -> Result<(), DiskError> {
        // Who needs the segment meanwhile waits for it, as it would have to if it made one itself.
        let mut line = self.line();
        if line.ready.is_empty() {
            let segment = self.make(line.current, self.segment_bytes)?;
            line.ready.push_back(segment);
        }
        Ok(())
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.line().ready.is_empty()
    }

    /// The next segment.
    pub(super) fn take(&self) -> Result<Arc<Segment>, DiskError> {
        let mut line = self.line();
        let segment = match line.ready.pop_front() {
            Some(segment) => segment,
            None => self.make(line.current, self.segment_bytes)?,
        };
        line.current = segment.number;
        Ok(segment)
    }

    /// A segment that holds this one batch and has no room for another.
    pub(super) fn take_with(&self, number: u64, batch: &[u8]) -> Result<Arc<Segment>, DiskError> {
        let mut line = self.line();
        let mut place = line.current + 1;
        while line.ready.front().is_some_and(|ready| ready.number <= place) {
            place = line.ready.pop_front().map_or(place, |skipped| skipped.number + 1);
        }
        let header = self.header(place, (SEGMENT_HEADER + batch.len()) as u64, number);
        let segment = Arc::new(segment::create(&*self.dir, header, batch)?);
        line.current = place;
        Ok(segment)
    }

    fn make(&self, current: u64, size: u64) -> Result<Arc<Segment>, DiskError> {
        let number = (current / GAP + 1) * GAP;
        // The log begins with batch 1; where it has got to when a later segment is needed is not known yet.
        let first_batch = u64::from(current == 0);
        Ok(Arc::new(segment::create(&*self.dir, self.header(number, size, first_batch), &[])?))
    }

    fn header(&self, number: u64, size: u64, first_batch: u64) -> SegmentHeader {
        let (min_reader, min_writer) = (MIN_READER, MIN_WRITER);
        SegmentHeader { store: self.store, number, size, first_batch, rewritten: None, min_reader, min_writer }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
