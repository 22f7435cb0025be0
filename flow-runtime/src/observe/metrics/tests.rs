//! The values of all metrics after runs that are known, in virtual time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use super::*;
use crate::engine::SystemClock;
use crate::observe::sample;
use crate::plan::{Backoff, Policy, Retry};
use crate::state::WorkflowId;
use crate::testing::{Graph, SlowStore};
use crate::{Engine, InMemoryStore};

/// What was recorded since this was asked last, `name{label=value}` and the values: a snapshot takes them away, and a gauge
/// begins again at 0.
fn seen(snapshotter: &Snapshotter) -> BTreeMap<String, Vec<f64>> {
    let one = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let values = match value {
            DebugValue::Counter(count) => vec![f64::from(u32::try_from(count).unwrap())],
            DebugValue::Gauge(value) => vec![value.into_inner()],
            DebugValue::Histogram(values) => values.into_iter().map(|value| *value).collect(),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), values)
    };
    snapshotter.snapshot().into_vec().into_iter().map(one).collect()
}

/// Runs this with a recorder of its own on one thread, whose time goes on by itself when everything waits.
fn recorded<T>(run: impl AsyncFnOnce(Snapshotter) -> T) -> T {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(run(snapshotter)))
}

fn again(times: u32) -> Policy {
    let second = Duration::from_secs(1);
    let backoff = Backoff::new(second, second).with_jitter(false);
    Policy::DEFAULT.with_retry(Some(Retry::new(times).with_backoff(backoff)))
}

#[test]
fn each_metric_has_its_value_after_a_run_that_is_known() {
    recorded(async |snapshotter| {
        let (inside, now) = (Arc::new(Mutex::new(BTreeMap::new())), snapshotter.clone());
        let mut graph = Graph::<u64>::new("order");
        let looked = inside.clone();
        for step in ["a", "b", "c"] {
            let (looked, now) = (looked.clone(), now.clone());
            graph.step_with(step, &[], again(1), move |cx, _| {
                let (looked, now, first) = (looked.clone(), now.clone(), cx.attempt() == 1);
                let is_looked_at = cx.step() == "a" && first;
                Box::pin(async move {
                    if is_looked_at {
                        *looked.lock().unwrap() = seen(&now);
                        return Err("busy".into());
                    }
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    Ok(1)
                })
            });
        }
        let store = SlowStore::delayed(InMemoryStore::default(), SystemClock, Duration::from_millis(250));
        let engine = Engine::builder(store).concurrency(1).observe(MetricsObserver::new()).build();
        graph.run(&engine, "o-1").await.unwrap();
        let inside = inside.lock().unwrap().clone();
        assert_eq!(inside["flow_active_runs{workflow=order}"], [1.0]);
        assert_eq!(inside["flow_queue_depth{workflow=order}"], [2.0]);
        let seen = seen(&snapshotter);
        assert_eq!(seen["flow_active_runs{workflow=order}"], [-1.0]);
        assert_eq!(seen["flow_queue_depth{workflow=order}"], [-2.0]);
        assert_eq!(seen["flow_step_retries_total{workflow=order,step=a}"], [1.0]);
        assert!(!seen.contains_key("flow_step_retries_total{workflow=order,step=b}"));
        // What is known is at which second it was, and that no commit took less or more than the store takes.
        let whole = |name: &str| seen[name].iter().map(|value| value.floor()).collect::<Vec<_>>();
        assert_eq!(whole("flow_step_duration_seconds{workflow=order,step=b,outcome=completed}"), [4.0]);
        assert_eq!(seen["flow_step_duration_seconds{workflow=order,step=a,outcome=completed}"].len(), 1);
        let run = &seen["flow_run_duration_seconds{workflow=order,outcome=completed}"];
        assert!(run.len() == 1 && run[0] >= 12.0 && run[0] < 20.0, "{run:?}");
        let commits: Vec<f64> =
            [&inside, &seen].map(|all| all["flow_store_commit_seconds{workflow=order}"].clone()).concat();
        assert!(commits.len() >= 8 && commits.iter().all(|took| (0.25..0.3).contains(took)), "{commits:?}");
    });
}

#[test]
fn failures_are_told_apart() {
    recorded(async |snapshotter| {
        let mut graph = Graph::<u64>::new("order");
        graph.step("a", &[], |_, _| Box::pin(async { Err("no".into()) }));
        let engine = Engine::builder(InMemoryStore::default()).observe(MetricsObserver::new()).build();
        graph.run(&engine, "o-1").await.unwrap_err();
        let seen = seen(&snapshotter);
        assert_eq!(seen["flow_step_duration_seconds{workflow=order,step=a,outcome=failed}"].len(), 1);
        assert_eq!(seen["flow_run_duration_seconds{workflow=order,outcome=failed}"].len(), 1);
        assert_eq!(seen["flow_active_runs{workflow=order}"], [0.0]);
    });
}

#[test]
fn no_label_is_an_id_or_an_item() {
    recorded(async |snapshotter| {
        let (plan, metrics) = (sample::fan_out("audit"), MetricsObserver::new());
        for item in 0..100 {
            let (id, path) = (WorkflowId::new(format!("id-{item}")).unwrap(), format!("items[{item}].work"));
            let what = What::StepCompleted { attempt: 1, took: Duration::from_secs(2) };
            metrics.observe(&Notice::new(&plan, Some(&id), Some((2, &path)), what));
            metrics.measure(&Reading::new(&plan, Some(&id), Measured::Suspended));
        }
        let id = WorkflowId::new("id-7").unwrap();
        metrics.measure(&Reading::new(&plan, Some(&id), Measured::Woken));
        let seen = seen(&snapshotter);
        let step = "flow_step_duration_seconds{workflow=audit,step=items.work,outcome=completed}";
        assert_eq!(seen.keys().collect::<Vec<_>>(), [step, "flow_suspended_runs{workflow=audit}"]);
        assert_eq!(seen[step], vec![2.0; 100]);
        assert_eq!(seen["flow_suspended_runs{workflow=audit}"], [99.0]);
    });
}

#[test]
fn the_recorder_is_told_what_each_metric_is() {
    recorded(async |snapshotter| {
        let metrics = MetricsObserver::new();
        let (plan, id) = (sample::plan("order", &["a"]), WorkflowId::new("o").unwrap());
        let took = Duration::from_secs(1);
        metrics.measure(&Reading::new(&plan, Some(&id), Measured::Committed { took }));
        let all = snapshotter.snapshot().into_vec();
        let [(_, unit, description, _)] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((*unit, description.is_some()), (Some(Unit::Seconds), true));
    });
}
