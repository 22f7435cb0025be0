//! A store without a disk: for tests, and for runs that need not outlive the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::claims::Claims;
use super::{Listing, MAX_REQUESTS, Owner, Page, Query, StoreError, Summary, WorkflowStore};
use crate::state::{Delta, Request, WorkflowData, WorkflowId};

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
    /// What runs have not taken, in the order in which it came; no run stands here without any.
    requests: Arc<Mutex<BTreeMap<WorkflowId, Vec<Request>>>>,
    claims: Arc<Claims>,
}

struct Entry {
    data: WorkflowData,
    /// The same record again: what stays when a delta is found not to fit after some of it has been applied.
    kept: WorkflowData,
    /// The delta applied last, to know it when it is sent again.
    last: Option<Delta>,
}

impl Entry {
    fn new(data: WorkflowData, last: Option<Delta>) -> Self {
        Self { kept: data.clone(), data, last }
    }

    /// Applies all of a delta, or nothing and says what does not fit.
    fn append(&mut self, delta: &Delta) -> Result<(), String> {
        if (delta.run_no, delta.seq) != (self.data.run_no, self.data.seq) {
            let (found, sent) = (self.data.seq, delta.seq);
            return Err(format!("it is at change {found}, and change {sent} does not follow"));
        }
        if let Err(error) = self.data.apply(delta).and_then(|()| self.kept.apply(delta)) {
            self.data = self.kept.clone();
            return Err(error.to_string());
        }
        self.last = Some(delta.clone());
        Ok(())
    }
}

impl InMemoryStore {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<WorkflowId, Entry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<WorkflowId, Vec<Request>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkflowStore for InMemoryStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.runs().insert(data.id.clone(), Entry::new(data.clone(), None));
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
        let mut runs = self.runs();
        self.claims.check_free(id)?;
        runs.remove(id).ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
        self.waiting().remove(id);
        Ok(())
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let mut runs = self.runs();
        self.claims.check_fence(&after.id, delta.fence)?;
        let conflict = |reason: String| StoreError::Conflict { id: after.id.clone(), reason };
        match runs.get_mut(&after.id) {
            Some(entry) if entry.last.as_ref() == Some(delta) => Ok(()),
            Some(entry) => entry.append(delta).map_err(conflict),
            None if delta.seq == 0 => {
                let data = WorkflowData::create(delta).map_err(|error| conflict(error.to_string()))?;
                runs.insert(after.id.clone(), Entry::new(data, Some(delta.clone())));
                Ok(())
            }
            None => Err(conflict("it is not there any more".to_owned())),
        }
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        Ok(query.page_of(self.runs().values().map(|entry| Summary::from(&entry.data)), Vec::new()))
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        self.claims.claim(id, owner)
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Result<(), StoreError> {
        self.claims.release(id, owner);
        Ok(())
    }

    fn forget(&self, owner: Owner) {
        self.claims.forget(owner);
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        let unstorable = |reason| StoreError::Unstorable { id: run.clone(), reason };
        request.check_id().map_err(|error| unstorable(error.to_string()))?;
        let mut all = self.waiting();
        let of_run = all.get(run).map(Vec::as_slice).unwrap_or_default();
        if of_run.iter().any(|known| known.id == request.id) {
            return Ok(false);
        }
        if of_run.len() >= MAX_REQUESTS {
            return Err(StoreError::TooManyRequests { id: run.clone(), most: MAX_REQUESTS });
        }
        all.entry(run.clone()).or_default().push(request.clone());
        Ok(true)
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        Ok(self.waiting().get(run).cloned().unwrap_or_default())
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        let mut all = self.waiting();
        let Some(of_run) = all.get_mut(run) else { return Ok(()) };
        of_run.retain(|known| !ids.contains(&known.id));
        if of_run.is_empty() {
            all.remove(run);
        }
        Ok(())
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        Ok(self.waiting().keys().cloned().collect())
    }
}

impl std::fmt::Debug for InMemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemoryStore").field("runs", &self.runs().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Asked, Encoding, Event, Payload, RunCreated, StepRef};
    use crate::testing::Graph;

    #[tokio::test]
    async fn requests_of_a_run_are_bounded() {
        let store = InMemoryStore::default();
        let run = WorkflowId::new("never").unwrap();
        let request = |n: usize| Request::new(n.to_string(), 0, crate::state::RequestKind::Cancel).unwrap();
        for n in 0..MAX_REQUESTS {
            assert!(store.ask(&run, &request(n)).await.unwrap());
        }
        let error = store.ask(&run, &request(MAX_REQUESTS)).await.unwrap_err();
        assert!(matches!(&error, StoreError::TooManyRequests { id, most: MAX_REQUESTS } if *id == run), "{error}");
        assert!(!store.ask(&run, &request(7)).await.unwrap(), "this one is kept already");
        store.take_requests(&run, &["7".to_owned()]).await.unwrap();
        assert!(store.ask(&run, &request(MAX_REQUESTS)).await.unwrap());
        let mut none = request(0);
        none.id = String::new();
        assert!(matches!(store.ask(&run, &none).await, Err(StoreError::Unstorable { .. })));
    }

    #[tokio::test]
    async fn b71_a_delta_that_fits_only_in_part_changes_nothing() {
        let mut graph = Graph::<u64>::new("one step");
        graph.step("one", &[], |_, _| Box::pin(async { Ok(1) }));
        let id = WorkflowId::new("run").unwrap();
        let created = RunCreated::new(id.clone(), Arc::new(graph.plan()), Payload::new(Encoding::Raw, Vec::new()));
        let first = Delta::new(7, 0, 1, vec![Event::RunCreated(Box::new(created))]);
        let mut after = WorkflowData::create(&first).unwrap();
        let store = InMemoryStore::default();
        store.commit(&after, &first).await.unwrap();

        let fits = Event::Asked { kind: Asked::Pause };
        let does_not = Event::StepReleased { step: StepRef::new(0, 0) };
        let refused = store.commit(&after, &Delta::new(7, 1, 2, vec![fits.clone(), does_not])).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert_eq!(store.load(&id).await.unwrap(), after);

        let fitting = Delta::new(7, 1, 2, vec![fits]);
        after.apply(&fitting).unwrap();
        store.commit(&after, &fitting).await.unwrap();
        assert_eq!(store.load(&id).await.unwrap(), after);
    }
}
