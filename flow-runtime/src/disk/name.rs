//! File names for ids that users choose: an id is never a file name itself.
//!
//! Lower-case ASCII letters, digits and `-` stay; every other byte becomes `_` and two hexadecimal digits. So names
//! are the same on file systems that fold case or normalise Unicode, no id leaves the folder, and no id is a name
//! that an operating system reserves, since all begin with `w-`. A name that would be too long is cut and ends in a
//! hash of the whole id; the id itself stands in the file.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The longest encoded id that is kept whole, in bytes.
const MAX_ENCODED: usize = 180;
/// How much of a longer one is kept, for people to recognise it.
const KEPT: usize = 120;

/// The file name of an id, without an extension.
pub fn encode_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len() + 2);
    name.push_str("w-");
    for &byte in id.as_bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
            // Writing into a string cannot fail.
            _ => write!(name, "_{byte:02x}").unwrap_or_default(),
        }
    }
    if name.len() <= MAX_ENCODED {
        return name;
    }
    let digest = Sha256::digest(id.as_bytes());
    name.truncate(KEPT);
    name.push_str("__");
    digest.iter().take(16).for_each(|byte| write!(name, "{byte:02x}").unwrap_or_default());
    name
}

/// The id of a file name; `None` if the name was cut, or is none that [`encode_name`] makes.
pub fn decode_name(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("w-")?.bytes();
    let mut id = Vec::with_capacity(name.len());
    while let Some(byte) = rest.next() {
        match byte {
            b'_' => {
                let (high, low) = (rest.next()?, rest.next()?);
                id.push((hex(high)? << 4) | hex(low)?);
            }
            b'a'..=b'z' | b'0'..=b'9' | b'-' => id.push(byte),
            _ => return None,
        }
    }
    let id = String::from_utf8(id).ok()?;
    (encode_name(&id) == name).then_some(id)
}

/// Whether this is the name of an id that was too long to stand in it whole.
pub fn is_cut_name(name: &str) -> bool {
    let Some((kept, hash)) = name.split_at_checked(KEPT) else { return false };
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let digits = hash.strip_prefix("__").unwrap_or_default();
    kept.starts_with("w-")
        && kept.bytes().all(plain)
        && digits.len() == 32
        && digits.bytes().all(|digit| hex(digit).is_some())
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_come_back() {
        for (id, name) in [
            ("order-123", "w-order-123"),
            ("..", "w-_2e_2e"),
            ("a/B", "w-a_2f_42"),
            ("CON", "w-_43_4f_4e"),
            ("é", "w-_c3_a9"),
            ("a_b", "w-a_5fb"),
        ] {
            assert_eq!(encode_name(id), name);
            assert_eq!(decode_name(name).as_deref(), Some(id));
        }
    }

    #[test]
    fn long_ids_are_cut_and_kept_apart() {
        let (a, b) = ("A".repeat(255) + "1", "A".repeat(255) + "2");
        let (name_a, name_b) = (encode_name(&a), encode_name(&b));
        assert!(name_a.len() <= MAX_ENCODED && name_b.len() <= MAX_ENCODED);
        assert_ne!(name_a, name_b);
        assert_eq!(decode_name(&name_a), None, "the id stands in the file");
        assert!(is_cut_name(&name_a) && is_cut_name(&encode_name(&"ü".repeat(128))));
    }

    #[test]
    fn foreign_names_are_no_ids() {
        for name in ["", "order", "w-A", "w-_2", "w-_zz", "w-_61", "w-_ff", ".w-a.1.2.tmp", "LOCK"] {
            assert_eq!(decode_name(name), None, "{name}");
            assert!(!is_cut_name(name), "{name}");
        }
        let cut = encode_name(&"a".repeat(256));
        for name in [cut.to_uppercase(), cut.replace("__", "_-"), cut.clone() + "0", cut.replacen('w', "v", 1)] {
            assert!(!is_cut_name(&name), "{name}");
        }
        assert!(!is_cut_name(&encode_name(&"a".repeat(170))));
    }
}
