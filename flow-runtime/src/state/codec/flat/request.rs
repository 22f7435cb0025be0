//! Requests: what someone outside asks of a run.

use bytes::Bytes;

use super::names::unknown_named;
use super::value::{read_boxed_payload, read_text, write_boxed_payload};
use super::{Builder, CodecError, check_size, fb, root};
use crate::state::{Request, RequestKind};

/// A request as bytes.
pub(crate) fn write_request(request: &Request) -> Result<Vec<u8>, CodecError> {
    request.check_id().map_err(|error| CodecError::Unstorable { reason: error.to_string() })?;
    let bytes = 128 + request.id.len() + weight(&request.kind);
    check_size(bytes, 1)?;
    let mut to = Builder::with_capacity(bytes.next_multiple_of(64));
    let mut args = fb::RequestArgs { at: request.at, kind: kind_of(&request.kind), ..Default::default() };
    args.id = Some(to.create_string(&request.id));
    if let RequestKind::Signal { name, type_name, payload } = &request.kind {
        args.name = Some(to.create_string(name));
        args.type_name = Some(to.create_string(type_name));
        args.payload = Some(write_boxed_payload(&mut to, payload));
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
        fb::RequestKind(other) => {
            return Err(unknown_named("request", request.kind_name(), other, fb::RequestKind::ENUM_MAX));
        }
    };
    Request::new(read_text(request.id()), request.at(), kind).map_err(|error| CodecError::broken(error.to_string()))
}

fn kind_of(kind: &RequestKind) -> fb::RequestKind {
    match kind {
        RequestKind::Signal { .. } => fb::RequestKind::Signal,
        RequestKind::Cancel => fb::RequestKind::Cancel,
        RequestKind::Terminate => fb::RequestKind::Terminate,
        RequestKind::Pause => fb::RequestKind::Pause,
        RequestKind::Resume => fb::RequestKind::Resume,
    }
}

/// Roughly the bytes that a request takes, without its id.
fn weight(kind: &RequestKind) -> usize {
    match kind {
        RequestKind::Signal { name, type_name, payload } => name.len() + type_name.len() + payload.bytes.len() + 64,
        _ => 0,
    }
}
