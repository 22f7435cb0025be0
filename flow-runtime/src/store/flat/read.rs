//! A run from its frames.
//!
//! In: where the frames stand. Out: the record that they make. What was whole when the log was opened is checked
//! again, since a disk may give other bytes each time.

use std::sync::Arc;

use bytes::Bytes;

use super::format::Kind;
use super::frame::FrameHead;
use super::frames::Frames;
use super::index::{Found, Location, StoredPlan};
use crate::plan::{Fingerprint, Plan};
use crate::state::codec::CodecError;
use crate::state::codec::flat::{FindPlan, read_delta, read_plan, read_record};
use crate::state::{ApplyError, WorkflowData};
use crate::store::StoreError;

/// Why a frame gave nothing.
enum Unreadable {
    Store(StoreError),
    Broken(String),
    Newer { found: String, known: String },
}

impl From<CodecError> for Unreadable {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Newer { found, known } => Self::Newer { found, known },
            error => Self::Broken(error.to_string()),
        }
    }
}

impl From<ApplyError> for Unreadable {
    fn from(error: ApplyError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The plan that a frame names, if it names one.
struct Named(Option<Arc<Plan>>);

impl FindPlan for Named {
    fn find(&self, fingerprint: Fingerprint) -> Option<Arc<Plan>> {
        self.0.as_ref().and_then(|plan| plan.find(fingerprint))
    }
}

/// The record of a run.
pub(super) fn load(found: &Found) -> Result<WorkflowData, StoreError> {
    let mut data = None;
    for (location, bytes) in Frames::new(&found.run.frames) {
        let path = &location.segment.path;
        let corrupt =
            |reason: String| StoreError::Corrupt { id: found.run.id.clone(), path: Some(path.clone()), reason };
        let frame = bytes.map_err(|error| Unreadable::Store(error.into())).and_then(check_frame);
        data = Some(frame.and_then(|frame| add_frame(data, found, frame)).map_err(|error| match error {
            Unreadable::Store(error) => error,
            Unreadable::Broken(reason) => corrupt(reason),
            Unreadable::Newer { found: newer, known } => {
                StoreError::Newer { what: format!("run `{}` in {}", found.run.id, path.display()), found: newer, known }
            }
        })?);
    }
    // A run is in the index because of its first frame.
    let data = data.ok_or_else(|| StoreError::NotFound { id: found.run.id.clone() })?;
    if data.id == found.run.id && data.run_no == found.run.run_no && data.seq == found.run.head.next {
        return Ok(data);
    }
    let reason = format!("its frames hold run `{}` at change {}", data.id, data.seq);
    Err(StoreError::Corrupt { id: found.run.id.clone(), path: None, reason })
}

fn add_frame(
    data: Option<WorkflowData>,
    found: &Found,
    (head, body): (FrameHead, Bytes),
) -> Result<WorkflowData, Unreadable> {
    let plan = match head.plan {
        0 => None,
        number => Some(read_stored_plan(found.plans.get(&number))?),
    };
    if head.kind == Kind::Snapshot {
        return Ok(read_record(&body, &Named(plan))?);
    }
    let mut delta = read_delta(&body, found.run.run_no, head.next.saturating_sub(1), &Named(plan))?;
    delta.at = head.at;
    match data {
        None => Ok(WorkflowData::create(&delta)?),
        Some(mut data) => {
            data.apply(&delta)?;
            Ok(data)
        }
    }
}

/// A frame and its body.
fn read_frame(location: &Location) -> Result<(FrameHead, Bytes), Unreadable> {
    let mut bytes = vec![0; location.len as usize];
    let read =
        location.segment.file.read_at(&mut bytes, location.offset).map_err(|error| Unreadable::Store(error.into()))?;
    bytes.truncate(read);
    check_frame(Bytes::from(bytes))
}

/// A frame and its body; `corrupt` makes the error of one that is broken.
pub(super) fn frame(
    location: &Location,
    corrupt: impl Fn(String) -> StoreError,
) -> Result<(FrameHead, Bytes), StoreError> {
    read_frame(location).map_err(|error| match error {
        Unreadable::Store(error) => error,
        Unreadable::Broken(reason) => corrupt(reason),
        Unreadable::Newer { found, known } => {
            StoreError::Newer { what: location.segment.path.display().to_string(), found, known }
        }
    })
}

/// A frame and its body, of bytes that are whole.
fn check_frame(bytes: Bytes) -> Result<(FrameHead, Bytes), Unreadable> {
    match FrameHead::read(&bytes) {
        Ok((head, body)) => Ok((head, bytes.slice(body))),
        Err(_) => Err(Unreadable::Broken("a frame is not what it was when the store was opened".to_owned())),
    }
}

fn read_stored_plan(stored: Option<&Arc<StoredPlan>>) -> Result<Arc<Plan>, Unreadable> {
    let stored = stored.ok_or_else(|| Unreadable::Broken("the plan that it names is lost".to_owned()))?;
    if let Some(plan) = stored.decoded.get() {
        return Ok(plan.clone());
    }
    let copies = stored.copies.iter().map(|copy| {
        let (_, body) = read_frame(copy)?;
        Ok(Arc::new(read_plan(&body)?))
    });
    // The error of the last copy, if none is whole.
    let mut plan = Err(Unreadable::Broken("the plan that it names is lost".to_owned()));
    for copy in copies {
        plan = copy;
        if plan.is_ok() {
            break;
        }
    }
    plan.map(|plan| stored.decoded.get_or_init(|| plan).clone())
}
