//! Parts of payloads that are too large for a record.

use std::fmt;

use crate::state::{Reference, WorkflowId};

/// The name of one part of a large payload: whose it is, and which.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PartKey {
    /// The run it belongs to.
    pub id: WorkflowId,
    /// The number of that run, so that parts of a deleted run are not taken for those of a later one.
    pub run_no: u64,
    /// What tells the payload from others of the run.
    pub payload: u128,
    /// Which part it is, from 0.
    pub part: u32,
}

impl PartKey {
    /// The most bytes of a part: 16 MiB.
    pub const MAX_BYTES: usize = Reference::PART;

    /// The name of this part of this payload of this run.
    pub fn new(id: WorkflowId, run_no: u64, payload: u128, part: u32) -> Self {
        Self { id, run_no, payload, part }
    }
}

impl fmt::Debug for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{} {:032x}[{}]", self.id, self.run_no, self.payload, self.part)
    }
}
