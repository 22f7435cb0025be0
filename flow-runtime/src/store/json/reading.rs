//! What a file holds, and what is said of a run whose file cannot be read.
//!
//! In: the bytes of a run's file. Out: its record or its summary, or an error that names the run and the file.

use std::path::Path;

use crate::state::WorkflowId;
use crate::state::codec::CodecError;
use crate::state::codec::json::{Brief, Stored, read_brief, read_record};
use crate::store::{StoreError, Summary};

/// The run of this id in the bytes of its file.
pub(super) fn read(id: &WorkflowId, path: &Path, bytes: &[u8]) -> Result<Stored, StoreError> {
    let stored = read_record(bytes).map_err(|error| unreadable(id, path, error))?;
    check_id(id, path, &stored.data.id)?;
    Ok(stored)
}

/// The run of this id in the bytes of its file, in brief.
pub(super) fn read_summary(id: &WorkflowId, path: &Path, bytes: &[u8]) -> Result<Summary, StoreError> {
    let brief = read_brief(bytes).map_err(|error| unreadable(id, path, error))?;
    check_id(id, path, &brief.id)?;
    let Brief { id, run_no, workflow, version, status, metadata, created_at, updated_at } = brief;
    Ok(Summary { id, run_no, workflow, version, status, metadata, created_at, updated_at })
}

fn check_id(id: &WorkflowId, path: &Path, found: &WorkflowId) -> Result<(), StoreError> {
    if found == id {
        return Ok(());
    }
    let reason = format!("its file holds the run `{found}`");
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
