//! Behaviour 29, values: what a node gave comes back equal, in every encoding, in value and in type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expect::{holds, must, save};
use super::place::Place;
use super::records::{self, changed, payload};
use crate::state::{DataEntry, Encoding, Output, StepStatus, WorkflowData, decode};
use crate::store::WorkflowStore;

/// Keeps each value in each encoding, as output of a step, in the run's data and as input, and has them all back.
async fn values_come_back<T>(place: &dyn Place, values: &[T], is_same: fn(&T, &T) -> bool)
where
    T: Output + Serialize + Clone,
{
    let store = place.open().await;
    let encodings = [store.encoding(), Encoding::Json, Encoding::MessagePack];
    let payloads: Vec<_> = values.iter().flat_map(|value| encodings.map(|encoding| payload(value, encoding))).collect();
    let data = changed("values", payloads.len(), |data| {
        data.input = payloads[0].clone();
        let entries = payloads.iter().enumerate();
        let entry = |(local, payload): (usize, &_)| DataEntry {
            step: records::step(local as u32),
            payload: Clone::clone(payload),
        };
        data.data.insert("values".to_owned(), entries.map(entry).collect());
        for (step, payload) in data.steps.iter_mut().zip(&payloads) {
            (step.status, step.output) = (StepStatus::Completed, Some(payload.clone()));
        }
    });
    save(&store, &data).await;
    holds(&store, &data, "with these values").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &data, "with these values after reopening").await;
    let found = store.load(&data.id).await.unwrap_or_else(|error| panic!("it was loaded just now: {error}"));
    for (index, value) in values.iter().enumerate() {
        must(
            outputs_are(&found, index * encodings.len(), encodings.len(), value, is_same),
            format_args!("give value {index} of type {} back equal", std::any::type_name::<T>()),
            "it decodes to something else",
        );
    }
}

fn outputs_are<T: Output>(
    data: &WorkflowData,
    first: usize,
    count: usize,
    value: &T,
    is_same: fn(&T, &T) -> bool,
) -> bool {
    let decodes = |payload| T::decode(payload).is_ok_and(|found| is_same(value, &found));
    data.steps[first..first + count].iter().all(|step| step.output.as_ref().is_some_and(decodes))
}

/// The ends of all integer types, and what lies about the edges of a 64-bit float.
pub(super) async fn b29_integers_come_back_to_their_ends(place: &dyn Place) {
    let signed = [i64::MIN, i64::MIN + 1, -(1 << 53) - 1, -1, 0, 1, (1 << 53) + 1, i64::MAX - 1, i64::MAX];
    values_come_back(place, &signed, |a, b| a == b).await;
}

/// The ends of the unsigned integers, beyond what a signed one holds.
pub(super) async fn b29_unsigned_integers_come_back_to_their_ends(place: &dyn Place) {
    let unsigned = [0, 1, u64::from(u32::MAX) + 1, (1 << 53) + 1, 1 << 63, u64::MAX - 1, u64::MAX];
    values_come_back(place, &unsigned, |a, b| a == b).await;
}

/// Small integers keep their types.
pub(super) async fn b29_small_integers_come_back(place: &dyn Place) {
    let values = [(i8::MIN, u8::MAX, i16::MIN, u16::MAX), (i8::MAX, 0, i16::MAX, 0)];
    values_come_back(place, &values, |a, b| a == b).await;
}

/// Floats come back bit for bit, also those that are next to each other and those that shorten badly.
pub(super) async fn b29_floats_come_back_bit_for_bit(place: &dyn Place) {
    let mut values = vec![0.0, -0.0, 0.1 + 0.2, 1.0 / 3.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::EPSILON];
    values.extend([5e-324, -5e-324, 1.797_693_134_862_315_5e308, 9_007_199_254_740_993.0, 123_456_789.123_456_79]);
    let mut rng = fastrand::Rng::with_seed(29);
    values.extend(std::iter::repeat_with(|| f64::from_bits(rng.u64(..))).filter(|x| x.is_finite()).take(100));
    values_come_back(place, &values, |a, b| a.to_bits() == b.to_bits()).await;
}

/// What is no number, and the infinities, which JSON does not have.
pub(super) async fn b29_nan_and_infinities_come_back(place: &dyn Place) {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    values_come_back(place, &values, |a, b| a.to_bits() == b.to_bits()).await;
    let nested = [vec![("x".to_owned(), Some(f64::NAN)), ("y".to_owned(), None), ("z".to_owned(), Some(-0.0))]];
    values_come_back(place, &nested, |a, b| bits_of(a) == bits_of(b)).await;
}

fn bits_of(list: &[(String, Option<f64>)]) -> Vec<Option<u64>> {
    list.iter().map(|(_, x)| x.map(f64::to_bits)).collect()
}

/// Booleans, units, options and characters.
pub(super) async fn b29_booleans_options_and_units_come_back(place: &dyn Place) {
    let values = [(true, None, (), 'a'), (false, Some(0_u8), (), '\0'), (true, Some(255), (), '\u{10ffff}')];
    values_come_back(place, &values, |a, b| a == b).await;
}

/// Texts with NUL, with line ends, with quotes, from every plane of Unicode, and in both normal forms.
pub(super) async fn b29_texts_of_any_unicode_come_back(place: &dyn Place) {
    let values = [
        "",
        "\0",
        "a\0b\0",
        "\u{1}\u{7f}\u{85}\u{feff}",
        "line\r\nline\n\u{2028}\u{2029}",
        "\"'\\/{}[]<>&%;--",
        "\u{e9} e\u{301}",
        "\u{202e}right to left\u{202c}",
        "𝄞🦀\u{10ffff}\u{e000}\u{fffd}",
        "null",
        "\\u0000",
    ]
    .map(str::to_owned);
    values_come_back(place, &values, |a, b| a == b).await;
    let nested = values.map(|text| vec![Some(text)]);
    values_come_back(place, &nested, |a, b| a == b).await;
}

/// Bytes of every value, also such as are no text.
pub(super) async fn b29_bytes_of_every_value_come_back(place: &dyn Place) {
    let values = [(0..=255).collect::<Vec<u8>>(), vec![0; 9], vec![255; 9], vec![0xc3, 0x28], Vec::new()];
    values_come_back(place, &values, |a, b| a == b).await;
}

/// Values with nothing in them are not the same as no value.
pub(super) async fn b29_empty_values_come_back(place: &dyn Place) {
    values_come_back(place, &[String::new()], |a, b| a == b).await;
    values_come_back(place, &[Vec::<u8>::new()], |a, b| a == b).await;
    values_come_back(place, &[Vec::<u64>::new()], |a, b| a == b).await;
    values_come_back(place, &[BTreeMap::<String, u64>::new()], |a, b| a == b).await;
    values_come_back(place, &[()], |a, b| a == b).await;
    values_come_back(place, &[None::<u64>], |a, b| a == b).await;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u128,
    lines: Vec<(String, f64)>,
    notes: BTreeMap<i64, Option<Note>>,
    #[serde(flatten)]
    extra: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Note {
    Gift,
    Text(String),
    Range { from: i8, to: i8 },
    Pair(u16, char),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Plain { amount: i64 },
    Empty,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    List(Vec<u8>),
}

/// Structures as applications have them: nested, flattened, with maps whose keys are numbers, and all kinds of enums.
pub(super) async fn b29_structures_maps_and_enums_come_back(place: &dyn Place) {
    let notes = [
        Some(Note::Gift),
        Some(Note::Text("\0".to_owned())),
        Some(Note::Range { from: -128, to: 127 }),
        Some(Note::Pair(9, 'ß')),
        None,
    ];
    let order = Order {
        id: u128::MAX,
        lines: vec![("a".to_owned(), 0.1), (String::new(), -0.5)],
        notes: (-2..).zip(notes).collect(),
        extra: [("x".to_owned(), i64::MIN), ("y z".to_owned(), 0)].into(),
    };
    values_come_back(place, &[order], |a, b| a == b).await;
    values_come_back(place, &[Tagged::Plain { amount: -1 }, Tagged::Empty], |a, b| a == b).await;
    let untagged = [Untagged::Number(1), Untagged::Text("1".to_owned()), Untagged::List(vec![1])];
    values_come_back(place, &untagged, |a, b| a == b).await;
}

/// A value of the store's own encoding is read again by what its tag says, whatever else stands beside it.
pub(super) async fn b29_payloads_of_several_encodings_stand_side_by_side(place: &dyn Place) {
    let store = place.open().await;
    let encodings = [Encoding::Json, Encoding::MessagePack, store.encoding()];
    let data = changed("mixed", encodings.len() + 1, |data| {
        for (step, encoding) in data.steps.iter_mut().zip(encodings) {
            (step.status, step.output) = (StepStatus::Completed, Some(payload(&(7_u64, "seven"), encoding)));
        }
        data.steps[3].status = StepStatus::Completed;
        data.steps[3].output = Some(payload(&"seven".to_owned(), Encoding::Raw));
    });
    save(&store, &data).await;
    holds(&store, &data, "with payloads of several encodings").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &data, "with payloads of several encodings after reopening").await;
    let found = store.load(&data.id).await.unwrap_or_else(|error| panic!("it was loaded just now: {error}"));
    for step in &found.steps[..3] {
        let value = step.output.as_ref().and_then(|payload| decode::<(u64, String)>(payload).ok());
        must(value == Some((7, "seven".to_owned())), "keep the tag of each payload", "one decodes to something else");
    }
}
