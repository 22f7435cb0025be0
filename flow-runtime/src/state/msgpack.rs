//! MessagePack that is read as it was written, or not written at all.
//!
//! In: a value, or the bytes of one. Out: the other. The encoder goes as deep as the value does, the decoder stops at a
//! depth, so what is nested deeper is refused when it is written.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The deepest nesting of lists and maps. The decoder takes in 1024, of which some kinds of values need two or three
/// for one list or map; and each takes a piece of the stack, of which a thread of tokio has 2 MiB.
const MAX_DEPTH: usize = 300;

/// The value that these bytes hold.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| super::discreet::message_pack(&error))
}

/// The value as MessagePack, with struct fields by name.
pub(super) fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let bytes = rmp_serde::to_vec_named(value).map_err(|error| error.to_string())?;
    // Each level of nesting takes a byte at least.
    if bytes.len() > MAX_DEPTH && is_deeper(&bytes, MAX_DEPTH) {
        return Err(format!(
            "it is nested too deep to be read again, and at most {MAX_DEPTH} lists and maps in one another are stored; \
             make it flatter, such as a list of parts that name each other by index"
        ));
    }
    Ok(bytes)
}

/// Whether more lists and maps than this are nested in one another.
fn is_deeper(bytes: &[u8], most: usize) -> bool {
    // For each list or map around what comes next: how many values it still has.
    let mut around: Vec<u64> = Vec::new();
    let mut rest = bytes;
    while let Some((values, len)) = next(rest) {
        rest = rest.get(len..).unwrap_or_default();
        if values > 0 {
            around.push(values);
            if around.len() > most {
                return true;
            }
            continue;
        }
        while let Some(left) = around.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            around.pop();
        }
    }
    false
}

/// How many values the first one of these bytes is made of, and how many bytes are its own.
fn next(bytes: &[u8]) -> Option<(u64, usize)> {
    let (&marker, rest) = bytes.split_first()?;
    let number = |len: usize| rest.iter().take(len).fold(0, |number, &byte| number << 8 | usize::from(byte));
    let text = |len: usize| (0, 1_usize.saturating_add(len).saturating_add(number(len)));
    let list = |len: usize| (number(len) as u64, 1 + len);
    let map = |len: usize| (2 * number(len) as u64, 1 + len);
    Some(match marker {
        0x80..=0x8f => (2 * u64::from(marker & 0x0f), 1),
        0x90..=0x9f => (u64::from(marker & 0x0f), 1),
        0xa0..=0xbf => (0, 1 + usize::from(marker & 0x1f)),
        0xc4 | 0xd9 => text(1),
        0xc5 | 0xda => text(2),
        0xc6 | 0xdb => text(4),
        0xcc | 0xd0 => (0, 2),
        0xcd | 0xd1 => (0, 3),
        0xca | 0xce | 0xd2 => (0, 5),
        0xcb | 0xcf | 0xd3 => (0, 9),
        0xdc => list(2),
        0xdd => list(4),
        0xde => map(2),
        0xdf => map(4),
        // Extensions: their type, then their bytes.
        0xc7 => (0, 3 + number(1)),
        0xc8 => (0, 4 + number(2)),
        0xc9 => (0, 6_usize.saturating_add(number(4))),
        0xd4..=0xd8 => (0, 2 + (1 << (marker - 0xd4))),
        _ => (0, 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_around_values_of_every_kind() {
        let floats = (1.5_f32, -2.5_f64, true, None::<u8>);
        let numbers =
            (1_u8, 200_u8, 60_000_u16, 1_u32 << 30, u64::MAX, -1_i8, -100_i8, -30_000_i16, i32::MIN, i64::MIN);
        let texts = ("short", "x".repeat(40), "y".repeat(300), "z".repeat(70_000));
        let lists = (vec![1; 3], vec![1; 20], vec![1; 70_000], Vec::<u8>::new());
        let map = |len: u32| (0..len).map(|key| (key, [key])).collect::<std::collections::BTreeMap<_, _>>();
        let wide = (floats, numbers, &texts, lists, map(3), map(20), map(70_000), u128::MAX);
        let bytes = rmp_serde::to_vec_named(&[&wide, &wide]).unwrap();
        // The outer list, the tuple, a map, the list in it.
        assert!(!is_deeper(&bytes, 4));
        assert!(is_deeper(&bytes, 3));
        let bytes = rmp_serde::to_vec_named(&((((("deep", 1_u64 << 40),), &texts),), 5)).unwrap();
        assert!(is_deeper(&bytes, 4) && !is_deeper(&bytes, 5));
    }

    #[test]
    fn what_ends_too_soon_is_measured_as_far_as_it_goes() {
        for bytes in [&b"\xdb\xff\xff\xff\xff"[..], b"\xc9\xff\xff\xff\xff", b"\xdf\xff", b"\x91", b"\xd9", b""] {
            assert!(!is_deeper(bytes, 1));
        }
    }
}
