//! Where records live: the trait, and the stores.
//!
//! In: deltas and records of runs. Out: the same records after a crash. A store knows nothing of the engine; every
//! store, ours or a user's, passes the same conformance suite.

mod error;
mod flat;
mod json;
mod memory;
mod worker;

use std::future::Future;

pub use error::{Damaged, StoreError};
pub use flat::{FlatBuffersOptions, FlatBuffersStore};
pub use json::{JsonFileOptions, JsonFileStore};
pub use memory::InMemoryStore;

use crate::state::{Delta, Encoding, WorkflowData, WorkflowId};

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The ids of all runs, sorted.
    pub workflows: Vec<WorkflowId>,
    /// What could not be read far enough to know its id; sorted.
    pub damaged: Vec<Damaged>,
}

/// Keeps the records of runs.
///
/// Four methods make a store; the others have defaults that a store overrides to do better. All calls may come at
/// once from many tasks. A future may be dropped at any point: what it began either happens whole or not at all.
pub trait WorkflowStore: Send + Sync + 'static {
    /// Keeps this record in place of any record of the same id, durably, before it returns.
    ///
    /// # Errors
    /// If it could not be kept; the record before is then still there.
    fn save(&self, data: &WorkflowData) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The record of this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, [`StoreError::Corrupt`] if its bytes are broken.
    fn load(&self, id: &WorkflowId) -> impl Future<Output = Result<WorkflowData, StoreError>> + Send;

    /// The ids of all runs, sorted. A broken record hides no other.
    ///
    /// # Errors
    /// If the store as a whole cannot be read.
    fn list_workflows(&self) -> impl Future<Output = Result<Listing, StoreError>> + Send;

    /// Removes the record of this id, durably.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    fn delete(&self, id: &WorkflowId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps what changed: `after` is the whole record with `delta` applied.
    ///
    /// A store that overrides this appends `delta` if and only if it follows the last one it has of this run
    /// (`delta.seq` 0 creates the run, which must be absent); the same delta again is `Ok`. It writes no more than
    /// the change. By default the whole record is saved.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the delta does not follow; otherwise as [`save`](Self::save).
    fn commit(&self, after: &WorkflowData, delta: &Delta) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = delta;
        self.save(after)
    }

    /// How payloads are to be encoded for this store, where a value has no better encoding.
    fn encoding(&self) -> Encoding {
        Encoding::MessagePack
    }
}
