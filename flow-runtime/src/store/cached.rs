//! A store with the ended runs that were read last kept in memory.
//!
//! In: any store. Out: the same, of which a run that has ended is read once. Everything but reading a run is handed on;
//! what may change a run makes the copy of it go.

mod recent;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::recent::Recent;
use super::{StoreError, WorkflowStore, hand_on};
use crate::state::{Delta, WorkflowData, WorkflowId};

/// Keeps the ended runs that were read last in memory, in front of any store. Clones are the same store.
///
/// A run that has ended does not change, unless it is told to go on, so its record is read from the store once, for as
/// long as it is among those used last. Runs that are under way are never kept. What is kept is bounded by bytes and not by runs, since one run
/// may be a million times as large as another, and memory is what there is a limit to.
///
/// Saving, committing or deleting a run through this store, or through a clone of it, makes its copy go. What others
/// do to the store behind, such as another process that deletes the run or has it go on, is not seen until the copy has
/// made room for others: put a cache where this process alone changes runs that have ended, or where an answer may be
/// late.
/// Parts of large outputs, lists and queries are always asked of the store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// use flow_runtime::prelude::*;
/// use flow_runtime::store::Cached;
///
/// #[node]
/// async fn greet(name: &str) -> String { format!("Hello, {name}") }
/// workflow! { fn greets(name: String) -> String { greet(name) } }
///
/// let store = Cached::new(FlatBuffersStore::open(dir.path())?, 64 << 20);   // at most 64 MiB
/// let engine = Engine::new(store.clone());
/// for _ in 0..3 {
///     assert_eq!(greets("Ada".to_owned()).run(&engine, "r").await?, "Hello, Ada");
/// }
/// let stats = store.stats();
/// assert_eq!((stats.misses, stats.hits, stats.runs), (2, 1, 1));   // it was not there; it was read; it was kept
/// # Ok(())
/// # }
/// ```
pub struct Cached<S> {
    store: Arc<S>,
    recent: Arc<Mutex<Recent>>,
}

/// How a [`Cached`] store has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// How many runs were read from memory.
    pub hits: u64,
    /// How many were asked of the store.
    pub misses: u64,
    /// How many are kept now.
    pub runs: usize,
    /// About how many bytes of memory they take.
    pub bytes: usize,
}

/// A run that may be changed from here on until this goes, whether that is waited for or not.
struct Changing<'a> {
    recent: &'a Mutex<Recent>,
    id: &'a WorkflowId,
}

/// A run that is being read. What is read is kept only if the run was not changed in the meantime.
struct Reading<'a> {
    recent: &'a Mutex<Recent>,
    id: &'a WorkflowId,
}

impl<S> Cached<S> {
    /// This store, with ended runs of about so many bytes together kept in memory. With 0 none is.
    pub fn new(store: S, max_bytes: usize) -> Self {
        Self { store: Arc::new(store), recent: Arc::new(Mutex::new(Recent::new(max_bytes))) }
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// How it has done so far.
    pub fn stats(&self) -> CacheStats {
        lock(&self.recent).stats()
    }

    fn changing<'a>(&'a self, id: &'a WorkflowId) -> Changing<'a> {
        lock(&self.recent).forget(id);
        Changing { recent: &self.recent, id }
    }
}

fn lock(recent: &Mutex<Recent>) -> MutexGuard<'_, Recent> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Again, for who read it while it changed.
impl Drop for Changing<'_> {
    fn drop(&mut self) {
        lock(self.recent).forget(self.id);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        lock(self.recent).end_reading(self.id);
    }
}

impl<S: WorkflowStore> WorkflowStore for Cached<S> {
    hand_on!(|own| &own.store; all but save, load, delete, commit);

    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        let _changing = self.changing(&data.id);
        self.store.save(data).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let kept = lock(&self.recent).get(id);
        if let Some(kept) = kept {
            return Ok((*kept).clone());
        }
        let reading = Reading { recent: &self.recent, id };
        let data = self.store.load(id).await?;
        if data.status.is_terminal() {
            lock(&self.recent).keep(&data);
        }
        drop(reading);
        Ok(data)
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        let _changing = self.changing(id);
        self.store.delete(id).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let _changing = self.changing(&after.id);
        self.store.commit(after, delta).await
    }
}

impl<S> Clone for Cached<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), recent: self.recent.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("store", &self.store).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
