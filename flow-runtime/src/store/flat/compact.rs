//! Giving back the room of what is of no use any more: changes of runs that ended, deleted runs, replaced records.
//!
//! In: segments that are not written to any more. Out: what is of use of them in one new segment, in the same order,
//! that takes the place of the last and says which others it stands for. The others go when the new one is durable;
//! segments of which nothing is of use go without one, the oldest first. So whenever the power goes, every run stands in
//! the log once, the log has no gap, and a deletion outlives what it deletes.
//! None of this touches what commits write; it is done in slices, so that it can be done slowly.

use std::sync::Arc;

use super::batch;
use super::format::{Kind, MIN_READER, MIN_WRITER, Rewritten, SEGMENT_HEADER, SegmentHeader, fill_up};
use super::frame::{FrameHead, PartName, Placed};
use super::index::Index;
use super::living::{Looked, Use};
use super::log::lock;
use super::segment::{self, Segment};
use super::source::Source;
use super::upkeep::Site;
use crate::disk::{DiskError, Replacement};

/// How much is read, and written, in one slice, unless one batch is larger.
pub(super) const SLICE: usize = 256 << 10;
/// How many frames the index is told of at once. Commits wait for so long.
const RELOCATED: usize = 512;

/// Why segments were not rewritten.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A file operation failed.
    Disk(DiskError),
    /// A file operation failed, and which file has the name is not known.
    Unclear(DiskError),
    /// A segment is not what it was.
    Damaged,
}

impl From<DiskError> for Trouble {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// Segments that are being rewritten.
pub(super) struct Rewriting {
    group: Vec<Arc<Segment>>,
    /// What was of no use after this batch is left out.
    clean: u64,
    target: Replacement,
    /// Which of the segments is read, and what has been seen of it.
    reading: usize,
    source: Source,
    seen_live: u64,
    /// Where the next batch goes, and how many there are.
    end: u64,
    batches: u32,
    /// The frames of the next batch, whose they are, and where they begin in it.
    frames: Vec<u8>,
    owners: Vec<(u64, usize)>,
    batch: Vec<u8>,
    copied: Vec<Copied>,
}

/// A frame that was copied, or a deletion that need not be.
struct Copied {
    kind: Kind,
    run: u64,
    next: u64,
    part: Option<Box<PartName>>,
    segment: usize,
    from: u64,
    to: Option<u64>,
}

impl Index {
    /// Whether so much of the log is of no use that it is rewritten: it is then less than half full, but for a segment.
    pub(super) fn has_outlived(&self, segment_bytes: u64) -> bool {
        let (size, live) =
            self.sealed().fold((0, 0), |(size, live), segment| (size + segment.header.size, live + segment.live()));
        size > 2 * live + segment_bytes && !self.is_damaged()
    }

    /// The segments that are not written to any more.
    fn sealed(&self) -> impl Iterator<Item = &Arc<Segment>> {
        let current = self.segments.keys().next_back().copied();
        self.segments.values().filter(move |segment| Some(segment.number) != current)
    }

    /// The segments that are to be rewritten: the one that gives back most, with those beside it that give back half of
    /// themselves or are small, as far as one segment has room for what is left of them.
    fn choose(&self, segment_bytes: u64) -> Vec<Arc<Segment>> {
        let sealed: Vec<_> = self.sealed().collect();
        let empty = sealed.iter().take_while(|segment| segment.live() == 0).count();
        if empty > 0 {
            return sealed.into_iter().take(empty).cloned().collect();
        }
        let gives = |segment: &Segment| segment.header.size.saturating_sub(segment.live());
        let gives_half = |segment: &Segment| gives(segment) * 2 >= segment.header.size;
        let best = (0..sealed.len()).filter(|&at| gives_half(sealed[at])).max_by_key(|&at| gives(sealed[at]));
        let Some(best) = best else { return Vec::new() };
        let (mut first, mut last) = (best, best);
        let is_worth_it = |first: usize, last: usize, new: usize| {
            let live: u64 = sealed[first..=last].iter().map(|segment| segment.live()).sum();
            let is_small = sealed[new].header.size <= segment_bytes / 4;
            (is_small || gives_half(sealed[new])) && live <= segment_bytes && spans(&sealed[first..=last]).is_some()
        };
        while first > 0 && is_worth_it(first - 1, last, first - 1) {
            first -= 1;
        }
        while last + 1 < sealed.len() && is_worth_it(first, last + 1, last + 1) {
            last += 1;
        }
        sealed[first..=last].iter().map(|&segment| segment.clone()).collect()
    }
}

/// The first of the batches of these segments, and how many there were.
fn spans(group: &[impl AsRef<Segment>]) -> Option<(u64, u32)> {
    let mut batches = group.iter().filter_map(|segment| segment.as_ref().batches());
    let (first, next) = batches.next()?;
    let next = batches.next_back().map_or(next, |(_, next)| next);
    Some((first, u32::try_from(next.checked_sub(first)?).ok()?))
}

/// What comes of looking for segments to be rewritten.
pub(super) enum Begun {
    /// There are none.
    Idle,
    /// They held nothing and are gone.
    Removed,
    Rewriting(Box<Rewriting>),
}

/// Begins to rewrite segments, if that gives back more than it costs. A damaged log is left as it is.
pub(super) fn begin(site: &Site) -> Result<Begun, Trouble> {
    let (group, clean, is_oldest) = {
        let index = lock(&site.index);
        let segment_bytes = site.next.segment_bytes();
        if !index.has_outlived(segment_bytes) {
            return Ok(Begun::Idle);
        }
        let group = index.choose(segment_bytes);
        let is_oldest = index.segments.keys().next() == group.first().map(|segment| &segment.number);
        (group, index.batch, is_oldest)
    };
    let Some(last) = group.last() else { return Ok(Begun::Idle) };
    let is_empty = group.iter().all(|segment| segment.live() == 0) && is_oldest;
    if is_empty || spans(&group).is_none() {
        for segment in &group {
            segment::remove(&*site.dir, segment.number).map_err(Trouble::Unclear)?;
            lock(&site.index).segments.remove(&segment.number);
        }
        return Ok(Begun::Removed);
    }
    let target = Replacement::begin(&*site.dir, &segment::name_of(last.number))?;
    Ok(Begun::Rewriting(Box::new(Rewriting {
        source: Source::new(&group[0]),
        group,
        clean,
        target,
        reading: 0,
        seen_live: 0,
        end: SEGMENT_HEADER as u64,
        batches: 0,
        frames: Vec::new(),
        owners: Vec::new(),
        batch: Vec::new(),
        copied: Vec::new(),
    })))
}

impl Rewriting {
    /// Does a little. Gives whether there is more to be done.
    pub(super) fn slice(&mut self, site: &Site) -> Result<bool, Trouble> {
        let mut read = 0;
        while read < SLICE && self.frames.len() < SLICE && self.reading < self.group.len() {
            read += self.read_batch(site)?;
        }
        let is_read = self.reading == self.group.len();
        if self.frames.len() >= SLICE || is_read {
            self.write_batch(site)?;
        }
        Ok(!is_read)
    }

    /// Takes over what is of use of the next batch. Gives how long the batch is.
    fn read_batch(&mut self, site: &Site) -> Result<usize, Trouble> {
        let segment = self.group[self.reading].clone();
        let Some((head, at)) = self.source.next(&segment, site.store)? else {
            // Nothing is left out that the index counts on.
            if self.seen_live < segment.live() {
                return Err(Trouble::Damaged);
            }
            self.reading += 1;
            self.seen_live = 0;
            if let Some(next) = self.group.get(self.reading) {
                self.source = Source::new(next);
            }
            return Ok(0);
        };
        for frame in head.frames(self.source.bytes(), at) {
            let placed = frame.map_err(|_| Trouble::Damaged)?;
            self.take(site, &segment, &placed);
        }
        Ok(head.end(at) - at)
    }

    fn take(&mut self, site: &Site, segment: &Arc<Segment>, placed: &Placed) {
        let Placed { head, offset, len } = placed;
        let from = self.source.start() + offset;
        let range = (self.group[0].from(), self.group[self.group.len() - 1].number);
        let looked = Looked::at(head, segment, from);
        let used = lock(&site.index).use_of(&looked, range);
        if used == Use::None {
            return;
        }
        self.seen_live += segment::room(*len);
        let mut to = None;
        if used == Use::Live {
            let start = self.frames.len();
            self.frames.extend_from_slice(&self.source.bytes()[*offset as usize..*offset as usize + *len as usize]);
            fill_up(&mut self.frames, start);
            self.owners.push((head.run, start));
            // In the batch for now, in the file when that is written.
            to = Some(start as u64);
        }
        let FrameHead { kind, run, next, .. } = *head;
        let part = head.part.clone();
        self.copied.push(Copied { kind, run, next, part, segment: self.reading, from, to });
    }

    fn write_batch(&mut self, site: &Site) -> Result<(), Trouble> {
        if self.owners.is_empty() {
            return Ok(());
        }
        let (first, _) = spans(&self.group).ok_or(Trouble::Damaged)?;
        let number = first + u64::from(self.batches);
        let start = batch::write((site.store, number), self.owners.iter().copied(), &self.frames, &mut self.batch);
        self.target.file().write_at(&self.batch, self.end)?;
        self.target.file().sync()?;
        let count = self.owners.len();
        let copies = self.copied.iter_mut().rev().filter(|copied| copied.to.is_some()).take(count);
        copies.for_each(|copied| copied.to = copied.to.map(|place| self.end + start as u64 + place));
        self.end += self.batch.len() as u64;
        self.batches += 1;
        self.frames.clear();
        self.owners.clear();
        Ok(())
    }

    /// Puts the new segment in the place of the old ones.
    pub(super) fn finish(self, site: &Site) -> Result<Arc<Segment>, Trouble> {
        let Self { group, clean, target, end, batches, copied, .. } = self;
        let number = group[group.len() - 1].number;
        let (first_batch, spans) = spans(&group).ok_or(Trouble::Damaged)?;
        let header = SegmentHeader {
            store: site.store,
            number,
            size: end,
            first_batch,
            rewritten: Some(Rewritten { from: group[0].from(), batches, spans }),
            min_reader: MIN_READER,
            min_writer: MIN_WRITER,
        };
        if let Err(error) = target.file().write_at(&header.to_bytes(), 0) {
            target.abandon(&*site.dir);
            return Err(error.into());
        }
        target.finish(&*site.dir).map_err(Trouble::Unclear)?;
        let new = Arc::new(segment::take_over(&*site.dir, header, clean).map_err(Trouble::Unclear)?);
        relocate(site, &group, &new, &copied);
        // They are read by nobody any more who opens the log, in whatever order they go.
        for segment in &group[..group.len() - 1] {
            segment::remove(&*site.dir, segment.number).map_err(Trouble::Unclear)?;
        }
        Ok(new)
    }

    /// Leaves all as it is.
    pub(super) fn abandon(self, site: &Site) {
        self.target.abandon(&*site.dir);
    }
}

/// Has the index look for what was copied in the new place.
fn relocate(site: &Site, group: &[Arc<Segment>], new: &Arc<Segment>, copied: &[Copied]) {
    {
        let mut index = lock(&site.index);
        group.iter().for_each(|segment| drop(index.segments.remove(&segment.number)));
        index.segments.insert(new.number, new.clone());
    }
    for some in copied.chunks(RELOCATED) {
        let mut index = lock(&site.index);
        for Copied { kind, run, next, part, segment, from, to } in some {
            let (kind, run, next, part) = (*kind, *run, *next, part.as_deref());
            let looked = Looked { part, kind, run, next, segment: &group[*segment], offset: *from };
            match to {
                Some(to) => index.relocate(&looked, new, *to),
                None => index.fulfil(&looked),
            }
        }
    }
}
