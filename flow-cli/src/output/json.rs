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
        write_plain(writer, fragment)
    }

    /// JSON that is printed as it stands in a store.
    fn write_raw_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_plain(writer, fragment)
    }
}

/// Writes a piece of JSON. In it only strings have characters that are not plain, but for the space around values.
fn write_plain<W: Write + ?Sized>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let mut rest = fragment;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| !is_plain(c)) {
        let (plain, found) = rest.split_at(at);
        writer.write_all(plain.as_bytes())?;
        match c {
            '\n' | '\r' | '\t' => writer.write_all(b" ")?,
            c => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?,
        }
        rest = found.get(c.len_utf8()..).unwrap_or_default();
    }
    writer.write_all(rest.as_bytes())
}

/// A JSON text with each member and item in a line of its own. The texts in it stay as they are.
pub(crate) fn indented(json: &str) -> String {
    let mut indented = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut rest = json.chars().peekable();
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    while let Some(c) = rest.next() {
        if in_text {
            in_text = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            indented.push(c);
            continue;
        }
        while rest.peek().is_some_and(char::is_ascii_whitespace) {
            rest.next();
        }
        match c {
            '{' | '[' => {
                indented.push(c);
                let is_empty = matches!(rest.peek(), Some('}' | ']'));
                depth += 1;
                if !is_empty {
                    indented.push_str(&line(depth));
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !indented.ends_with(['{', '[']) {
                    indented.push_str(&line(depth));
                }
                indented.push(c);
            }
            ',' => {
                indented.push(c);
                indented.push_str(&line(depth));
            }
            ':' => indented.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => {
                in_text = c == '"';
                indented.push(c);
            }
        }
    }
    indented
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

    #[test]
    fn json_from_a_store_is_printed_in_one_line_and_escaped() {
        let value = serde_json::value::RawValue::from_string("{\n \"a\u{9b}\": 1 }".to_owned()).unwrap();
        assert_eq!(String::from_utf8(line(&value).unwrap()).unwrap(), r#"{  "a\u009b": 1 }"#);
    }

    #[test]
    fn json_is_indented_and_nothing_in_it_changed() {
        let check = |json: &str, expected: &str| assert_eq!(indented(json), expected, "{json}");
        check("12345678901234567890123", "12345678901234567890123");
        check(r#""a, [b] \" {""#, r#""a, [b] \" {""#);
        check("[ ]", "[]");
        check(
            r#"{"b":[1,{"a":{}}], "a" : null }"#,
            "{\n  \"b\": [\n    1,\n    {\n      \"a\": {}\n    }\n  ],\n  \"a\": null\n}",
        );
        check(r#"["\\",1]"#, "[\n  \"\\\\\",\n  1\n]");
    }
}
