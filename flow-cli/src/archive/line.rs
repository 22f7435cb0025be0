//! One line: what is in it, and the checksum over that.
//!
//! In: a body. Out: `{"crc32c":"1a2b3c4d","body":{..}}`, and the body again. The checksum is over the text of the body, so
//! a line that is read is the one that was written.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use flow_runtime::store::PartKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::output::json_line;

/// What is in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Body {
    /// The first line.
    FlowExport { format: u32 },
    /// A part of a large value, before the record that names it.
    Part { run: String, run_no: Hex<u64>, payload: Hex<u128>, part: u32, bytes: Base64 },
    /// A run: its record, if it is there yet, and what was asked of it and not taken, in the order in which that came.
    Run { run: String, record: Option<Base64>, requests: Vec<Base64> },
    /// The last line: how many of each there were.
    End(Counts),
}

/// How many lines of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    pub(crate) runs: u64,
    pub(crate) parts: u64,
}

/// Bytes, as base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base64(pub(super) Vec<u8>);

/// A number, as hexadecimal text: it may be larger than readers of JSON are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex<T>(pub(super) T);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    crc32c: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Body {
    /// A part of this name.
    pub(super) fn part(key: &PartKey, bytes: &[u8]) -> Self {
        let (run, run_no, payload) = (key.id.to_string(), Hex(key.run_no), Hex(key.payload));
        Self::Part { run, run_no, payload, part: key.part, bytes: Base64(bytes.to_vec()) }
    }

    /// The line, with its end.
    pub(super) fn to_line(&self) -> serde_json::Result<Vec<u8>> {
        let body = String::from_utf8_lossy(&json_line(self)?).into_owned();
        let body = RawValue::from_string(body)?;
        let mut line = serde_json::to_vec(&Line { crc32c: checksum(&body), body: &body })?;
        line.push(b'\n');
        Ok(line)
    }

    /// What is in a line; else what is wrong with it.
    pub(super) fn of_line(line: &[u8]) -> Result<Self, String> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|_| "it is no line of an export".to_owned())?;
        if line.crc32c != checksum(line.body) {
            return Err("its checksum does not fit".to_owned());
        }
        // What does not fit here was written like that.
        serde_json::from_str(line.body.get()).map_err(|error| format!("it cannot be understood: {error}"))
    }
}

fn checksum(body: &RawValue) -> String {
    format!("{:08x}", crc32c::crc32c(body.get().as_bytes()))
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        BASE64.decode(&*text).map(Self).map_err(|_| serde::de::Error::custom("bytes are no base64"))
    }
}

macro_rules! hex {
    ($number:ty) => {
        impl Serialize for Hex<$number> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{:x}", self.0))
            }
        }

        impl<'de> Deserialize<'de> for Hex<$number> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                <$number>::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
            }
        }
    };
}

hex!(u64);
hex!(u128);

#[cfg(test)]
mod tests {
    use flow_runtime::WorkflowId;

    use super::*;

    fn bodies() -> Vec<Body> {
        let key = PartKey::new(WorkflowId::new("a\u{202e}\"b").unwrap(), u64::MAX, u128::MAX, 3);
        let counts = Counts { runs: 1, parts: 3 };
        let run = |record, requests| Body::Run { run: "r".to_owned(), record, requests };
        vec![
            Body::FlowExport { format: 1 },
            Body::part(&key, &[0, 255, b'\n']),
            run(Some(Base64(vec![1])), vec![Base64(vec![2, 3]), Base64(Vec::new())]),
            run(None, Vec::new()),
            Body::End(counts),
        ]
    }

    #[test]
    fn lines_come_back_and_are_one_line_each() {
        for body in bodies() {
            let line = body.to_line().unwrap();
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
            assert_eq!(Body::of_line(&line), Ok(body));
        }
        let header = String::from_utf8(bodies()[0].to_line().unwrap()).unwrap();
        assert_eq!(header, "{\"crc32c\":\"84da794e\",\"body\":{\"flow_export\":{\"format\":1}}}\n");
    }

    #[test]
    fn no_bit_of_a_line_can_be_turned_unseen() {
        for body in bodies() {
            let line = body.to_line().unwrap();
            let line = &line[..line.len() - 1];
            for bit in 0..line.len() * 8 {
                let mut turned = line.to_vec();
                turned[bit / 8] ^= 1 << (bit % 8);
                let read = Body::of_line(&turned);
                assert!(read.is_err() || read.as_ref() == Ok(&body), "bit {bit}: {read:?}");
            }
        }
    }
}
