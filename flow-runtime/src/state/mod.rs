//! What has happened: the record of a run, the events that change it, and encoded values.
//!
//! In: events, in order. Out: [`WorkflowData`], which is never changed in another way than by [`WorkflowData::apply`].
//! Nothing here decides what happens next, and nothing touches a disk.

mod adopt;
mod apply;
mod canonical;
pub mod codec;
mod data;
mod discreet;
mod event;
mod failure;
mod id;
pub(crate) mod json;
mod key;
mod marks;
mod msgpack;
mod payload;
mod reference;
mod regions;
mod request;
mod reset;
mod retries;
mod scopes;
mod transform;
mod undo;

pub use apply::ApplyError;
pub(crate) use apply::MAX_STEPS;
pub use data::{DataEntry, InstanceState, StepState, StepStatus, UndoState, WorkflowData, WorkflowStatus};
pub use event::{
    Ack, Asked, CompletedBy, Delta, Event, Phase, RegionKind, ResetMode, RollbackCause, RunCreated, RunOutcome,
    RunOutput, WaitingOn,
};
pub(crate) use failure::is_permanent;
pub use failure::{BoxError, Cause, FailureKind, NodeError, NodeFailure};
pub use id::{InvalidId, StepRef, WorkflowId};
pub use key::Key;
pub use payload::{DecodeError, EncodeError, Encoding, Output, Payload, decode, encode};
pub use reference::Reference;
pub use request::{InvalidRequestId, Request, RequestKind, Verdict};
pub(crate) use retries::FAR;
pub(crate) use transform::Packing;
pub use transform::{Compression, Transform};
pub use undo::Rollback;

/// Nanoseconds since 1970-01-01 UTC.
pub type Timestamp = i64;
