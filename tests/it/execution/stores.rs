//! A store in memory that fails, waits or panics where a test says so, and keeps what it was told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flow_runtime::state::{Delta, Encoding, Event};
use flow_runtime::{InMemoryStore, StoreError, WorkflowData, WorkflowId, WorkflowStore, store};
use tokio::sync::Semaphore;

/// What happens at a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and nothing is kept.
    Refused,
    /// It fails, although everything was kept.
    Ambiguous,
    /// The run has changed in the meantime.
    Conflict,
    /// The store itself panics.
    Panic,
}

/// Which commit goes wrong.
#[derive(Clone, Copy)]
enum When {
    /// The one of this number, from 0.
    Number(u64),
    /// Each with such an event.
    Has(fn(&Event) -> bool),
}

/// Clones are the same store.
#[derive(Clone)]
pub(crate) struct TestStore {
    pub(crate) inner: InMemoryStore,
    state: Arc<State>,
}

struct State {
    fault: Mutex<Option<(When, Fault)>>,
    commits: AtomicU64,
    deltas: Mutex<Vec<Delta>>,
    /// One permit lets one load through.
    loads: Semaphore,
    encoding: Encoding,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self::encoding_as(Encoding::MessagePack)
    }

    pub(crate) fn encoding_as(encoding: Encoding) -> Self {
        let state = State {
            fault: Mutex::default(),
            commits: AtomicU64::new(0),
            deltas: Mutex::default(),
            loads: Semaphore::new(Semaphore::MAX_PERMITS),
            encoding,
        };
        Self { inner: InMemoryStore::default(), state: Arc::new(state) }
    }

    /// The same record behind a handle of its own, without faults.
    pub(crate) fn reopened(&self) -> Self {
        Self { inner: self.inner.clone(), ..Self::encoding_as(self.state.encoding) }
    }

    /// The same record behind a handle for values that are encoded so.
    pub(crate) fn encoded_as(&self, encoding: Encoding) -> Self {
        Self { inner: self.inner.clone(), ..Self::encoding_as(encoding) }
    }

    /// Lets the commit of this number, from 0, go wrong.
    pub(crate) fn fail_at(self, commit: u64, fault: Fault) -> Self {
        *self.state.fault.lock().unwrap() = Some((When::Number(commit), fault));
        self
    }

    /// Lets each commit with such an event go wrong.
    pub(crate) fn fail_on(self, event: fn(&Event) -> bool, fault: Fault) -> Self {
        *self.state.fault.lock().unwrap() = Some((When::Has(event), fault));
        self
    }

    /// Lets no load through until [`open`](Self::open).
    pub(crate) fn closed(self) -> Self {
        self.state.loads.forget_permits(Semaphore::MAX_PERMITS);
        self
    }

    /// Lets loads through.
    pub(crate) fn open(&self) {
        self.state.loads.add_permits(1_000);
    }

    /// How often something was to be committed.
    pub(crate) fn commits(&self) -> u64 {
        self.state.commits.load(Ordering::SeqCst)
    }

    /// The deltas that were kept, in order.
    pub(crate) fn deltas(&self) -> Vec<Delta> {
        self.state.deltas.lock().unwrap().clone()
    }

    /// The record of this run.
    pub(crate) async fn record(&self, id: &str) -> WorkflowData {
        WorkflowStore::load(&self.inner, &WorkflowId::new(id).unwrap()).await.unwrap()
    }
}

impl WorkflowStore for TestStore {
    // It holds no runs: tests delete what is under way, and have several engines on one run.
    store::hand_on!(|own| &own.inner; all but load, commit, encoding, claim, release, forget);

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.state.loads.acquire().await.unwrap().forget();
        WorkflowStore::load(&self.inner, id).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let number = self.state.commits.fetch_add(1, Ordering::SeqCst);
        let is_due = |&(when, _): &(When, Fault)| match when {
            When::Number(due) => due == number,
            When::Has(event) => delta.events.iter().any(event),
        };
        let fault = self.state.fault.lock().unwrap().filter(is_due).map(|(_, fault)| fault);
        let error = || Err(StoreError::Other("the disk is gone".into()));
        match fault {
            Some(Fault::Refused) => return error(),
            Some(Fault::Panic) => panic!("the store has a bug"),
            Some(Fault::Conflict) => {
                return Err(StoreError::Conflict {
                    id: after.id.clone(),
                    reason: "another engine drives it".to_owned(),
                });
            }
            Some(Fault::Ambiguous) | None => self.inner.commit(after, delta).await?,
        }
        self.state.deltas.lock().unwrap().push(delta.clone());
        if fault.is_some() { error() } else { Ok(()) }
    }

    fn encoding(&self) -> Encoding {
        self.state.encoding
    }
}
