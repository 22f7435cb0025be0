//! What is said of a run whose file cannot be read, or whose record cannot be written.

use std::path::Path;

use crate::state::codec::CodecError;
use crate::state::codec::json::read_record;
use crate::state::{WorkflowData, WorkflowId};
use crate::store::StoreError;

/// The run of this id in the bytes of its file.
pub(super) fn read(id: &WorkflowId, path: &Path, bytes: &[u8]) -> Result<WorkflowData, StoreError> {
    let data = read_record(bytes).map_err(|error| unreadable(id, path, error))?;
    if data.id == *id {
        return Ok(data);
    }
    let reason = format!("its file holds the run `{}`", data.id);
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

/// A run could not be turned into a file.
pub(super) fn unwritable(id: &WorkflowId, error: CodecError) -> StoreError {
    let reason = match error {
        CodecError::Unstorable { reason } => reason,
        error => error.to_string(),
    };
    StoreError::Unstorable { id: id.clone(), reason }
}
