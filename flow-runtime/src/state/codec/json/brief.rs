//! What a file says of its run without its steps, values and plan, which are passed over.
//!
//! In: the bytes of a file of any origin. Out: the same as the whole record says of these fields, or the same error for
//! what is damaged or of a newer version; a document whose checksum fits is taken to be of its form beyond them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::CodecError;
use super::header::Header;
use super::list::Map;
use super::names::Name;
use super::record::{check_structure, id};
use super::text::AsText;
use crate::state::{Timestamp, WorkflowId, WorkflowStatus};

/// What a file says of its run in brief.
pub(crate) struct Brief {
    pub(crate) id: WorkflowId,
    pub(crate) run_no: u64,
    pub(crate) workflow: String,
    pub(crate) version: u32,
    pub(crate) status: WorkflowStatus,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Document<'a> {
    format: u16,
    #[serde(borrow)]
    id: Cow<'a, str>,
    status: Name<WorkflowStatus>,
    created_at: AsText<Timestamp>,
    updated_at: AsText<Timestamp>,
    run_no: u64,
    #[serde(borrow, default)]
    metadata: Map<'a, Cow<'a, str>>,
    #[serde(borrow)]
    plan: Plan<'a>,
}

#[derive(Deserialize)]
struct Plan<'a> {
    #[serde(borrow)]
    workflow: Cow<'a, str>,
    version: u32,
}

/// The run of a file in brief, whatever its bytes are.
pub(crate) fn read_brief(bytes: &[u8]) -> Result<Brief, CodecError> {
    Header::read(bytes)?;
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| CodecError::broken(error.to_string()))?;
    check_structure(document.format)?;
    Ok(Brief {
        id: id(document.id)?,
        run_no: document.run_no,
        workflow: document.plan.workflow.into_owned(),
        version: document.plan.version,
        status: document.status.known()?,
        metadata: document.metadata.ours(),
        created_at: document.created_at.0,
        updated_at: document.updated_at.0,
    })
}
