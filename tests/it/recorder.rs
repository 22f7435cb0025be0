//! A store in memory that keeps every commit, and a ledger of the bodies that ran between them.
//!
//! In: what an engine commits, and what nodes say when they begin. Out: both in the order they happened, and the
//! record as it was after any commit, to go on from as after a crash at that point.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use flow_runtime::observe::{Notice, Observer, What};
use flow_runtime::state::{Delta, StepRef};
use flow_runtime::{InMemoryStore, NodeContext, StoreError, WorkflowData, WorkflowStore, store};

/// Something that happened in a run, as seen from outside the engine.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// The store acknowledged this delta.
    Commit(Delta),
    /// A body began.
    Began(Call),
    /// An observer was told that this step has its output.
    Seen(String),
}

/// One call of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) key: String,
}

/// What happened, in order. Clones are the same ledger; it is the application state of the nodes that write to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    /// The record from which the run went on, if it was not created.
    before: Option<WorkflowData>,
    entries: Vec<Entry>,
    /// How often each step has failed, also before this ledger began.
    failures: BTreeMap<String, u32>,
}

impl Ledger {
    /// A ledger for the nodes of a run that goes on from this record.
    pub(crate) fn after(data: &WorkflowData) -> Self {
        let failures = steps(data).into_iter().map(|(path, step)| (path, data.step(step).failures)).collect();
        Self(Arc::new(Mutex::new(Written { before: Some(data.clone()), entries: Vec::new(), failures })))
    }

    /// Notes that a body begins, and gives others the time to do so too: how long differs from step to step.
    pub(crate) async fn begin(&self, cx: &NodeContext) {
        let call = Call { step: cx.step(), attempt: cx.attempt(), key: cx.idempotency_key() };
        let turns = call.key.bytes().next().unwrap_or_default() % 4;
        self.written().entries.push(Entry::Began(call));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Whether this step is still to fail if it is to fail this often.
    pub(crate) fn fails(&self, cx: &NodeContext, times: u32) -> bool {
        let mut written = self.written();
        let failures = written.failures.entry(cx.step()).or_default();
        let fails = *failures < times;
        *failures += u32::from(fails);
        fails
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.written().entries.clone()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        let calls = self.entries().into_iter();
        calls.filter_map(|entry| if let Entry::Began(call) = entry { Some(call) } else { None }).collect()
    }

    /// How often each step was called.
    pub(crate) fn counts(&self) -> BTreeMap<String, u32> {
        self.calls().into_iter().fold(BTreeMap::new(), |mut counts, call| {
            *counts.entry(call.step).or_default() += 1;
            counts
        })
    }

    /// The deltas committed.
    pub(crate) fn deltas(&self) -> Vec<Delta> {
        let commits = self.entries().into_iter();
        commits.filter_map(|entry| if let Entry::Commit(delta) = entry { Some(delta) } else { None }).collect()
    }

    /// The record after each commit, from the deltas alone.
    pub(crate) fn snapshots(&self) -> Vec<WorkflowData> {
        let mut data = self.before();
        let replayed = self.deltas().into_iter().map(|delta| {
            match &mut data {
                Some(data) => data.apply(&delta).unwrap(),
                None => data = Some(WorkflowData::create(&delta).unwrap()),
            }
            data.clone().unwrap()
        });
        replayed.collect()
    }

    /// The record from which the run went on, if it was not created.
    pub(crate) fn before(&self) -> Option<WorkflowData> {
        self.written().before.clone()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap()
    }
}

impl Observer for Ledger {
    fn observe(&self, notice: &Notice<'_>) {
        if let (What::StepCompleted { .. }, Some(step)) = (&notice.what, notice.step) {
            self.written().entries.push(Entry::Seen(step.to_owned()));
        }
    }
}

/// A store in memory that writes its commits to a ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    store: InMemoryStore,
    pub(crate) ledger: Ledger,
}

impl Recorder {
    /// A store that holds this record, as it was left by a process that is gone, with a new ledger.
    pub(crate) async fn holding(data: &WorkflowData) -> Self {
        let recorder = Self { store: InMemoryStore::default(), ledger: Ledger::after(data) };
        recorder.store.save(data).await.unwrap();
        recorder
    }

    /// The only record.
    pub(crate) async fn record(&self) -> WorkflowData {
        let ids = self.list_workflows().await.unwrap().workflows;
        assert_eq!(ids.len(), 1, "{ids:?}");
        self.load(&ids[0]).await.unwrap()
    }
}

impl WorkflowStore for Recorder {
    store::hand_on!(|own| &own.store; all but commit);

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        // An acknowledgement takes its time, in which bodies go on.
        tokio::task::yield_now().await;
        self.store.commit(after, delta).await?;
        let mut stored = self.store.load(&after.id).await?;
        if stored.plan.fingerprint == after.plan.fingerprint {
            // Of one shape, texts and policies are those of the code that runs, and not worth an event.
            stored.plan = after.plan.clone();
        }
        assert_eq!(&stored, after, "the deltas do not lead to the record that they are said to lead to");
        self.ledger.written().entries.push(Entry::Commit(delta.clone()));
        Ok(())
    }
}

/// All steps of opened regions, by their paths.
pub(crate) fn steps(data: &WorkflowData) -> BTreeMap<String, StepRef> {
    let instances = (0..).zip(&data.instances);
    let steps = instances.flat_map(|(number, instance)| {
        data.plan.region(instance.region).locals().map(move |local| StepRef::new(number, local))
    });
    steps.map(|step| (data.path(step), step)).collect()
}
