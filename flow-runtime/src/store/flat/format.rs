//! The bytes of the log: segments, batches, frames.
//!
//! In: frames to be kept, or the bytes of a file of any origin. Out: bytes, or what stands in them with what is
//! broken told apart. Nothing here touches a file or knows what a frame's body means.
//!
//! A segment begins with its header, twice, so that a damaged copy harms nothing. Behind it stand batches, one after
//! the other, and zeros up to the length that the header says. A batch is
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `FLWB` |
//! | 4 | CRC-32C of the 40 bytes behind it |
//! | 8 | the store's number, drawn at random when the store was made |
//! | 8 | the batch's number, counted from 1 over all segments |
//! | 8 | the length from here to the end mark, both included |
//! | 8 | the last batch that was durable when this one was written |
//! | 4 | the number of frames |
//! | 4 | CRC-32C of the index |
//! | 16 each | the index: for each frame its run and its place in the batch |
//! | | the frames |
//! | 8 | the end mark, `flowend.` |
//!
//! and a frame is
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | CRC-32C of the 44 bytes behind it |
//! | 4 | CRC-32C of the body |
//! | 8 | the run's number, see [`run_number`]; for a plan its number with the highest bit set |
//! | 8 | the number of changes the run has after this frame; for a plan the first 8 bytes of its body's SHA-256 |
//! | 4 | the length of the body |
//! | 4 | the number of the plan that the body names, 0 for none |
//! | 4 | CRC-32C of the change that this frame commits, 0 for none |
//! | 1 | the kind: 1 change, 2 whole run, 3 plan, 4 deletion |
//! | 1 | the run's status after this frame |
//! | 2 | the length of the run's id, in frames that begin a run or replace it; else 0 |
//! | 8 | `run_no` of the run, in the same frames |
//! | | the body: the id, filled up with zeros to a multiple of 8, then a `FlatBuffer` of `schema/flow.fbs` |
//!
//! Batches and frames are filled up with zeros to a multiple of 8. Numbers are little-endian. CRC-32C is the
//! Castagnoli polynomial (RFC 3720).

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

const BATCH_MAGIC: [u8; 4] = *b"FLWB";
/// The length of a batch's header, without the index.
const BATCH_HEADER: usize = 48;
const INDEX_ENTRY: usize = 16;
const END_MARK: [u8; 8] = *b"flowend.";

/// The length of a frame's header.
pub(super) const FRAME_HEADER: usize = 48;

/// What tells the number of a plan from that of a run.
pub(super) const PLAN_BIT: u64 = 1 << 63;

/// What a disk writes whole, or not at all, at best.
const SECTOR: usize = 512;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) store: u64,
    pub(super) number: u64,
    /// The length of the file in bytes.
    pub(super) size: u64,
    /// The first batch that may stand in it.
    pub(super) first_batch: u64,
    pub(super) min_reader: u16,
    pub(super) min_writer: u16,
}

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delta = 1,
    Snapshot = 2,
    Plan = 3,
    Deleted = 4,
}

/// What a frame says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) kind: Kind,
    pub(super) run: u64,
    pub(super) next: u64,
    pub(super) plan: u32,
    pub(super) delta_crc: u32,
    pub(super) status: u8,
    /// The run's id and `run_no`, in a frame that begins a run or replaces it.
    pub(super) begins: Option<(WorkflowId, u64)>,
}

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHead {
    pub(super) seq: u64,
    pub(super) synced: u64,
    len: usize,
    frames: usize,
    index_crc: u32,
}

/// A frame in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) head: FrameHead,
    /// Where its header begins in the file, and how long it is with its body, without what fills it up.
    pub(super) offset: u64,
    pub(super) len: u32,
}

/// A frame of a batch as it was found; of a broken one, the run that it belongs to, where that is known.
pub(super) type FoundFrame = Result<Placed, Option<u64>>;

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
        copy.extend_from_slice(&[0; 4]);
        for field in [self.store, self.number, self.size, self.first_batch] {
            copy.extend_from_slice(&field.to_le_bytes());
        }
        copy.resize(SEGMENT_COPY - 4, 0);
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
        Some(Self {
            store: u64_at(copy, 16)?,
            number: u64_at(copy, 24)?,
            size: u64_at(copy, 32)?,
            first_batch: u64_at(copy, 40)?,
            min_reader: u16_at(copy, 8)?,
            min_writer: u16_at(copy, 10)?,
        })
    }
}

impl Kind {
    fn from_tag(tag: u8) -> Option<Self> {
        [Self::Delta, Self::Snapshot, Self::Plan, Self::Deleted].into_iter().find(|kind| *kind as u8 == tag)
    }
}

impl FrameHead {
    /// Appends the frame with this body, and gives its length without what fills it up.
    pub(super) fn write(&self, flat: &[u8], to: &mut Vec<u8>) -> u32 {
        let (id, run_no) = match &self.begins {
            Some((id, run_no)) => (id.as_str(), *run_no),
            None => ("", 0),
        };
        let start = to.len();
        to.resize(start + FRAME_HEADER, 0);
        to.extend_from_slice(id.as_bytes());
        fill_up(to, start);
        to.extend_from_slice(flat);
        let len = to.len() - start;
        let (header, body) = to[start..].split_at_mut(FRAME_HEADER);
        header[4..8].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        header[8..16].copy_from_slice(&self.run.to_le_bytes());
        header[16..24].copy_from_slice(&self.next.to_le_bytes());
        header[24..28].copy_from_slice(&(body.len() as u32).to_le_bytes());
        header[28..32].copy_from_slice(&self.plan.to_le_bytes());
        header[32..36].copy_from_slice(&self.delta_crc.to_le_bytes());
        header[36] = self.kind as u8;
        header[37] = self.status;
        header[38..40].copy_from_slice(&(id.len() as u16).to_le_bytes());
        header[40..48].copy_from_slice(&run_no.to_le_bytes());
        let crc = crc32c::crc32c(&header[4..]).to_le_bytes();
        header[..4].copy_from_slice(&crc);
        fill_up(to, start);
        len as u32
    }

    /// The frame at the beginning of these bytes, with the place of its body behind the id in them; an error says which run
    /// it belongs to, if its header is whole.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, std::ops::Range<usize>), Option<u64>> {
        let header = bytes.get(..FRAME_HEADER).ok_or(None)?;
        if crc32c::crc32c(&header[4..]) != u32_at(header, 0).ok_or(None)? {
            return Err(None);
        }
        let run = u64_at(header, 8).ok_or(None)?;
        Self::read_body(bytes, header, run).ok_or(Some(run))
    }

    fn read_body(bytes: &[u8], header: &[u8], run: u64) -> Option<(Self, std::ops::Range<usize>)> {
        let end = FRAME_HEADER + u32_at(header, 24)? as usize;
        let body = bytes.get(FRAME_HEADER..end)?;
        if crc32c::crc32c(body) != u32_at(header, 4)? {
            return None;
        }
        let id_len = usize::from(u16_at(header, 38)?);
        let begins = match id_len {
            0 => None,
            len => {
                let id = std::str::from_utf8(body.get(..len)?).ok()?;
                Some((WorkflowId::new(id).ok()?, u64_at(header, 40)?))
            }
        };
        let head = Self {
            kind: Kind::from_tag(*header.get(36)?)?,
            run,
            next: u64_at(header, 16)?,
            plan: u32_at(header, 28)?,
            delta_crc: u32_at(header, 32)?,
            status: *header.get(37)?,
            begins,
        };
        let start = FRAME_HEADER + id_len.next_multiple_of(8);
        (start <= end).then_some((head, start..end))
    }
}

/// The bytes of a batch of these frames, each given by its run and its place in `frames`; and where the frames begin.
pub(super) fn write_batch(
    (store, seq, synced): (u64, u64, u64),
    index: impl ExactSizeIterator<Item = (u64, usize)>,
    frames: &[u8],
) -> (Vec<u8>, usize) {
    let count = index.len();
    let start = BATCH_HEADER + count * INDEX_ENTRY;
    let len = start + frames.len() + END_MARK.len();
    let mut batch = vec![0; BATCH_HEADER];
    batch.reserve_exact(len - BATCH_HEADER);
    for (run, at) in index {
        batch.extend_from_slice(&run.to_le_bytes());
        batch.extend_from_slice(&((start + at) as u64).to_le_bytes());
    }
    let index_crc = crc32c::crc32c(&batch[BATCH_HEADER..]);
    batch.extend_from_slice(frames);
    batch.extend_from_slice(&END_MARK);
    batch[8..16].copy_from_slice(&store.to_le_bytes());
    batch[16..24].copy_from_slice(&seq.to_le_bytes());
    batch[24..32].copy_from_slice(&(len as u64).to_le_bytes());
    batch[32..40].copy_from_slice(&synced.to_le_bytes());
    batch[40..44].copy_from_slice(&(count as u32).to_le_bytes());
    batch[44..48].copy_from_slice(&index_crc.to_le_bytes());
    let crc = crc32c::crc32c(&batch[8..BATCH_HEADER]).to_le_bytes();
    batch[..4].copy_from_slice(&BATCH_MAGIC);
    batch[4..8].copy_from_slice(&crc);
    (batch, start)
}

impl BatchHead {
    /// The header of the batch that begins here, if it is whole and of this store.
    pub(super) fn read(bytes: &[u8], at: usize, store: u64) -> Option<Self> {
        let header = bytes.get(at..at.checked_add(BATCH_HEADER)?)?;
        if !header.starts_with(&BATCH_MAGIC) || u64_at(header, 8)? != store {
            return None;
        }
        if crc32c::crc32c(&header[8..]) != u32_at(header, 4)? {
            return None;
        }
        let len = usize::try_from(u64_at(header, 24)?).ok()?;
        let frames = u32_at(header, 40)? as usize;
        let least = BATCH_HEADER + frames.checked_mul(INDEX_ENTRY)? + END_MARK.len();
        let fits = len >= least && len <= bytes.len() - at;
        fits.then_some(Self {
            seq: u64_at(header, 16)?,
            synced: u64_at(header, 32)?,
            len,
            frames,
            index_crc: u32_at(header, 44)?,
        })
    }

    /// Where the batch that begins at `at` ends.
    pub(super) fn end(&self, at: usize) -> usize {
        at + self.len
    }

    /// The frames of the batch that begins at `at`, found by its index, or in their order if the index is broken.
    pub(super) fn frames(&self, bytes: &[u8], at: usize) -> Vec<FoundFrame> {
        let start = at + BATCH_HEADER + self.frames * INDEX_ENTRY;
        let Some(index) = bytes.get(at + BATCH_HEADER..start) else { return vec![Err(None)] };
        if crc32c::crc32c(index) != self.index_crc {
            return chain(bytes, start, self.frames, self.end(at));
        }
        let entries = index.chunks_exact(INDEX_ENTRY);
        entries
            .map(|entry| {
                let (Some(run), Some(place)) = (u64_at(entry, 0), u64_at(entry, 8)) else { return Err(None) };
                let offset = usize::try_from(place).ok().and_then(|place| at.checked_add(place)).ok_or(Some(run))?;
                read_frame(&bytes[..self.end(at)], offset).map_err(|_| Some(run))
            })
            .collect()
    }
}

/// The frames of a batch whose header is broken, if they can all be found between `from` and `to`.
pub(super) fn salvage(bytes: &[u8], from: usize, to: usize) -> Option<Vec<FoundFrame>> {
    let first = (from + BATCH_HEADER + INDEX_ENTRY..to).step_by(INDEX_ENTRY);
    let start = { first }.find(|&at| read_frame(&bytes[..to], at).is_ok())?;
    let count = (start - from - BATCH_HEADER) / INDEX_ENTRY;
    let frames = chain(bytes, start, count, to);
    let end = match frames.last()? {
        Ok(last) => (last.offset as usize + last.len as usize).next_multiple_of(8),
        Err(_) => return None,
    };
    (frames.len() == count && bytes.get(end..end + END_MARK.len()) == Some(&END_MARK[..])).then_some(frames)
}

/// So many frames one after the other. Behind a broken one nothing can be found, so whose they were is not known.
fn chain(bytes: &[u8], start: usize, count: usize, end: usize) -> Vec<FoundFrame> {
    let mut frames = Vec::new();
    let mut at = start;
    while frames.len() < count {
        let frame = bytes.get(..end).ok_or(None).and_then(|bytes| read_frame(bytes, at));
        let Ok(placed) = &frame else {
            frames.push(Err(None));
            break;
        };
        at = (at + placed.len as usize).next_multiple_of(8);
        frames.push(frame);
    }
    frames
}

fn read_frame(bytes: &[u8], at: usize) -> FoundFrame {
    let (head, body) = FrameHead::read(bytes.get(at..).ok_or(None)?)?;
    Ok(Placed { head, offset: at as u64, len: body.end as u32 })
}

/// Where the next batch of this store begins, at or behind `from`.
pub(super) fn find_batch(bytes: &[u8], from: usize, store: u64) -> Option<usize> {
    (from.next_multiple_of(8)..bytes.len()).step_by(8).find(|&at| BatchHead::read(bytes, at, store).is_some())
}

/// Where what was written ends: behind the last byte that is not zero.
pub(super) fn written_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Whether a write that should have filled this range seems to have reached the disk whole: it has its end mark, and
/// no sector of it is empty. Then what is broken in it was damaged later; otherwise the power went during the write.
pub(super) fn is_complete(bytes: &[u8], from: usize, to: usize) -> bool {
    let Some(range) = bytes.get(from..to) else { return false };
    let mut at = from;
    let mut has_empty_sector = false;
    while at < to {
        let end = (at + 1).next_multiple_of(SECTOR).min(to);
        has_empty_sector |= bytes[at..end].iter().all(|&byte| byte == 0);
        at = end;
    }
    range.ends_with(&END_MARK) && !has_empty_sector
}

fn fill_up(to: &mut Vec<u8>, start: usize) {
    let len = to.len() - start;
    to.resize(start + len.next_multiple_of(8), 0);
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}
