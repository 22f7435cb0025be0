//! A store whose commits take as long as a test says, without any waiting of the test's own.
//!
//! In: any store. Out: the same store, whose commits are held until they are let go, or take their time by a clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::Clock;
use crate::state::{Delta, WorkflowData};
use crate::store::{StoreError, WorkflowStore, hand_on};

/// A store whose commits are held until the test lets them go, or take their time by the test's clock. Clones are the
/// same store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::{EventRecorder, SlowStore};
///
/// #[node]
/// async fn reserve(item: &str) -> u32 { 7 }
/// workflow! { fn order(item: String) -> u32 { reserve(item) } }
///
/// let (store, seen) = (SlowStore::new(InMemoryStore::default()), EventRecorder::default());
/// store.hold();
/// let engine = Engine::builder(store.clone()).observe(seen.clone()).build();
/// let run = order("tea".to_owned()).start(&engine, "order-1")?;
/// store.held().await;                             // the run is not there yet, so nothing has begun
/// assert!(seen.all().is_empty());
/// store.let_go();
/// assert_eq!(run.result().await?, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SlowStore<S> {
    store: S,
    gate: Arc<Gate>,
    delay: Option<Delay>,
}

#[derive(Debug)]
struct Gate {
    is_closed: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

#[derive(Clone)]
struct Delay {
    clock: Arc<dyn Clock>,
    by: Duration,
}

impl std::fmt::Debug for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.by.fmt(f)
    }
}

/// A commit that is held. Its caller may give up meanwhile.
struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn new(held: &'a watch::Sender<usize>) -> Self {
        held.send_modify(|held| *held += 1);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}

impl<S> SlowStore<S> {
    /// This store, which is as fast as it is until [`hold`](Self::hold) is called.
    pub fn new(store: S) -> Self {
        let gate = Gate { is_closed: watch::Sender::new(false), held: watch::Sender::new(0) };
        Self { store, gate: Arc::new(gate), delay: None }
    }

    /// This store, each of whose commits takes so long by this clock: with a [`VirtualClock`](super::VirtualClock), until
    /// the test has moved it so far.
    pub fn delayed(store: S, clock: impl Clock, by: Duration) -> Self {
        Self { delay: Some(Delay { clock: Arc::new(clock), by }), ..Self::new(store) }
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// Holds all commits from now on, before the store behind is asked.
    pub fn hold(&self) {
        self.gate.is_closed.send_replace(true);
    }

    /// Waits until a commit is held.
    pub async fn held(&self) {
        // The store has the sender itself, so this is no error.
        let _ = self.gate.held.subscribe().wait_for(|held| *held > 0).await;
    }

    /// Lets the commits go that are held, and those to come.
    pub fn let_go(&self) {
        self.gate.is_closed.send_replace(false);
    }
}

impl<S: WorkflowStore> WorkflowStore for SlowStore<S> {
    hand_on!(|own| &own.store; all but commit);

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        {
            let _held = Held::new(&self.gate.held);
            let _ = self.gate.is_closed.subscribe().wait_for(|is_closed| !is_closed).await;
            if let Some(Delay { clock, by }) = &self.delay {
                let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
                clock.wait_until(clock.now().saturating_add(by)).await;
            }
        }
        self.store.commit(after, delta).await
    }
}
