//! The values that bodies see: those that were encoded, equal in a first run and in a resumed one; and none of that
//! without a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::Encoding;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Notify;

use super::probe::Probe;
use super::stores::{Fault, TestStore};

/// A value that does not come back as it was: it counts how often it was decoded.
#[derive(Clone, Debug, PartialEq)]
struct Worn {
    times: u32,
}

impl Serialize for Worn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.times.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Worn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(|times| Self { times: times + 1 })
    }
}

#[node]
async fn new(times: u32) -> Worn {
    Worn { times }
}

#[node]
async fn look(worn: &Worn) -> u32 {
    worn.times
}

#[node]
async fn fail_with(worn: &Worn) -> Result<Worn, String> {
    Err(format!("seen {}", worn.times))
}

#[node]
async fn message(result: &Result<Worn, NodeFailure>) -> String {
    match result {
        Ok(worn) => format!("worn {}", worn.times),
        Err(failure) => failure.message.clone(),
    }
}

#[node]
async fn gather(told: &str, seen: &[u32], arm: &str, caught: &str) -> String {
    format!("{told} {seen:?} {arm} {caught}")
}

#[node]
async fn say(text: &str) -> String {
    text.to_owned()
}

#[node]
async fn say_times(times: u32) -> String {
    format!("times {times}")
}

workflow! {
    /// Uses such a value in every place where a value can be used.
    fn everywhere(times: u32) -> String {
        let worn = new(times);
        let told = say_times(worn.times);
        let list = [worn.clone(), worn.clone()].to_vec();
        let seen = for one in list { look(one) };
        let arm = match worn.times {
            0 => { #[id = "original"] say("original") }
            _ => { #[id = "decoded"] say("decoded") }
        };
        #[catch]
        let failed = fail_with(worn);
        let caught = message(failed);
        gather(told, seen, arm, caught)
    }

    fn as_output(times: u32) -> Worn { new(times) }
    fn in_output(times: u32) -> Worn { let worn = new(times); worn.clone() }
    fn caught_output(times: u32) -> Result<Worn, NodeFailure> {
        let worn = new(times);
        #[catch]
        #[id = "failed"]
        fail_with(worn)
    }
}

#[tokio::test]
async fn b22_with_strict_roundtrip_dependents_get_the_decoded_value() {
    let plain = Engine::new(TestStore::new());
    let output = everywhere(0).run(&plain, "r").await.unwrap();
    assert_eq!(output, "times 0 [0, 0] original seen 0", "without it, nothing is decoded twice");
    for encoding in [Encoding::MessagePack, Encoding::Json] {
        let strict = Engine::builder(TestStore::encoding_as(encoding)).strict_roundtrip(true).build();
        let output = everywhere(0).run(&strict, "r").await.unwrap();
        assert_eq!(output, "times 1 [1, 1] decoded seen 1");
    }
}

/// Stopped after each commit in turn, a run under `strict_roundtrip` sees what an undisturbed one sees.
#[tokio::test]
async fn b22_with_strict_roundtrip_a_resumed_run_sees_what_a_first_run_sees() {
    let strict = |store: &TestStore| Engine::builder(store.clone()).strict_roundtrip(true).build();
    let whole = TestStore::new();
    let expected = everywhere(0).run(&strict(&whole), "r").await.unwrap();
    for at in 0..whole.commits() {
        let store = TestStore::new().fail_at(at, Fault::Ambiguous);
        everywhere(0).run(&strict(&store), "r").await.unwrap_err();
        assert_eq!(everywhere(0).run(&strict(&store.reopened()), "r").await.unwrap(), expected, "stopped at {at}");
    }
}

#[tokio::test]
async fn b22_with_strict_roundtrip_every_caller_gets_the_same_output() {
    let store = TestStore::new();
    let engine = Engine::builder(store.clone()).strict_roundtrip(true).build();
    for id in ["step", "expression"] {
        let run = async || match id {
            "step" => as_output(0).run(&engine, id).await.unwrap(),
            _ => in_output(0).run(&engine, id).await.unwrap(),
        };
        let (one, two) = tokio::join!(run(), run());
        let later = run().await;
        assert_eq!((&one, &one), (&two, &later), "{id}");
    }
}

#[tokio::test]
async fn b22_a_caught_failure_is_equal_in_the_first_run_and_from_the_record() {
    for strict in [false, true] {
        let store = TestStore::new();
        let engine = Engine::builder(store.clone()).strict_roundtrip(strict).build();
        let first = caught_output(3).run(&engine, "r").await.unwrap().unwrap_err();
        let stored = store.record("r").await.steps[1].error.clone().unwrap();
        assert_eq!(first, *stored);
        let again = caught_output(3).run(&Engine::new(store.reopened()), "r").await.unwrap().unwrap_err();
        assert_eq!(again, first);

        // And so for a dependent that only a resumed run starts.
        let commits = TestStore::new();
        let whole = everywhere(0).run(&Engine::builder(commits.clone()).strict_roundtrip(strict).build(), "r").await;
        for at in 0..commits.commits() {
            let store = TestStore::new().fail_at(at, Fault::Ambiguous);
            let engine = Engine::builder(store.clone()).strict_roundtrip(true).build();
            assert!(everywhere(0).run(&engine, "r").await.is_err());
            let again = Engine::builder(store.reopened()).strict_roundtrip(true).build();
            let resumed = everywhere(0).run(&again, "r").await.unwrap();
            assert!(!strict || Some(&resumed) == whole.as_ref().ok());
        }
    }
}

/// A value that cannot be encoded at all.
#[derive(Clone, Debug, PartialEq)]
struct Opaque(u32);

static ENCODED: AtomicU32 = AtomicU32::new(0);

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        ENCODED.fetch_add(1, Ordering::SeqCst);
        Err(serde::ser::Error::custom("it must stay where it is"))
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("it never left"))
    }
}

#[node]
async fn wrap(x: u32) -> Opaque {
    Opaque(x)
}

#[node]
async fn unwrap(opaque: &Opaque, cx: &NodeContext) -> u32 {
    assert_eq!(cx.workflow_id(), None);
    opaque.0
}

workflow! {
    fn opaque(input: Opaque) -> Opaque {
        let all = for x in [input.0, input.0 + 1] { wrap(x) };
        let seen = for one in all { unwrap(one) };
        let sum = seen[0] + seen[1];
        wrap(sum)
    }
}

#[tokio::test]
async fn b72_an_ephemeral_run_encodes_nothing_and_has_no_id() {
    let engine = Engine::ephemeral().build();
    assert_eq!(opaque(Opaque(4)).run_ephemeral(&engine).await.unwrap(), Opaque(9));
    assert_eq!(ENCODED.load(Ordering::SeqCst), 0);
    // The same workflow, unchanged, over a store: there it must be encoded.
    let error = opaque(Opaque(4)).run(&Engine::new(TestStore::new()), "r").await.unwrap_err();
    assert!(matches!(error, RunError::Input { .. }), "{error}");
    assert_eq!(ENCODED.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn b72_the_same_workflow_gives_the_same_over_any_store_and_over_none() {
    let ephemeral = everywhere(0).run_ephemeral(&Engine::ephemeral().build()).await.unwrap();
    for encoding in [Encoding::MessagePack, Encoding::Json] {
        let engine = Engine::new(TestStore::encoding_as(encoding));
        assert_eq!(everywhere(0).run(&engine, "r").await.unwrap(), ephemeral);
    }
}

#[derive(Clone, Default)]
struct App {
    probe: Probe,
    begun: Arc<Notify>,
}

#[node]
async fn endless(#[state] app: &App, cx: &NodeContext) -> u32 {
    let _begun = app.probe.begin(cx.step());
    app.begun.notify_one();
    std::future::pending().await
}

workflow! {
    fn never() -> u32 { endless() }
    fn never_beside() -> u32 {
        let a = endless();
        let b = #[id = "other"] endless();
        let sum = a + b;
        sum
    }
}

#[tokio::test]
async fn b72_dropping_the_future_of_an_ephemeral_run_ends_it() {
    let app = App::default();
    let engine = Engine::ephemeral().state(app.clone()).build();
    for beside in [false, true] {
        let run = if beside { never_beside().run_ephemeral(&engine) } else { never().run_ephemeral(&engine) };
        tokio::select! {
            _ = run => panic!("it never ends"),
            () = app.begun.notified() => {}
        }
        while app.probe.running() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
