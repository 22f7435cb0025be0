//! Reading the frames of a run: many at once where they stand close together.
//!
//! In: where the frames stand, in their order. Out: their bytes, shared by all that were read in one piece.

use std::sync::Arc;

use bytes::Bytes;

use super::index::Location;
use crate::disk::DiskError;

/// How much is read in one piece, unless one frame is larger.
const MAX_PIECE: u64 = 4 << 20;
/// The most bytes of others between two frames that are read together. Reading them costs less than asking again.
const MAX_GAP: u64 = 1 << 10;

/// The bytes of frames, read piece by piece.
pub(super) struct Frames<'a> {
    locations: &'a [Location],
    next: usize,
    /// What was read last: where it begins in its file, and the first frame that it does not hold.
    piece: (u64, Bytes, usize),
}

impl<'a> Frames<'a> {
    pub(super) fn new(locations: &'a [Location]) -> Self {
        Self { locations, next: 0, piece: (0, Bytes::new(), 0) }
    }

    /// How many of the frames from here on are read in one piece, and where that ends.
    fn plan(&self) -> Option<(&'a Location, usize, u64)> {
        let first = self.locations.get(self.next)?;
        let mut end = first.offset + u64::from(first.len);
        let mut until = self.next + 1;
        while let Some(location) = self.locations.get(until) {
            let location_end = location.offset + u64::from(location.len);
            let is_near = Arc::ptr_eq(&location.segment, &first.segment)
                && location.offset >= end
                && location.offset - end <= MAX_GAP
                && location_end - first.offset <= MAX_PIECE;
            if !is_near {
                break;
            }
            (end, until) = (location_end, until + 1);
        }
        Some((first, until, end))
    }

    fn read_piece(&mut self) -> Result<(), DiskError> {
        if let Some((first, until, end)) = self.plan() {
            let mut bytes = vec![0; (end - first.offset) as usize];
            let read = first.segment.file.read_at(&mut bytes, first.offset)?;
            bytes.truncate(read);
            self.piece = (first.offset, Bytes::from(bytes), until);
        }
        Ok(())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (&'a Location, Result<Bytes, DiskError>);

    fn next(&mut self) -> Option<Self::Item> {
        let location = self.locations.get(self.next)?;
        if self.next >= self.piece.2
            && let Err(error) = self.read_piece()
        {
            self.next += 1;
            return Some((location, Err(error)));
        }
        self.next += 1;
        let from = (location.offset - self.piece.0) as usize;
        // A file that has become shorter gives fewer bytes, which are no frame.
        let piece = &self.piece.1;
        let bytes = piece.slice(from.min(piece.len())..(from + location.len as usize).min(piece.len()));
        Some((location, Ok(bytes)))
    }
}
