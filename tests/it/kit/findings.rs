//! What is said of workflows, worlds and stores that do not survive a crash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flow_runtime::prelude::*;
use flow_runtime::testing::{CrashFailure, CrashTest, crash_at, crash_everywhere};
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore, store};

#[node]
async fn reserve(x: u32) -> u32 {
    x + 1
}

#[node]
async fn charge(x: u32) -> u32 {
    x * 2
}

/// Without regard to its key.
#[node]
async fn count(#[state] calls: &AtomicU32, x: u32) -> u32 {
    calls.fetch_add(1, Ordering::SeqCst);
    x
}

/// What it gives depends on how often it ran.
#[node]
async fn number(#[state] calls: &AtomicU32) -> u32 {
    calls.fetch_add(1, Ordering::SeqCst)
}

/// Another value in each story.
static DRAWN: AtomicU64 = AtomicU64::new(0);

#[node]
async fn draw() -> u64 {
    DRAWN.fetch_add(1, Ordering::SeqCst)
}

#[node]
async fn refuse(x: u32, cx: &NodeContext) -> Result<u32, String> {
    Err(format!("{x} was refused in attempt {}", cx.attempt()))
}

workflow! {
    fn order(x: u32) -> u32 { charge(reserve(x)) }
    fn counted(x: u32) -> u32 { count(reserve(x)) }
    fn numbered() -> u32 { reserve(number()) }
    fn drawn() -> u64 { draw() }
    fn refused(x: u32) -> u32 { refuse(reserve(x)) }
    fn asks() -> u32 {
        let x = wait_for::<u32>("x");
        reserve(x)
    }
}

#[tokio::test]
async fn a_sound_workflow_is_killed_before_and_after_each_commit() {
    let killed = crash_everywhere(|| order(1)).await.unwrap();
    let said: Vec<String> = killed.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "killed right before commit 0 was durable (RunCreated, StepStarted of `reserve`)",
            "killed right before commit 1 was durable (StepCompleted of `reserve`, StepStarted of `charge`)",
            "killed right before commit 2 was durable (StepCompleted of `charge`, RunEnded)",
            "killed right after commit 0 was durable (RunCreated, StepStarted of `reserve`)",
            "killed right after commit 1 was durable (StepCompleted of `reserve`, StepStarted of `charge`)",
            "killed right after commit 2 was durable (StepCompleted of `charge`, RunEnded)",
        ]
    );
    let killed = crash_at(|| order(1), "charge").await.unwrap();
    assert_eq!(killed.len(), 2, "{killed:?}");
    assert!(killed.iter().all(|at| at.commit == 2));
}

#[tokio::test]
async fn effects_that_happen_twice_are_found_with_where_and_what() {
    let test = CrashTest::new(|| counted(1)).state(AtomicU32::default).effects(|calls| calls.load(Ordering::SeqCst));
    let said = format!("{:?}", test.everywhere().await.unwrap_err());
    let at = "killed right before commit 2 was durable (StepCompleted of `count`, RunEnded)";
    let what = format!("{at}: the run ended otherwise than without a crash: the effects are 2 and not 1\nhelp: ");
    assert!(said.starts_with(&what) && said.ends_with("\nmore: flow explain E-CRASH-DIFFERS"), "{said}");
}

#[tokio::test]
async fn an_output_that_depends_on_the_crash_is_found_with_its_step_and_without_its_value() {
    let failure = CrashTest::new(numbered).state(AtomicU32::default).everywhere().await.unwrap_err();
    let CrashFailure::Differs { at, what } = &failure else { panic!("{failure:?}") };
    assert_eq!((at.commit, at.is_durable), (1, false));
    assert_eq!(
        what[..],
        [
            "step `number` gives another output",
            "step `reserve` gives another output",
            "the caller is given something else"
        ]
    );
}

#[tokio::test]
async fn a_workflow_that_ends_otherwise_each_time_is_told_apart_from_a_crash() {
    let failure = crash_at(drawn, "draw").await.unwrap_err();
    assert!(matches!(&failure, CrashFailure::Differs { .. }), "{failure:?}");
    let failure = crash_at(drawn, "none").await.unwrap_err();
    assert!(matches!(&failure, CrashFailure::NotRepeatable { .. }), "{failure:?}");
    assert!(failure.to_string().contains("step `draw` gives another output"), "{failure}");
    CrashTest::new(drawn).outputs_may_differ().everywhere().await.unwrap();
}

#[tokio::test]
async fn why_a_step_failed_is_compared_too() {
    let failure = crash_everywhere(|| refused(1)).await.unwrap_err();
    let CrashFailure::Differs { at, what } = &failure else { panic!("{failure:?}") };
    assert_eq!(at.events, ["StepFailed of `refuse`", "RunEnded"]);
    assert!(!at.is_durable, "the second attempt is that of the second process");
    assert_eq!(what[..], ["step `refuse` fails for another reason", "the caller is given something else"]);
}

#[tokio::test]
async fn a_wait_that_nothing_ends_is_named() {
    let said = crash_everywhere(asks).await.unwrap_err().to_string();
    let waits =
        "the run waits for the signal `x`, in step `x`, and nothing lets it go on; say in `when_parked` what does";
    assert_eq!(said, waits);
    let useless = CrashTest::new(asks).when_parked(async |run| assert!(run.waits_for("x")));
    assert_eq!(useless.everywhere().await.unwrap_err().to_string(), waits);
}

#[tokio::test]
async fn a_step_that_does_not_run_is_named_with_those_that_do() {
    let failure = crash_at(|| order(1), "pay").await.unwrap_err();
    assert_eq!(failure.to_string(), "no step `pay` runs here; those that do are `charge`, `reserve`");
}

/// A store that shows the driver of a run that goes on an old record.
#[derive(Clone, Default)]
struct Outdated {
    store: InMemoryStore,
    first: Arc<Mutex<BTreeMap<WorkflowId, WorkflowData>>>,
    loads: Arc<AtomicU32>,
}

impl WorkflowStore for Outdated {
    store::hand_on!(|own| &own.store; all but load, commit);

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let data = self.store.load(id).await?;
        // The kit looks first, and then the driver does.
        let is_driver = self.loads.fetch_add(1, Ordering::SeqCst) == 1;
        Ok(if is_driver { self.first.lock().unwrap()[id].clone() } else { data })
    }

    async fn commit(&self, after: &WorkflowData, _: &flow_runtime::state::Delta) -> Result<(), StoreError> {
        self.first.lock().unwrap().entry(after.id.clone()).or_insert_with(|| after.clone());
        self.store.save(after).await
    }
}

#[tokio::test]
async fn a_committed_step_that_runs_again_is_named() {
    let place = || {
        let store = Outdated::default();
        move || store.clone()
    };
    let failure = CrashTest::new(|| order(1)).store(place).at("reserve").await.unwrap_err();
    let CrashFailure::RanAgain { at, steps } = &failure else { panic!("{failure:?}") };
    assert_eq!((at.commit, at.is_durable, &steps[..]), (1, true, &["reserve".to_owned()][..]));
    assert!(failure.to_string().ends_with(": `reserve` had ended and ran again"), "{failure}");
}

/// A store that forgets all when it is closed.
#[tokio::test]
async fn a_store_that_loses_what_it_kept_makes_no_difference_to_the_end_and_is_seen_by_its_effects() {
    let forgetful = || InMemoryStore::default;
    CrashTest::new(|| order(1)).store(forgetful).everywhere().await.unwrap();
    let test = CrashTest::new(|| counted(1)).state(AtomicU32::default).store(forgetful);
    let failure = test.effects(|calls| calls.load(Ordering::SeqCst)).at("count").await.unwrap_err();
    assert!(failure.to_string().contains("the effects are 2 and not 1"), "{failure}");
}
