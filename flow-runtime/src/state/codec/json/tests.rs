//! What is written is read again as it was, and can be read by eye; what is not exactly of the form is refused.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::header::{self, Header};
use super::{Stored, read_record, write_record};
use crate::plan::{self, Plan, StepKind};
use crate::state::codec::{CodecError, random};
use crate::state::{
    CompletedBy, Delta, Encoding, Event, FailureKind, NodeFailure, Payload, Phase, RunCreated, StepRef, WaitingOn,
    WorkflowData, WorkflowId,
};

/// A run of two steps: one done, one that waits after a failure.
fn small() -> WorkflowData {
    let step = |id: &'static str, inputs: &'static [u32], next: &'static [u32]| plan::Step {
        id: id.into(),
        region: 0,
        kind: StepKind::Call { node: id.into(), output: "u32".into(), awaits: None },
        inputs: inputs.into(),
        after: (&[]).into(),
        next: next.into(),
        policy: plan::Policy::DEFAULT,
        catch: false,
        undo: None,
        source: plan::Source::new("src/main.rs", 7, 5),
    };
    let steps = vec![step("charge", &[], &[1]), step("ship", &[0], &[])];
    let region = plan::Region { parent: None, label: "".into(), first: 0, len: 2, tail: (&[1]).into(), value: Some(1) };
    let fingerprint = plan::Fingerprint::of("order", 1, &steps, std::slice::from_ref(&region));
    let plan = Plan {
        workflow: "order".into(),
        version: 1,
        doc: "".into(),
        input: "order: Order".into(),
        output: "u32".into(),
        steps: steps.into(),
        regions: vec![region].into(),
        source: plan::Source::new("src/main.rs", 3, 1),
        fingerprint,
    };
    let id = WorkflowId::new("order-1").unwrap();
    let mut created =
        RunCreated::new(id, Arc::new(plan), Payload::new(Encoding::Json, &br#"{"total":9007199254740993}"#[..]));
    created.metadata.insert("customer".to_owned(), "Zoë".to_owned());
    let (charge, ship) = (StepRef::new(0, 0), StepRef::new(0, 1));
    let error = NodeFailure {
        step: "ship".to_owned(),
        kind: FailureKind::Error,
        attempt: 1,
        message: "no parcel".to_owned(),
        cause: crate::state::Cause::chain(vec!["timeout".to_owned()]),
        permanent: false,
    };
    let events = vec![
        Event::RunCreated(Box::new(created)),
        Event::StepStarted { step: charge, attempt: 1, phase: Phase::Do },
        Event::StepCompleted {
            step: charge,
            attempt: 1,
            payload: Payload::new(Encoding::Json, &b"17"[..]),
            data: vec![
                ("note".to_owned(), Payload::new(Encoding::Raw, &b"paid \xe2\x9c\x93"[..])),
                ("slip".to_owned(), Payload::new(Encoding::MessagePack, vec![0x93, 1, 2, 3])),
            ],
            by: CompletedBy::Body,
        },
        Event::StepStarted { step: ship, attempt: 1, phase: Phase::Do },
        Event::AttemptFailed { step: ship, attempt: 1, phase: Phase::Do, error, retry_at: 1_700_000_001_000_000_000 },
        Event::StepWaiting { step: ship, on: WaitingOn::Timer(1_700_000_060_000_000_001) },
    ];
    WorkflowData::create(&Delta::new(7, 0, 1_700_000_000_000_000_000, events)).unwrap()
}

/// The file of the small run, with its text changed and sealed again.
fn changed(change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let file = write_record(&small(), Some(0x00c0_ffee)).unwrap();
    let text = String::from_utf8(file).unwrap();
    let (_, members) = text.split_once('\n').unwrap();
    header::seal(change(members).as_bytes(), 1, 1)
}

fn replaced(from: &str, to: &str) -> Vec<u8> {
    changed(|text| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    })
}

#[track_caller]
fn refuse(file: &[u8], part: &str) {
    match read_record(file) {
        Err(CodecError::Broken { reason }) => assert!(reason.contains(part), "{reason}"),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn b29_records_come_back_equal(record in random::record(), last_change in any::<Option<u32>>()) {
        let file = write_record(&record, last_change).unwrap();
        prop_assert_eq!(read_record(&file).unwrap(), Stored { data: record.clone(), last_change });
        // One document that any reader of JSON takes in, with its header as its first line.
        let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
        prop_assert_eq!(&value["id"], record.id.as_str());
        prop_assert_eq!(value["bytes"].as_u64(), Some(file.len() as u64));
        let is_framed = file.starts_with(b"{\"flow\":\"run\",\"min_reader\":1,") && file.ends_with(b"\n}\n");
        prop_assert!(is_framed);
    }

    /// What gets past the checksum must still never panic.
    #[test]
    fn b34_text_that_is_no_record_is_refused(record in random::record(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, "[\\[\\]{}\",:0-9a-z\\\\ ]{0,4}|.{0,2}"), 1..6)) {
        let file = write_record(&record, None).unwrap();
        let line = file.iter().position(|&byte| byte == b'\n').unwrap();
        let mut members = file[line + 1..].to_vec();
        for (at, cut, put) in edits {
            let at = at.index(members.len());
            let end = (at + cut).min(members.len());
            members.splice(at..end, put.bytes());
        }
        if let Ok(Stored { data, .. }) = read_record(&header::seal(&members, 1, 1)) {
            let _ = data.statuses();
            prop_assert!(write_record(&data, None).is_ok());
        }
    }

    #[test]
    fn b34_bytes_that_are_no_file_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = b"{\"flow\":\"run\",\"min_reader\":".to_vec();
        let is_broken = |file: &[u8]| matches!(read_record(file), Err(CodecError::Broken { .. }));
        prop_assert!(is_broken(&bytes));
        file.extend(bytes);
        prop_assert!(is_broken(&file));
    }
}

/// The form is frozen: a change of it must still read this.
#[test]
fn a_file_reads_like_this() {
    let file = write_record(&small(), Some(0x00c0_ffee)).unwrap();
    assert_eq!(String::from_utf8(file.clone()).unwrap(), include_str!("small.json"));
    assert_eq!(read_record(&file).unwrap(), Stored { data: small(), last_change: Some(0x00c0_ffee) });
}

#[test]
fn every_flip_of_a_file_is_found() {
    let file = write_record(&small(), Some(0x00c0_ffee)).unwrap();
    for bit in 0..file.len() * 8 {
        let mut bytes = file.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(read_record(&bytes), Err(CodecError::Broken { .. })), "bit {bit}");
    }
}

#[test]
fn every_cut_and_every_byte_more_is_found() {
    let file = write_record(&small(), Some(0x00c0_ffee)).unwrap();
    for len in 0..file.len() {
        assert!(matches!(read_record(&file[..len]), Err(CodecError::Broken { .. })), "{len} bytes");
    }
    for byte in 0..=255 {
        let mut more = file.clone();
        more.push(byte);
        assert!(matches!(read_record(&more), Err(CodecError::Broken { .. })), "one more: {byte}");
    }
}

#[test]
fn a_length_counts_its_own_digits() {
    for len in 0..1200 {
        let file = header::seal(&vec![b' '; len], 1, 1);
        assert_eq!(Header::read(&file).unwrap().bytes, file.len() as u64);
    }
}

#[test]
fn b38_a_file_that_needs_a_newer_reader_is_refused_by_name() {
    let file = write_record(&small(), Some(0x00c0_ffee)).unwrap();
    let line = file.iter().position(|&byte| byte == b'\n').unwrap();
    let error = read_record(&header::seal(&file[line + 1..], 2, 2)).unwrap_err();
    assert_eq!(error.to_string(), "a newer version of Flow is needed: format 2, this version knows formats up to 1");
    let nonsense = read_record(&header::seal(b"whatever comes", 9, 9)).unwrap_err();
    assert!(matches!(nonsense, CodecError::Newer { .. }), "{nonsense}");
}

#[test]
fn b38_a_file_that_needs_a_newer_writer_is_read_but_not_written() {
    let file = write_record(&small(), Some(0x00c0_ffee)).unwrap();
    let line = file.iter().position(|&byte| byte == b'\n').unwrap();
    let newer = header::seal(&file[line + 1..], 1, 2);
    assert_eq!(read_record(&newer).unwrap().data, small());
    assert!(Header::read(&file).unwrap().check_writable().is_ok());
    let error = Header::read(&newer).unwrap().check_writable().unwrap_err();
    assert!(error.to_string().contains("format 2 for writing (it can be read)"), "{error}");
}

#[test]
fn b38_names_of_a_newer_version_are_refused_by_name() {
    for (from, to, found) in [
        ("\"status\": \"Suspended\"", "\"status\": \"Dreaming\"", "run status `Dreaming`"),
        ("\"status\": \"Completed\"", "\"status\": \"Melted\"", "step status `Melted`"),
        ("\"kind\": \"Error\"", "\"kind\": \"Meteor\"", "failure kind `Meteor`"),
        ("\"encoding\": \"MessagePack\"", "\"encoding\": \"Cbor\"", "payload encoding `Cbor`"),
        ("\"Timer\": \"2023-11-14T22:14:20.000000001Z\"", "\"Quorum\": {\"of\": [3, {}]}", "wait `Quorum`"),
        ("{\"Call\":{\"node\":\"ship\",\"output\":\"u32\"}}", "\"Sleep\"", "step kind `Sleep`"),
        ("\"format\": 1", "\"format\": 2", "a record of structure 2"),
    ] {
        match read_record(&replaced(from, to)) {
            Err(CodecError::Newer { found: name, .. }) => assert_eq!(name, found),
            other => panic!("{found}: {other:?}"),
        }
    }
    let error = read_record(&replaced("\"status\": \"Completed\"", "\"status\": \"Melted\"")).unwrap_err();
    assert!(error.to_string().contains("knows Pending, Running, Waiting, Completed"), "{error}");
}

#[test]
fn nothing_stands_twice() {
    for (from, to) in [
        ("  \"seq\": 1", "  \"seq\": 1,\n  \"seq\": 1"),
        ("  \"seq\": 1", "  \"seq\": 1,\n  \"crc32c\": \"00000000\""),
        ("\"at\": \"0/0\"", "\"at\": \"0/0\", \"at\": \"0/0\""),
        ("\"customer\": \"Zoë\"", "\"customer\": \"Zoë\", \"customer\": \"Zoë\""),
        ("\"note\": [", "\"note\": [], \"note\": ["),
        ("\"json\": 17", "\"json\": 17, \"json\": 17"),
    ] {
        assert!(matches!(read_record(&replaced(from, to)), Err(CodecError::Broken { .. })), "{to}");
    }
    refuse(&replaced("\"json\": 17", "\"json\": 17, \"text\": \"17\""), "a payload is not one of");
    refuse(&replaced("{\"Call\":", "{\"Each\":1,\"Call\":"), "has two names");
    refuse(&replaced("{\"Call\":{\"node\":\"ship\",\"output\":\"u32\"}}", "{}"), "has no name");
}

#[test]
fn nothing_unknown_is_passed_over() {
    refuse(&replaced("  \"seq\": 1", "  \"seq\": 1,\n  \"colour\": 1"), "unknown field `colour`");
    refuse(&replaced("\"at\": \"0/0\"", "\"at\": \"0/0\", \"colour\": 1"), "unknown field `colour`");
    refuse(&replaced("\"json\": 17", "\"json\": 17, \"colour\": 1"), "unknown field `colour`");
    refuse(&replaced("  \"seq\": 1,\n", ""), "missing field `seq`");
    refuse(&changed(|text| text.to_owned() + "{}"), "trailing characters");
}

#[test]
fn what_nests_too_deep_is_refused() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let fits = read_record(&replaced("\"json\": 17", &format!("\"json\": {}", nested(100)))).unwrap().data;
    assert_eq!(fits.steps[0].output.as_ref().unwrap().bytes, nested(100));
    refuse(&replaced("\"json\": 17", &format!("\"json\": {}", nested(101))), "nested more than 100 deep");
    refuse(&replaced("\"json\": 17", &format!("\"json\": {}", nested(1_000_000))), "nested more than 100 deep");
    for place in
        ["\"status\": \"Suspended\"", "\"seq\": 1", "\"at\": \"0/0\"", "\"Timer\": \"2023-11-14T22:14:20.000000001Z\""]
    {
        let (name, _) = place.split_once(':').unwrap();
        let file = replaced(place, &format!("{name}: {}", nested(1_000_000)));
        assert!(matches!(read_record(&file), Err(CodecError::Broken { .. })), "{place}");
    }
    let unknown =
        replaced("\"Timer\": \"2023-11-14T22:14:20.000000001Z\"", &format!("\"Later\": {}", nested(1_000_000)));
    assert!(matches!(read_record(&unknown), Err(CodecError::Newer { .. })));
}

#[test]
fn what_does_not_hold_together_is_refused() {
    refuse(&replaced("\"first\":0,\"len\":2", "\"first\":0,\"len\":3"), "region 0 of the plan");
    refuse(&replaced("\"inputs\":[0]", "\"inputs\":[9]"), "uses a step that the plan lacks");
    refuse(&replaced("{\"region\":0,\"item\":0}", "{\"region\":1,\"item\":0}"), "is of a region that the plan lacks");
    refuse(
        &replaced("{\"region\":0,\"item\":0}", "{\"region\":0,\"item\":0}, {\"region\":0,\"item\":0}"),
        "instance 1",
    );
    refuse(&replaced("{\"region\":0,\"item\":0}", ""), "do not add up");
    refuse(&replaced("\"attempts\": 1", "\"attempts\": 1, \"opened\": 4294967295, \"opened_len\": 2"), "did not open");
    refuse(
        &replaced("\"at\": \"0/0\",\n        \"value\"", "\"at\": \"0/2\",\n        \"value\""),
        "a value is of step 0/2",
    );
    refuse(&replaced("\"id\": \"order-1\"", "\"id\": \"a//b\""), "is no workflow id");
    refuse(&replaced("\"2023-11-14T22:13:20.000000000Z\"", "\"yesterday\""), "not a time");
    refuse(&replaced("\"00c0ffee\"", "\"00C0FFEE\""), "not a checksum");
    refuse(&replaced("\"base64\": \"kwECAw==\"", "\"base64\": \"kwECAw=\""), "no base64");
    refuse(&replaced("\"timeout\"", &format!("\"x\"{}", ", \"\"".repeat(256))), "more than 256 items");
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let refused = |change: &dyn Fn(&mut WorkflowData)| {
        let mut data = small();
        change(&mut data);
        matches!(write_record(&data, None), Err(CodecError::Unstorable { .. }))
    };
    assert!(!refused(&|_| ()));
    assert!(refused(&|data| data.instances.clear()));
    assert!(refused(&|data| data.steps.truncate(1)));
    assert!(refused(&|data| data.instances[0].region = 9));
    assert!(refused(&|data| Arc::make_mut(&mut data.plan).regions.to_mut().clear()));
    assert!(refused(&|data| data.metadata.extend((0..65_537).map(|n| (n.to_string(), String::new())))));
    assert!(refused(&|data| {
        let error = data.steps[1].error.as_mut().unwrap();
        error.cause = crate::state::Cause::chain(vec!["again".to_owned(); 257]);
    }));
}

#[test]
fn payloads_stand_as_they_are_where_they_can() {
    let form = |encoding, bytes: &'static [u8]| {
        let mut data = small();
        data.input = Payload { transform: 3, flags: 255, ..Payload::new(encoding, Bytes::from_static(bytes)) };
        let file = write_record(&data, None).unwrap();
        assert_eq!(read_record(&file).unwrap().data, data);
        serde_json::from_slice::<serde_json::Value>(&file).unwrap()["input"].take()
    };
    let with = |name: &str, value: serde_json::Value| serde_json::json!({name: value, "transform": 3, "flags": 255});
    assert_eq!(form(Encoding::Json, b"null"), with("json", serde_json::Value::Null));
    assert_eq!(form(Encoding::Json, b"{\"a\": [1]}"), with("json", serde_json::json!({"a": [1]})));
    assert_eq!(form(Encoding::Raw, "a\0\u{10ffff}".as_bytes()), with("text", "a\0\u{10ffff}".into()));
    let coded = |text: &str, encoding: &str| serde_json::json!({"base64": text, "encoding": encoding, "transform": 3, "flags": 255});
    assert_eq!(form(Encoding::Json, b" 1"), coded("IDE=", "Json"));
    assert_eq!(form(Encoding::Json, b""), coded("", "Json"));
    assert_eq!(form(Encoding::Json, br#""\ud800""#), coded("Ilx1ZDgwMCI=", "Json"));
    assert_eq!(form(Encoding::Json, b"1e999"), coded("MWU5OTk=", "Json"));
    assert_eq!(form(Encoding::Raw, b"\xff\xfe"), coded("//4=", "Raw"));
    assert_eq!(form(Encoding::MessagePack, b"\x01"), coded("AQ==", "MessagePack"));
}

#[test]
fn maps_and_lists_are_bounded() {
    let with_names = |len: u32| {
        let names: Vec<_> = (1..len).map(|n| format!("\"{n}\": \"\"")).collect();
        replaced("\"customer\":", &format!("{},\"customer\":", names.join(",")))
    };
    refuse(&with_names(65_537), "more than 65536 names");
    let read = read_record(&with_names(65_536)).unwrap().data;
    assert_eq!(read.metadata.len(), 65_536);
    assert!(write_record(&read, None).is_ok());
}
