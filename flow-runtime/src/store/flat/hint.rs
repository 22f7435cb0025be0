//! What stands in a segment, in short, in a file beside it: so a log is opened without reading what its runs hold.
//!
//! In: a segment that is not written to any more. Out: a file that says of each frame what the index needs, and the
//! frames again. A hint is made of a segment that was read and found whole. It is believed if its checksum is right, if
//! it was made of a segment with this very header, and if the last batch is where it says; else the segment is read. What
//! a frame holds it does not vouch for: that is checked when a run is read. A hint is
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `FLOWHNT`, 1 |
//! | 4, 4 | CRC-32C of what follows, how many of the frames begin a run or replace it |
//! | 64 | a copy of the segment's header |
//! | 8, 8 | the numbers of its first batch and the one behind its last |
//! | 8, 24 | where the last batch begins, and its header |
//! | 8 | the number of frames |
//! | | of each: its run (8), the number of changes (8), where it begins in units of 8 bytes (4), its length (4), its plan (4), the checksum of the last change (4), kind (1), status (1), the length of the id (2), 4 zeros |
//! | | and of one that begins a run or replaces it: `run_no` (8), when it was created (8), its id, filled up with zeros to a multiple of 8 |
//! | | and of a part: `run_no` (8), the payload's number (16), which part it is (4), 4 zeros |

use std::sync::Arc;

use super::batch;
use super::compact::Trouble;
use super::format::{Kind, fill_up, u16_at, u32_at, u64_at};
use super::frame::{Begins, FrameHead, PartName, Placed};
use super::segment::{Opened, Segment};
use super::source::Source;
use crate::disk::{Dir, read_all, replace_durably};
use crate::state::WorkflowId;

const MAGIC: [u8; 8] = *b"FLOWHNT\x01";
/// Where the frames begin, and how long one is without what it says of its run.
const START: usize = 136;
const FRAME: usize = 40;
/// How long is what names a part.
const PART: usize = 32;
/// The most bytes of a hint that is read.
const MAX_BYTES: u64 = 4 << 30;

/// What a hint says.
pub(super) struct Hint {
    /// The numbers of the segment's first batch and the one behind its last.
    pub(super) batches: (u64, u64),
    bytes: Vec<u8>,
}

/// The name of the hint of this segment.
pub(super) fn name_of(number: u64) -> String {
    format!("log-{number:016x}.hint")
}

/// The segment of which a file of this name is the hint.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".hint")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (name_of(number) == name).then_some(number)
}

/// Makes the hint of a segment.
pub(super) fn make(dir: &dyn Dir, segment: &Arc<Segment>, store: u64) -> Result<(), Trouble> {
    let mut source = Source::new(segment);
    let mut hint = vec![0; START];
    let (mut batches, mut last, mut frames, mut beginnings) = (None, [0; 32], 0_u64, 0_u32);
    while let Some((head, at)) = source.next(segment, store)? {
        for frame in head.frames(source.bytes(), at) {
            let placed = frame.map_err(|_| Trouble::Damaged)?;
            write_frame(&placed, source.start(), &mut hint)?;
            frames += 1;
            beginnings += u32::from(placed.head.begins.is_some());
        }
        batches = Some((batches.map_or(head.seq, |(first, _)| first), head.seq + 1));
        last[..8].copy_from_slice(&(source.start() + at as u64).to_le_bytes());
        last[8..].copy_from_slice(&source.bytes()[at..at + batch::HEADER]);
    }
    let Some((first, next)) = batches else { return Ok(()) };
    hint[..8].copy_from_slice(&MAGIC);
    hint[12..16].copy_from_slice(&beginnings.to_le_bytes());
    hint[16..80].copy_from_slice(&segment.header.to_bytes()[..64]);
    hint[80..88].copy_from_slice(&first.to_le_bytes());
    hint[88..96].copy_from_slice(&next.to_le_bytes());
    hint[96..128].copy_from_slice(&last);
    hint[128..136].copy_from_slice(&frames.to_le_bytes());
    let crc = crc32c::crc32c(&hint[12..]).to_le_bytes();
    hint[8..12].copy_from_slice(&crc);
    Ok(replace_durably(dir, &name_of(segment.number), &hint)?)
}

fn write_frame(Placed { head, offset, len }: &Placed, start: u64, to: &mut Vec<u8>) -> Result<(), Trouble> {
    let units = u32::try_from((start + offset) / 8).map_err(|_| Trouble::Damaged)?;
    let id = head.begins.as_ref().map(|begins| begins.id.as_str()).unwrap_or_default();
    to.extend_from_slice(&head.run.to_le_bytes());
    to.extend_from_slice(&head.next.to_le_bytes());
    for field in [units, *len, head.plan, head.delta_crc] {
        to.extend_from_slice(&field.to_le_bytes());
    }
    to.extend_from_slice(&[head.kind as u8, head.status]);
    to.extend_from_slice(&(id.len() as u16).to_le_bytes());
    to.extend_from_slice(&[0; 4]);
    if let Some(begins) = &head.begins {
        let start = to.len();
        to.extend_from_slice(&begins.run_no.to_le_bytes());
        to.extend_from_slice(&begins.created_at.to_le_bytes());
        to.extend_from_slice(id.as_bytes());
        fill_up(to, start);
    }
    if let Some(part) = &head.part {
        part.write(to);
        to.extend_from_slice(&[0; 4]);
    }
    Ok(())
}

/// The hint of a segment, if there is one that can be believed.
pub(super) fn read(dir: &dyn Dir, opened: &Opened) -> Option<Hint> {
    let Opened { segment, len, .. } = opened;
    let bytes = read_all(dir, &name_of(segment.number), MAX_BYTES).ok()?;
    let is_whole = bytes.starts_with(&MAGIC) && crc32c::crc32c(bytes.get(12..)?) == u32_at(&bytes, 8)?;
    let is_of_it = bytes.get(16..80)? == &segment.header.to_bytes()[..64] && *len == segment.header.size;
    if !is_whole || !is_of_it {
        return None;
    }
    let mut last = [0; batch::HEADER];
    let read = segment.file.read_at(&mut last, u64_at(&bytes, 96)?).ok()?;
    let is_there = read == last.len() && bytes.get(104..128)? == last;
    is_there.then_some(Hint { batches: (u64_at(&bytes, 80)?, u64_at(&bytes, 88)?), bytes })
}

impl Hint {
    /// How many of the frames begin a run or replace it.
    pub(super) fn beginnings(&self) -> usize {
        u32_at(&self.bytes, 12).unwrap_or_default() as usize
    }

    /// The frames of the segment, all of them; what its checksum vouches for is as it was written.
    pub(super) fn frames(&self) -> Frames<'_> {
        Frames { bytes: &self.bytes, at: START, left: u64_at(&self.bytes, 128).unwrap_or_default() }
    }
}

/// The frames of a hint, in order.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u64,
}

impl Frames<'_> {
    fn read(&mut self) -> Option<Placed> {
        let bytes = self.bytes.get(self.at..)?;
        let frame = bytes.get(..FRAME)?;
        let mut head = FrameHead::plain(Kind::from_tag(frame[32])?, u64_at(frame, 0)?, u64_at(frame, 8)?);
        let (units, len) = (u32_at(frame, 16)?, u32_at(frame, 20)?);
        (head.plan, head.delta_crc, head.status) = (u32_at(frame, 24)?, u32_at(frame, 28)?, frame[33]);
        self.at += FRAME;
        let id_len = usize::from(u16_at(frame, 34)?);
        if id_len > 0 {
            let created_at = i64::from_le_bytes(u64_at(bytes, FRAME + 8)?.to_le_bytes());
            let id = std::str::from_utf8(bytes.get(FRAME + 16..FRAME + 16 + id_len)?).ok()?;
            let begins = Begins { id: WorkflowId::new(id).ok()?, run_no: u64_at(bytes, FRAME)?, created_at };
            head.begins = Some(Box::new(begins));
            self.at += (16 + id_len).next_multiple_of(8);
        }
        if head.kind == Kind::Part {
            head.part = Some(Box::new(PartName::read(bytes.get(FRAME..)?)?));
            self.at += PART;
        }
        Some(Placed { head, offset: u64::from(units) * 8, len })
    }
}

impl Iterator for Frames<'_> {
    type Item = Placed;

    fn next(&mut self) -> Option<Placed> {
        self.left = self.left.checked_sub(1)?;
        self.read()
    }
}
