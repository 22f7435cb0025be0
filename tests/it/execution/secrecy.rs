//! No payload in anything that is written for people: errors, spans, events, progress, `Debug`.

use std::error::Error;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use flow_runtime::observe::{LineProgress, Notice, Observer};
use flow_runtime::prelude::*;
use flow_runtime::state::{Encoding, Event, Output, decode};
use serde::{Deserialize, Serialize};

use super::stores::{Fault, TestStore};
use super::traces::Traces;

/// It stands in every value, and must stand nowhere else.
const MARKER: &str = "pssst-4711";

const KEY: Key<String> = Key::new("key");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Secret {
    text: String,
    list: Vec<String>,
}

impl Secret {
    fn new() -> Self {
        Self { text: MARKER.to_owned(), list: vec![MARKER.to_owned(); 2] }
    }
}

#[node]
async fn keep(secret: &Secret, cx: &NodeContext) -> Secret {
    cx.set(KEY, &secret.text).unwrap();
    cx.progress(0.5, "half way");
    Secret::new()
}

#[node(retry(times = 1, backoff = "1ms..1ms"))]
async fn refuse(secret: &Secret) -> Result<Secret, String> {
    Err(format!("refused {} characters", secret.text.len()))
}

#[node]
async fn panics(secret: &Secret) -> Secret {
    assert!(secret.text.is_empty(), "panicked at {} characters", secret.text.len());
    secret.clone()
}

#[node(blocking)]
fn count(secret: &Secret) -> u64 {
    secret.list.len() as u64
}

#[node]
async fn shown(text: &str) -> String {
    text.to_owned()
}

workflow! {
    fn fine(secret: Secret) -> Secret {
        let kept = keep(secret);
        let each = for text in kept.list { shown(text) };
        let arm = match each[0].as_str() { "" => 0, _ => { let n = count(kept); n } };
        #[catch]
        let refused = refuse(kept);
        let last = match (refused, arm) { (Ok(whole), 0) => whole, _ => { let again = keep(kept); again } };
        last
    }

    fn refused(secret: Secret) -> Secret { let kept = keep(secret); refuse(kept) }
    fn panicking(secret: Secret) -> Secret { let kept = keep(secret); panics(kept) }
}

/// The `Debug` form of all that observers are told.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<String>>);

impl Observer for Shown {
    fn observe(&self, notice: &Notice<'_>) {
        writeln!(self.0.lock().unwrap(), "{notice:?}").unwrap();
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn is_silent(what: &str, text: &str) {
    assert!(!text.contains(MARKER), "{what} gives a payload away: {text}");
}

fn is_discreet(error: &impl Error) -> String {
    let mut texts = format!("{error} {error:?} {error:#?}");
    for cause in std::iter::successors(error.source(), |error| (*error).source()) {
        write!(texts, "{cause} {cause:?}").unwrap();
    }
    is_silent("an error", &texts);
    error.to_string()
}

#[tokio::test]
async fn b21_no_payload_is_in_any_span_event_line_or_debug_form() {
    let (traces, _guard) = Traces::listen();
    let (lines, shown) = (Written::default(), Shown::default());
    for strict in [false, true] {
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let store = TestStore::encoding_as(encoding);
            let engine = Engine::builder(store.clone())
                .observe(LineProgress::new(lines.clone()))
                .observe(shown.clone())
                .strict_roundtrip(strict)
                .build();
            let invocation = fine(Secret::new());
            is_silent("an invocation", &format!("{invocation:?}"));
            assert_eq!(invocation.run(&engine, "fine").await.unwrap(), Secret::new());
            is_discreet(&refused(Secret::new()).run(&engine, "refused").await.unwrap_err());
            is_discreet(&panicking(Secret::new()).run(&engine, "panicking").await.unwrap_err());
            for id in ["fine", "refused", "panicking"] {
                is_silent("a record", &format!("{:#?}", store.record(id).await));
            }
            is_silent("a delta", &format!("{:#?}", store.deltas()));
            is_silent("an engine", &format!("{engine:?} {store:?}", store = store.inner));
        }
    }
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(lines.contains("fine fine last.again: done in"), "{lines}");
    assert!(lines.contains("failed: refused 10 characters"), "the node's own message is there: {lines}");
    is_silent("progress", &lines);
    is_silent("a notice", &shown.0.lock().unwrap());
    assert!(traces.spans("step.run").len() > 20);
    is_silent("a span or an event", &traces.text());
}

/// Values that do not fit their type: what serde says of them quotes them.
#[test]
fn b21_what_is_said_of_a_value_that_does_not_decode_does_not_quote_it() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Known {
        One,
        Two,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        known: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Small {
        text: u8,
    }

    fn refused<T: serde::de::DeserializeOwned + Debug + 'static>(value: impl Serialize + 'static, expected: &str) {
        let value = Untyped(value);
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let payload = flow_runtime::state::encode(&value, encoding).unwrap();
            let error = decode::<T>(&payload).unwrap_err();
            let text = is_discreet(&error);
            // MessagePack does not know what the type had expected.
            assert!(text.contains(expected) || encoding == Encoding::MessagePack, "{text}");
        }
    }

    let map = |key: &str, value: &str| std::collections::BTreeMap::from([(key.to_owned(), value.to_owned())]);
    refused::<u64>(MARKER, "expected u64");
    refused::<Known>(MARKER, "expected");
    refused::<Strict>(map(MARKER, "x"), "expected");
    refused::<Small>(map("text", MARKER), "expected u8");
    refused::<Small>(map("other", MARKER), "missing field `text`");
    refused::<Vec<u64>>(vec![MARKER], "expected u64");
    refused::<bool>(MARKER, "expected a boolean");
    refused::<char>(MARKER, "expected a character");
    // A number and a byte string are payloads too.
    for encoding in [Encoding::Json, Encoding::MessagePack] {
        let payload = 4_711_000_i64.encode(encoding).unwrap();
        let text = decode::<u8>(&payload).unwrap_err().to_string();
        assert!(!text.contains("4711") && text.contains("u8"), "{text}");
        let payload = (-4_711.5_f64).encode(encoding).unwrap();
        let text = decode::<u8>(&payload).unwrap_err().to_string();
        assert!(!text.contains("4711") && text.contains("u8"), "{text}");
    }
}

/// Keeps a value from being stored as raw text.
struct Untyped<T>(T);

impl<T: Serialize> Serialize for Untyped<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[node]
async fn give_text(secret: &Secret) -> Vec<String> {
    secret.list.clone()
}

#[node]
async fn use_text(list: &[String]) -> u64 {
    list.len() as u64
}

workflow! {
    fn typed(secret: Secret) -> u64 { let list = give_text(secret); use_text(list) }
}

/// The same shape in another version of the program, where the output is another type.
mod changed {
    use super::Secret;
    use flow_runtime::prelude::*;

    #[node]
    async fn give_text(secret: &Secret) -> Vec<u64> {
        vec![secret.list.len() as u64]
    }

    #[node]
    async fn use_text(list: &[u64]) -> u64 {
        list.iter().sum()
    }

    workflow! {
        pub(super) fn typed(secret: Secret) -> u64 { let list = give_text(secret); use_text(list) }
    }
}

#[tokio::test]
async fn b21_errors_of_runs_that_are_refused_quote_nothing() {
    let completed = |event: &Event| matches!(event, Event::StepCompleted { .. });
    for encoding in [Encoding::Json, Encoding::MessagePack] {
        let store = TestStore::encoding_as(encoding).fail_on(completed, Fault::Ambiguous);
        is_discreet(&typed(Secret::new()).run(&Engine::new(store.clone()), "r").await.unwrap_err());

        let engine = Engine::new(store.reopened());
        let error = changed::typed(Secret::new()).run(&engine, "r").await.unwrap_err();
        assert!(matches!(&error, RunError::Undecodable { step, .. } if step == "list"), "{error}");
        let text = is_discreet(&error);
        assert!(text.contains("the stored output of step `list`, a `Vec<String>`, is no `Vec<u64>`"), "{text}");

        let other = Secret { text: format!("{MARKER} {MARKER}"), list: Vec::new() };
        let text = is_discreet(&typed(other).run(&engine, "r").await.unwrap_err());
        assert!(text.contains("began with another input"), "{text}");
    }
}
