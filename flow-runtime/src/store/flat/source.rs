//! Reading a segment batch by batch, a piece of the file at a time.
//!
//! In: a segment that is not written to any more. Out: its batches in order, all of them, or that one is not as it was.

use super::batch::{self, BatchHead};
use super::compact::{SLICE, Trouble};
use super::format::SEGMENT_HEADER;
use super::segment::Segment;

/// How far a segment was read.
pub(super) struct Source {
    /// Where the next batch begins, its number, and how many are left.
    at: u64,
    number: u64,
    left: u64,
    /// The piece of the file that was read last, and where it begins.
    start: u64,
    bytes: Vec<u8>,
}

impl Source {
    pub(super) fn new(segment: &Segment) -> Self {
        let (number, next) = segment.batches().unwrap_or_default();
        let left = segment.header.rewritten.map_or(next - number, |rewritten| u64::from(rewritten.batches));
        Self { at: SEGMENT_HEADER as u64, number, left, start: 0, bytes: Vec::new() }
    }

    /// The piece of the file in which the last batch stands.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where that piece begins in the file.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The next batch, and where it begins in the piece.
    pub(super) fn next(&mut self, segment: &Segment, store: u64) -> Result<Option<(BatchHead, usize)>, Trouble> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.read_head(store).is_none() {
            self.read_piece(segment)?;
        }
        let head = self.read_head(store).ok_or(Trouble::Damaged)?;
        if head.seq != self.number {
            return Err(Trouble::Damaged);
        }
        let at = (self.at - self.start) as usize;
        self.at = self.start + head.end(at) as u64;
        self.number += 1;
        self.left -= 1;
        Ok(Some((head, at)))
    }

    fn read_head(&self, store: u64) -> Option<BatchHead> {
        let at = usize::try_from(self.at.checked_sub(self.start)?).ok()?;
        BatchHead::read(&self.bytes, at, store)
    }

    /// Reads the piece that begins with the next batch, as long as that says that it is.
    fn read_piece(&mut self, segment: &Segment) -> Result<(), Trouble> {
        let mut start = [0; batch::HEADER];
        let read = segment.file.read_at(&mut start, self.at)?;
        let len = start.get(..read).and_then(batch::len_of).ok_or(Trouble::Damaged)?;
        let rest = segment.header.size.saturating_sub(self.at);
        let len = (len.max(SLICE) as u64).min(rest);
        self.bytes.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        let read = segment.file.read_at(&mut self.bytes, self.at)?;
        self.bytes.truncate(read);
        self.start = self.at;
        Ok(())
    }
}
