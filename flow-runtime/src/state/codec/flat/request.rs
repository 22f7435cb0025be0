//! Requests: what someone outside asks of a run.

use bytes::Bytes;

use super::names::{unknown, unknown_named};
use super::value::{read_boxed_payload, read_text, write_boxed_payload};
use super::{Builder, CodecError, check_size, fb, root};
use crate::state::{Request, RequestKind, Verdict};

/// A request as bytes.
pub(crate) fn write_request(request: &Request) -> Result<Vec<u8>, CodecError> {
    request.check_id().map_err(|error| CodecError::Unstorable { reason: error.to_string() })?;
    let bytes = 128 + request.id.len() + weight(&request.kind);
    check_size(bytes, 1)?;
    let mut to = Builder::with_capacity(bytes.next_multiple_of(64));
    let mut args = fb::RequestArgs { at: request.at, kind: kind_of(&request.kind), ..Default::default() };
    args.id = Some(to.create_string(&request.id));
    match &request.kind {
        RequestKind::Signal { name, type_name, payload } => {
            args.name = Some(to.create_string(name));
            args.type_name = Some(to.create_string(type_name));
            args.payload = Some(write_boxed_payload(&mut to, payload));
        }
        RequestKind::RetryFrom { step } => args.step = Some(to.create_string(step)),
        RequestKind::Resolve { step, attempt, verdict } => {
            args.step = Some(to.create_string(step));
            args.attempt = *attempt;
            write_verdict(&mut to, &mut args, verdict);
        }
        _ => {}
    }
    let request = fb::Request::create(&mut to, &args);
    to.finish_minimal(request);
    Ok(to.finished_data().to_vec())
}

/// The request that `write_request` wrote.
pub(crate) fn read_request(bytes: &Bytes) -> Result<Request, CodecError> {
    let request = root::<fb::Request<'_>>(bytes)?;
    let kind = match request.kind() {
        fb::RequestKind::Signal => RequestKind::Signal {
            name: read_text(request.name()),
            type_name: read_text(request.type_name()),
            payload: read_boxed_payload(bytes, request.payload())?,
        },
        fb::RequestKind::Cancel => RequestKind::Cancel,
        fb::RequestKind::Terminate => RequestKind::Terminate,
        fb::RequestKind::Pause => RequestKind::Pause,
        fb::RequestKind::Resume => RequestKind::Resume,
        fb::RequestKind::RetryFailed => RequestKind::RetryFailed,
        fb::RequestKind::RetryFrom => RequestKind::RetryFrom { step: read_text(request.step()) },
        fb::RequestKind::Resolve => RequestKind::Resolve {
            step: read_text(request.step()),
            attempt: request.attempt(),
            verdict: read_verdict(bytes, request)?,
        },
        fb::RequestKind(other) => {
            return Err(unknown_named("request", request.kind_name(), other, fb::RequestKind::ENUM_MAX));
        }
    };
    Request::new(read_text(request.id()), request.at(), kind).map_err(|error| CodecError::broken(error.to_string()))
}

fn write_verdict(to: &mut Builder, args: &mut fb::RequestArgs<'_>, verdict: &Verdict) {
    match verdict {
        Verdict::Done(payload) => {
            args.resolution = fb::Resolution::Done;
            args.payload = Some(write_boxed_payload(to, payload));
        }
        Verdict::NotDone => args.resolution = fb::Resolution::NotDone,
        Verdict::Failed(message) => {
            args.resolution = fb::Resolution::Failed;
            args.message = Some(to.create_string(message));
        }
    }
}

fn read_verdict(all: &Bytes, request: fb::Request<'_>) -> Result<Verdict, CodecError> {
    Ok(match request.resolution() {
        fb::Resolution::Done => Verdict::Done(read_boxed_payload(all, request.payload())?),
        fb::Resolution::NotDone => Verdict::NotDone,
        fb::Resolution::Failed => Verdict::Failed(read_text(request.message())),
        fb::Resolution(other) => return Err(unknown("resolution", other, fb::Resolution::ENUM_MAX)),
    })
}

fn kind_of(kind: &RequestKind) -> fb::RequestKind {
    match kind {
        RequestKind::Signal { .. } => fb::RequestKind::Signal,
        RequestKind::Cancel => fb::RequestKind::Cancel,
        RequestKind::Terminate => fb::RequestKind::Terminate,
        RequestKind::Pause => fb::RequestKind::Pause,
        RequestKind::Resume => fb::RequestKind::Resume,
        RequestKind::RetryFailed => fb::RequestKind::RetryFailed,
        RequestKind::RetryFrom { .. } => fb::RequestKind::RetryFrom,
        RequestKind::Resolve { .. } => fb::RequestKind::Resolve,
    }
}

/// Roughly the bytes that a request takes, without its id.
fn weight(kind: &RequestKind) -> usize {
    match kind {
        RequestKind::Signal { name, type_name, payload } => name.len() + type_name.len() + payload.bytes.len() + 64,
        RequestKind::RetryFrom { step } => step.len(),
        RequestKind::Resolve { step, verdict, .. } => match verdict {
            Verdict::Done(payload) => step.len() + payload.bytes.len() + 64,
            Verdict::NotDone => step.len(),
            Verdict::Failed(message) => step.len() + message.len(),
        },
        _ => 0,
    }
}
