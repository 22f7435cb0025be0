//! A record as bytes that stand alone: with a header that says what they are, and a checksum.
//!
//! In: a record. Out: bytes for a user's own store, and the record again. Stores of ours have frames of their own.

use bytes::Bytes;

use super::{CodecError, flat};
use crate::state::WorkflowData;

const MAGIC: [u8; 8] = *b"FLOWRUN\x01";
/// Versions below this one cannot read what is written now.
const MIN_READER: u16 = 1;
/// Versions below this one must not write such a record.
const MIN_WRITER: u16 = 1;
/// Magic, `min_reader`, `min_writer`, length of the body, checksum of the body, checksum of the header.
const HEADER: usize = 8 + 2 + 2 + 4 + 4 + 4;

impl WorkflowData {
    /// The whole record as bytes, with a checksum: what a store of your own keeps. [`from_bytes`](Self::from_bytes)
    /// gives an equal record back, in this version and later ones.
    ///
    /// # Errors
    /// [`CodecError::Unstorable`] if the record has more than 1 GiB, or more than a million steps and values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        let body = flat::write_record(self, flat::Plans::Inline)?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&MIN_READER.to_le_bytes());
        bytes.extend_from_slice(&MIN_WRITER.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// The record that [`to_bytes`](Self::to_bytes) wrote. Payloads are not copied: they share the bytes given.
    ///
    /// # Errors
    /// [`CodecError::Broken`] if the bytes are damaged or something else, [`CodecError::Newer`] if only a newer
    /// version can read them.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, CodecError> {
        let bytes = bytes.into();
        let header = Header::read(&bytes)?;
        let body = bytes.slice(HEADER..);
        if body.len() != header.len as usize {
            let (len, due) = (body.len(), header.len);
            return Err(CodecError::broken(format!("{len} bytes follow the header, not {due}")));
        }
        if crc32c::crc32c(&body) != header.crc {
            return Err(CodecError::broken("the checksum does not fit"));
        }
        flat::read_record(&body, &flat::NoPlans)
    }
}

struct Header {
    len: u32,
    crc: u32,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Err(CodecError::broken("they are shorter than a header"));
        };
        let (head, crc) = header.split_at(HEADER - 4);
        if !head.starts_with(&MAGIC) {
            return Err(CodecError::broken("they do not begin as a record does"));
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
