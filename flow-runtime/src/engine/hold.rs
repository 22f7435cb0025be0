//! The runs that an engine holds in its store, so that no other engine drives them.
//!
//! In: the id of a run. Out: the fence for its deltas, until the run is given back or the engine is gone.

use std::sync::Arc;

use crate::state::WorkflowId;
use crate::store::{AnyStore, Owner, StoreError};

/// An engine's hold on its store; the engine and each of its runs have it, and with the last of them it goes.
pub(crate) struct Hold {
    pub(crate) store: Arc<dyn AnyStore>,
    owner: Owner,
}

impl Hold {
    pub(crate) fn new(store: Arc<dyn AnyStore>) -> Self {
        Self { store, owner: Owner::draw() }
    }

    pub(crate) async fn claim(&self, id: &WorkflowId) -> Result<u64, StoreError> {
        self.store.claim(id, self.owner).await
    }

    /// Gives a run back. If that fails it is still held, until the engine or its lease goes.
    pub(crate) async fn release(&self, id: &WorkflowId) {
        if let Err(error) = self.store.release(id, self.owner).await {
            tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "the run could not be given back");
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.store.forget(self.owner);
    }
}
