//! One id again: after the end, beside a run under way, with another input, for another workflow.

use std::sync::Arc;

use flow_runtime::prelude::*;
use tokio::sync::{Barrier, Notify};

use super::probe::Probe;
use super::stores::TestStore;

#[derive(Clone, Default)]
struct App {
    probe: Probe,
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[node]
async fn slow(#[state] app: &App, x: u64, cx: &NodeContext) -> Vec<u64> {
    let begun = app.probe.begin(cx.step());
    app.begun.notify_one();
    app.go_on.notified().await;
    begun.end();
    vec![x; 3]
}

#[node]
async fn quick(#[state] app: &App, x: u64, cx: &NodeContext) -> Vec<u64> {
    app.probe.begin(cx.step()).end();
    vec![x; 3]
}

workflow! {
    fn slowly(x: u64) -> Vec<u64> { slow(x) }
    fn quickly(x: u64, text: String) -> Vec<u64> { quick(x + text.len() as u64) }
    fn first_of(x: u64) -> u64 { let all = quick(x); all[0] }
    fn none_of(x: u64) -> () { let all = quick(x); drop_it(all) }
}

#[node]
async fn drop_it(all: &[u64]) {
    assert_eq!(all.len(), 3);
}

mod elsewhere {
    use flow_runtime::prelude::*;

    #[node]
    async fn quick(x: u64) -> String {
        format!("{x}")
    }

    workflow! {
        /// It has the name, the version and the input of another one.
        pub(super) fn first_of(x: u64) -> String { quick(x) }
    }
}

fn engine(app: &App) -> (Engine<App>, TestStore) {
    let store = TestStore::new();
    (Engine::builder(store.clone()).state(app.clone()).build(), store)
}

#[tokio::test]
async fn b19_a_completed_run_gives_its_stored_output_and_runs_nothing() {
    let app = App::default();
    let (engine, store) = engine(&app);
    assert_eq!(quickly(1, "ab".to_owned()).run(&engine, "list").await.unwrap(), [3, 3, 3]);
    assert_eq!(first_of(4).run(&engine, "one").await.unwrap(), 4);
    none_of(4).run(&engine, "none").await.unwrap();
    let (begun, commits) = (app.probe.begun().len(), store.commits());
    let other = Engine::builder(store.clone()).state(app.clone()).build();
    for engine in [engine, other] {
        assert_eq!(quickly(1, "ab".to_owned()).run(&engine, "list").await.unwrap(), [3, 3, 3]);
        assert_eq!(first_of(4).run(&engine, "one").await.unwrap(), 4);
        none_of(4).run(&engine, "none").await.unwrap();
    }
    assert_eq!((app.probe.begun().len(), store.commits()), (begun, commits), "nothing ran, nothing was written");
}

#[tokio::test]
async fn b19_another_input_under_the_same_id_is_an_error_that_says_so() {
    let app = App::default();
    let (engine, store) = engine(&app);
    quickly(1, "ab".to_owned()).run(&engine, "r").await.unwrap();
    let record = store.record("r").await;
    for (x, text) in [(2, "ab"), (1, "b"), (0, "")] {
        let error = quickly(x, text.to_owned()).run(&engine, "r").await.unwrap_err();
        assert!(matches!(error, RunError::OtherInput { .. }), "{error}");
        let expected = "run `r` of `quickly` began with another input; give it the same input, or choose another id";
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(store.record("r").await, record);
    assert_eq!(app.probe.begun().len(), 1);
}

#[tokio::test]
async fn b19_another_workflow_under_the_same_id_is_an_error_that_says_so() {
    let app = App::default();
    let (engine, _) = engine(&app);
    first_of(1).run(&engine, "r").await.unwrap();
    let error = slowly(1).run(&engine, "r").await.unwrap_err();
    let expected = "run `r` is one of `first_of` version 1, not of `slowly` version 1; \
                    choose another id, or run it with the code it began with";
    assert_eq!(error.to_string(), expected);
    assert_eq!(app.probe.begun().len(), 1);
}

#[tokio::test]
async fn b19_the_same_is_said_while_the_run_is_under_way() {
    let app = App::default();
    let (engine, _) = engine(&app);
    let handle = slowly(1).start(&engine, "r").unwrap();
    app.begun.notified().await;
    let error = slowly(2).start(&engine, "r").unwrap_err();
    assert!(matches!(error, RunError::OtherInput { .. }), "{error}");
    let error = first_of(1).start(&engine, "r").unwrap_err();
    assert!(matches!(error, RunError::OtherWorkflow { .. }), "{error}");
    let error = engine.delete(&flow_runtime::WorkflowId::new("r").unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("a live run is not deleted"), "{error}");
    app.go_on.notify_one();
    assert_eq!(handle.result().await.unwrap(), [1, 1, 1]);
}

/// A workflow of the same name from another module. Its output is another type, so the record is no use to it.
#[tokio::test]
async fn b19_a_workflow_that_only_looks_the_same_gets_an_error_and_no_panic() {
    let app = App::default();
    let (engine, _) = engine(&app);
    first_of(4).run(&engine, "ended").await.unwrap();
    let error = elsewhere::first_of(4).run(&engine, "ended").await.unwrap_err();
    assert!(matches!(error, RunError::Undecodable { .. } | RunError::PlanChanged { .. }), "{error}");

    let handle = first_of(4).start(&engine, "live").unwrap();
    let error = elsewhere::first_of(4).run(&engine, "live").await.unwrap_err();
    assert!(matches!(error, RunError::Undecodable { .. } | RunError::PlanChanged { .. }), "{error}");
    assert_eq!(handle.result().await.unwrap(), 4);
}

#[tokio::test]
async fn b20_two_concurrent_runs_of_one_id_are_one_run() {
    let app = App::default();
    let (engine, store) = engine(&app);
    let (one, two, three, ()) = tokio::join!(
        slowly(7).run(&engine, "r"),
        async { slowly(7).start(&engine, "r").unwrap().result().await },
        slowly(7).run(&engine, "r"),
        async {
            app.begun.notified().await;
            app.go_on.notify_one();
        }
    );
    assert_eq!(one.unwrap(), [7, 7, 7]);
    assert_eq!(two.unwrap(), [7, 7, 7]);
    assert_eq!(three.unwrap(), [7, 7, 7]);
    assert_eq!(app.probe.begun().len(), 1);
    assert_eq!(store.record("r").await.steps[0].attempts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b20_many_callers_from_many_threads_start_one_run() {
    let app = App::default();
    let (engine, _) = engine(&app);
    let together = Arc::new(Barrier::new(16));
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (engine, together) = (engine.clone(), together.clone());
            tokio::spawn(async move {
                together.wait().await;
                quickly(1, "ab".to_owned()).run(&engine, "r").await
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), [3, 3, 3]);
    }
    assert_eq!(app.probe.begun().len(), 1);
}

#[tokio::test]
async fn b20_both_callers_get_the_failure_too() {
    let app = App::default();
    let (engine, _) = engine(&app);
    let (one, two) = tokio::join!(failing(1).run(&engine, "r"), failing(1).run(&engine, "r"));
    let (one, two) = (one.unwrap_err(), two.unwrap_err());
    assert_eq!(one.to_string(), two.to_string());
    assert_eq!(one.failures()[0].failure, two.failures()[0].failure);
    assert!(one.failures()[0].error.is_some() && two.failures()[0].error.is_some(), "with the node's own error");
    assert_eq!(app.probe.begun(), ["refuse"]);
}

#[node]
async fn refuse(#[state] app: &App, x: u64, cx: &NodeContext) -> anyhow::Result<u64> {
    app.probe.begin(cx.step()).end();
    anyhow::bail!("no {x}")
}

workflow! {
    fn failing(x: u64) -> u64 { refuse(x) }
}
