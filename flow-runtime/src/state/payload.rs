//! Encoded values: what a node's output, an input or a key's value is in a store.
//!
//! In: a typed value. Out: bytes with a tag that says how they are encoded, so that records mix encodings and each
//! payload is read by what it says of itself. What is done to the bytes then is told in [`transform`](super::transform).

use std::any::{Any, type_name};
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How the bytes of a payload are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Encoding {
    /// JSON, with floating-point numbers that come back equal.
    Json = 1,
    /// MessagePack with struct fields by name.
    MessagePack = 2,
    /// The bytes of a `Vec<u8>`, `Bytes` or `String` as they are.
    Raw = 3,
}

impl Encoding {
    /// The encoding of this tag, if it is known.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            1 => Some(Self::Json),
            2 => Some(Self::MessagePack),
            3 => Some(Self::Raw),
            _ => None,
        }
    }

    /// The tag that stores keep.
    pub const fn tag(self) -> u8 {
        self as u8
    }
}

/// An encoded value with its tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// How the bytes are encoded.
    pub encoding: Encoding,
    /// What was done to the encoded bytes: 0 is nothing, 1 LZ4, 2 Zstandard, from 128 on it is the user's.
    pub transform: u8,
    /// 0 if the bytes stand here, 1 if they are kept beside the record and this says where.
    pub flags: u8,
    /// The encoded bytes.
    pub bytes: Bytes,
}

impl Payload {
    /// A payload with nothing done to its bytes.
    pub fn new(encoding: Encoding, bytes: impl Into<Bytes>) -> Self {
        Self { encoding, transform: 0, flags: 0, bytes: bytes.into() }
    }

    /// What stands for an output in a run without a record, which encodes nothing.
    pub(crate) const fn empty() -> Self {
        Self { encoding: Encoding::Raw, transform: 0, flags: 0, bytes: Bytes::new() }
    }

    /// Why there are no bytes to decode in a payload with flags.
    pub(super) fn is_elsewhere(&self) -> String {
        if self.is_reference() {
            return "its bytes are kept beside the record; `Engine::payload` gets them".to_owned();
        }
        format!("flags {} are unknown to this version", self.flags)
    }
}

/// Says how many bytes there are, never which: payloads do not belong into logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({:?}, {} bytes)", self.encoding, self.bytes.len())
    }
}

/// A value could not be encoded.
///
/// [`E-VALUE-ENCODE`](crate::errors::codes::VALUE_ENCODE).
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot encode a `{type_name}`: {reason}")]
#[non_exhaustive]
pub struct EncodeError {
    /// The type of the value.
    pub type_name: &'static str,
    /// What the encoder said.
    pub reason: String,
}

/// A payload could not be decoded into the type that is expected now.
///
/// [`E-VALUE-DECODE`](crate::errors::codes::VALUE_DECODE).
#[derive(Clone, Debug, thiserror::Error)]
#[error("stored bytes are no `{expected}`: {reason}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The type that was expected.
    pub expected: &'static str,
    /// What the decoder said, without the value.
    pub reason: String,
}

/// A value that can be the output of a node or the input of a workflow: all that serde can express.
///
/// It is implemented for every `T: Serialize + DeserializeOwned + Send + Sync + 'static`; derive serde's two traits
/// to have it. `Vec<u8>`, `Bytes` and `String` are stored as they are. What no encoding carries: `Some(())` and
/// other nested emptiness, which comes back as `None`. What is nested deeper than 300 lists and maps is refused.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, as outputs are",
    label = "not `Serialize + DeserializeOwned + Send + Sync + 'static`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for `{Self}`"
)]
pub trait Output: Send + Sync + Sized + 'static {
    /// The value as a payload, in this encoding unless the value has a better one.
    ///
    /// # Errors
    /// If serde refuses the value.
    fn encode(&self, encoding: Encoding) -> Result<Payload, EncodeError>;

    /// The value that a payload holds.
    ///
    /// # Errors
    /// If the bytes are no such value.
    fn decode(payload: &Payload) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<T> Output for T
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    fn encode(&self, encoding: Encoding) -> Result<Payload, EncodeError> {
        encode(self, encoding)
    }

    fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        decode(payload)
    }
}

/// The value as a payload, in this encoding unless the value has a better one.
///
/// # Errors
/// If serde refuses the value.
pub fn encode<T: Serialize + 'static>(value: &T, encoding: Encoding) -> Result<Payload, EncodeError> {
    if let Some(bytes) = raw_bytes(value) {
        return Ok(Payload::new(Encoding::Raw, bytes));
    }
    let error = |reason: String| EncodeError { type_name: type_name::<T>(), reason };
    match encoding {
        Encoding::Json => match super::json::to_vec(value) {
            Some(bytes) => Ok(Payload::new(Encoding::Json, bytes)),
            None => encode(value, Encoding::MessagePack),
        },
        Encoding::MessagePack | Encoding::Raw => {
            super::msgpack::to_vec(value).map(|bytes| Payload::new(Encoding::MessagePack, bytes)).map_err(error)
        }
    }
}

/// The value that a payload holds.
///
/// # Errors
/// If the bytes are no such value, are kept beside the record, or are compressed in a way that this build does not know
/// or to more than 64 MiB before; [`Engine::payload`](crate::Engine::payload) knows what the engine was told.
pub fn decode<T: DeserializeOwned + 'static>(payload: &Payload) -> Result<T, DecodeError> {
    let error = |reason: String| DecodeError { expected: type_name::<T>(), reason };
    if payload.transform != 0 || payload.flags != 0 {
        return decode(&super::Packing::default().unpack(payload).map_err(error)?);
    }
    match payload.encoding {
        Encoding::Json => serde_json::from_slice(&payload.bytes).map_err(|e| error(super::discreet::json(&e))),
        Encoding::MessagePack => super::msgpack::from_slice(&payload.bytes).map_err(error),
        Encoding::Raw => from_raw(&payload.bytes).ok_or_else(|| error("they are raw text or bytes".to_owned())),
    }
}

fn raw_bytes<T: 'static>(value: &T) -> Option<Bytes> {
    let value: &dyn Any = value;
    if let Some(text) = value.downcast_ref::<String>() {
        return Some(Bytes::copy_from_slice(text.as_bytes()));
    }
    if let Some(bytes) = value.downcast_ref::<Vec<u8>>() {
        return Some(Bytes::copy_from_slice(bytes));
    }
    value.downcast_ref::<Bytes>().cloned()
}

fn from_raw<T: 'static>(bytes: &Bytes) -> Option<T> {
    fn place<T: 'static, U: 'static>(value: impl FnOnce() -> Option<U>) -> Option<T> {
        let mut slot: Option<T> = None;
        let same: &mut Option<U> = (&mut slot as &mut dyn Any).downcast_mut()?;
        *same = value();
        slot
    }
    place(|| String::from_utf8(bytes.to_vec()).ok())
        .or_else(|| place(|| Some(bytes.to_vec())))
        .or_else(|| place(|| Some(bytes.clone())))
}
