//! A frame: one change of a run, a whole run, a plan, a deletion, or a part of a large payload.
//!
//! In: what a frame says of itself, and its body. Out: bytes; or both again, of bytes that are whole. How a frame is laid
//! out stands in [`format`](super::format).

use super::format::{Kind, fill_up, u16_at, u32_at, u64_at};
use crate::state::{Timestamp, WorkflowId};

/// The length of a frame's header, without what may stand between it and the body.
pub(super) const FRAME_HEADER: usize = 40;
/// The length of what names a plan; and of what begins a run, without the id.
const NAMES_PLAN: usize = 8;
const BEGINS: usize = 24;
/// The length of what names a part.
const NAMES_PART: usize = 28;

/// What a frame says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) kind: Kind,
    pub(super) run: u64,
    pub(super) next: u64,
    pub(super) at: Timestamp,
    pub(super) status: u8,
    pub(super) plan: u32,
    /// The checksum of the last change, see [`change_crc`]; 0 for none.
    pub(super) delta_crc: u32,
    /// What begins a run or replaces it.
    pub(super) begins: Option<Box<Begins>>,
    /// Which part of a payload it is.
    pub(super) part: Option<Box<PartName>>,
}

/// Which part of which payload of which run of an id a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartName {
    pub(super) run_no: u64,
    pub(super) payload: u128,
    pub(super) part: u32,
}

/// What a frame says of the run that it begins or replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begins {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    pub(super) created_at: Timestamp,
}

/// A frame in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) head: FrameHead,
    /// Where its header begins in the file, and how long it is with its body, without what fills it up.
    pub(super) offset: u64,
    pub(super) len: u32,
}

/// A frame as it was found; of a broken one, the run that it belongs to, where that is known.
pub(super) type FoundFrame = Result<Placed, Option<u64>>;

/// What tells a change from others: the checksum of its body and its time.
pub(super) fn change_crc(body: &[u8], at: Timestamp) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(body), &at.to_le_bytes())
}

impl FrameHead {
    /// That of a frame that names nothing: a plan, a deletion, a change that goes on.
    pub(super) fn plain(kind: Kind, run: u64, next: u64) -> Self {
        Self { kind, run, next, at: 0, status: 0, plan: 0, delta_crc: 0, begins: None, part: None }
    }

    /// Appends the frame with this body, and gives its length without what fills it up.
    pub(super) fn write(&self, body: &[u8], to: &mut Vec<u8>) -> u32 {
        let start = to.len();
        to.resize(start + FRAME_HEADER, 0);
        self.write_names(to);
        fill_up(to, start);
        let between = to.len() - start - FRAME_HEADER;
        let header = &mut to[start..];
        header[4..8].copy_from_slice(&change_crc(body, self.at).to_le_bytes());
        header[8..16].copy_from_slice(&self.run.to_le_bytes());
        header[16..24].copy_from_slice(&self.next.to_le_bytes());
        header[24..32].copy_from_slice(&self.at.to_le_bytes());
        header[32..36].copy_from_slice(&(body.len() as u32).to_le_bytes());
        header[36] = self.kind as u8;
        header[37] = self.status;
        header[38..40].copy_from_slice(&(between as u16).to_le_bytes());
        let crc = crc32c::crc32c(&header[4..]).to_le_bytes();
        header[..4].copy_from_slice(&crc);
        to.extend_from_slice(body);
        let len = to.len() - start;
        fill_up(to, start);
        len as u32
    }

    fn write_names(&self, to: &mut Vec<u8>) {
        if let Some(part) = &self.part {
            part.write(to);
            return;
        }
        if self.begins.is_none() && self.plan == 0 {
            return;
        }
        to.extend_from_slice(&self.plan.to_le_bytes());
        to.extend_from_slice(&self.delta_crc.to_le_bytes());
        if let Some(begins) = &self.begins {
            to.extend_from_slice(&begins.run_no.to_le_bytes());
            to.extend_from_slice(&begins.created_at.to_le_bytes());
            to.extend_from_slice(begins.id.as_str().as_bytes());
        }
    }

    /// The frame at the beginning of these bytes, with the place of its body in them; an error says which run it
    /// belongs to, if its header is whole.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, std::ops::Range<usize>), Option<u64>> {
        let (head, body, crc) = Self::read_head(bytes).ok_or(None)?;
        let flat = bytes.get(body.clone()).ok_or(Some(head.run))?;
        if change_crc(flat, head.at) == crc { Ok((head, body)) } else { Err(Some(head.run)) }
    }

    /// What a frame says of itself, where its body is, and the body's checksum.
    fn read_head(bytes: &[u8]) -> Option<(Self, std::ops::Range<usize>, u32)> {
        let between = usize::from(u16_at(bytes, 38)?);
        let start = FRAME_HEADER + between;
        let header = bytes.get(..start)?;
        if crc32c::crc32c(&header[4..]) != u32_at(header, 0)? {
            return None;
        }
        let crc = u32_at(header, 4)?;
        let mut head = Self::plain(Kind::from_tag(header[36])?, u64_at(header, 8)?, u64_at(header, 16)?);
        head.at = i64::from_le_bytes(u64_at(header, 24)?.to_le_bytes());
        head.status = header[37];
        // A change says by its own checksum which it is.
        head.delta_crc = if head.kind == Kind::Delta { crc } else { 0 };
        head.read_names(&header[FRAME_HEADER..])?;
        let end = start.checked_add(u32_at(header, 32)? as usize)?;
        Some((head, start..end, crc))
    }

    fn read_names(&mut self, names: &[u8]) -> Option<()> {
        if self.kind == Kind::Part {
            self.part = Some(Box::new(PartName::read(names)?));
            return Some(());
        }
        if names.len() >= NAMES_PLAN {
            self.plan = u32_at(names, 0)?;
            self.delta_crc = u32_at(names, 4)?;
        }
        if names.len() > BEGINS {
            let created_at = i64::from_le_bytes(u64_at(names, 16)?.to_le_bytes());
            let begins = Begins { id: read_id(names.get(BEGINS..)?)?, run_no: u64_at(names, 8)?, created_at };
            self.begins = Some(Box::new(begins));
        }
        Some(())
    }
}

impl PartName {
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.run_no.to_le_bytes());
        to.extend_from_slice(&self.payload.to_le_bytes());
        to.extend_from_slice(&self.part.to_le_bytes());
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..NAMES_PART)?;
        let payload = u128::from(u64_at(bytes, 8)?) | u128::from(u64_at(bytes, 16)?) << 64;
        Some(Self { run_no: u64_at(bytes, 0)?, payload, part: u32_at(bytes, 24)? })
    }
}

/// An id has no control characters, so the zeros behind it are none of it.
fn read_id(bytes: &[u8]) -> Option<WorkflowId> {
    let text = std::str::from_utf8(bytes).ok()?;
    WorkflowId::new(text.trim_end_matches('\0')).ok()
}
