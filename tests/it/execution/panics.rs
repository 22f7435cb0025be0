//! Panics of a node, wherever they come from: the step fails with the message, everything else goes on.

use std::fmt;
use std::time::Duration;

use flow_runtime::plan::{Backoff, Policy, Retry};
use flow_runtime::prelude::*;
use flow_runtime::state::{FailureKind, StepStatus};
use flow_runtime::testing::Graph;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Notify;

use super::stores::{Fault, TestStore};

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// A value that misbehaves where its number says so.
#[derive(Debug)]
struct Odd(u8);

const FINE: u8 = 0;
const ENCODE_PANICS: u8 = 1;
const ENCODE_FAILS: u8 = 2;
const DECODE_PANICS: u8 = 3;
const DECODE_FAILS: u8 = 4;
const DROP_PANICS: u8 = 5;
const ENCODE_FAILS_AND_DROP_PANICS: u8 = 6;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ENCODE_PANICS => panic!("encoding went wrong"),
            ENCODE_FAILS | ENCODE_FAILS_AND_DROP_PANICS => Err(S::Error::custom("not in this state")),
            other => other.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            DECODE_PANICS => panic!("decoding went wrong"),
            DECODE_FAILS => Err(D::Error::custom("not this one")),
            other => Ok(Self(other)),
        }
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        if matches!(self.0, DROP_PANICS | ENCODE_FAILS_AND_DROP_PANICS) {
            self.0 = FINE;
            panic!("dropping went wrong");
        }
    }
}

/// An error whose message cannot be had.
#[derive(Debug)]
struct Speechless;

impl fmt::Display for Speechless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Speechless {}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Sore(#[expect(dead_code, reason = "it is there for its drop")] Bomb);

impl fmt::Display for Sore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sore")
    }
}

impl std::error::Error for Sore {}

#[node]
async fn by_text(x: u8) -> u8 {
    assert!(x > 100, "text");
    x
}

#[node]
async fn by_string(x: u8) -> u8 {
    assert!(x > 100, "string {x}");
    x
}

#[node]
async fn by_value(x: u8) -> u8 {
    if x < 100 {
        std::panic::panic_any(x);
    }
    x
}

#[node(blocking)]
fn by_blocking(x: u8) -> u8 {
    assert!(x > 100, "blocking");
    x
}

#[node]
async fn by_drop(x: u8) -> u8 {
    let _bomb = Bomb("in a destructor");
    tokio::task::yield_now().await;
    x
}

#[node]
async fn by_argument(x: u8) -> u8 {
    x
}

#[node]
async fn odd(x: u8) -> Odd {
    Odd(x)
}

#[node]
async fn look(odd: &Odd) -> u8 {
    odd.0
}

#[node]
async fn speechless() -> Result<u8, Speechless> {
    Err(Speechless)
}

workflow! {
    fn text(x: u8) -> u8 { by_text(x) }
    fn string(x: u8) -> u8 { by_string(x) }
    fn value(x: u8) -> u8 { by_value(x) }
    fn blocking(x: u8) -> u8 { by_blocking(x) }
    fn drops(x: u8) -> u8 { by_drop(x) }
    fn argument(x: u8) -> u8 { by_argument(100 / x) }
    fn in_output(x: u8) -> u8 { let y = by_argument(x); 100 / y }
    fn in_head(x: u8) -> u8 { let y = match 100 / x { 1 => #[id = "one"] by_argument(x), z => z }; y }
    fn oddly(x: u8) -> u8 { let value = odd(x); look(value) }
    fn without_words() -> u8 { speechless() }
}

/// The failure of the only step that failed.
fn only(error: &RunError) -> (String, FailureKind, String) {
    let [failure] = error.failures() else { panic!("{error}") };
    (failure.failure.step.clone(), failure.failure.kind, failure.failure.message.clone())
}

macro_rules! fails {
    ($engine:expr, $ephemeral:expr, $workflow:ident($($x:expr)?), $step:expr, $kind:ident, $message:expr) => {
        let expected = ($step.to_owned(), FailureKind::$kind, $message.to_owned());
        let error = $workflow($($x)?).run($engine, stringify!($workflow)).await.unwrap_err();
        assert_eq!(only(&error), expected);
        let error = $workflow($($x)?).run_ephemeral($ephemeral).await.unwrap_err();
        assert_eq!(only(&error), expected);
    };
}

#[tokio::test]
async fn b12_a_panic_is_a_failure_of_its_step_with_its_message() {
    let (engine, ephemeral) = (Engine::new(TestStore::new()), Engine::ephemeral().build());
    fails!(&engine, &ephemeral, text(0), "by_text", Panic, "text");
    fails!(&engine, &ephemeral, string(0), "by_string", Panic, "string 0");
    fails!(&engine, &ephemeral, value(0), "by_value", Panic, "it panicked without a message");
    fails!(&engine, &ephemeral, blocking(0), "by_blocking", Panic, "blocking");
    fails!(&engine, &ephemeral, drops(0), "by_drop", Panic, "in a destructor");
    fails!(&engine, &ephemeral, argument(0), "by_argument", Panic, "attempt to divide by zero");
    fails!(&engine, &ephemeral, in_output(0), "output", Panic, "attempt to divide by zero");
    fails!(&engine, &ephemeral, in_head(0), "y", Panic, "attempt to divide by zero");
    fails!(&engine, &ephemeral, without_words(), "speechless", Panic, "no words");
}

#[tokio::test]
async fn b12_the_engine_and_other_runs_go_on_after_a_panic() {
    let engine = Engine::builder(TestStore::new()).concurrency(1).build();
    let (bad, good) = tokio::join!(text(0).run(&engine, "bad"), text(101).run(&engine, "good"));
    assert!(matches!(bad, Err(RunError::Failed { .. })));
    assert_eq!(good.unwrap(), 101);
    assert_eq!(text(102).run(&engine, "later").await.unwrap(), 102);
    assert_eq!(engine.list().await.unwrap().workflows.len(), 3);
}

/// What encoding, decoding and dropping an output may do, in the driver's own task and with `strict_roundtrip`.
#[tokio::test]
async fn b12_an_output_that_misbehaves_fails_its_step() {
    let engine = Engine::builder(TestStore::new()).strict_roundtrip(true).build();
    let run = async |x: u8| oddly(x).run(&engine, format!("odd {x}")).await;
    assert_eq!(run(FINE).await.unwrap(), FINE);
    let failure = async |x: u8| only(&run(x).await.unwrap_err());
    let expected = |kind, message: &str| ("value".to_owned(), kind, message.to_owned());
    let message = "encoding the output panicked: encoding went wrong";
    assert_eq!(failure(ENCODE_PANICS).await, expected(FailureKind::Encode, message));
    let (_, kind, message) = failure(ENCODE_FAILS).await;
    assert_eq!(kind, FailureKind::Encode);
    assert!(message.contains("Odd`: not in this state"), "{message}");
    let (_, kind, message) = failure(DECODE_PANICS).await;
    assert_eq!(kind, FailureKind::Encode);
    assert!(message.ends_with("Odd`: decoding panicked: decoding went wrong"), "{message}");
    let (_, kind, message) = failure(DECODE_FAILS).await;
    assert_eq!(kind, FailureKind::Encode);
    assert!(message.ends_with("Odd`: its own decoder refuses it"), "{message}");
    // The original is dropped once its decoded form takes its place.
    assert_eq!(failure(DROP_PANICS).await, expected(FailureKind::Panic, "dropping went wrong"));
    assert_eq!(failure(ENCODE_FAILS_AND_DROP_PANICS).await, expected(FailureKind::Panic, "dropping went wrong"));
}

#[tokio::test]
async fn b12_an_output_that_cannot_be_read_again_is_an_error_of_the_run() {
    let store = TestStore::new().fail_at(2, Fault::Refused);
    let first = oddly(DECODE_PANICS).run(&Engine::new(store.clone()), "r").await.unwrap_err();
    assert!(matches!(first, RunError::Store { .. }), "{first}");
    let second = oddly(DECODE_PANICS).run(&Engine::new(store.reopened()), "r").await.unwrap_err();
    assert!(matches!(&second, RunError::Undecodable { step, .. } if step == "value"), "{second}");
    let text = super::printed(second);
    assert!(text.contains("decoding went wrong"), "{text}");
}

fn retrying(times: u32) -> Policy {
    let backoff = Backoff::new(Duration::ZERO, Duration::ZERO).with_jitter(false);
    Policy::DEFAULT.with_retry(Some(Retry::new(times).with_backoff(backoff)))
}

#[tokio::test]
async fn b12_a_panic_is_retried_like_an_error() {
    let mut graph = Graph::<u32>::new("retried");
    graph.step_with("flaky", &[], retrying(5), |cx, _| {
        assert!(cx.attempt() > 3, "attempt {}", cx.attempt());
        let attempt = cx.attempt();
        Box::pin(async move { Ok(attempt) })
    });
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "r").await.unwrap(), 4);
}

#[tokio::test]
async fn b12_an_error_that_panics_when_it_is_dropped_is_still_retried() {
    let mut graph = Graph::<u32>::new("retried");
    graph.step_with("flaky", &[], retrying(5), |cx, _| {
        let attempt = cx.attempt();
        Box::pin(async move { if attempt > 3 { Ok(attempt) } else { Err(Sore(Bomb("in an error")).into()) } })
    });
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "r").await.unwrap(), 4);
    assert_eq!(graph.run_ephemeral(&Engine::ephemeral().build()).await.unwrap(), 4);
}

/// A body that runs in the driver's own task, or in one beside it, is dropped by a shutdown and panics at that.
#[tokio::test]
async fn b12_a_body_that_panics_when_it_is_given_up_hurts_nobody() {
    for beside in [false, true] {
        let (store, begun) = (TestStore::new(), std::sync::Arc::new(Notify::new()));
        let mut graph = Graph::<u32>::new("given_up");
        let notify = begun.clone();
        graph.step("stuck", &[], move |_, _| {
            let notify = notify.clone();
            Box::pin(async move {
                let _bomb = Bomb("given up");
                notify.notify_one();
                std::future::pending().await
            })
        });
        if beside {
            graph.step("other", &[], |_, _| Box::pin(std::future::pending()));
        }
        let engine = Engine::new(store.clone());
        let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
            begun.notified().await;
            engine.shutdown(Duration::ZERO).await;
        });
        assert!(matches!(result, Err(RunError::Interrupted { .. })));
        let record = store.record("r").await;
        assert!(record.statuses().iter().all(|(_, status)| *status == StepStatus::Pending), "{record:?}");
    }
}

#[tokio::test]
async fn b12_a_store_that_panics_ends_its_run_and_no_other() {
    let engine = Engine::new(TestStore::new().fail_at(1, Fault::Panic));
    let error = oddly(FINE).run(&engine, "r").await.unwrap_err();
    assert!(matches!(error, RunError::Stuck { .. }), "{error}");
    assert_eq!(oddly(FINE).run(&engine, "other").await.unwrap(), FINE);
    assert_eq!(oddly(FINE).run(&engine, "r").await.unwrap(), FINE);
}
