//! Values of any type: whether two payloads are the same one, in whatever order their maps were written.
//!
//! In: two payloads. Out: yes or no. A value that is written as a sequence in no fixed order, such as a `HashSet`,
//! has no canonical form here.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Payload, decode};

/// A decoded value of any type, ordered so that maps can be sorted.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Canonical {
    Nothing,
    Bool(bool),
    Signed(i128),
    Unsigned(u128),
    Float(u64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Canonical>),
    Map(Vec<(Canonical, Canonical)>),
}

impl Payload {
    /// Whether this is the same value as the other, both being encoded alike, with nothing done to their bytes.
    pub(crate) fn is_same_value(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let tags = |payload: &Self| (payload.encoding, payload.transform);
        if tags(self) != tags(other) {
            return false;
        }
        match (decode::<Canonical>(self), decode::<Canonical>(other)) {
            (Ok(this), Ok(other)) => this == other,
            _ => false,
        }
    }
}

/// Whether there is no NaN and no infinity in a value; `false` if that cannot be told.
pub(super) fn has_only_finite_numbers<T: Serialize>(value: &T) -> bool {
    let bytes = rmp_serde::to_vec_named(value).ok();
    bytes.and_then(|bytes| super::msgpack::from_slice::<Canonical>(&bytes).ok()).is_some_and(|value| value.is_finite())
}

impl Canonical {
    fn is_finite(&self) -> bool {
        match self {
            Self::Float(bits) => f64::from_bits(*bits).is_finite(),
            Self::List(items) => items.iter().all(Self::is_finite),
            Self::Map(entries) => entries.iter().all(|(key, value)| key.is_finite() && value.is_finite()),
            _ => true,
        }
    }
}

impl<'de> Deserialize<'de> for Canonical {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

fn signed(value: i128) -> Canonical {
    u128::try_from(value).map_or(Canonical::Signed(value), Canonical::Unsigned)
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Canonical;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Canonical, E> {
        Ok(Canonical::Nothing)
    }

    fn visit_none<E>(self) -> Result<Canonical, E> {
        Ok(Canonical::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Canonical, E> {
        Ok(Canonical::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Canonical, E> {
        Ok(signed(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Canonical, E> {
        Ok(Canonical::Unsigned(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Canonical, E> {
        Ok(signed(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Canonical, E> {
        Ok(Canonical::Unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Canonical, E> {
        Ok(Canonical::Float(value.to_bits()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Canonical, E> {
        Ok(Canonical::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Canonical, E> {
        Ok(Canonical::Bytes(value.to_vec()))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Canonical, D::Error> {
        Canonical::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Canonical, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Canonical::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Canonical, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        map.sort();
        Ok(Canonical::Map(map))
    }
}
