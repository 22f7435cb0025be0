//! JSON that comes back equal, or none at all.

use serde::Serialize;

use super::canonical::has_only_finite_numbers;

/// The value as JSON, or `None` if JSON cannot carry it: a number that is not finite, a key that is no text.
pub(super) fn to_vec<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(value).ok()?;
    // What is not finite becomes `null`, as what is absent does; only where there is one must the value be looked at.
    let may_have_lost = json.windows(4).any(|word| word == b"null");
    (!may_have_lost || has_only_finite_numbers(value)).then_some(json)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::{Encoding, decode, encode};

    #[test]
    fn b29_what_is_not_finite_is_no_json_wherever_it_stands() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(to_vec(&x), None);
            assert_eq!(to_vec(&(x as f32)), None);
            assert_eq!(to_vec(&Some(x)), None);
            assert_eq!(to_vec(&vec![(1, BTreeMap::from([("x", Some(x))]))]), None);
            let payload = encode(&vec![1.0, x], Encoding::Json).unwrap();
            assert_eq!(payload.encoding, Encoding::MessagePack);
            let back: Vec<f64> = decode(&payload).unwrap();
            assert_eq!(back[1].to_bits(), x.to_bits());
        }
    }

    #[test]
    fn b29_what_is_absent_and_what_only_reads_like_it_stays_json() {
        let json = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
        assert_eq!(json(to_vec(&(None::<u8>, (), -0.0, f64::MAX))), "[null,null,-0.0,1.7976931348623157e+308]");
        assert_eq!(json(to_vec(&"null and void")), "\"null and void\"");
        assert_eq!(json(to_vec(&(u128::MAX, None::<i128>))), format!("[{},null]", u128::MAX));
    }
}
