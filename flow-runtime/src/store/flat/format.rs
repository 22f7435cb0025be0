//! The bytes of the log: segments, batches, frames.
//!
//! In: frames to be kept, or the bytes of a file of any origin. Out: bytes, or what stands in them with what is
//! broken told apart. Nothing here touches a file or knows what a frame's body means. Batches are in [`batch`], frames
//! in [`frame`].
//!
//! A segment begins with its header, twice, so that a damaged copy harms nothing. Behind it stand batches, one after
//! the other, and zeros up to the length that the header says. Segments follow one another by their numbers, which have
//! gaps. A copy of the header is
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `FLOWLOG`, 1 |
//! | 2, 2 | the oldest version that can read it, and the oldest that may write into it |
//! | 4 | in a segment that was rewritten: how many batches it has |
//! | 8 | the store's number, drawn at random when the store was made |
//! | 8 | the segment's number |
//! | 8 | the length of the file |
//! | 8 | the number of its first batch; 0 if it was made before that was known |
//! | 8 | in a segment that was rewritten: the number of the first of the segments that it stands for, up to its own; those that are still there do not count; else 0 |
//! | 4 | in a segment that was rewritten: how many batch numbers it stands for, those that are gone included |
//! | 4 | CRC-32C of the copy up to here |
//!
//! A batch is
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `FLWB` |
//! | 4 | CRC-32C of the store's number and of what follows up to the frames |
//! | 8 | the batch's number, counted from 1 over all segments (in one that was rewritten, from that of the first batch it stands for); the batch before it was durable when it was written |
//! | 4 | the length of the whole, in units of 8 bytes |
//! | 4 | the number of frames |
//! | 8 or 16 each | the index: the run of the one frame; or for each of several its run, its place in the batch in units of 8 bytes, and 4 zeros |
//! | | the frames |
//! | 8 | the end mark, `flowend.` |
//!
//! and a frame is
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | CRC-32C of what follows up to the body |
//! | 4 | CRC-32C of the body and the time |
//! | 8 | the run's number, see [`run_number`]; for a plan its number with the highest bit set |
//! | 8 | the number of changes the run has after this frame, 0 for a part; for a plan the first 8 bytes of its body's SHA-256 |
//! | 8 | the time of the change, in nanoseconds since 1970 |
//! | 4 | the length of the body |
//! | 1 | the kind: 1 change, 2 whole run, 3 plan, 4 deletion, 5 part of a large payload |
//! | 1 | the run's status after this frame |
//! | 2 | the length of what follows up to the body |
//! | | in frames that name a plan or begin a run: the plan's number (4), CRC-32C of the last change (4) |
//! | | in frames that begin a run or replace it, also: `run_no` (8), when it was created (8), its id |
//! | | in parts: `run_no` (8), the payload's number (16), which part it is (4) |
//! | | the body: a `FlatBuffer` of `schema/flow.fbs`; of a part its bytes |
//!
//! Batches, frames and what stands between a frame's header and its body are filled up with zeros to a multiple of 8.
//! Numbers are little-endian. CRC-32C is the Castagnoli polynomial (RFC 3720).

use sha2::{Digest, Sha256};

use crate::state::WorkflowId;

/// Versions below this one cannot read what is written now.
pub(super) const MIN_READER: u16 = 1;
/// Versions below this one must not write into such a segment.
pub(super) const MIN_WRITER: u16 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"FLOWLOG\x01";
const SEGMENT_COPY: usize = 64;
/// The length of a segment's header, both copies.
pub(super) const SEGMENT_HEADER: usize = 2 * SEGMENT_COPY;

/// What tells the number of a plan from that of a run.
pub(super) const PLAN_BIT: u64 = 1 << 63;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) store: u64,
    pub(super) number: u64,
    /// The length of the file in bytes.
    pub(super) size: u64,
    /// The number of its first batch; 0 if that was not known when it was made.
    pub(super) first_batch: u64,
    /// What it was made of, if it was rewritten.
    pub(super) rewritten: Option<Rewritten>,
    pub(super) min_reader: u16,
    pub(super) min_writer: u16,
}

/// What a segment that was rewritten says of those that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// The number of the first of them; the last had its own.
    pub(super) from: u64,
    /// How many batches stand in it, and how many stood in them.
    pub(super) batches: u32,
    pub(super) spans: u32,
}

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delta = 1,
    Snapshot = 2,
    Plan = 3,
    Deleted = 4,
    Part = 5,
}

/// The number under which a run stands in the log, unless another id has it: the first 63 bits of its id's SHA-256.
/// So the number alone tells which id damage is about, where the id itself is lost.
pub(super) fn run_number(id: &WorkflowId) -> u64 {
    digest(id.as_str().as_bytes()) & !PLAN_BIT
}

/// The first 8 bytes of the SHA-256 of these bytes.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |number, &byte| (number << 8) | u64::from(byte))
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEADER] {
        let mut copy = Vec::with_capacity(SEGMENT_COPY);
        copy.extend_from_slice(&SEGMENT_MAGIC);
        copy.extend_from_slice(&self.min_reader.to_le_bytes());
        copy.extend_from_slice(&self.min_writer.to_le_bytes());
        let Rewritten { from, batches, spans } = self.rewritten.unwrap_or(Rewritten { from: 0, batches: 0, spans: 0 });
        copy.extend_from_slice(&batches.to_le_bytes());
        for field in [self.store, self.number, self.size, self.first_batch, from] {
            copy.extend_from_slice(&field.to_le_bytes());
        }
        copy.extend_from_slice(&spans.to_le_bytes());
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        let mut header = [0; SEGMENT_HEADER];
        let (first, second) = header.split_at_mut(SEGMENT_COPY);
        first.copy_from_slice(&copy);
        second.copy_from_slice(&copy);
        header
    }

    /// The header of a segment, and whether both copies of it are whole; `None` if neither is.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, bool)> {
        let first = bytes.get(..SEGMENT_COPY).and_then(Self::read_copy);
        let second = bytes.get(SEGMENT_COPY..SEGMENT_HEADER).and_then(Self::read_copy);
        let intact = first.is_some() && first == second;
        first.or(second).map(|header| (header, intact))
    }

    fn read_copy(copy: &[u8]) -> Option<Self> {
        let crc = u32_at(copy, SEGMENT_COPY - 4)?;
        if !copy.starts_with(&SEGMENT_MAGIC) || crc32c::crc32c(copy.get(..SEGMENT_COPY - 4)?) != crc {
            return None;
        }
        let from = u64_at(copy, 48)?;
        let rewritten = Rewritten { from, batches: u32_at(copy, 12)?, spans: u32_at(copy, 56)? };
        Some(Self {
            store: u64_at(copy, 16)?,
            number: u64_at(copy, 24)?,
            size: u64_at(copy, 32)?,
            first_batch: u64_at(copy, 40)?,
            rewritten: (from != 0).then_some(rewritten),
            min_reader: u16_at(copy, 8)?,
            min_writer: u16_at(copy, 10)?,
        })
    }
}

impl Kind {
    pub(super) fn from_tag(tag: u8) -> Option<Self> {
        [Self::Delta, Self::Snapshot, Self::Plan, Self::Deleted, Self::Part].into_iter().find(|kind| *kind as u8 == tag)
    }
}

/// Where what was written ends: behind the last byte that is not zero.
pub(super) fn written_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Fills up with zeros what was added behind `start`.
pub(super) fn fill_up(to: &mut Vec<u8>, start: usize) {
    let len = to.len() - start;
    to.resize(start + len.next_multiple_of(8), 0);
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}
