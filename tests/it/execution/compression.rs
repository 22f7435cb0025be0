//! Payloads that are compressed or changed otherwise on their way to the store: values come back equal whatever an
//! engine is told, in a first run and in a resumed one, and a run is known by its input however that is stored.

use flow_runtime::Key;
use flow_runtime::engine::EngineBuilder;
use flow_runtime::prelude::*;
use flow_runtime::state::{BoxError, Compression, Encoding, Event, Payload, Transform};

use super::probe::Probe;
use super::stores::{Fault, TestStore};

const LZ4: u8 = 1;
const LINES: Key<Vec<String>> = Key::new("lines");

#[node]
async fn write(#[state] probe: &Probe, lines: &[String], cx: &NodeContext) -> Result<String, String> {
    probe.begin(cx.step()).end();
    cx.set(LINES, &lines.to_vec()).map_err(|error| error.to_string())?;
    Ok(lines.join("\n"))
}

#[node]
async fn count(#[state] probe: &Probe, text: &str, cx: &NodeContext) -> Result<Vec<String>, BoxError> {
    probe.begin(cx.step()).end();
    let lines = cx.get(LINES)?.ok_or("there are no lines")?;
    assert_eq!(text, lines.join("\n"));
    Ok(lines)
}

workflow! {
    fn report(lines: Vec<String>) -> Vec<String> {
        let text = write(lines);
        count(text)
    }
}

fn lines() -> Vec<String> {
    (0..300).map(|n| format!("line {n} is much like the others")).collect()
}

fn builder(store: &TestStore, probe: &Probe) -> EngineBuilder<Probe> {
    Engine::builder(store.clone()).state(probe.clone()).strict_roundtrip(true)
}

/// All payloads of a run: its input, its outputs, its key-value data.
async fn payloads(store: &TestStore) -> Vec<Payload> {
    let data = store.record("r").await;
    let outputs = data.steps.iter().filter_map(|step| step.output.clone());
    let values = data.data.values().flatten().map(|entry| entry.payload.clone());
    std::iter::once(data.input.clone()).chain(outputs).chain(values).collect()
}

#[tokio::test]
async fn b42_what_is_compressed_is_resumed_by_an_engine_that_is_told_otherwise() {
    for (first, second) in [
        (Compression::default(), Compression::none()),
        (Compression::none(), Compression::default()),
        (Compression::default().lz4(0), Compression::default()),
    ] {
        let probe = Probe::default();
        let store = TestStore::new().fail_on(|event| matches!(event, Event::RunEnded { .. }), Fault::Refused);
        let error = report(lines()).run(&builder(&store, &probe).compression(first).build(), "r").await.unwrap_err();
        assert!(matches!(error, RunError::Store { .. }), "{error}");
        let store = store.reopened();
        let engine = builder(&store, &probe).compression(second).build();
        let (one, other) = (report(lines()).start(&engine, "r").unwrap(), report(lines()).start(&engine, "r").unwrap());
        assert_eq!(one.result().await.unwrap(), lines());
        assert_eq!(other.result().await.unwrap(), lines());
        assert_eq!(probe.begun(), ["text", "count", "count"]);
        let engine = builder(&store, &probe).compression(first).build();
        assert_eq!(report(lines()).run(&engine, "r").await.unwrap(), lines(), "of a run that has ended");
        let error = report(lines()[1..].to_vec()).run(&engine, "r").await.unwrap_err();
        assert!(matches!(error, RunError::OtherInput { .. }), "{error}");
    }
}

#[tokio::test]
async fn stores_for_reading_by_eye_are_compressed_only_when_asked() {
    for (encoding, asked, transform) in [
        (Encoding::MessagePack, None, LZ4),
        (Encoding::Json, None, 0),
        (Encoding::Json, Some(Compression::default()), LZ4),
        (Encoding::MessagePack, Some(Compression::none()), 0),
    ] {
        let (store, probe) = (TestStore::encoding_as(encoding), Probe::default());
        let engine = asked.into_iter().fold(builder(&store, &probe), EngineBuilder::compression).build();
        assert_eq!(report(lines()).run(&engine, "r").await.unwrap(), lines());
        let transforms: Vec<u8> = payloads(&store).await.iter().map(|payload| payload.transform).collect();
        assert_eq!(transforms, [transform; 4], "{encoding:?} {asked:?}");
    }
}

#[tokio::test]
async fn b19_a_run_is_known_by_its_input_in_whatever_encoding_it_was_stored() {
    let probe = Probe::default();
    let json = TestStore::encoding_as(Encoding::Json);
    let packed = json.encoded_as(Encoding::MessagePack);
    assert_eq!(report(lines()).run(&builder(&json, &probe).build(), "r").await.unwrap(), lines());
    let engine = builder(&packed, &probe).build();
    assert_eq!(report(lines()).run(&engine, "r").await.unwrap(), lines());
    let error = report(vec!["other".to_owned()]).run(&engine, "r").await.unwrap_err();
    assert!(matches!(error, RunError::OtherInput { .. }), "{error}");
    assert_eq!(probe.begun(), ["text", "count"]);
}

/// Turns bytes round; fails or panics when it is told to.
struct Turn(&'static str);

impl Turn {
    fn turned(bytes: &[u8]) -> Vec<u8> {
        bytes.iter().rev().map(|byte| !byte).collect()
    }
}

impl Transform for Turn {
    fn number(&self) -> u8 {
        200
    }

    fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        if self.0 == "apply" { Err("no key".into()) } else { Ok(Self::turned(bytes)) }
    }

    fn undo(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        assert!(self.0 != "panic", "undoing went wrong");
        if self.0 == "undo" { Err("another key".into()) } else { Ok(Self::turned(bytes)) }
    }
}

#[tokio::test]
async fn b45_a_transform_of_the_users_is_done_and_undone_or_named() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let error = report(lines()).run(&builder(&store, &probe).transform(Turn("apply")).build(), "r").await.unwrap_err();
    assert!(matches!(error, RunError::Input { .. }), "{error}");
    let text = super::printed(error);
    assert!(text.contains("transform 200 failed: no key"), "{text}");

    let engine = builder(&store, &probe).transform(Turn("")).build();
    assert_eq!(report(lines()).run(&engine, "r").await.unwrap(), lines());
    for payload in payloads(&store).await {
        assert_eq!(payload.transform, 200);
        assert!(!payload.bytes.windows(4).any(|word| word == b"line"));
    }
    assert_eq!(report(lines()).run(&engine, "r").await.unwrap(), lines());
    for (how, says) in [
        ("undo", "transform 200 cannot be undone: another key"),
        ("panic", "undoing went wrong"),
        ("none", "`EngineBuilder::transform`"),
    ] {
        let builder = builder(&store, &probe);
        let engine = if how == "none" { builder } else { builder.transform(Turn(how)) }.build();
        let error = report(lines()).run(&engine, "r").await.unwrap_err();
        assert!(matches!(&error, RunError::Undecodable { step, .. } if step == "input"), "{error}");
        let text = super::printed(error);
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(probe.begun(), ["text", "count"]);
}

#[test]
#[should_panic(expected = "begin at 128, and this is 7")]
fn a_transform_with_a_number_of_ours_is_refused() {
    struct Low;
    impl Transform for Low {
        fn number(&self) -> u8 {
            7
        }
        fn apply(&self, _: &[u8]) -> Result<Vec<u8>, BoxError> {
            unreachable!()
        }
        fn undo(&self, _: &[u8]) -> Result<Vec<u8>, BoxError> {
            unreachable!()
        }
    }
    let _ = Engine::builder(TestStore::new()).transform(Low);
}
