//! Values that are written as text: times, durations, steps, fingerprints, places in the source.
//!
//! In: a value, or a text. Out: the text, or the value if the text is exactly the one that is written for it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::plan::{Fingerprint, Source};
use crate::state::StepRef;

/// A value with one text that says all of it.
pub(super) trait TextForm: Sized {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// The text.
    fn to_text(&self) -> String;
    /// The value of a text; of one that is not written like that, any value or none.
    fn of_text(text: &str) -> Option<Self>;
}

/// A value that is written as its text.
#[derive(Clone, Default, PartialEq)]
pub(super) struct AsText<T>(pub(super) T);

impl<T: TextForm> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_text())
    }
}

impl<'de, T: TextForm> Deserialize<'de> for AsText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData)).map(Self)
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: TextForm> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let value = T::of_text(text).filter(|value| value.to_text() == text);
        value.ok_or_else(|| E::custom(format_args!("a text is not {}", T::WHAT)))
    }
}

impl TextForm for StepRef {
    const WHAT: &'static str = "a step like `0/3`";

    fn to_text(&self) -> String {
        format!("{}/{}", self.instance, self.local)
    }

    fn of_text(text: &str) -> Option<Self> {
        let (instance, local) = text.split_once('/')?;
        Some(Self::new(instance.parse().ok()?, local.parse().ok()?))
    }
}

impl TextForm for Fingerprint {
    const WHAT: &'static str = "a fingerprint of 32 hexadecimal digits";

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn of_text(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl TextForm for Source {
    const WHAT: &'static str = "a place like `src/main.rs:12:5`";

    fn to_text(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    fn of_text(text: &str) -> Option<Self> {
        let (text, column) = text.rsplit_once(':')?;
        let (file, line) = text.rsplit_once(':')?;
        Some(Self { file: file.to_owned().into(), line: line.parse().ok()?, column: column.parse().ok()? })
    }
}

/// The checksum of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksum(pub(super) u32);

impl TextForm for Checksum {
    const WHAT: &'static str = "a checksum of 8 hexadecimal digits";

    fn to_text(&self) -> String {
        format!("{:08x}", self.0)
    }

    fn of_text(text: &str) -> Option<Self> {
        u32::from_str_radix(text, 16).ok().map(Self)
    }
}

/// Numbers that JSON has no form for, such as infinity, have one here.
impl TextForm for f64 {
    const WHAT: &'static str = "a number like `2.0`";

    fn to_text(&self) -> String {
        format!("{self:?}")
    }

    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::state::Timestamp;

    fn read<T: TextForm>(text: &str) -> Option<T> {
        serde_json::from_str::<AsText<T>>(&serde_json::to_string(text).unwrap()).ok().map(|read| read.0)
    }

    #[test]
    fn only_the_text_that_is_written_is_read() {
        assert_eq!(read("4294967295/0"), Some(StepRef::new(u32::MAX, 0)));
        for text in ["", "1", "/", "01/2", "+1/2", "1/2/3", "-1/2", "4294967296/1", "1/ 2"] {
            assert_eq!(read::<StepRef>(text), None, "{text:?}");
        }
        assert_eq!(read(&"f".repeat(32)), Some(Fingerprint(u128::MAX)));
        for text in ["ff", &"F".repeat(32), &format!("+{}", "f".repeat(31))] {
            assert_eq!(read::<Fingerprint>(text), None, "{text:?}");
        }
        assert_eq!(read(":a:1:2"), Some(Source { file: ":a".into(), line: 1, column: 2 }));
        assert_eq!(read::<Source>("a:1"), None);
        for text in
            ["2026-13-01T00:00:00.000000000Z", "2026-02-30T00:00:00.000000000Z", "2026-01-01T24:00:00.000000000Z"]
        {
            assert_eq!(read::<Timestamp>(text), None, "{text:?}");
        }
        for text in ["1", "01s", "1.s", "1.10s", "s", "-1s", "1.0000000001s", "99999999999999999999s"] {
            assert_eq!(read::<Duration>(text), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        for number in [2.0, -0.0, f64::MIN_POSITIVE, f64::MAX, 0.1, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(read::<f64>(&number.to_text()).map(f64::to_bits), Some(number.to_bits()));
        }
        assert!(read::<f64>("NaN").is_some_and(f64::is_nan));
    }
}
