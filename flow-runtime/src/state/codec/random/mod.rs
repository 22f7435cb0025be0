//! Random plans, deltas and records, for tests of what keeps them.
//!
//! In: a source of random values. Out: values that are valid in shape and go to the extremes in everything else.

mod events;
mod plans;
mod records;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) use events::delta;
pub(crate) use plans::plan;
pub(crate) use records::record;

use crate::state::{
    Cause, Encoding, FailureKind, NodeFailure, Payload, Request, RequestKind, StepRef, Timestamp, Verdict, WorkflowId,
};

pub(super) fn text() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), Just("a\0ü\u{10ffff}".to_owned()), "[a-z]{1,8}", ".{0,40}"].boxed()
}

pub(super) fn id() -> BoxedStrategy<WorkflowId> {
    prop_oneof![Just("ü/".repeat(80) + "x"), "[a-zA-Z0-9._ -]{1,30}"]
        .prop_filter_map("an id", |id| WorkflowId::new(id).ok())
        .boxed()
}

pub(super) fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), any::<i64>()].boxed()
}

pub(super) fn number() -> BoxedStrategy<u32> {
    prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()].boxed()
}

pub(super) fn long() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()].boxed()
}

pub(super) fn step_ref() -> BoxedStrategy<StepRef> {
    (number(), number()).prop_map(|(instance, local)| StepRef::new(instance, local)).boxed()
}

/// JSON, and what is nearly JSON.
fn json() -> BoxedStrategy<Vec<u8>> {
    let samples = vec![
        "null",
        "-9223372036854775808",
        "18446744073709551615",
        "-0.0",
        "[1.7976931348623157e308,5e-324]",
        r#"{"a":[{"a":null,"a":"\u0000\ud800"}],"":{}}"#,
        " {}",
        "{}\n",
        "{\n  \"a\": 1\n}",
        "{",
    ];
    let any = text().prop_map(|text| serde_json::to_string(&[text]).unwrap_or_default());
    let nested = (0..300_usize).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth));
    prop_oneof![prop::sample::select(samples).prop_map(str::to_owned), any, nested].prop_map(String::into).boxed()
}

pub(crate) fn payload() -> BoxedStrategy<Payload> {
    let encoding = prop_oneof![Just(Encoding::Json), Just(Encoding::MessagePack), Just(Encoding::Raw)];
    let bytes = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 3000..3100),
        json(),
        text().prop_map(String::into)
    ];
    (encoding, any::<u8>(), any::<u8>(), bytes)
        .prop_map(|(encoding, transform, flags, bytes)| Payload {
            encoding,
            transform,
            flags,
            bytes: Bytes::from(bytes),
        })
        .boxed()
}

pub(super) fn failure() -> BoxedStrategy<NodeFailure> {
    let kind = prop_oneof![
        Just(FailureKind::Error),
        Just(FailureKind::Panic),
        Just(FailureKind::Timeout),
        Just(FailureKind::Deadline),
        Just(FailureKind::Encode),
    ];
    (text(), kind, number(), text(), vec(text(), 0..20), any::<bool>())
        .prop_map(|(step, kind, attempt, message, causes, permanent)| NodeFailure {
            step,
            kind,
            attempt,
            message,
            cause: Cause::chain(causes),
            permanent,
        })
        .boxed()
}

/// A request, with the ids that stores find hardest to keep apart among its ids.
pub(crate) fn request() -> BoxedStrategy<Request> {
    let ids = prop_oneof![Just("/".to_owned()), Just("ü".repeat(128)), "[a-zA-Z0-9./ %_-]{1,30}", "[^\\pC]{1,20}"];
    let signal = (text(), text(), payload()).prop_map(|(name, type_name, payload)| RequestKind::Signal {
        name,
        type_name,
        payload,
    });
    let plain = [
        RequestKind::Cancel,
        RequestKind::Terminate,
        RequestKind::Pause,
        RequestKind::Resume,
        RequestKind::RetryFailed,
    ];
    let from = text().prop_map(|step| RequestKind::RetryFrom { step });
    let verdict =
        prop_oneof![payload().prop_map(Verdict::Done), Just(Verdict::NotDone), text().prop_map(Verdict::Failed)];
    let resolve = (text(), number(), verdict).prop_map(|(step, attempt, verdict)| RequestKind::Resolve {
        step,
        attempt,
        verdict,
    });
    let kind = prop_oneof![signal, prop::sample::select(plain.to_vec()), from, resolve];
    (ids, time(), kind).prop_filter_map("an id", |(id, at, kind)| Request::new(id, at, kind).ok()).boxed()
}
