//! What stands in the file of a request: the run's id in a line, then the request's bytes with their checksum.
//!
//! In: a run and a request. Out: the bytes of a file, and the request again if the file says what its name says. The run
//! stands there because a name has no room for a long id, and for who looks into the folder.

use bytes::Bytes;

use super::name::{self, Name, What};
use crate::disk::{Dir, DiskError};
use crate::state::codec::CodecError;
use crate::state::{Request, WorkflowId};

/// The longest file: the largest request, and its run.
pub(super) const MAX_BYTES: u64 = (1 << 30) + (64 << 10);

/// The bytes of a request's file.
pub(super) fn write(run: &WorkflowId, request: &Request) -> Result<Vec<u8>, CodecError> {
    let mut bytes = run.as_str().as_bytes().to_vec();
    bytes.push(b'\n');
    bytes.extend_from_slice(&request.to_bytes()?);
    Ok(bytes)
}

/// The request in the bytes of a file of this name.
pub(super) fn read(name: Name<'_>, run: &WorkflowId, bytes: Vec<u8>) -> Result<Request, CodecError> {
    let found = run_in(name, &bytes).ok_or_else(|| CodecError::broken("it does not begin with the id of its run"))?;
    if found != *run {
        return Err(CodecError::broken(format!("it is for the run `{found}`")));
    }
    let request = Request::from_bytes(Bytes::from(bytes).slice(found.as_str().len() + 1..))?;
    if name.what == What::Request(&name::digest(&request.id)) {
        return Ok(request);
    }
    Err(CodecError::broken("it holds another request than its name says"))
}

/// The run of a request in a file of this name, as far as its beginning tells; `None` if it does not.
pub(super) fn run_of(dir: &dyn Dir, file: &str, name: Name<'_>) -> Result<Option<WorkflowId>, DiskError> {
    let mut bytes = [0; WorkflowId::MAX_BYTES + 1];
    let len = dir.open(file, false)?.read_at(&mut bytes, 0)?;
    Ok(run_in(name, bytes.get(..len).unwrap_or_default()))
}

fn run_in(name: Name<'_>, bytes: &[u8]) -> Option<WorkflowId> {
    let line = bytes.iter().take(WorkflowId::MAX_BYTES + 1).position(|&byte| byte == b'\n')?;
    let run = WorkflowId::new(std::str::from_utf8(bytes.get(..line)?).ok()?).ok()?;
    (name::run_name(&run) == name.run).then_some(run)
}
