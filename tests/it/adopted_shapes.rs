//! A run that goes on under a changed workflow: what has ended keeps its shape, or the run is refused.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::{WorkflowId, WorkflowStore};
use tokio::sync::Notify;

/// Told when the step that stops the first run has been reached; `None` lets that step through.
type Stop = Option<Arc<Notify>>;

#[node]
async fn double(x: &u64) -> u64 {
    x * 2
}

#[node]
async fn stop_here(#[state] stop: &Stop, x: &u64) -> u64 {
    if let Some(reached) = stop {
        reached.notify_one();
        std::future::pending::<()>().await;
    }
    *x
}

macro_rules! shapes {
    ($x:ident: $($module:ident { $($arm:tt)* })*) => { $(
        mod $module {
            use super::*;

            workflow! {
                pub(super) fn shaped($x: u64) -> u64 {
                    let part = if $x > 3 { $($arm)* } else { 0 };
                    stop_here(part)
                }
            }
        }
    )* };
}

shapes! { x:
    as_begun { let a = double(x); a }
    with_another_step { let a = double(x); let b = double(a); b }
    with_a_step_beside { let a = double(x); #[id = "beside"] double(x); a }
}

/// A run that has ended the branch and stands at the step behind it.
async fn stopped_behind_the_branch() -> InMemoryStore {
    let store = InMemoryStore::default();
    let reached = Arc::new(Notify::new());
    let engine = Engine::builder(store.clone()).state(Some(reached.clone())).build();
    let run = as_begun::shaped(5).start(&engine, "run").unwrap();
    reached.notified().await;
    engine.shutdown(Duration::ZERO).await;
    assert!(matches!(run.result().await, Err(RunError::Interrupted { .. })));
    store
}

fn engine(store: &InMemoryStore) -> Engine<Stop> {
    Engine::builder(store.clone()).state(Stop::None).adopt_changed_plans(true).build()
}

fn refusal(result: Result<u64, RunError>) -> String {
    match result {
        Err(RunError::PlanChanged { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn b44_a_step_added_to_an_arm_that_has_ended_is_refused() {
    let store = stopped_behind_the_branch().await;
    let before = store.load(&WorkflowId::new("run").unwrap()).await.unwrap();
    let result = with_another_step::shaped(5).run(&engine(&store), "run").await;
    assert_eq!(refusal(result), "`part` has ended, and step `b` was added to it");
    let result = with_a_step_beside::shaped(5).run(&engine(&store), "run").await;
    assert_eq!(refusal(result), "`part` has ended, and step `beside` was added to it");
    assert_eq!(store.load(&before.id).await.unwrap(), before, "the record is left as it is");
    assert_eq!(as_begun::shaped(5).run(&engine(&store), "run").await.unwrap(), 10);
}
