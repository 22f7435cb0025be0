//! A store that fails where a test says so, and then works again.
//!
//! In: any store, and which of its calls fail. Out: the same store, with those failures.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::state::{Delta, Request, WorkflowData, WorkflowId};
use crate::store::{StoreError, WorkflowStore, hand_on};

/// A store that fails where a test says so: with [`StoreError::Other`], before the store behind it is asked, or after.
/// Clones are the same store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flow_runtime::RunError> {
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::FailingStore;
///
/// #[node]
/// async fn reserve(item: &str) -> u32 { 7 }
/// workflow! { fn order(item: String) -> u32 { reserve(item) } }
///
/// let store = FailingStore::new(InMemoryStore::default());
/// store.fail_commit(1);                                     // its second, with the output of `reserve`
/// let engine = Engine::new(store.clone());
/// assert!(matches!(order("tea".to_owned()).run(&engine, "order-1").await, Err(RunError::Store { .. })));
/// assert_eq!(store.failures(), 1);
/// assert_eq!(order("tea".to_owned()).run(&engine, "order-1").await?, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FailingStore<S> {
    store: S,
    faults: Arc<Faults>,
}

/// What is asked of a store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum StoreCall<'a> {
    /// A record is to be read.
    Load(&'a WorkflowId),
    /// A record is to be kept.
    Save(&'a WorkflowData),
    /// A change is to be kept: the record after it, and the change.
    Commit(&'a WorkflowData, &'a Delta),
    /// A run is to be removed.
    Delete(&'a WorkflowId),
    /// A request is to be kept for a run.
    Ask(&'a WorkflowId, &'a Request),
}

type Predicate = Box<dyn Fn(&StoreCall<'_>) -> bool + Send + Sync>;

#[derive(Default)]
struct Faults {
    fails: Mutex<Option<Predicate>>,
    though_kept: AtomicBool,
    commits: AtomicU64,
    failures: AtomicU64,
}

impl<S> FailingStore<S> {
    /// This store, without failures as yet.
    pub fn new(store: S) -> Self {
        Self { store, faults: Arc::default() }
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// Lets the commit of this number fail, counted from 0 over all runs and from the first that the store was asked for.
    pub fn fail_commit(&self, number: u64) {
        let faults = Arc::downgrade(&self.faults);
        let count = move || faults.upgrade().map(|faults| faults.commits.load(Ordering::SeqCst));
        // The commit that is asked about is counted.
        self.fail_if(move |call| matches!(call, StoreCall::Commit(..)) && count() == Some(number + 1));
    }

    /// Lets each commit fail.
    pub fn fail_commits(&self) {
        self.fail_if(|call| matches!(call, StoreCall::Commit(..)));
    }

    /// Lets the calls fail of which this says so, in place of those said before.
    pub fn fail_if(&self, fails: impl Fn(&StoreCall<'_>) -> bool + Send + Sync + 'static) {
        *self.faults.fails.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(fails));
    }

    /// Whether calls that fail are done all the same, as when an answer is lost on its way. They are not, by default.
    pub fn though_kept(&self, kept: bool) {
        self.faults.though_kept.store(kept, Ordering::SeqCst);
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        *self.faults.fails.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many calls have failed.
    pub fn failures(&self) -> u64 {
        self.faults.failures.load(Ordering::SeqCst)
    }

    /// How many commits the store was asked for.
    pub fn commits(&self) -> u64 {
        self.faults.commits.load(Ordering::SeqCst)
    }

    async fn call<T>(
        &self,
        call: StoreCall<'_>,
        done: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let faults = &self.faults;
        if matches!(call, StoreCall::Commit(..)) {
            faults.commits.fetch_add(1, Ordering::SeqCst);
        }
        let fails =
            faults.fails.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|fails| fails(&call));
        if !fails {
            return done.await;
        }
        faults.failures.fetch_add(1, Ordering::SeqCst);
        if faults.though_kept.load(Ordering::SeqCst) {
            done.await?;
        }
        Err(StoreError::Other("the test lets this fail".into()))
    }
}

impl<S: WorkflowStore> WorkflowStore for FailingStore<S> {
    hand_on!(|own| &own.store; all but save, load, commit, delete, ask);

    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.call(StoreCall::Save(data), self.store.save(data)).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.call(StoreCall::Load(id), self.store.load(id)).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        self.call(StoreCall::Commit(after, delta), self.store.commit(after, delta)).await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.call(StoreCall::Delete(id), self.store.delete(id)).await
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        self.call(StoreCall::Ask(run, request), self.store.ask(run, request)).await
    }
}

impl<S: fmt::Debug> fmt::Debug for FailingStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingStore")
            .field("store", &self.store)
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}
