//! A record, a change or a request as bytes that stand alone: with a header that says what they are, and a checksum.
//!
//! In: a record, a delta or a request. Out: bytes for a user's own store, and the same again. Stores of ours have frames
//! of their own for records and deltas.

use bytes::Bytes;

use super::{CodecError, flat};
use crate::state::{Delta, Request, WorkflowData};

const RECORD: [u8; 8] = *b"FLOWRUN\x01";
const CHANGE: [u8; 8] = *b"FLOWCHG\x01";
const REQUEST: [u8; 8] = *b"FLOWASK\x01";
/// Versions below this one cannot read what is written now.
const MIN_READER: u16 = 1;
/// Versions below this one must not write such bytes.
const MIN_WRITER: u16 = 1;
/// Magic, `min_reader`, `min_writer`, length of the body, checksum of the body, checksum of the header.
const HEADER: usize = 8 + 2 + 2 + 4 + 4 + 4;
/// What stands before the `FlatBuffer` of a change: `run_no` and `seq`.
const PLACE: usize = 16;

impl WorkflowData {
    /// The whole record as bytes, with a checksum: what a store of your own keeps. [`from_bytes`](Self::from_bytes)
    /// gives an equal record back, in this version and later ones.
    ///
    /// # Errors
    /// [`CodecError::Unstorable`] if the record has more than 1 GiB, or more than a million steps and values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        Ok(seal(RECORD, &flat::write_record(self, flat::Plans::Inline)?))
    }

    /// The record that [`to_bytes`](Self::to_bytes) wrote. Payloads are not copied: they share the bytes given.
    ///
    /// # Errors
    /// [`CodecError::Broken`] if the bytes are damaged or something else, [`CodecError::Newer`] if only a newer
    /// version can read them.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, CodecError> {
        flat::read_record(&unseal(RECORD, &bytes.into())?, &flat::NoPlans)
    }
}

impl Delta {
    /// The change as bytes, with a checksum: what a store of your own adds to what it has of a run.
    /// [`from_bytes`](Self::from_bytes) gives an equal one back, in this version and later ones. Equal changes have equal
    /// bytes.
    ///
    /// # Errors
    /// [`CodecError::Unstorable`] if it has more than 1 GiB, or more than a million events and values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        let change = flat::write_delta(self, flat::Plans::Inline)?;
        Ok(seal(CHANGE, &[&self.run_no.to_le_bytes()[..], &self.seq.to_le_bytes(), &change].concat()))
    }

    /// The change that [`to_bytes`](Self::to_bytes) wrote. Payloads are not copied: they share the bytes given.
    ///
    /// # Errors
    /// As those of [`WorkflowData::from_bytes`].
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, CodecError> {
        let body = unseal(CHANGE, &bytes.into())?;
        let place = body.split_first_chunk::<8>().and_then(|(run_no, rest)| Some((run_no, rest.first_chunk::<8>()?)));
        let (run_no, seq) = place.ok_or_else(|| CodecError::broken("they are shorter than a change"))?;
        let (run_no, seq) = (u64::from_le_bytes(*run_no), u64::from_le_bytes(*seq));
        flat::read_delta(&body.slice(PLACE..), run_no, seq, &flat::NoPlans)
    }
}

impl Request {
    /// The request as bytes, with a checksum: what a store of your own keeps until the run has taken it.
    /// [`from_bytes`](Self::from_bytes) gives an equal one back, in this version and later ones.
    ///
    /// # Errors
    /// [`CodecError::Unstorable`] if it has more than 1 GiB, or its id is none.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        Ok(seal(REQUEST, &flat::write_request(self)?))
    }

    /// The request that [`to_bytes`](Self::to_bytes) wrote. Its payload is not copied: it shares the bytes given.
    ///
    /// # Errors
    /// As those of [`WorkflowData::from_bytes`].
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, CodecError> {
        flat::read_request(&unseal(REQUEST, &bytes.into())?)
    }
}

fn seal(magic: [u8; 8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&MIN_READER.to_le_bytes());
    bytes.extend_from_slice(&MIN_WRITER.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn unseal(magic: [u8; 8], bytes: &Bytes) -> Result<Bytes, CodecError> {
    let header = Header::read(magic, bytes)?;
    let body = bytes.slice(HEADER..);
    if body.len() != header.len as usize {
        let (len, due) = (body.len(), header.len);
        return Err(CodecError::broken(format!("{len} bytes follow the header, not {due}")));
    }
    if crc32c::crc32c(&body) != header.crc {
        return Err(CodecError::broken("the checksum does not fit"));
    }
    Ok(body)
}

struct Header {
    len: u32,
    crc: u32,
}

impl Header {
    fn read(magic: [u8; 8], bytes: &[u8]) -> Result<Self, CodecError> {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Err(CodecError::broken("they are shorter than a header"));
        };
        let (head, crc) = header.split_at(HEADER - 4);
        if !head.starts_with(&magic) {
            let what = match magic {
                RECORD => "a record",
                REQUEST => "a request",
                _ => "a change",
            };
            return Err(CodecError::broken(format!("they do not begin as {what} does")));
        }
        if crc32c::crc32c(head).to_le_bytes() != crc {
            return Err(CodecError::broken("the header's checksum does not fit"));
        }
        let min_reader = u16::from_le_bytes([header[8], header[9]]);
        if min_reader > MIN_READER {
            return Err(CodecError::Newer {
                found: format!("a record of format {min_reader}"),
                known: format!("formats up to {MIN_READER}"),
            });
        }
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        Ok(Self { len: word(12), crc: word(16) })
    }
}
