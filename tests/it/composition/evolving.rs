//! A run whose called workflow has changed in the meantime: what is accepted, and what is refused by name.

use flow_runtime::InMemoryStore;
use flow_runtime::engine::{StepFate, Verdict};
use flow_runtime::prelude::*;
use flow_runtime::testing::{LockMode, check_lock};

use super::super::waits::{parked, soon};

#[node]
async fn work(x: u64) -> u64 {
    x + 1
}

#[node]
async fn think(x: u64) -> u64 {
    x * 100
}

macro_rules! version {
    ($module:ident: $($inner:tt)*) => {
        mod $module {
            use flow_runtime::prelude::wait_for;

            #[allow(unused_imports, reason = "not every version calls every node")]
            use super::{think, work};

            flow_runtime::workflow! {
                $($inner)*

                pub(super) fn outer(x: u64) -> u64 {
                    let before = work(x);
                    let called = inner(before);
                    #[id = "after"]
                    work(called)
                }
            }
        }
    };
}

version! { first:
    fn inner(x: u64) -> u64 {
        let begun = work(x);
        let word = wait_for::<u64>("word");
        #[id = "end"]
        work(begun + word)
    }
}
version! { with_more:
    fn inner(x: u64) -> u64 {
        let begun = work(x);
        let word = wait_for::<u64>("word");
        let more = think(word);
        #[id = "end"]
        work(begun + more)
    }
}
version! { rewired:
    fn inner(x: u64) -> u64 {
        let begun = think(x);
        let word = wait_for::<u64>("word");
        #[id = "end"]
        work(begun + word)
    }
}
version! { renamed:
    fn other(x: u64) -> u64 {
        let begun = work(x);
        let word = wait_for::<u64>("word");
        #[id = "end"]
        work(begun + word)
    }

    fn inner(x: u64) -> u64 {
        let all = other(x);
        all + 0
    }
}

/// A run that waits inside of the workflow that it calls.
async fn waiting() -> InMemoryStore {
    let store = InMemoryStore::default();
    parked(soon(first::outer(1).run_until_parked(&Engine::new(store.clone()), "run")).await.unwrap());
    store
}

fn adopting(store: &InMemoryStore) -> Engine {
    Engine::builder(store.clone()).adopt_changed_plans(true).build()
}

#[tokio::test]
async fn b44_b60_a_step_that_is_new_inside_is_accepted_when_asked_for() {
    let store = waiting().await;
    let refused = with_more::outer(1).run(&Engine::new(store.clone()), "run").await.unwrap_err();
    let RunError::PlanChanged { changes, .. } = &refused else { panic!("{refused}") };
    assert_eq!((&changes.added[..], &changes.removed[..]), (&["called.more".to_owned()][..], &[][..]));
    assert_eq!(changes.rewired, ["called.end"]);

    let check = with_more::outer(1).check(&adopting(&store), "run").await.unwrap();
    assert!(matches!(check.verdict, Verdict::GoesOn));
    assert_eq!(check.steps_to(StepFate::Reuse), ["before", "called", "called.begun"]);
    assert_eq!(check.steps_to(StepFate::Wait), ["called.word"]);
    assert_eq!(check.steps_to(StepFate::Run), ["called.more", "called.end", "after"]);

    let engine = adopting(&store);
    engine.signal("run", "word", &7_u64).await.unwrap();
    assert_eq!(soon(with_more::outer(1).run(&engine, "run")).await.unwrap(), 705);
}

#[tokio::test]
async fn b44_b60_what_has_begun_inside_must_be_as_it_was() {
    for (engine, version) in [(Engine::new(waiting().await), "as it is"), (adopting(&waiting().await), "when asked")] {
        let refused = rewired::outer(1).run(&engine, "run").await.unwrap_err();
        let RunError::PlanChanged { changes, .. } = &refused else { panic!("{version}: {refused}") };
        assert_eq!(changes.rewired, ["called.begun"], "{version}");
    }
    let store = waiting().await;
    let refused = renamed::outer(1).run(&adopting(&store), "run").await.unwrap_err();
    let RunError::PlanChanged { changes, .. } = &refused else { panic!("{refused}") };
    assert_eq!(changes.removed, ["called.begun", "called.word", "called.end"]);
    // Nothing was overwritten.
    let engine = Engine::new(store);
    engine.signal("run", "word", &7_u64).await.unwrap();
    assert_eq!(soon(first::outer(1).run(&engine, "run")).await.unwrap(), 12);
}

#[test]
fn b44_b60_a_lock_holds_the_shape_of_what_is_called() {
    let folder = tempfile::tempdir().unwrap();
    check_lock(folder.path(), &[first::outer::plan()], LockMode::New).unwrap();
    let said = check_lock(folder.path(), &[with_more::outer::plan()], LockMode::Check).unwrap_err().to_string();
    assert!(said.contains("called.more") && said.contains("called.end"), "{said}");
    let text = std::fs::read_to_string(folder.path().join("flow.lock")).unwrap();
    assert!(text.contains("step called = workflow inner(before) { called.end } -> u64"), "{text}");
}
