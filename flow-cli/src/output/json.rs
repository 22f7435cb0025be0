//! JSON that is safe to look at: what terminals act on stands in strings as `\u` and four digits.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::is_plain;

/// The value in one line.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Safe))?;
    Ok(bytes)
}

struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| !is_plain(c)) {
            let (plain, found) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            rest = found.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terminals_act_on_is_escaped_and_read_back() {
        let text = "a\u{1b}\u{9b}\u{202e}\u{e0001}\n\"\\ ü";
        let line = String::from_utf8(line(&text).unwrap()).unwrap();
        assert_eq!(line, r#""a\u001b\u009b\u202e\udb40\udc01\n\"\\ ü""#);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
