//! Records, deltas, plans and requests as FlatBuffers of `schema/flow.fbs`.
//!
//! In: our types, or bytes whose checksum fitted. Out: bytes, or our types. Bytes are verified with bounds before
//! they are read, indices are checked by `check`, unknown values are refused. Checksums and headers are the caller's.

mod delta;
mod event;
mod names;
mod plan;
mod quick;
mod record;
mod request;
mod value;

use std::sync::Arc;

use flatbuffers::{Follow, Verifiable, VerifierOptions};

pub(crate) use delta::{read_delta, write_change, write_delta};
pub(crate) use plan::{read_plan, write_plan};
pub(crate) use record::{read_record, write_record};
pub(crate) use request::{read_request, write_request};

use super::CodecError;
use crate::plan::{Fingerprint, Plan};

use super::generated::flow as fb;

type Builder = flatbuffers::FlatBufferBuilder<'static>;

/// The most bytes of one record or delta.
const MAX_BYTES: usize = 1 << 30;
/// The most tables of one record or delta; the reader's bound is four times as high.
const MAX_PARTS: usize = 1 << 20;
/// The reader's bound on tables.
const MAX_TABLES: usize = 4 << 20;
/// The deepest nesting: delta, event, creation, plan, step, policy, retry.
const MAX_DEPTH: usize = 16;

/// Whether a record or a creation carries its plan, or names one that is kept beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plans {
    Inline,
    Beside,
}

/// Where plans are that are kept beside what names them.
pub(crate) trait FindPlan {
    /// The plan of this fingerprint, if it is there.
    fn find(&self, fingerprint: Fingerprint) -> Option<Arc<Plan>>;
}

/// No plan is kept beside.
pub(crate) struct NoPlans;

impl FindPlan for NoPlans {
    fn find(&self, _: Fingerprint) -> Option<Arc<Plan>> {
        None
    }
}

impl FindPlan for Arc<Plan> {
    fn find(&self, fingerprint: Fingerprint) -> Option<Arc<Plan>> {
        (self.fingerprint == fingerprint).then(|| self.clone())
    }
}

/// The root table of these bytes, verified. The bounds keep hostile bytes from costing more than they weigh: each
/// table has at least four bytes, and what tables share (which honest writers do with layouts only) counts each time.
fn root<'a, T>(bytes: &'a [u8]) -> Result<T::Inner, CodecError>
where
    T: 'a + Follow<'a> + Verifiable,
{
    let options = VerifierOptions {
        max_depth: MAX_DEPTH,
        max_tables: (bytes.len() / 4).min(MAX_TABLES),
        max_apparent_size: bytes.len().saturating_mul(8),
        ..VerifierOptions::default()
    };
    flatbuffers::root_with_opts::<T>(&options, bytes).map_err(|error| {
        let text = error.to_string();
        CodecError::broken(text.lines().next().unwrap_or("they are no FlatBuffer").to_owned())
    })
}

/// Refuses what would not fit, before the builder panics or the reader refuses it.
fn check_size(bytes: usize, parts: usize) -> Result<(), CodecError> {
    let reason = if bytes > MAX_BYTES {
        format!("it has {bytes} bytes, and at most {MAX_BYTES} are stored in one piece")
    } else if parts > MAX_PARTS {
        format!("it has {parts} steps and values, and at most {MAX_PARTS} are stored in one piece")
    } else {
        return Ok(());
    };
    Err(CodecError::Unstorable { reason })
}

/// What must be there and is not.
fn missing(what: &str) -> CodecError {
    CodecError::broken(format!("there is no {what}"))
}
