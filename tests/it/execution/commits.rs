//! The driver and its store: a commit that goes wrong stops the run, and nothing happens that was not committed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::observe::{Notice, Observer, What};
use flow_runtime::plan::Policy;
use flow_runtime::prelude::*;
use flow_runtime::state::{Ack, Event, StepStatus, WorkflowStatus};
use flow_runtime::testing::Graph;
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};
use tokio::sync::Notify;

use super::probe::Probe;
use super::stores::{Fault, TestStore};

/// A diamond with a chain behind it.
fn diamond(probe: &Probe) -> Graph<u32> {
    let mut graph = Graph::new("diamond");
    let steps: [(&str, &[u32]); 6] =
        [("a", &[]), ("b", &[0]), ("c", &[0]), ("d", &[1, 2]), ("e", &[3]), ("f", &[4, 0])];
    for (id, inputs) in steps {
        let probe = probe.clone();
        graph.step(id, inputs, move |cx, inputs| {
            let begun = probe.begin(cx.step());
            Box::pin(async move {
                tokio::task::yield_now().await;
                begun.end();
                Ok(inputs.into_iter().sum::<u32>() + 1)
            })
        });
    }
    graph
}

#[tokio::test]
async fn b46_a_commit_that_fails_stops_the_run_and_the_step_counts_as_not_done() {
    let undisturbed = TestStore::new();
    let expected = diamond(&Probe::default()).run(&Engine::new(undisturbed.clone()), "r").await.unwrap();
    let commits = undisturbed.commits();
    for (at, fault) in (0..commits).flat_map(|at| [(at, Fault::Refused), (at, Fault::Ambiguous)]) {
        let (probe, store) = (Probe::default(), TestStore::new().fail_at(at, fault));
        let graph = diamond(&probe);
        let error = graph.run(&Engine::new(store.clone()), "r").await.unwrap_err();
        assert!(matches!(error, RunError::Store { .. }), "{fault:?} at {at}: {error}");
        assert_eq!(
            super::printed(error),
            "run `r` of `diamond` stopped because of its store: the store failed: the disk is gone"
        );
        assert_eq!(store.commits(), at + 1, "nothing is committed after that");
        let begun = probe.begun().len();
        tokio::task::yield_now().await;
        assert_eq!(probe.begun().len(), begun, "nothing begins after that");

        let completed = completed(&store);
        let again = Probe::default();
        let store = store.reopened();
        assert_eq!(diamond(&again).run(&Engine::new(store.clone()), "r").await.unwrap(), expected);
        for step in &completed {
            assert!(!again.begun().contains(step), "{fault:?} at {at}: `{step}` was committed and ran again");
        }
        let all = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        assert!(all.iter().all(|step| completed.contains(step) || again.begun().contains(step)));
        assert_eq!(store.record("r").await.status, WorkflowStatus::Completed);
    }
}

/// The steps whose completion was kept.
fn completed(store: &TestStore) -> Vec<String> {
    let ids = ["a", "b", "c", "d", "e", "f"];
    let deltas = store.deltas();
    let events = deltas.iter().flat_map(|delta| &delta.events);
    let completed = events.filter_map(|event| match event {
        Event::StepCompleted { step, .. } => Some(ids[step.local as usize].to_owned()),
        _ => None,
    });
    completed.collect()
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Observer for Heard {
    fn observe(&self, notice: &Notice<'_>) {
        if let (What::StepCompleted { .. }, Some(step)) = (&notice.what, notice.step) {
            self.0.lock().unwrap().push(step.to_owned());
        }
    }
}

#[tokio::test]
async fn b46_observers_hear_of_nothing_that_was_not_committed() {
    for at in 0..6 {
        let (store, heard) = (TestStore::new().fail_at(at, Fault::Refused), Heard::default());
        let engine = Engine::builder(store.clone()).observe(heard.clone()).build();
        assert!(diamond(&Probe::default()).run(&engine, "r").await.is_err());
        assert_eq!(*heard.0.lock().unwrap(), completed(&store));
    }
}

#[tokio::test]
async fn b46_a_caught_failure_does_not_hide_the_store_s() {
    for at in 0..3 {
        let engine = Engine::new(TestStore::new().fail_at(at, Fault::Refused));
        let error = tolerant(1).run(&engine, "r").await.unwrap_err();
        assert!(matches!(error, RunError::Store { .. }), "{error}");
    }
}

#[node]
async fn refuse(x: u64) -> Result<u64, String> {
    Err(format!("no {x}"))
}

#[node]
async fn told(result: &Result<u64, NodeFailure>) -> bool {
    result.is_ok()
}

workflow! {
    fn tolerant(x: u64) -> bool {
        #[catch]
        let refused = refuse(x);
        told(refused)
    }
}

/// Two steps run and more wait when another engine takes the run over.
#[tokio::test]
async fn b71_a_conflicting_commit_stops_the_driver_and_nothing_runs_afterwards() {
    let (probe, go_on) = (Probe::default(), Arc::new(Notify::new()));
    let mut graph = Graph::<u32>::new("contested");
    for id in ["first", "stuck"] {
        let (probe, go_on) = (probe.clone(), go_on.clone());
        graph.step(id, &[], move |cx, _| {
            let (begun, go_on) = (probe.begin(cx.step()), go_on.clone());
            Box::pin(async move {
                if cx.step() == "stuck" {
                    go_on.notify_one();
                    std::future::pending::<()>().await;
                }
                go_on.notified().await;
                begun.end();
                Ok(1)
            })
        });
    }
    for index in 0..5 {
        let probe = probe.clone();
        graph.step(format!("queued{index}"), if index == 0 { &[0] } else { &[] }, move |cx, _| {
            probe.begin(cx.step()).end();
            Box::pin(async { Ok(1) })
        });
    }
    let store = TestStore::new().fail_at(1, Fault::Conflict);
    let engine = Engine::builder(store.clone()).concurrency(2).build();
    let error = graph.run(&engine, "r").await.unwrap_err();
    let RunError::Store { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, StoreError::Conflict { .. }), "{error}");
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(probe.begun(), ["first", "stuck"]);
    assert_eq!((probe.running(), store.commits()), (0, 2), "what ran is dropped, nothing more is sent");
}

#[tokio::test]
async fn b71_a_deleted_run_is_not_revived_by_the_one_that_drives_it() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (mut graph, probe) = (Graph::<u32>::new("deleted"), Probe::default());
    let (notify, wait) = (begun.clone(), go_on.clone());
    let first = graph.step("first", &[], move |_, _| {
        let (notify, wait) = (notify.clone(), wait.clone());
        Box::pin(async move {
            notify.notify_one();
            wait.notified().await;
            Ok(1)
        })
    });
    let seen = probe.clone();
    graph.step("second", &[first], move |cx, _| {
        seen.begin(cx.step()).end();
        Box::pin(async { Ok(2) })
    });
    let store = TestStore::new();
    let engine = Engine::new(store.clone());
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        begun.notified().await;
        let id = WorkflowId::new("r").unwrap();
        WorkflowStore::delete(&store, &id).await.unwrap();
        go_on.notify_one();
    });
    assert!(matches!(result, Err(RunError::Store { .. })), "{result:?}");
    assert!(store.list_workflows().await.unwrap().workflows.is_empty());
    assert!(probe.begun().is_empty());
}

/// Two engines that know nothing of each other: every step is committed once, and one of them is stopped.
#[tokio::test(start_paused = true)]
async fn b71_of_two_engines_on_one_run_the_one_that_is_behind_stops() {
    let mut graph = Graph::<u32>::new("shared");
    let mut last = Vec::new();
    for step in 0..4 {
        last = vec![graph.step(format!("s{step}"), &last, |_, _| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok(1)
            })
        })];
    }
    let store = TestStore::new();
    let (one, two) = (Engine::new(store.clone()), Engine::new(store.clone()));
    let (first, second) = tokio::join!(graph.run(&one, "r"), async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        graph.run(&two, "r").await
    });
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let record = store.record("r").await;
    assert_eq!(record.status, WorkflowStatus::Completed);
    let deltas = store.deltas();
    assert!((0..).zip(&deltas).all(|(seq, delta)| delta.seq == seq), "each change follows the one before");
}

#[tokio::test]
async fn b71_a_delta_that_is_sent_twice_is_applied_once() {
    let store = TestStore::new();
    diamond(&Probe::default()).run(&Engine::new(store.clone()), "r").await.unwrap();
    let (record, deltas) = (store.record("r").await, store.deltas());
    store.inner.commit(&record, deltas.last().unwrap()).await.unwrap();
    assert_eq!(store.record("r").await, record);
    for delta in &deltas[..deltas.len() - 1] {
        let error = store.inner.commit(&record, delta).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    }
    assert_eq!(store.record("r").await, record);
}

/// What a record says when it is loaded may have been acknowledged before it was durable.
#[tokio::test]
async fn b49_after_a_resume_no_effect_begins_before_what_was_loaded_is_durable() {
    let store = TestStore::new();
    let begun = Arc::new(Notify::new());
    let mut graph = Graph::<u32>::new("lazy");
    let pure = Policy::DEFAULT.with_pure(true);
    let a = graph.step_with("a", &[], pure, |_, _| Box::pin(async { Ok(1) }));
    let notify = begun.clone();
    graph.step_with("x", &[], pure, move |cx, _| {
        let (notify, attempt) = (notify.clone(), cx.attempt());
        Box::pin(async move {
            notify.notify_one();
            if attempt == 1 { std::future::pending().await } else { Ok(1) }
        })
    });
    graph.step("effect", &[a], |_, _| Box::pin(async { Ok(1) }));
    let engine = Engine::builder(store.clone()).concurrency(1).build();
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        begun.notified().await;
        // What the shutdown has to say is not kept, so nothing makes durable what was said before.
        let _ = store.clone().fail_at(store.commits(), Fault::Refused);
        engine.shutdown(Duration::ZERO).await;
    });
    assert!(matches!(result, Err(RunError::Store { .. })), "{result:?}");
    let lazy = store.deltas()[1..].iter().all(|delta| delta.ack == Ack::Lazy);
    assert!(lazy, "the pure step's end and the next start");
    assert_eq!(store.record("r").await.status_of("a"), Some(StepStatus::Completed));

    let store = store.reopened();
    graph.run(&Engine::new(store.clone()), "r").await.unwrap();
    let deltas = store.deltas();
    let started = |event: &Event| matches!(event, Event::StepStarted { step, .. } if step.local == 2);
    let start = deltas.iter().position(|delta| delta.events.iter().any(started)).unwrap();
    let durable = deltas[..=start].iter().any(|delta| delta.ack == Ack::Sync);
    assert!(durable, "{:?}", &deltas[..=start]);
}
