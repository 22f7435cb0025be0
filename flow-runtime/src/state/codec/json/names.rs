//! Enums by the names of their variants. A name that this version does not know is refused, and named.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{CodecError, unknown};
use crate::state::{Asked, Encoding, FailureKind, RollbackCause, RunOutcome, StepStatus, WorkflowStatus};

/// An enum whose variants hold nothing.
pub(super) trait Named: Copy + 'static {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// All variants.
    const ALL: &'static [Self];
    /// The variant's name.
    fn name(self) -> &'static str;
}

macro_rules! names {
    ($enum:ident, $what:literal: $($name:ident)+) => {
        impl Named for $enum {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = &[$($enum::$name,)+];

            fn name(self) -> &'static str {
                match self { $($enum::$name => stringify!($name),)+ }
            }
        }
    };
}

names!(Encoding, "payload encoding": Json MessagePack Raw);
names!(FailureKind, "failure kind": Error Panic Timeout Deadline Encode);
names!(Asked, "request": Cancel Terminate Pause Resume);
names!(RollbackCause, "rollback cause": Failure Cancel);
names!(RunOutcome, "outcome": Completed Failed Cancelled RolledBack);
names!(StepStatus, "step status": Pending Running Waiting Completed Failed Cancelled Skipped Bypassed Compensated
    CompensationFailed);
names!(WorkflowStatus, "run status": Running Suspended Completed Failed Cancelled RollingBack RolledBack);

/// The name of a variant, known or not.
pub(super) struct Name<T>(Result<T, String>);

impl<T: Named> Name<T> {
    /// The name of this variant.
    pub(super) fn of(value: T) -> Self {
        Self(Ok(value))
    }

    /// The variant, if this version knows it.
    pub(super) fn known(self) -> Result<T, CodecError> {
        self.0.map_err(|name| {
            let known: Vec<_> = T::ALL.iter().map(|known| known.name()).collect();
            unknown(T::WHAT, &name, &known.join(", "))
        })
    }
}

impl<T: Named> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_ref().map_or_else(String::as_str, |known| known.name()))
    }
}

impl<'de, T: Named> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor(PhantomData))
    }
}

struct NameVisitor<T>(PhantomData<T>);

impl<T: Named> Visitor<'_> for NameVisitor<T> {
    type Value = Name<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a {}", T::WHAT)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<T>, E> {
        let known = T::ALL.iter().copied().find(|known| known.name() == name);
        Ok(Name(known.ok_or_else(|| name.to_owned())))
    }
}

/// An enum whose variants hold one value each: a document has `{"Variant": value}`. A variant that this version does
/// not know is kept as its name, so that it can be refused by it.
macro_rules! one_of {
    ($(#[$doc:meta])* $enum:ident, $what:literal: $($variant:ident($value:ty))+) => {
        $(#[$doc])*
        pub(super) enum $enum<'a> {
            $($variant($value),)+
            Unknown(String),
        }

        impl $enum<'_> {
            fn unknown(name: &str) -> CodecError {
                let known = [$(stringify!($variant),)+].join(", ");
                crate::state::codec::json::unknown($what, name, &known)
            }
        }

        impl serde::Serialize for $enum<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => serializer.collect_map([(stringify!($variant), value)]),)+
                    Self::Unknown(name) => serializer.serialize_str(name),
                }
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $enum<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Variants<'a>(std::marker::PhantomData<$enum<'a>>);

                impl<'de: 'a, 'a> serde::de::Visitor<'de> for Variants<'a> {
                    type Value = $enum<'a>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "a {} with its name", $what)
                    }

                    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
                        Ok($enum::Unknown(name.to_owned()))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let name: Option<String> = map.next_key()?;
                        let value = match name.as_deref() {
                            $(Some(stringify!($variant)) => $enum::$variant(map.next_value()?),)+
                            Some(name) => {
                                map.next_value::<serde::de::IgnoredAny>()?;
                                $enum::Unknown(name.to_owned())
                            }
                            None => return Err(serde::de::Error::custom(concat!("a ", $what, " has no name"))),
                        };
                        match map.next_key::<serde::de::IgnoredAny>()? {
                            None => Ok(value),
                            Some(_) => Err(serde::de::Error::custom(concat!("a ", $what, " has two names"))),
                        }
                    }
                }

                deserializer.deserialize_any(Variants(std::marker::PhantomData))
            }
        }
    };
}

pub(super) use one_of;
