//! What is done to a payload between its encoding and the store, and undone on the way back.
//!
//! In: an encoded payload. Out: the same with `transform` saying what was done: 1 is LZ4, 2 is Zstandard, from 128 on
//! it is the user's. 1 and 2: the length before as four bytes, little-endian, then a block or frame. The user's:
//! what its [`Transform`] made of one byte, the transform below it, and the bytes that gave.

use std::sync::Arc;

use bytes::Bytes;

use super::{BoxError, Payload};

const NOTHING: u8 = 0;
const LZ4: u8 = 1;
const ZSTD: u8 = 2;
/// The first number that is a user's.
const FIRST_OF_USERS: u8 = 128;

/// From how many bytes on a payload is compressed with LZ4 where nothing else is said.
const LZ4_FROM: usize = 1 << 10;
/// How long a payload may be when it is encoded, where nothing else is said: 64 MiB.
const DEFAULT_LIMIT: usize = 64 << 20;
/// The longest that LZ4 takes; longer payloads are left to Zstandard, or as they are.
const LZ4_MOST: usize = 0x7E00_0000;
/// A byte of LZ4 stands for this many at most.
const LZ4_RATIO: usize = 255;

/// How outputs, inputs and key-value data are compressed before they are stored.
///
/// What a payload has been through stands in it, so runs that were stored under another setting, or none, are read as
/// before, and records mix. A payload that compression does not make shorter by an eighth is kept as it is.
///
/// By default LZ4 is used from 1 KiB on: it costs less time than writing the bytes that it saves, and below that there
/// is next to nothing to save. Stores for reading by eye, whose encoding is JSON, are left uncompressed unless
/// [`EngineBuilder::compression`](crate::engine::EngineBuilder::compression) asks for it.
///
/// ```
/// use flow_runtime::state::Compression;
/// use flow_runtime::{Engine, InMemoryStore};
/// let engine = Engine::builder(InMemoryStore::default()).compression(Compression::default().lz4(4 << 10)).build();
/// let plain = Engine::builder(InMemoryStore::default()).compression(Compression::none()).build();
/// # let _ = (engine, plain);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    lz4_from: usize,
    zstd_from: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self::none().lz4(LZ4_FROM)
    }
}

impl Compression {
    /// Nothing is compressed.
    #[must_use]
    pub const fn none() -> Self {
        Self { lz4_from: usize::MAX, zstd_from: usize::MAX }
    }

    /// LZ4 for payloads of at least this many bytes; 1 KiB by default.
    #[must_use]
    pub const fn lz4(self, from: usize) -> Self {
        Self { lz4_from: from, ..self }
    }

    /// Zstandard for payloads of at least this many bytes, in place of LZ4; never by default. It makes text about a
    /// third shorter than LZ4 does and takes some times as long, so let it begin at 64 KiB or more. An engine that
    /// reads the run needs the feature `zstd` as well.
    ///
    /// ```
    /// use flow_runtime::state::Compression;
    /// let compression = Compression::default().zstd(256 << 10);
    /// # let _ = compression;
    /// ```
    #[cfg(feature = "zstd")]
    #[must_use]
    pub const fn zstd(self, from: usize) -> Self {
        Self { zstd_from: from, ..self }
    }

    fn compress(self, bytes: &Bytes) -> (u8, Bytes) {
        let packed = match bytes.len() {
            len if len > u32::MAX as usize => None,
            len if len >= self.zstd_from => zstd_frame(bytes).map(|packed| (ZSTD, packed)),
            len if len >= self.lz4_from && len <= LZ4_MOST => Some((LZ4, lz4_block(bytes))),
            _ => None,
        };
        match packed {
            Some((transform, packed)) if packed.len() <= bytes.len() - bytes.len() / 8 => (transform, packed.into()),
            _ => (NOTHING, bytes.clone()),
        }
    }
}

/// What an engine does to payloads of the user's own will, such as encryption. It is done last before the store, to
/// what was compressed if it was.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flow_runtime::prelude::*;
/// use flow_runtime::state::Transform;
/// use flow_runtime::state::BoxError;
///
/// /// No cipher, but in the place of one.
/// struct Mask(u8);
///
/// impl Transform for Mask {
///     fn number(&self) -> u8 { 128 }
///     fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> { Ok(bytes.iter().map(|byte| byte ^ self.0).collect()) }
///     fn undo(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> { self.apply(bytes) }
/// }
///
/// #[node]
/// async fn greet(name: &str) -> String { format!("Hello, {name}") }
/// workflow! { fn greets(name: String) -> String { greet(name) } }
///
/// let engine = Engine::builder(InMemoryStore::default()).transform(Mask(0x5a)).build();
/// assert_eq!(greets("Ada".to_owned()).run(&engine, "r").await?, "Hello, Ada");
/// let record = engine.load(&flow_runtime::WorkflowId::new("r")?).await?;
/// let stored = record.steps[0].output.as_ref().unwrap();
/// assert_eq!(stored.transform, 128);
/// assert!(!stored.bytes.ends_with(b"Ada"));
/// # Ok(())
/// # }
/// ```
pub trait Transform: Send + Sync + 'static {
    /// The number by which stored payloads name it, from 128 on. It must mean the same for as long as there are such
    /// payloads; another key or another cipher takes another number.
    fn number(&self) -> u8;

    /// What is stored in place of these bytes.
    ///
    /// # Errors
    /// If it cannot be done: the step fails for good. The error is stored, so it must not tell the bytes.
    fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError>;

    /// The bytes that were given to [`apply`](Self::apply).
    ///
    /// # Errors
    /// If these are not what `apply` gives: the run is refused. The error must not tell the bytes.
    fn undo(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError>;
}

/// What an engine does to payloads.
pub(crate) struct Packing {
    /// How long a payload may be when it is encoded, in bytes.
    pub(crate) limit: usize,
    pub(crate) compression: Compression,
    /// The last is applied, the others are there to be undone.
    pub(crate) transforms: Vec<Arc<dyn Transform>>,
}

impl Default for Packing {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, compression: Compression::none(), transforms: Vec::new() }
    }
}

impl Packing {
    /// An encoded payload as it is stored; else why it cannot be.
    pub(crate) fn pack(&self, payload: Payload) -> Result<Payload, String> {
        let (transform, bytes) = self.compression.compress(&payload.bytes);
        let Some(users) = self.transforms.last() else { return Ok(Payload { transform, bytes, ..payload }) };
        let below = [&[transform], &*bytes].concat();
        let number = users.number();
        let bytes = users.apply(&below).map_err(|error| format!("transform {number} failed: {error}"))?;
        Ok(Payload { transform: number, bytes: bytes.into(), ..payload })
    }

    /// The payload that was packed; else why it cannot be told.
    pub(crate) fn unpack(&self, payload: &Payload) -> Result<Payload, String> {
        if payload.flags != 0 {
            return Err(payload.is_elsewhere());
        }
        let (mut transform, mut bytes) = (payload.transform, payload.bytes.clone());
        if transform >= FIRST_OF_USERS {
            (transform, bytes) = self.undo_users(transform, &bytes)?;
        }
        // What was stored under the default limit is read under a lower one.
        let most = self.limit.max(DEFAULT_LIMIT);
        let bytes = match transform {
            NOTHING => bytes,
            LZ4 => expand(&bytes, most, "LZ4", Some(LZ4_RATIO), |block, len| {
                let mut bytes = vec![0; len];
                let found = lz4_flex::block::decompress_into(block, &mut bytes).map_err(|error| error.to_string())?;
                bytes.truncate(found);
                Ok(bytes)
            })?,
            ZSTD => expand(&bytes, most, "Zstandard", None, zstd_expand)?,
            unknown => return Err(format!("transform {unknown} is unknown to this version")),
        };
        Ok(Payload { transform: NOTHING, bytes, ..*payload })
    }

    fn undo_users(&self, number: u8, bytes: &[u8]) -> Result<(u8, Bytes), String> {
        let Some(users) = self.transforms.iter().rev().find(|users| users.number() == number) else {
            return Err(format!(
                "transform {number} is not given to this engine; give it with `EngineBuilder::transform`"
            ));
        };
        let below = users.undo(bytes).map_err(|error| format!("transform {number} cannot be undone: {error}"))?;
        let bytes = Bytes::from(below);
        match bytes.first() {
            Some(&transform) if transform < FIRST_OF_USERS => Ok((transform, bytes.slice(1..))),
            _ => Err(format!("transform {number} gave back something else than it was given")),
        }
    }
}

/// The length as compressed payloads begin with it.
fn head(bytes: &Bytes) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

fn lz4_block(bytes: &Bytes) -> Vec<u8> {
    let mut packed = vec![0; 4 + lz4_flex::block::get_maximum_output_size(bytes.len())];
    packed[..4].copy_from_slice(&head(bytes));
    match lz4_flex::block::compress_into(bytes, &mut packed[4..]) {
        Ok(len) => packed.truncate(4 + len),
        // It is as long as it can be, so this is not reached; what is too long is not kept.
        Err(_) => packed.truncate(bytes.len() + 4),
    }
    packed
}

/// Undoes a compression, having looked at the length that is claimed before there is room made for it.
fn expand(
    bytes: &[u8],
    most: usize,
    name: &str,
    ratio: Option<usize>,
    undo: impl FnOnce(&[u8], usize) -> Result<Vec<u8>, String>,
) -> Result<Bytes, String> {
    let Some((head, block)) = bytes.split_first_chunk::<4>() else {
        return Err(format!("they are too short for {name}"));
    };
    let len = u32::from_le_bytes(*head) as usize;
    if ratio.is_some_and(|ratio| len > block.len().saturating_mul(ratio)) {
        return Err(format!("they are broken: {} bytes of {name} cannot stand for {len}", block.len()));
    }
    if len > most {
        return Err(format!(
            "they say that they are {len} bytes, and at most {most} are read; raise `max_output_bytes`"
        ));
    }
    match undo(block, len) {
        Ok(bytes) if bytes.len() == len => Ok(bytes.into()),
        Ok(bytes) => Err(format!("they are broken {name}: {} bytes, not {len}", bytes.len())),
        Err(error) => Err(format!("they are broken {name}: {error}")),
    }
}

#[cfg(feature = "zstd")]
fn zstd_frame(bytes: &Bytes) -> Option<Vec<u8>> {
    let frame = zstd::bulk::compress(bytes, zstd::DEFAULT_COMPRESSION_LEVEL).ok()?;
    Some([&head(bytes), &*frame].concat())
}

#[cfg(not(feature = "zstd"))]
fn zstd_frame(_: &Bytes) -> Option<Vec<u8>> {
    None
}

#[cfg(feature = "zstd")]
fn zstd_expand(frame: &[u8], len: usize) -> Result<Vec<u8>, String> {
    zstd::bulk::decompress(frame, len).map_err(|error| error.to_string())
}

#[cfg(not(feature = "zstd"))]
fn zstd_expand(_: &[u8], _: usize) -> Result<Vec<u8>, String> {
    Err("it needs the feature `zstd` of flow-runtime".to_owned())
}

#[cfg(test)]
mod tests;
