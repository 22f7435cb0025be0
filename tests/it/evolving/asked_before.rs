//! Behaviour 44: `check` says what would become of a run and of each step, and changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use flow_runtime::engine::{RunCheck, StepFate, Verdict, Why};
use flow_runtime::prelude::*;
use flow_runtime::state::{Delta, StepStatus, WorkflowStatus};
use flow_runtime::testing::FailingStore;
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore, store};

/// How often bodies ran.
type Count = Arc<AtomicU32>;

#[node]
async fn work(#[state] count: &Count, x: u64) -> u64 {
    count.fetch_add(1, Ordering::SeqCst);
    x + 1
}

#[node]
async fn think(#[state] count: &Count, x: u64) -> u64 {
    count.fetch_add(1, Ordering::SeqCst);
    x * 2
}

#[node(name = "work")]
async fn work_in_words(#[state] count: &Count, x: u64) -> String {
    count.fetch_add(1, Ordering::SeqCst);
    x.to_string()
}

#[node]
async fn say(x: u64, text: &str) -> String {
    format!("{text} {x}")
}

macro_rules! version {
    ($module:ident: $($body:tt)*) => {
        mod $module {
            #[allow(unused_imports, reason = "not every version calls every node")]
            use super::{say, think, work, work_in_words};

            flow_runtime::workflow! {
                $($body)*
            }
        }
    };
}

version! { first:
    pub(super) fn flow(x: u64) -> u64 {
        let a = work(x);
        let b = if a > 1 { let c = work(a); c + 1 } else { think(a) };
        let word = flow_runtime::wait_for::<u64>("word");
        let d = work(b);
        #[id = "last"]
        work(d + word)
    }
}
version! { with_more:
    pub(super) fn flow(x: u64) -> u64 {
        let a = work(x);
        let b = if a > 1 { let c = work(a); c + 1 } else { think(a) };
        let word = flow_runtime::wait_for::<u64>("word");
        let d = work(b);
        let e = think(d);
        #[id = "last"]
        work(e + word)
    }
}
version! { rewired:
    pub(super) fn flow(x: u64) -> u64 {
        let a = think(x);
        let b = if a > 1 { let c = work(a); c + 1 } else { think(a) };
        let word = flow_runtime::wait_for::<u64>("word");
        #[id = "last"]
        work(b + word)
    }
}
version! { decided_otherwise:
    pub(super) fn flow(x: u64) -> u64 {
        let a = work(x);
        let b = if a > 1_000 { let c = work(a); c + 1 } else { think(a) };
        let word = flow_runtime::wait_for::<u64>("word");
        let d = work(b);
        #[id = "last"]
        work(d + word)
    }
}
version! { next:
    #[version = 2]
    pub(super) fn flow(x: u64) -> u64 { work(x) }
}
version! { numbers:
    pub(super) fn typed(x: u64) -> String {
        let a = work(x);
        let word = flow_runtime::wait_for::<String>("word");
        let b = say(a, word);
        b.clone()
    }
}
version! { words:
    pub(super) fn typed(x: u64) -> String {
        let a = work_in_words(x);
        let word = flow_runtime::wait_for::<String>("word");
        let b = say(a.len() as u64, word);
        b.clone()
    }
}

/// A store that lets nothing be changed.
#[derive(Clone, Default)]
struct Frozen(InMemoryStore);

impl WorkflowStore for Frozen {
    store::hand_on!(|own| &own.0; all but save, commit, delete, claim, take_requests);

    async fn save(&self, _: &WorkflowData) -> Result<(), StoreError> {
        panic!("a check changes nothing")
    }

    async fn commit(&self, _: &WorkflowData, _: &Delta) -> Result<(), StoreError> {
        panic!("a check changes nothing")
    }

    async fn delete(&self, _: &WorkflowId) -> Result<(), StoreError> {
        panic!("a check changes nothing")
    }

    async fn claim(&self, _: &WorkflowId, _: store::Owner) -> Result<u64, StoreError> {
        panic!("a check takes nothing")
    }

    async fn take_requests(&self, _: &WorkflowId, _: &[String]) -> Result<(), StoreError> {
        panic!("a check takes nothing")
    }
}

/// A run that waits, in a store of its own.
async fn waiting() -> InMemoryStore {
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).state(Count::default()).build();
    first::flow(1).run_until_parked(&engine, "r").await.unwrap();
    store
}

fn frozen(store: &InMemoryStore, adopt: bool, count: &Count) -> Engine<Count> {
    Engine::builder(Frozen(store.clone())).state(count.clone()).adopt_changed_plans(adopt).build()
}

fn said(check: &RunCheck) -> Vec<String> {
    check.steps.iter().map(ToString::to_string).collect()
}

macro_rules! check {
    ($store:expr, $adopt:expr, $invocation:expr) => {{
        let (count, store) = (Count::default(), $store.clone());
        let before = store.load(&WorkflowId::new("r").unwrap()).await.unwrap();
        let check = $invocation.check(&frozen(&store, $adopt, &count), "r").await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 0, "nothing runs");
        assert_eq!(store.load(&WorkflowId::new("r").unwrap()).await.unwrap(), before);
        check
    }};
}

#[tokio::test]
async fn b44_each_step_of_a_run_that_fits_is_told() {
    let check = check!(waiting().await, false, first::flow(1));
    assert!(matches!(check.verdict, Verdict::GoesOn), "{check:?}");
    assert_eq!((check.workflow.as_str(), check.version), ("flow", 1));
    assert_eq!(
        said(&check),
        [
            "`a` is used again: it has ended (Completed)",
            "`b` is used again: it has ended (Completed)",
            "`b.think` is left: it has ended (Bypassed)",
            "`b.c` is used again: it has ended (Completed)",
            "`word` waits: signal `word` has not come",
            "`d` is used again: it has ended (Completed)",
            "`last` runs: it has not begun",
        ]
    );
}

#[tokio::test]
async fn b44_added_steps_are_refused_or_run_as_the_engine_is_told() {
    let store = waiting().await;
    let refused = check!(store, false, with_more::flow(1));
    let Verdict::Refused(RunError::PlanChanged { changes, .. }) = &refused.verdict else { panic!("{refused:?}") };
    assert_eq!((&changes.added[..], &changes.rewired[..]), (&["e".to_owned()][..], &["last".to_owned()][..]));
    assert_eq!(refused.step("e").unwrap().why, Why::Added);
    assert_eq!(refused.steps_to(StepFate::Refuse), [] as [&str; 0], "nothing that has begun has changed");

    let adopted = check!(store, true, with_more::flow(1));
    assert!(matches!(adopted.verdict, Verdict::GoesOn), "{adopted:?}");
    assert_eq!(adopted.step("e").unwrap().to_string(), "`e` runs: it is new in the workflow");
    assert_eq!(adopted.step("last").unwrap().why, Why::Rewired);
    assert_eq!(adopted.steps_to(StepFate::Reuse), ["a", "b", "b.c", "d"]);
    // And so it is.
    let engine = Engine::builder(store).state(Count::default()).adopt_changed_plans(true).build();
    engine.signal("r", "word", &1_u64).await.unwrap();
    assert_eq!(with_more::flow(1).run(&engine, "r").await.unwrap(), 2 * 5 + 1 + 1);
}

#[tokio::test]
async fn b44_steps_that_have_begun_and_changed_stand_in_the_way() {
    for adopt in [false, true] {
        let check = check!(waiting().await, adopt, rewired::flow(1));
        assert!(matches!(check.verdict, Verdict::Refused(RunError::PlanChanged { .. })), "{check:?}");
        assert_eq!(check.steps_to(StepFate::Refuse), ["a", "d"]);
        assert_eq!(check.step("a").unwrap().why, Why::Rewired);
        assert_eq!(check.step("d").unwrap().to_string(), "`d` stands in the way: it is no longer in the workflow");
    }
}

#[tokio::test]
async fn b24_b44_a_head_that_says_otherwise_stands_in_the_way() {
    let check = check!(waiting().await, false, decided_otherwise::flow(1));
    assert!(matches!(check.verdict, Verdict::GoesOn), "its value was used already: {check:?}");
    // Another run is still before the step that uses it.
    let store = FailingStore::new(InMemoryStore::default());
    store.fail_if(|call| match call {
        flow_runtime::testing::StoreCall::Commit(after, _) => after.status_of("d") == Some(StepStatus::Completed),
        _ => false,
    });
    let engine = Engine::builder(store.clone()).state(Count::default()).build();
    first::flow(1).run(&engine, "r").await.unwrap_err();
    let check = check!(store.inner(), false, decided_otherwise::flow(1));
    assert!(matches!(check.verdict, Verdict::Refused(RunError::HeadChanged { .. })), "{check:?}");
    assert_eq!(check.steps_to(StepFate::Refuse), ["b"]);
    assert!(matches!(&check.step("b").unwrap().why, Why::HeadChanged { .. }));
}

#[tokio::test]
async fn b44_b45_an_output_of_another_type_stands_in_the_way() {
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).state(Count::default()).build();
    numbers::typed(1).run_until_parked(&engine, "r").await.unwrap();
    let check = check!(store, false, words::typed(1));
    assert!(matches!(&check.verdict, Verdict::Refused(RunError::Undecodable { step, .. }) if step == "a"), "{check:?}");
    assert_eq!(
        check.step("a").unwrap().to_string(),
        "`a` stands in the way: its output is stored as a `u64`, no `String`"
    );
}

#[tokio::test]
async fn b44_runs_of_other_workflows_inputs_and_versions_are_refused_by_name() {
    let store = waiting().await;
    let check = check!(store, false, first::flow(2));
    assert!(matches!(check.verdict, Verdict::Refused(RunError::OtherInput { .. })), "{check:?}");
    let check = check!(store, true, next::flow(1));
    assert!(matches!(check.verdict, Verdict::Refused(RunError::OtherWorkflow { .. })), "{check:?}");
}

#[tokio::test]
async fn a_run_that_is_not_there_begins_and_one_that_has_ended_gives_its_end() {
    let (store, count) = (InMemoryStore::default(), Count::default());
    let check = next::flow(1).check(&frozen(&store, false, &count), "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Begins));
    assert_eq!(check.steps_to(StepFate::Run), ["work"]);
    let engine = Engine::builder(store.clone()).state(count.clone()).build();
    next::flow(1).run(&engine, "r").await.unwrap();
    let check = check!(store, false, next::flow(1));
    assert!(matches!(check.verdict, Verdict::Ended(WorkflowStatus::Completed)), "{check:?}");
}

#[tokio::test]
async fn an_engine_checks_runs_of_the_workflows_that_it_knows() {
    let store = waiting().await;
    let count = Count::default();
    let check = frozen(&store, false, &count).check("r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Unregistered));
    let knows = Engine::builder(Frozen(store.clone())).state(count.clone()).register::<with_more::flow>().build();
    let check = knows.check("r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Refused(RunError::PlanChanged { .. })), "{check:?}");
    let knows = Engine::builder(Frozen(store)).state(count.clone()).register::<first::flow>().build();
    assert!(matches!(knows.check("r").await.unwrap().verdict, Verdict::GoesOn));
    assert!(matches!(knows.check("none").await, Err(RunError::Store { .. })));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn steps_of_a_run_that_is_stopping_are_left() {
    let store = waiting().await;
    let mut record = store.load(&WorkflowId::new("r").unwrap()).await.unwrap();
    record.asked = Some(flow_runtime::state::Asked::Cancel);
    store.save(&record).await.unwrap();
    let check = check!(store, false, first::flow(1));
    assert_eq!(check.step("last").unwrap().to_string(), "`last` is left: the run is stopping");
    assert_eq!(check.step("word").unwrap().fate, StepFate::Leave);
}
