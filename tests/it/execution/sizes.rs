//! The limit on what is stored: an output, a key's value, an input. What is longer fails at once and for good, because
//! the effect has happened; and nothing of it is told but its length.

use flow_runtime::prelude::*;
use flow_runtime::state::{FailureKind, WorkflowStatus};
use flow_runtime::{Key, WorkflowStore};

use super::probe::Probe;
use super::stores::TestStore;

const LIMIT: usize = 1000;
const NOTE: Key<Vec<u8>> = Key::new("note");

#[node(retry(times = 3, backoff = "1ms..1ms"))]
async fn make(#[state] probe: &Probe, len: usize, cx: &NodeContext) -> Result<Vec<u8>, String> {
    probe.begin(cx.step()).end();
    Ok(vec![7; len])
}

#[node(retry(times = 3, backoff = "1ms..1ms"))]
async fn note(#[state] probe: &Probe, len: usize, cx: &NodeContext) -> Result<usize, String> {
    probe.begin(cx.step()).end();
    cx.set(NOTE, &vec![7; len]).map_err(|error| error.to_string())?;
    Ok(len)
}

#[node]
async fn tell(made: &Result<Vec<u8>, NodeFailure>) -> String {
    match made {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(failure) => format!("{:?} at {}: {}", failure.kind, failure.attempt, failure.message),
    }
}

#[node]
async fn measure(#[state] probe: &Probe, bytes: &[u8], cx: &NodeContext) -> usize {
    probe.begin(cx.step()).end();
    bytes.len()
}

workflow! {
    fn makes(len: usize) -> Vec<u8> { make(len) }
    fn makes_twice(len: usize) -> Vec<u8> { let made = make(len); made.repeat(2) }
    fn notes(len: usize) -> usize { note(len) }
    fn measures(bytes: Vec<u8>) -> usize { measure(bytes) }
    fn caught(len: usize) -> String {
        #[catch]
        let made = make(len);
        tell(made)
    }
}

fn engine(store: &TestStore, probe: &Probe, limit: usize) -> Engine<Probe> {
    Engine::builder(store.clone()).state(probe.clone()).max_output_bytes(limit).build()
}

fn message(what: &str, len: usize) -> String {
    format!(
        "{what} has {len} bytes, and at most {LIMIT} are stored; raise `max_output_bytes`, or keep it elsewhere and \
         hand on where"
    )
}

/// The one failure of a run.
fn failure(error: &RunError) -> &NodeFailure {
    let [failure] = error.failures() else { panic!("{error}") };
    &failure.failure
}

#[tokio::test]
async fn an_output_over_the_limit_fails_its_step_for_good() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let error = makes(LIMIT + 1).run(&engine(&store, &probe, LIMIT), "r").await.unwrap_err();
    let first = failure(&error);
    assert_eq!((&*first.step, first.kind, first.attempt), ("make", FailureKind::Encode, 1));
    assert_eq!(first.message, message("its output", LIMIT + 1));
    assert!(first.permanent);
    assert_eq!(probe.begun(), ["make"], "it is not tried again");
    let record = store.record("r").await;
    assert_eq!((record.status, &record.steps[0].output), (WorkflowStatus::Failed, &None));

    // The effect has happened, so a higher limit does not make it happen again.
    let again = makes(LIMIT + 1).run(&engine(&store, &probe, 2 * LIMIT), "r").await.unwrap_err();
    assert_eq!(failure(&again), first);
    assert_eq!(probe.begun(), ["make"]);
}

/// A value that panics when it is dropped, once it is done with.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Angry(Vec<u8>);

impl Drop for Angry {
    fn drop(&mut self) {
        assert!(self.0.len() <= LIMIT, "dropping went wrong");
    }
}

#[node(retry(times = 3, backoff = "1ms..1ms"))]
async fn anger(#[state] probe: &Probe, len: usize, cx: &NodeContext) -> Angry {
    probe.begin(cx.step()).end();
    Angry(vec![7; len])
}

workflow! {
    fn angers(len: usize) -> Angry { anger(len) }
}

#[tokio::test]
async fn an_output_over_the_limit_fails_for_good_also_if_dropping_it_panics() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let Err(error) = angers(LIMIT + 1).run(&engine(&store, &probe, LIMIT), "r").await else { panic!() };
    assert_eq!(failure(&error).kind, FailureKind::Encode);
    assert_eq!(probe.begun(), ["anger"], "it is not tried again");
}

#[tokio::test]
async fn an_output_at_the_limit_is_stored() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let output = makes(LIMIT).run(&engine(&store, &probe, LIMIT), "r").await.unwrap();
    assert_eq!(output.len(), LIMIT);
    let stored = store.record("r").await.steps[0].output.clone().unwrap();
    assert_eq!(stored.bytes.len(), LIMIT);
}

#[tokio::test]
async fn without_another_limit_64_mib_are_stored() {
    let engine = Engine::builder(TestStore::new()).state(Probe::default()).build();
    let most = 64 << 20;
    assert_eq!(makes(most).run(&engine, "most").await.unwrap().len(), most);
    let error = makes(most + 1).run(&engine, "more").await.unwrap_err();
    assert!(failure(&error).message.starts_with("its output has 67108865 bytes, and at most 67108864 are stored"));
}

#[tokio::test]
async fn a_caught_output_over_the_limit_is_a_value() {
    let engine = engine(&TestStore::new(), &Probe::default(), LIMIT);
    let told = caught(LIMIT + 1).run(&engine, "r").await.unwrap();
    assert_eq!(told, format!("Encode at 1: {}", message("its output", LIMIT + 1)));
    assert_eq!(caught(LIMIT).run(&engine, "at the limit").await.unwrap(), "1000 bytes");
}

#[tokio::test]
async fn the_value_of_a_key_over_the_limit_fails_the_step_that_wrote_it() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let engine = engine(&store, &probe, LIMIT);
    let error = notes(LIMIT + 1).run(&engine, "r").await.unwrap_err();
    assert_eq!(failure(&error).kind, FailureKind::Encode);
    assert_eq!(failure(&error).message, message("what it wrote under `note`", LIMIT + 1));
    assert!(store.record("r").await.data.is_empty());
    assert_eq!(probe.begun(), ["note"]);
    assert_eq!(notes(LIMIT).run(&engine, "at the limit").await.unwrap(), LIMIT);
    assert_eq!(store.record("at the limit").await.data["note"][0].payload.bytes.len(), LIMIT);
}

#[tokio::test]
async fn the_output_of_a_workflow_over_the_limit_fails_the_run() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let engine = engine(&store, &probe, LIMIT);
    let error = makes_twice(LIMIT / 2 + 1).run(&engine, "r").await.unwrap_err();
    let first = failure(&error);
    assert_eq!((&*first.step, first.kind), ("output", FailureKind::Encode));
    assert_eq!(first.message, message("its output", LIMIT + 2));
    let again = makes_twice(LIMIT / 2 + 1).run(&engine, "r").await.unwrap_err();
    assert_eq!(failure(&again), first);
    assert_eq!(makes_twice(LIMIT / 2).run(&engine, "at the limit").await.unwrap().len(), LIMIT);
}

#[tokio::test]
async fn an_input_over_the_limit_is_refused_before_there_is_a_run() {
    let (store, probe) = (TestStore::new(), Probe::default());
    let bytes = vec![7; LIMIT];
    measures(bytes.clone()).run(&engine(&store, &probe, usize::MAX), "r").await.unwrap();
    let len = store.record("r").await.input.bytes.len();

    let error = measures(bytes.clone()).run(&engine(&store, &probe, len - 1), "over").await.unwrap_err();
    assert!(matches!(error, RunError::Input { .. }), "{error}");
    let expected = format!("it has {len} bytes, and at most {} are stored", len - 1);
    let text = super::printed(error);
    assert!(text.contains(&expected), "{text}");
    assert_eq!(store.inner.list_workflows().await.unwrap().workflows.len(), 1);
    assert_eq!(measures(bytes).run(&engine(&store, &probe, len), "at the limit").await.unwrap(), LIMIT);
}

#[tokio::test]
async fn a_run_without_a_record_has_no_limit() {
    let engine = Engine::ephemeral().state(Probe::default()).build();
    assert_eq!(makes((64 << 20) + 1).run_ephemeral(&engine).await.unwrap().len(), (64 << 20) + 1);
}
