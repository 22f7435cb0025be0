//! A stored value, without the types of the application.
//!
//! In: a payload of a record. Out: its bytes as they were encoded, fetched from beside the record and decompressed; and
//! what they say as JSON, where their encoding tells that by itself.

use bytes::Bytes;
use flow_runtime::state::{Encoding, Payload};
use flow_runtime::{Engine, StoreError, WorkflowData};
use serde::Serialize;

use crate::store::AnyStore;

/// The deepest nesting that is told. What is nested deeper than 300 lists and maps is not stored by an engine.
const DEPTH: usize = 310;

/// How a value is stored, without the value.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the fields are the members of the JSON")]
pub(crate) struct Stored {
    encoding: &'static str,
    /// The length as it is stored; of one that is kept beside the record, all of its parts.
    stored_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<u32>,
}

/// A value with its bytes.
pub(crate) struct Value {
    pub(crate) encoding: Encoding,
    pub(crate) bytes: Bytes,
}

/// What a value says.
pub(crate) enum Said {
    /// This JSON.
    Json(String),
    /// This text.
    Text(String),
    /// Nothing that can be told without its type.
    Bytes,
}

impl From<&Payload> for Stored {
    fn from(payload: &Payload) -> Self {
        let reference = payload.reference();
        Self {
            encoding: encoding(payload.encoding),
            stored_bytes: reference.map_or(payload.bytes.len() as u64, |reference| reference.len),
            compression: compression(payload.transform),
            parts: reference.map(|reference| reference.parts),
        }
    }
}

impl Stored {
    /// In a few words: `Json, 120 bytes, LZ4`.
    pub(crate) fn in_words(&self) -> String {
        let mut words = format!("{}, {}", self.encoding, bytes(self.stored_bytes));
        let parts = self.parts.map(|parts| match parts {
            1 => "beside the record".to_owned(),
            parts => format!("in {parts} parts beside the record"),
        });
        for more in self.compression.iter().chain(&parts) {
            words.push_str(", ");
            words.push_str(more);
        }
        words
    }
}

/// Gets a value from the record or from beside it.
pub(crate) async fn fetch(store: &AnyStore, data: &WorkflowData, payload: &Payload) -> Result<Value, StoreError> {
    let payload = Engine::new(store.clone()).payload(data, payload).await?;
    Ok(Value { encoding: payload.encoding, bytes: payload.bytes })
}

impl Value {
    /// What the value says, as far as its encoding tells it.
    pub(crate) fn said(&self) -> Said {
        match self.encoding {
            Encoding::Json => text(&self.bytes).filter(|text| is_json(text)).map_or(Said::Bytes, Said::Json),
            Encoding::MessagePack => json_of_message_pack(&self.bytes).map_or(Said::Bytes, Said::Json),
            Encoding::Raw => text(&self.bytes).map_or(Said::Bytes, Said::Text),
            _ => Said::Bytes,
        }
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// The same as JSON; `None` if JSON cannot carry it, or if the bytes are broken.
fn json_of_message_pack(bytes: &[u8]) -> Option<String> {
    let mut from = rmp_serde::Deserializer::from_read_ref(bytes);
    from.set_max_depth(DEPTH);
    let mut json = Vec::new();
    serde_transcode::transcode(&mut from, &mut serde_json::Serializer::new(&mut json)).ok()?;
    String::from_utf8(json).ok()
}

/// So many bytes, in words.
pub(crate) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The word for an encoding.
pub(crate) const fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "Json",
        Encoding::MessagePack => "MessagePack",
        Encoding::Raw => "Raw",
        _ => "Unknown",
    }
}

fn compression(transform: u8) -> Option<String> {
    match transform {
        0 => None,
        1 => Some("LZ4".to_owned()),
        2 => Some("Zstandard".to_owned()),
        users => Some(format!("transform {users}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn message_pack_is_told_as_json_and_broken_bytes_are_not() {
        let value = BTreeMap::from([(1, (Some("a"), 0.5)), (2, (None, -0.0))]);
        let bytes = rmp_serde::to_vec_named(&value).unwrap();
        let json = json_of_message_pack(&bytes).unwrap();
        assert_eq!(json, r#"{"1":["a",0.5],"2":[null,-0.0]}"#);
        for len in 0..bytes.len() {
            assert_eq!(json_of_message_pack(&bytes[..len]), None, "{len}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_told_as_bytes() {
        // Lists of one item in one another.
        assert!(json_of_message_pack(&vec![0x91; 100_000]).is_none());
    }
}
