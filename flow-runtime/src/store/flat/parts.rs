//! Parts of large payloads in the log.
//!
//! In: parts, before the change that names them. Out: the same parts, as long as their run is there. They are frames of
//! their own, which nothing reads but who asks for them. A part belongs to the run of its `run_no`: it may come before
//! that, and goes with it.

use bytes::Bytes;

use super::format::Kind;
use super::frame::{FrameHead, PartName};
use super::index::{Index, Location, Run};
use super::log::Log;
use super::read;
use crate::state::WorkflowId;
use crate::store::{PartKey, StoreError};

/// A part in the log.
#[derive(Clone, Debug)]
pub(super) struct StoredPart {
    pub(super) name: PartName,
    pub(super) location: Location,
}

/// A part that is to be kept.
pub(super) struct NewPart {
    pub(super) id: WorkflowId,
    pub(super) name: PartName,
    pub(super) bytes: Bytes,
}

impl PartName {
    pub(super) fn of(key: &PartKey) -> Self {
        Self { run_no: key.run_no, payload: key.payload, part: key.part }
    }
}

impl NewPart {
    /// # Errors
    /// If it is larger than parts are.
    pub(super) fn new(key: &PartKey, bytes: Bytes) -> Result<Self, StoreError> {
        if bytes.len() > PartKey::MAX_BYTES {
            let (len, most) = (bytes.len(), PartKey::MAX_BYTES);
            let reason = format!("a part has {len} bytes, and at most {most} are kept");
            return Err(StoreError::Unstorable { id: key.id.clone(), reason });
        }
        Ok(Self { id: key.id.clone(), name: PartName::of(key), bytes })
    }
}

impl Log {
    pub(super) fn stage_part(&mut self, part: &NewPart) {
        let run = self.number_of(&part.id).unwrap_or_else(|| self.new_number(&part.id));
        let head = FrameHead { part: Some(Box::new(part.name)), ..FrameHead::plain(Kind::Part, run, 0) };
        self.pending.add(head, &part.bytes);
    }
}

impl Run {
    /// Counts its parts as of no use any more.
    pub(super) fn drop_parts(&self) {
        self.parts.iter().for_each(|part| part.location.segment.drop_live(part.location.len));
    }
}

impl Index {
    pub(super) fn take_part(&mut self, head: &FrameHead, location: Location) {
        let Some(name) = head.part.as_deref().copied() else { return };
        location.segment.add_live(location.len);
        if let Some(known) = self.part_mut(head.run, &name) {
            known.location.segment.drop_live(known.location.len);
            known.location = location;
            return;
        }
        let part = StoredPart { name, location };
        match self.runs.get_mut(&head.run).filter(|run| run.run_no == name.run_no) {
            Some(run) => run.parts.push(part),
            None => self.early_parts.entry(name.run_no).or_default().push(part),
        }
    }

    /// The part of this name, of the run of this number.
    pub(super) fn part_mut(&mut self, run: u64, name: &PartName) -> Option<&mut StoredPart> {
        let of_run = self.runs.get_mut(&run).filter(|run| run.run_no == name.run_no).map(|run| &mut run.parts);
        let parts = match of_run {
            Some(parts) => parts,
            None => self.early_parts.get_mut(&name.run_no)?,
        };
        parts.iter_mut().find(|part| part.name == *name)
    }

    /// The parts of a run that begins or is replaced: those it had as the same run, and those that came before it.
    pub(super) fn parts_of(&mut self, run_no: u64, before: Option<Run>) -> Vec<StoredPart> {
        let mut parts = match before {
            Some(before) if before.run_no == run_no => before.parts,
            before => {
                before.iter().for_each(Run::drop_parts);
                Vec::new()
            }
        };
        parts.extend(self.early_parts.remove(&run_no).unwrap_or_default());
        parts
    }

    /// Counts parts of runs that never began as of no use any more. Whoever was to begin them is gone.
    pub(super) fn drop_early_parts(&mut self) {
        for part in self.early_parts.drain().flat_map(|(_, parts)| parts) {
            part.location.segment.drop_live(part.location.len);
        }
    }

    /// Where a part stands.
    pub(super) fn find_part(&mut self, key: &PartKey) -> Result<Location, StoreError> {
        let run = self.number_of(&key.id).unwrap_or_default();
        let part = self.part_mut(run, &PartName::of(key)).map(|part| part.location.clone());
        part.ok_or_else(|| StoreError::Corrupt {
            id: key.id.clone(),
            path: None,
            reason: format!("part {}: it is not there", key.part),
        })
    }
}

/// The bytes of the part that stands here.
pub(super) fn load(key: &PartKey, location: &Location) -> Result<Bytes, StoreError> {
    let corrupt = |reason: String| {
        let (id, reason) = (key.id.clone(), format!("part {}: {reason}", key.part));
        StoreError::Corrupt { id, path: Some(location.segment.path.clone()), reason }
    };
    let (head, body) = read::frame(location, corrupt)?;
    let is_it = head.part.is_some_and(|name| *name == PartName::of(key));
    if is_it { Ok(body) } else { Err(corrupt("another stands in its place".to_owned())) }
}
