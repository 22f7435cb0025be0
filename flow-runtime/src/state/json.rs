//! JSON that comes back equal, or none at all.

use serde::Serialize;
use serde_json::value::RawValue;

use super::canonical::has_only_finite_numbers;
use super::{Encoding, Payload, discreet};

/// The deepest nesting that readers of JSON take in, ours among them.
const MAX_DEPTH: usize = 127;

/// The value as JSON, or `None` if JSON cannot carry it: a number that is not finite, a key that is no text, lists and
/// maps that are nested too deep to be read again.
pub(super) fn to_vec<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(value).ok()?;
    // What is not finite becomes `null`, as what is absent does; only where there is one must the value be looked at.
    let may_have_lost = json.windows(4).any(|word| word == b"null");
    ((!may_have_lost || has_only_finite_numbers(value)) && depth(&json) <= MAX_DEPTH).then_some(json)
}

/// Text that someone has written as a payload that is JSON, without the space around it; else what is wrong with it.
pub(crate) fn written(text: &str) -> Result<Payload, String> {
    let json: &RawValue = serde_json::from_str(text).map_err(|error| discreet::json(&error))?;
    if depth(json.get().as_bytes()) > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} deep"));
    }
    Ok(Payload::new(Encoding::Json, json.get().as_bytes().to_vec()))
}

/// How deep lists and maps are nested in this JSON.
pub(super) fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::{decode, encode};

    #[test]
    fn what_is_written_is_kept_as_it_is_if_it_is_json() {
        let of = |text: &str| written(text).map(|payload| String::from_utf8(payload.bytes.to_vec()).unwrap());
        assert_eq!(of(" {\"a\" :1.0}\n").as_deref(), Ok("{\"a\" :1.0}"));
        assert_eq!(
            of("340282366920938463463374607431768211455").as_deref(),
            Ok("340282366920938463463374607431768211455")
        );
        for text in ["", "yes", "1 2", "{\"a\":}", "'a'", "NaN"] {
            assert!(of(text).is_err_and(|reason| reason.contains("line 1 column")), "{text}");
        }
        assert_eq!(of(&format!("{}{}", "[".repeat(127), "]".repeat(127))).map(|text| text.len()), Ok(254));
        let reason = of(&format!("{}{}", "[".repeat(128), "]".repeat(128))).unwrap_err();
        assert_eq!(reason, "it is nested more than 127 deep");
    }

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

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Nested {
        End(f64),
        List(Vec<Nested>),
        Boxed(Box<Nested>),
        Named { inner: Box<Nested> },
        Option(Option<Box<Nested>>),
    }

    /// What is built around a value to make it one deeper.
    type Around = fn(Nested) -> Nested;

    const AROUND: [Around; 4] = [
        |inner| Nested::List(vec![inner]),
        |inner| Nested::Boxed(Box::new(inner)),
        |inner| Nested::Named { inner: Box::new(inner) },
        |inner| Nested::Option(Some(Box::new(inner))),
    ];

    fn nested(depth: usize, around: Around) -> Nested {
        (0..depth).fold(Nested::End(0.5), |inner, _| around(inner))
    }

    /// On a stack like those of tokio's threads, on which a resumed run decodes.
    fn on_a_usual_stack(test: fn()) {
        std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
    }

    #[test]
    fn b29_what_is_encoded_can_be_decoded_however_deep_it_is() {
        on_a_usual_stack(|| {
            let (mut json, mut deeper, mut refused) = (0, 0, 0);
            for around in AROUND {
                for depth in (0..140).chain((240..270).step_by(3)).chain((300..400).step_by(7)) {
                    let value = nested(depth, around);
                    for asked in [Encoding::Json, Encoding::MessagePack] {
                        let payload = match encode(&value, asked) {
                            Ok(payload) => payload,
                            Err(error) => {
                                assert!(depth > 120, "{depth}: {error}");
                                assert!(error.to_string().contains("nested too deep"), "{error}");
                                refused += 1;
                                continue;
                            }
                        };
                        json += usize::from(payload.encoding == Encoding::Json);
                        deeper += usize::from(payload.encoding != asked);
                        let back = decode::<Nested>(&payload);
                        assert!(back.as_ref().is_ok_and(|back| *back == value), "{depth} {asked:?}: {:?}", back.err());
                    }
                }
            }
            assert!(json > 100 && deeper > 20 && refused > 100, "{json} {deeper} {refused}");
        });
    }

    #[test]
    fn b29_brackets_in_a_text_are_no_nesting() {
        let text = "[{\"\\".repeat(300);
        let payload = encode(&(text.clone(), 1), Encoding::Json).unwrap();
        assert_eq!(payload.encoding, Encoding::Json);
        assert_eq!(decode::<(String, u8)>(&payload).unwrap(), (text, 1));
    }
}
