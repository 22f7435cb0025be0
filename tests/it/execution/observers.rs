//! What observers and spans see: what was committed, in order, of every step; and that they change nothing.

use std::io::Write;
use std::sync::{Arc, Mutex};

use flow_runtime::observe::{LineProgress, Notice, Observer, What};
use flow_runtime::prelude::*;
use flow_runtime::state::Event;

use super::clock::TestClock;
use super::stores::{Fault, TestStore};
use super::traces::Traces;

/// Keeps what it is told, and for each notice how much was committed by then.
#[derive(Clone)]
struct Listener {
    store: TestStore,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn new(store: &TestStore) -> Self {
        Self { store: store.clone(), heard: Arc::default() }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// The name of a fact and the step it is about.
fn name(what: &What<'_>) -> String {
    match what {
        What::RunCreated => "RunCreated".to_owned(),
        What::RunResumed { saved, .. } => format!("RunResumed {saved}"),
        What::RegionOpened(_) => "RegionOpened".to_owned(),
        What::StepStarted { attempt } => format!("StepStarted {attempt}"),
        What::AttemptFailed { attempt, .. } => format!("AttemptFailed {attempt}"),
        What::StepCompleted { attempt, .. } => format!("StepCompleted {attempt}"),
        What::StepFailed { attempt, .. } => format!("StepFailed {attempt}"),
        What::Progress { fraction, message } => format!("Progress {fraction} {message}"),
        What::RunEnded { outcome, .. } => format!("RunEnded {outcome:?}"),
        other => format!("{other:?}"),
    }
}

impl Observer for Listener {
    fn observe(&self, notice: &Notice<'_>) {
        let name = name(&notice.what);
        let deltas = self.store.deltas();
        let is_kept = |wanted: &str| deltas.iter().flat_map(|delta| &delta.events).any(|event| event.name() == wanted);
        let event = name.split(' ').next().unwrap_or_default();
        let is_stored = !matches!(event, "RunResumed" | "Progress");
        assert!(!is_stored || is_kept(event), "{name} was told before it was committed");
        let step = notice.step.map(|step| format!(" {step}")).unwrap_or_default();
        self.heard.lock().unwrap().push(format!("{name}{step}"));
    }
}

/// An observer that panics at everything.
struct Clumsy;

impl Observer for Clumsy {
    fn observe(&self, notice: &Notice<'_>) {
        panic!("at {:?}", notice.what);
    }
}

#[node(retry(times = 2, backoff = "1s..1s", jitter = false))]
async fn flaky(x: u64, cx: &NodeContext) -> Result<u64, String> {
    tracing::info!("in the body");
    if cx.attempt() == 1 {
        return Err("busy".to_owned());
    }
    cx.progress(0.5, "half way");
    cx.progress(7.0, "more than all");
    Ok(x + 1)
}

#[node]
async fn double(x: u64) -> u64 {
    x * 2
}

#[node(blocking)]
fn blocking(x: u64) -> u64 {
    x
}

#[node]
async fn refuse(x: u64) -> Result<u64, String> {
    Err(format!("no {x}"))
}

workflow! {
    fn told(x: u64) -> u64 {
        let a = flaky(x);
        let ys = for y in [a] { double(y) };
        let chosen = match ys[0] { 0 => 0, n => { let z = double(n); z } };
        chosen
    }

    fn refused(x: u64) -> u64 { let a = refuse(x); double(a) }

    fn beside(x: u64) -> u64 {
        let a = double(x);
        let b = blocking(x);
        a + b
    }
}

const TOLD: [&str; 14] = [
    "RunCreated",
    "StepStarted 1 a",
    "AttemptFailed 1 a",
    "StepStarted 2 a",
    "Progress 0.5 half way a",
    "Progress 1 more than all a",
    "StepCompleted 2 a",
    "RegionOpened ys",
    "StepStarted 1 ys[0].double",
    "StepCompleted 1 ys[0].double",
    "RegionOpened chosen",
    "StepStarted 1 chosen.z",
    "StepCompleted 1 chosen.z",
    "RunEnded Completed",
];

#[tokio::test(start_paused = true)]
async fn b21_observers_are_told_of_each_fact_once_it_is_committed_and_in_order() {
    let store = TestStore::new();
    let listener = Listener::new(&store);
    let engine = Engine::builder(store.clone()).observe(listener.clone()).build();
    assert_eq!(told(1).run(&engine, "r").await.unwrap(), 8);
    assert_eq!(listener.heard(), TOLD);
    told(1).run(&engine, "r").await.unwrap();
    assert_eq!(listener.heard(), TOLD, "of a run that has ended there is nothing to tell");
}

#[tokio::test(start_paused = true)]
async fn b21_of_a_resumed_run_observers_are_told_that_it_goes_on_and_what_follows() {
    // The commit that would have kept `a` fails.
    let completed = |event: &Event| matches!(event, Event::StepCompleted { .. });
    let store = TestStore::new().fail_on(completed, Fault::Ambiguous);
    let listener = Listener::new(&store);
    let engine = Engine::builder(store.clone()).observe(listener.clone()).build();
    told(1).run(&engine, "r").await.unwrap_err();
    assert_eq!(listener.heard(), TOLD[..6]);

    let listener = Listener::new(&store.reopened());
    let engine = Engine::builder(listener.store.clone()).observe(listener.clone()).build();
    told(1).run(&engine, "r").await.unwrap();
    let expected = ["RunResumed 1", "StepStarted 2 ys[0].double", "StepCompleted 2 ys[0].double"];
    assert_eq!(listener.heard()[..3], expected, "its first attempt was begun with the commit that failed");
    assert_eq!(listener.heard()[3..], TOLD[10..]);
}

#[tokio::test]
async fn b21_failures_are_told_too() {
    let store = TestStore::new();
    let listener = Listener::new(&store);
    let engine = Engine::builder(store.clone()).observe(listener.clone()).build();
    refused(1).run(&engine, "r").await.unwrap_err();
    assert_eq!(listener.heard(), ["RunCreated", "StepStarted 1 a", "StepFailed 1 a", "RunEnded Failed"]);
}

#[tokio::test(start_paused = true)]
async fn b21_an_observer_that_panics_changes_nothing_and_hides_nothing_from_others() {
    let (store, undisturbed) = (TestStore::new(), TestStore::new());
    let listener = Listener::new(&store);
    let engine = Engine::builder(store.clone())
        .observe(Clumsy)
        .observe(listener.clone())
        .observe(Clumsy)
        .clock(TestClock::new())
        .build();
    assert_eq!(told(1).run(&engine, "r").await.unwrap(), 8);
    assert_eq!(listener.heard(), TOLD);
    told(1).run(&Engine::builder(undisturbed.clone()).clock(TestClock::new()).build(), "r").await.unwrap();
    let (mut record, mut expected) = (store.record("r").await, undisturbed.record("r").await);
    (record.run_no, expected.run_no) = (0, 0);
    assert_eq!(record, expected);
    let ephemeral = Engine::ephemeral().observe(Clumsy).build();
    assert_eq!(told(1).run_ephemeral(&ephemeral).await.unwrap(), 8);
}

/// A writer that a test can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn b21_progress_is_one_line_for_each_fact() {
    let out = Shared::default();
    let engine =
        Engine::builder(TestStore::new()).observe(LineProgress::new(out.clone())).clock(TestClock::new()).build();
    told(1).run(&engine, "r").await.unwrap();
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    let expected = [
        "told r: begins",
        "told r a: attempt 1 failed (busy), again in 1s",
        "told r a: attempt 2",
        "told r a: 50 % half way",
        "told r a: 100 % more than all",
        "told r a: done in 1s",
        "told r ys: 1 items",
        "told r ys[0].double: done in 0ns",
        "told r chosen: takes `n`",
        "told r chosen.z: done in 0ns",
        "told r: completed",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn b21_every_attempt_has_its_span_within_that_of_its_run() {
    let (traces, _guard) = Traces::listen();
    let engine = Engine::new(TestStore::new());
    told(1).run(&engine, "r").await.unwrap();
    let runs = traces.spans("workflow.run");
    assert_eq!((runs.len(), runs[0].fields.as_str()), (1, "workflow=\"told\" id=\"r\""));
    let steps = traces.spans("step.run");
    let fields: Vec<&str> = steps.iter().map(|span| span.fields.as_str()).collect();
    let expected = ["step=\"a\" attempt=1", "step=\"a\" attempt=2", "step=\"ys[0].double\" attempt=1"];
    assert_eq!(fields[..3], expected);
    assert_eq!(steps.len(), 4);
    assert!(steps.iter().all(|span| span.parent == Some("workflow.run")), "{steps:?}");
    let commits = traces.spans("store.commit");
    assert!(!commits.is_empty() && commits.iter().all(|span| span.parent == Some("workflow.run")), "{commits:?}");
    assert_eq!(traces.events()[..2], ["step.run: message=in the body", "step.run: message=in the body"]);
}

/// The same of attempts that run beside each other, in tasks of their own or on threads that may block.
#[tokio::test]
async fn b21_attempts_that_run_beside_each_other_have_their_spans_within_that_of_their_run_too() {
    let (traces, _guard) = Traces::listen();
    assert_eq!(beside(2).run(&Engine::new(TestStore::new()), "r").await.unwrap(), 6);
    let steps = traces.spans("step.run");
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(steps.iter().all(|span| span.parent == Some("workflow.run")), "{steps:?}");
}

/// Nor are they missed where there is no record.
#[tokio::test]
async fn b21_a_run_without_a_record_has_its_spans() {
    let (traces, _guard) = Traces::listen();
    assert_eq!(beside(2).run_ephemeral(&Engine::ephemeral().build()).await.unwrap(), 6);
    assert_eq!((traces.spans("workflow.run").len(), traces.spans("step.run").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn b21_a_run_that_is_refused_is_not_said_to_go_on() {
    let completed = |event: &Event| matches!(event, Event::StepCompleted { .. });
    let store = TestStore::new().fail_on(completed, Fault::Ambiguous);
    narrow(5).run(&Engine::new(store.clone()), "r").await.unwrap_err();
    let listener = Listener::new(&store.reopened());
    let engine = Engine::builder(listener.store.clone()).observe(listener.clone()).build();
    let error = edited::narrow(5).run(&engine, "r").await.unwrap_err();
    assert!(matches!(error, RunError::HeadChanged { .. }), "{error}");
    assert_eq!(listener.heard(), Vec::<String>::new());
}

workflow! {
    fn narrow(x: u64) -> u64 {
        let a = match x > 3 { true => { #[id = "yes"] double(double(x)) } false => 0 };
        a
    }
}

/// The same shape with another condition.
mod edited {
    use super::double;
    use flow_runtime::prelude::*;

    workflow! {
        pub(super) fn narrow(x: u64) -> u64 {
            let a = match x > 30 { true => { #[id = "yes"] double(double(x)) } false => 0 };
            a
        }
    }
}
