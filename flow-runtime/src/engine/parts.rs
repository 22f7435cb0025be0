//! Outputs that are too large for a record: cut into parts before they are committed, fetched when they are needed.
//!
//! In: a payload as it is to be stored. Out: what stands for it in the record, and its bytes for the store; later the
//! payload again. Parts whose step was not committed in the end are named by nothing; they go when their run is deleted.

use bytes::Bytes;

use crate::state::{Payload, Reference, WorkflowData, WorkflowId};
use crate::store::{AnyStore, PartKey, StoreError};

/// The bytes of a payload that is named in a record before they are stored.
pub(crate) struct Cut {
    reference: Reference,
    bytes: Bytes,
}

/// The payload as it stands in a record of a store that takes so many bytes inline, and what is kept beside it.
pub(crate) fn cut(payload: Payload, inline: Option<usize>) -> (Payload, Option<Cut>) {
    let fits = inline.is_none_or(|inline| payload.bytes.len() <= inline.max(Reference::MIN_BYTES));
    let reference = if fits { None } else { Reference::of(fastrand::u128(..), &payload.bytes) };
    match reference {
        Some(reference) => (payload.with_reference(reference), Some(Cut { reference, bytes: payload.bytes })),
        None => (payload, None),
    }
}

/// Hands the parts to the store, in order.
pub(crate) async fn put(store: &dyn AnyStore, data: &WorkflowData, cut: Cut) -> Result<(), StoreError> {
    let Cut { reference, mut bytes } = cut;
    for part in 0..reference.parts {
        let key = PartKey::new(data.id.clone(), data.run_no, reference.payload, part);
        let len = bytes.len().min(Reference::PART);
        store.put_part(&key, bytes.split_to(len)).await?;
    }
    Ok(())
}

/// The payload with its bytes, fetched from the store if they are kept beside the record. `what` it is, for messages:
/// "the output of step `charge`".
pub(crate) async fn fetch(
    store: &dyn AnyStore,
    data: &WorkflowData,
    payload: &Payload,
    what: &str,
) -> Result<Payload, StoreError> {
    if !payload.is_reference() {
        return Ok(payload.clone());
    }
    let broken = |reason: &str| corrupt(&data.id, format!("{what} {reason}"));
    let reference = payload.reference().ok_or_else(|| broken("is kept beside it, and what says where is broken"))?;
    let mut bytes = Vec::new();
    for part in 0..reference.parts {
        let key = PartKey::new(data.id.clone(), data.run_no, reference.payload, part);
        let found = store.part(&key).await.map_err(|error| named(error, what))?;
        if found.len() as u64 != reference.len_of(part) {
            return Err(broken(&format!("is kept in parts, and part {part} is {} bytes long", found.len())));
        }
        if reference.parts == 1 && crc32c::crc32c(&found) == reference.crc {
            return Ok(payload.with_bytes(found));
        }
        bytes.extend_from_slice(&found);
    }
    if crc32c::crc32c(&bytes) != reference.crc {
        return Err(broken("is kept in parts, and their checksum does not fit"));
    }
    Ok(payload.with_bytes(bytes.into()))
}

fn corrupt(id: &WorkflowId, reason: String) -> StoreError {
    StoreError::Corrupt { id: id.clone(), path: None, reason }
}

/// What a store says of a part, with what it is a part of.
fn named(error: StoreError, what: &str) -> StoreError {
    match error {
        StoreError::Corrupt { id, path, reason } => {
            StoreError::Corrupt { id, path, reason: format!("{what}: {reason}") }
        }
        error => error,
    }
}
