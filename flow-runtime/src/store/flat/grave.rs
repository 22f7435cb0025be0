//! Where frames lie that are of no use any more.
//!
//! In: frames of deleted and replaced runs. Out: for how long a deletion must still be kept: as long as a frame of what
//! it deleted stands in the log, which would bring the run back.

use std::sync::Arc;

use super::index::{Index, Location};
use super::segment::Segment;

/// A segment in which frames of a run stand that are of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grave {
    /// Its number, or that of one that it stands for.
    pub(super) segment: u64,
    /// The batch that made them so.
    pub(super) died: u64,
}

/// A deletion.
#[derive(Clone, Debug)]
pub(super) struct Tomb {
    pub(super) location: Location,
    pub(super) graves: Vec<Grave>,
}

/// Frames without a beginning.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    /// Where the last of them was found.
    pub(super) segment: Arc<Segment>,
    pub(super) graves: Vec<Grave>,
}

/// Adds a grave; of several in one segment the latest counts.
pub(super) fn note(graves: &mut Vec<Grave>, grave: Grave) {
    match graves.iter_mut().rev().find(|known| known.segment == grave.segment) {
        Some(known) => known.died = known.died.max(grave.died),
        None => graves.push(grave),
    }
}

impl Index {
    /// Whether the frames that lay here are gone.
    pub(super) fn is_clean(&self, grave: &Grave) -> bool {
        let segment = self.segments.range(grave.segment..).next();
        segment.is_none_or(|(_, segment)| segment.from() > grave.segment || segment.clean >= grave.died)
    }
}
