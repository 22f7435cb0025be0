//! A batch: frames that are written and synced together, with an index of whose they are.
//!
//! In: frames as bytes. Out: a batch; or the frames that stand in one, with what is broken laid to its run as far as
//! either the index or the frame itself says whose it was. How a batch is laid out stands in [`format`](super::format).

use super::format::{u32_at, u64_at};
use super::frame::{FoundFrame, FrameHead, Placed};

const MAGIC: [u8; 4] = *b"FLWB";
/// The length of a batch's header, without the index.
pub(super) const HEADER: usize = 24;
const END_MARK: [u8; 8] = *b"flowend.";

/// What a disk writes whole, or not at all, at best.
const SECTOR: usize = 512;

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHead {
    pub(super) seq: u64,
    len: usize,
    frames: usize,
}

/// The length of the index of so many frames.
const fn index_len(frames: usize) -> usize {
    if frames == 1 { 8 } else { 16 * frames }
}

/// The length of a batch of so many frames, which have so many bytes.
const fn len(count: usize, frames: usize) -> usize {
    HEADER + index_len(count) + frames + END_MARK.len()
}

/// Writes a batch of these frames, each given by its run and its place in `frames`, over what stands in `batch`. Gives
/// where the frames begin.
pub(super) fn write(
    (store, seq): (u64, u64),
    index: impl ExactSizeIterator<Item = (u64, usize)>,
    frames: &[u8],
    batch: &mut Vec<u8>,
) -> usize {
    let count = index.len();
    let start = HEADER + index_len(count);
    let len = len(count, frames.len());
    batch.clear();
    batch.reserve(len);
    batch.resize(HEADER, 0);
    for (run, at) in index {
        batch.extend_from_slice(&run.to_le_bytes());
        if count > 1 {
            batch.extend_from_slice(&(((start + at) / 8) as u64).to_le_bytes());
        }
    }
    batch[..4].copy_from_slice(&MAGIC);
    batch[8..16].copy_from_slice(&seq.to_le_bytes());
    batch[16..20].copy_from_slice(&((len / 8) as u32).to_le_bytes());
    batch[20..24].copy_from_slice(&(count as u32).to_le_bytes());
    let crc = checksum(store, &batch[8..]).to_le_bytes();
    batch[4..8].copy_from_slice(&crc);
    batch.extend_from_slice(frames);
    batch.extend_from_slice(&END_MARK);
    start
}

/// How long the batch is that begins with this header, if it is one.
pub(super) fn len_of(header: &[u8]) -> Option<usize> {
    let units = header.starts_with(&MAGIC).then(|| u32_at(header, 16)).flatten()?;
    Some(units as usize * 8)
}

fn checksum(store: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&store.to_le_bytes()), bytes)
}

impl BatchHead {
    /// The header of the batch that begins here, if it is whole and of this store.
    pub(super) fn read(bytes: &[u8], at: usize, store: u64) -> Option<Self> {
        let bytes = bytes.get(at..)?;
        let header = bytes.first_chunk::<HEADER>()?;
        if !header.starts_with(&MAGIC) {
            return None;
        }
        let (len, frames) = (u32_at(header, 16)? as usize * 8, u32_at(header, 20)? as usize);
        let start = HEADER + index_len(frames);
        if frames == 0 || len > bytes.len() || start + END_MARK.len() > len {
            return None;
        }
        let is_whole = checksum(store, bytes.get(8..start)?) == u32_at(header, 4)?;
        is_whole.then_some(Self { seq: u64_at(header, 8)?, len, frames })
    }

    /// Where the batch that begins at `at` ends.
    pub(super) fn end(&self, at: usize) -> usize {
        at + self.len
    }

    /// The frames of the batch that begins at `at`, found by its index.
    pub(super) fn frames(&self, bytes: &[u8], at: usize) -> Vec<FoundFrame> {
        let start = at + HEADER + index_len(self.frames);
        let Some(index) = bytes.get(at + HEADER..start) else { return vec![Err(None)] };
        let entries = index.chunks_exact(index_len(self.frames) / self.frames);
        entries
            .map(|entry| {
                let run = u64_at(entry, 0).ok_or(None)?;
                // One frame alone stands where frames begin.
                let place = u64_at(entry, 8).map_or(start - at, |units| units as usize * 8);
                read_frame(&bytes[..self.end(at)], at + place).map_err(|_| Some(run))
            })
            .collect()
    }
}

/// The frames of a batch whose header is broken, if they can all be found between `from` and `to`.
pub(super) fn salvage(bytes: &[u8], from: usize, to: usize) -> Option<Vec<FoundFrame>> {
    let first = (from + HEADER + index_len(1)..to).step_by(8);
    let start = { first }.find(|&at| read_frame(&bytes[..to], at).is_ok())?;
    let index = start - from - HEADER;
    let count = if index == index_len(1) { 1 } else { index / 16 };
    let frames = chain(bytes, start, count, to);
    let end = match frames.last()? {
        Ok(last) => (last.offset as usize + last.len as usize).next_multiple_of(8),
        Err(_) => return None,
    };
    let is_all = index == index_len(count) && frames.len() == count;
    (is_all && bytes.get(end..end + END_MARK.len()) == Some(&END_MARK[..])).then_some(frames)
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
pub(super) fn find(bytes: &[u8], from: usize, store: u64) -> Option<usize> {
    (from.next_multiple_of(8)..bytes.len()).step_by(8).find(|&at| BatchHead::read(bytes, at, store).is_some())
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
