//! What is said of a run whose file cannot be read, or whose record cannot be written.

use std::path::Path;

use crate::state::WorkflowId;
use crate::state::codec::CodecError;
use crate::state::codec::json::{Stored, read_record};
use crate::store::StoreError;

/// The run of this id in the bytes of its file.
pub(super) fn read(id: &WorkflowId, path: &Path, bytes: &[u8]) -> Result<Stored, StoreError> {
    let stored = read_record(bytes).map_err(|error| unreadable(id, path, error))?;
    if stored.data.id == *id {
        return Ok(stored);
    }
    let reason = format!("its file holds the run `{}`", stored.data.id);
    Err(StoreError::Corrupt { id: id.clone(), path: Some(path.to_owned()), reason })
}

/// The file of a run could not be read.
pub(super) fn unreadable(id: &WorkflowId, path: &Path, error: CodecError) -> StoreError {
    match error {
        CodecError::Newer { found, known } => {
            StoreError::Newer { what: format!("run `{id}` in {}", path.display()), found, known }
        }
        CodecError::Broken { reason } | CodecError::Unstorable { reason } => {
            StoreError::Corrupt { id: id.clone(), path: Some(path.to_owned()), reason }
        }
    }
}
