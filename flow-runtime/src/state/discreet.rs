//! What may be said of a value that does not decode: what was expected, and what kind of thing is there instead.
//!
//! In: the words of a decoder. Out: the same without the value, which serde likes to quote, and which is a payload.

use rmp_serde::decode::Error as MessagePackError;
use serde_json::error::Category;

/// The kinds of things that serde finds where it expected others.
const KINDS: [&str; 17] = [
    "boolean",
    "integer",
    "floating point",
    "character",
    "string",
    "byte array",
    "unit value",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
    "null",
];

/// What stands for words that may quote the value, because the type's own decoder chose them.
const UNSAID: &str = "its own decoder refuses it";

/// What `serde_json` says, without the value.
pub(super) fn json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return text;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(text) => without_value(text) + &place,
        None => without_value(&text),
    }
}

/// What `rmp_serde` says, without the value.
pub(super) fn message_pack(error: &MessagePackError) -> String {
    match error {
        // The marker of a small number is the number.
        MessagePackError::TypeMismatch(_) => "there is a value of another type".to_owned(),
        MessagePackError::Uncategorized(text) | MessagePackError::Syntax(text) => without_value(text),
        other => other.to_string(),
    }
}

/// One of serde's sentences without the value that it quotes.
fn without_value(text: &str) -> String {
    let names_only_the_type =
        ["missing field `", "duplicate field `", "data did not match any variant of untagged enum "];
    if names_only_the_type.iter().any(|start| text.starts_with(start)) {
        return text.to_owned();
    }
    // What was expected stands at the end, so a value that reads like it does not get through.
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    let said = |what: &str| match expected {
        Some(expected) => format!("{what}, expected {expected}"),
        None => what.to_owned(),
    };
    for start in ["invalid type", "invalid value"] {
        if let Some(found) = text.strip_prefix(start).and_then(|rest| rest.strip_prefix(": ")) {
            let kind = KINDS.iter().find(|kind| found.starts_with(**kind)).unwrap_or(&"another value");
            return said(&format!("{start}: {kind}"));
        }
    }
    for start in ["unknown variant", "unknown field"] {
        if text.starts_with(start) && !text.ends_with("there are no variants") && !text.ends_with("there are no fields")
        {
            return said(start);
        }
    }
    if text.starts_with("invalid length ") { said("invalid length") } else { UNSAID.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b21_what_serde_says_is_kept_without_the_value() {
        let cases = [
            ("invalid type: string \"a, expected b\", expected u64", "invalid type: string, expected u64"),
            ("invalid type: integer `-5`, expected a string", "invalid type: integer, expected a string"),
            ("invalid type: my secret, expected a string", "invalid type: another value, expected a string"),
            ("invalid value: character `s`, expected a digit", "invalid value: character, expected a digit"),
            ("invalid length 3, expected a tuple of size 2", "invalid length, expected a tuple of size 2"),
            ("unknown variant `s`, expected `One` or `Two`", "unknown variant, expected `One` or `Two`"),
            ("unknown field `s`, expected `known`", "unknown field, expected `known`"),
            ("missing field `text`", "missing field `text`"),
            ("unknown variant `, expected s`, there are no variants", UNSAID),
            ("relative URL without a base: \"s\"", UNSAID),
        ];
        for (text, expected) in cases {
            assert_eq!(without_value(text), expected);
        }
    }
}
