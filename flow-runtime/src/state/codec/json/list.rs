//! Lists and maps in a document, bounded, and without names that stand twice.
//!
//! In: mirrors of our values to be written. Out: our values, turned one by one while a list is read, so that hostile
//! bytes cannot make much of little.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, SerializeSeq, Serializer};
use serde_json::value::to_raw_value;

use super::{CodecError, MAX_ITEMS, MAX_NAMES};

/// What stands in a document for a value of ours.
pub(super) trait Mirror {
    /// The value it stands for.
    type Ours;
    /// The most of them in one list.
    const MAX: usize = MAX_ITEMS;
    /// Whether each is written on a line of its own, however much it holds.
    const ONE_LINE: bool = false;
    /// The value, if it is one.
    fn ours(self) -> Result<Self::Ours, CodecError>;
}

/// A list: of mirrors before it is written, of ours after it was read.
pub(super) enum List<M: Mirror> {
    Mirrors(Vec<M>),
    Ours(Result<Vec<M::Ours>, CodecError>),
}

impl<M: Mirror> List<M> {
    /// What was read.
    pub(super) fn ours(self) -> Result<Vec<M::Ours>, CodecError> {
        match self {
            Self::Mirrors(mirrors) => mirrors.into_iter().map(M::ours).collect(),
            Self::Ours(ours) => ours,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Mirrors(mirrors) if mirrors.is_empty())
    }
}

impl<M: Mirror> Default for List<M> {
    fn default() -> Self {
        Self::Mirrors(Vec::new())
    }
}

impl<M: Mirror> FromIterator<M> for List<M> {
    fn from_iter<I: IntoIterator<Item = M>>(mirrors: I) -> Self {
        Self::Mirrors(mirrors.into_iter().collect())
    }
}

impl<M: Mirror + Serialize> Serialize for List<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Mirrors(mirrors) = self else {
            return Err(ser::Error::custom("a list that was read is not written"));
        };
        let mut list = serializer.serialize_seq(Some(mirrors.len()))?;
        for mirror in mirrors {
            if M::ONE_LINE {
                list.serialize_element(&to_raw_value(mirror).map_err(ser::Error::custom)?)?;
            } else {
                list.serialize_element(mirror)?;
            }
        }
        list.end()
    }
}

impl<'de, M: Mirror + Deserialize<'de>> Deserialize<'de> for List<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor::<M>(PhantomData)).map(Self::Ours)
    }
}

struct ListVisitor<M>(PhantomData<M>);

impl<'de, M: Mirror + Deserialize<'de>> Visitor<'de> for ListVisitor<M> {
    type Value = Result<Vec<M::Ours>, CodecError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Ok(Vec::new());
        while let Some(mirror) = items.next_element::<M>()? {
            // After an item that is none of ours the rest is only looked through: it must still be well formed.
            list = list.and_then(|mut list| mirror.ours().map(|ours| list.push(ours)).map(|()| list));
            if list.as_ref().is_ok_and(|list| list.len() > M::MAX) {
                return Err(A::Error::custom(format_args!("a list has more than {} items", M::MAX)));
            }
        }
        Ok(list)
    }
}

/// A map in which no name stands twice.
#[derive(Default)]
pub(super) struct Map<'a, V>(pub(super) BTreeMap<Cow<'a, str>, V>);

impl<V> Map<'_, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Map<'_, Cow<'_, str>> {
    /// The map that was read, of texts.
    pub(super) fn ours(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }
}

impl<V: Serialize> Serialize for Map<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<'_, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData)).map(Self)
    }
}

struct MapVisitor<'a, V>(PhantomData<Map<'a, V>>);

impl<'de, 'a, V: Deserialize<'de>> Visitor<'de> for MapVisitor<'a, V> {
    type Value = BTreeMap<Cow<'a, str>, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, V>()? {
            if map.insert(Cow::Owned(name), value).is_some() {
                return Err(A::Error::custom("a name stands twice in a map"));
            }
            if map.len() > MAX_NAMES {
                return Err(A::Error::custom(format_args!("a map has more than {MAX_NAMES} names")));
            }
        }
        Ok(map)
    }
}
