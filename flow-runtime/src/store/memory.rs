//! A store without a disk: for tests, and for runs that need not outlive the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Listing, StoreError, WorkflowStore};
use crate::state::{Delta, WorkflowData, WorkflowId};

/// Keeps records in memory. Clones are the same store, so a clone outlives the engine that used it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flow_runtime::StoreError> {
/// use flow_runtime::{Engine, InMemoryStore, WorkflowStore};
/// let store = InMemoryStore::default();
/// let engine = Engine::new(store.clone());
/// assert!(store.list_workflows().await?.workflows.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct InMemoryStore {
    runs: Arc<Mutex<BTreeMap<WorkflowId, Entry>>>,
}

struct Entry {
    data: WorkflowData,
    /// The delta applied last, to know it when it is sent again.
    last: Option<Delta>,
}

impl InMemoryStore {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<WorkflowId, Entry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkflowStore for InMemoryStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.runs().insert(data.id.clone(), Entry { data: data.clone(), last: None });
        Ok(())
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let runs = self.runs();
        let entry = runs.get(id).ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
        Ok(entry.data.clone())
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        Ok(Listing { workflows: self.runs().keys().cloned().collect(), damaged: Vec::new() })
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.runs().remove(id).map(drop).ok_or_else(|| StoreError::NotFound { id: id.clone() })
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let mut runs = self.runs();
        let conflict = |reason: String| StoreError::Conflict { id: after.id.clone(), reason };
        match runs.get_mut(&after.id) {
            Some(entry) if entry.last.as_ref() == Some(delta) => Ok(()),
            Some(entry) => {
                // Checked before, so that a delta that does not follow leaves the record as it is.
                if (delta.run_no, delta.seq) != (entry.data.run_no, entry.data.seq) {
                    let (found, sent) = (entry.data.seq, delta.seq);
                    return Err(conflict(format!("it is at change {found}, and change {sent} does not follow")));
                }
                entry.data.apply(delta).map_err(|error| conflict(error.to_string()))?;
                entry.last = Some(delta.clone());
                Ok(())
            }
            None if delta.seq == 0 => {
                let data = WorkflowData::create(delta).map_err(|error| conflict(error.to_string()))?;
                runs.insert(after.id.clone(), Entry { data, last: Some(delta.clone()) });
                Ok(())
            }
            None => Err(conflict("it is not there any more".to_owned())),
        }
    }
}

impl std::fmt::Debug for InMemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemoryStore").field("runs", &self.runs().len()).finish()
    }
}
