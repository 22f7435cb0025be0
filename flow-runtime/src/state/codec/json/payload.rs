//! Payloads: JSON as it is, raw text as text, anything else as base64 with its encoding.
//!
//! In: a payload, or what stands for one in a document. Out: the same, its bytes identical. JSON stands as it is only
//! where every reader of JSON can take the whole document in.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::CodecError;
use super::list::Mirror;
use super::names::Name;
use super::value::is_default;
use crate::state::json::depth;
use crate::state::{self, Encoding};

/// The deepest JSON that stands in a document as it is. With what is around it, it stays below the depth that
/// readers of JSON, ours among them, take in.
const MAX_DEPTH: usize = 100;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload<'a> {
    #[serde(borrow, default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoding: Option<Name<Encoding>>,
    #[serde(default, skip_serializing_if = "is_default")]
    transform: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u8,
}

/// JSON that is there, and be it `null`, which is a value like any other here.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Payload<'a> {
    pub(super) fn of(payload: &'a state::Payload) -> Self {
        let state::Payload { encoding, transform, flags, bytes } = payload;
        let mut mirror =
            Self { json: None, text: None, base64: None, encoding: None, transform: *transform, flags: *flags };
        let text = std::str::from_utf8(bytes).ok();
        match (encoding, text, text.and_then(plain_json)) {
            (Encoding::Json, _, Some(json)) => mirror.json = Some(json),
            (Encoding::Raw, Some(text), _) => mirror.text = Some(Cow::Borrowed(text)),
            _ => {
                mirror.base64 = Some(Cow::Owned(BASE64.encode(bytes)));
                mirror.encoding = Some(Name::of(*encoding));
            }
        }
        mirror
    }
}

impl Mirror for Payload<'_> {
    type Ours = state::Payload;

    fn ours(self) -> Result<state::Payload, CodecError> {
        let Self { json, text, base64, encoding, transform, flags } = self;
        let (encoding, bytes) = match (json, text, base64, encoding) {
            (Some(json), None, None, None) => {
                if depth(json.get().as_bytes()) > MAX_DEPTH {
                    return Err(CodecError::broken(format!("a payload is nested more than {MAX_DEPTH} deep")));
                }
                (Encoding::Json, Bytes::copy_from_slice(json.get().as_bytes()))
            }
            (None, Some(text), None, None) => (Encoding::Raw, Bytes::from(text.into_owned())),
            (None, None, Some(text), Some(encoding)) => {
                let bytes = BASE64.decode(&*text).map_err(|_| CodecError::broken("a payload is no base64"))?;
                (encoding.known()?, Bytes::from(bytes))
            }
            _ => return Err(CodecError::broken("a payload is not one of json, text, or base64 with its encoding")),
        };
        Ok(state::Payload { encoding, transform, flags, bytes })
    }
}

/// The text as JSON, if it comes back as it is, is not too deep, and has nothing in it that readers stumble over.
fn plain_json(text: &str) -> Option<&RawValue> {
    let json: &RawValue = serde_json::from_str(text).ok()?;
    let is_plain = json.get().len() == text.len() && depth(text.as_bytes()) <= MAX_DEPTH;
    (is_plain && serde_json::from_str::<Plain>(text).is_ok()).then_some(json)
}

/// JSON in which every text is Unicode and every number is in range; its values are not kept.
struct Plain;

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
