//! What of a segment is still of use, and where it stands from now on.
//!
//! In: frames that are found in a segment, and where they were copied to. Out: whether they are of use; and an index
//! that looks for them in the new place.

use std::slice;
use std::sync::Arc;

use super::format::{Kind, PLAN_BIT};
use super::frame::{FrameHead, PartName};
use super::index::{Index, Location};
use super::segment::Segment;

/// A frame that is looked at: what identifies it, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked<'a> {
    pub(super) part: Option<&'a PartName>,
    pub(super) kind: Kind,
    pub(super) run: u64,
    pub(super) next: u64,
    pub(super) segment: &'a Arc<Segment>,
    pub(super) offset: u64,
}

/// Of what use a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Live,
    /// A deletion of which nothing is left that it must keep away.
    Fulfilled,
    None,
}

impl<'a> Looked<'a> {
    pub(super) fn at(head: &'a FrameHead, segment: &'a Arc<Segment>, offset: u64) -> Self {
        Self { part: head.part.as_deref(), kind: head.kind, run: head.run, next: head.next, segment, offset }
    }

    fn is_at(&self, location: &Location) -> bool {
        location.offset == self.offset && Arc::ptr_eq(&location.segment, self.segment)
    }
}

impl Index {
    /// Of what use a frame is once the segments from this one to that are rewritten.
    pub(super) fn use_of(&mut self, frame: &Looked<'_>, (from, to): (u64, u64)) -> Use {
        let is_live = match frame.kind {
            Kind::Plan => self.is_plan_live(frame),
            Kind::Deleted => {
                let Some(tomb) = self.tombs.get(&frame.run).filter(|tomb| frame.is_at(&tomb.location)) else {
                    return Use::None;
                };
                let lies_elsewhere = |grave| !self.is_clean(grave) && !(from..=to).contains(&grave.segment);
                if !tomb.graves.iter().any(lies_elsewhere) {
                    return Use::Fulfilled;
                }
                true
            }
            Kind::Delta | Kind::Snapshot | Kind::Part => self.place(frame).is_some(),
        };
        if is_live { Use::Live } else { Use::None }
    }

    /// A plan that nothing names is forgotten.
    fn is_plan_live(&mut self, frame: &Looked<'_>) -> bool {
        let number = (frame.run & !PLAN_BIT) as u32;
        let Some(plan) = self.plans.get(&number) else { return false };
        if !plan.copies.iter().any(|copy| frame.is_at(copy)) {
            return false;
        }
        let is_used = self.is_plan_used(number);
        if !is_used {
            self.plans.remove(&number);
            self.plan_numbers.retain(|_, named| *named != number);
            self.plan_uses.remove(&number);
        }
        is_used
    }

    /// Where the index has a frame of a run. The changes of a whole run follow one another.
    fn place(&mut self, frame: &Looked<'_>) -> Option<&mut Location> {
        if let Some(part) = frame.part {
            return self.part_mut(frame.run, part).map(|part| &mut part.location).filter(|at| frame.is_at(at));
        }
        let run = self.runs.get_mut(&frame.run)?;
        let behind = usize::try_from(run.head.next.checked_sub(frame.next)?).ok()?;
        let place = run.frames.len().checked_sub(behind + 1)?;
        run.frames.get_mut(place).filter(|location| frame.is_at(location))
    }

    /// Looks for a frame in another place from now on, unless it has become useless meanwhile.
    pub(super) fn relocate(&mut self, frame: &Looked<'_>, to: &Arc<Segment>, offset: u64) {
        let locations: &mut [Location] = match frame.kind {
            Kind::Plan => {
                let plan = self.plans.get_mut(&((frame.run & !PLAN_BIT) as u32));
                plan.map(|plan| &mut *Arc::make_mut(plan).copies).unwrap_or_default()
            }
            Kind::Deleted => {
                self.tombs.get_mut(&frame.run).map(|tomb| slice::from_mut(&mut tomb.location)).unwrap_or_default()
            }
            Kind::Delta | Kind::Snapshot | Kind::Part => self.place(frame).map(slice::from_mut).unwrap_or_default(),
        };
        for location in locations.iter_mut().filter(|location| frame.is_at(location)) {
            location.segment.drop_live(location.len);
            (location.segment, location.offset) = (to.clone(), offset);
            location.segment.add_live(location.len);
        }
    }

    /// Forgets a deletion that was not copied, because nothing of what it deleted is left.
    pub(super) fn fulfil(&mut self, frame: &Looked<'_>) {
        let is_it = self.tombs.get(&frame.run).is_some_and(|tomb| frame.is_at(&tomb.location));
        if is_it && let Some(tomb) = self.tombs.remove(&frame.run) {
            tomb.location.segment.drop_live(tomb.location.len);
        }
    }
}
