//! What undoes a step is given the output that the step has now.

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use flow_runtime::state::StepStatus;
use flow_runtime::testing::{FailingStore, StoreCall};

use super::{Log, engine, id};

mod before {
    use super::super::Log;
    use flow_runtime::prelude::*;

    #[node]
    async fn refund(#[state] log: &Log, paid: &u32) {
        log.note(format!("refund {paid}"));
    }

    #[node(undo = refund(output))]
    async fn charge(x: u32) -> u32 {
        x
    }

    workflow! {
        pub(super) fn pay(x: u32) -> u32 {
            let one = charge(x);
            let two = charge(one + 1);
            let word = wait_for::<u32>("word");
            word + one + two
        }
    }
}

mod after {
    use super::super::Log;
    use flow_runtime::prelude::*;

    fn receipt(paid: u32) -> String {
        format!("receipt over {paid}")
    }

    #[node]
    async fn refund(#[state] log: &Log, paid: &str) {
        log.note(format!("refund {paid}"));
    }

    #[node(undo = refund(output))]
    async fn charge(x: u32) -> String {
        format!("{x}")
    }

    workflow! {
        #[version = 2]
        pub(super) fn pay(x: u32) -> u32 {
            #[migrate(from = 1, with = receipt)]
            let one = charge(x);
            #[migrate(from = 1, with = receipt)]
            let two = charge(one.len() as u32);
            let word = wait_for::<u32>("word");
            word + one.len() as u32 + two.len() as u32
        }
    }
}

#[tokio::test]
async fn b44_b53_a_step_is_undone_with_its_migrated_output() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    before::pay(1).run_until_parked(&engine(&store, &log), "r").await.unwrap();
    let engine = engine(&store, &log);
    engine.cancel("r").await.unwrap();
    let error = after::pay(1).run(&engine, "r").await.unwrap_err();
    assert_eq!(error.rollback().unwrap().compensated, ["one", "two"], "{error}");
    assert_eq!(log.take(), ["refund receipt over 1", "refund receipt over 2"]);
}

/// The process dies while the run is undone, and later code goes on with that: what was undone stays so.
#[tokio::test]
async fn b44_b53_a_rollback_goes_on_under_the_new_version() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    let failing = FailingStore::new(store.clone());
    before::pay(1).run_until_parked(&engine(&failing, &log), "r").await.unwrap();
    failing.fail_if(|call| match call {
        StoreCall::Commit(after, _) => after.status_of("one") == Some(StepStatus::Compensated),
        _ => false,
    });
    let dying = engine(&failing, &log);
    dying.cancel("r").await.unwrap();
    before::pay(1).run(&dying, "r").await.unwrap_err();
    assert_eq!(log.take(), ["refund 1", "refund 2"]);
    let data = store.load(&id()).await.unwrap();
    assert_eq!(
        (data.status_of("one"), data.status_of("two")),
        (Some(StepStatus::Completed), Some(StepStatus::Compensated))
    );
    let error = after::pay(1).run(&engine(&store, &log), "r").await.unwrap_err();
    assert_eq!(error.rollback().unwrap().compensated, ["one", "two"], "{error}");
    assert_eq!(log.take(), ["refund receipt over 1"]);
}
