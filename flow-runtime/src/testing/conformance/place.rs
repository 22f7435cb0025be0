//! How the kit gets at a store, and how it runs a case on it.
//!
//! Cases know stores without their types, so that they are compiled once and not anew for each store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::state::{Delta, Encoding, Request, WorkflowData, WorkflowId};
use crate::store::{AnyStore, Listing, Owner, Page, PartKey, Query, StoreError, WorkflowStore};

/// A place for one store: a folder, a database, a piece of memory. It is empty when a case gets it.
///
/// Every async closure that gives a store is one, and that is all most stores need:
///
/// ```
/// use flow_runtime::FlatBuffersStore;
/// use flow_runtime::testing::conformance::StoreFixture;
///
/// fn in_a_folder() -> impl StoreFixture {
///     let folder = tempfile::tempdir().unwrap();
///     // The closure owns the folder, which is removed with it.
///     async move || FlatBuffersStore::open(folder.path()).unwrap()
/// }
/// ```
pub trait StoreFixture {
    /// The store.
    type Store: WorkflowStore;

    /// Opens the store. When it is called again, after the store it gave before was dropped, the new store must hold
    /// what that one held: so the kit finds out what lasts. It panics if the store cannot be opened.
    fn open(&self) -> impl Future<Output = Self::Store>;
}

impl<F, S> StoreFixture for F
where
    F: AsyncFn() -> S,
    S: WorkflowStore,
{
    type Store = S;

    async fn open(&self) -> S {
        self().await
    }
}

/// A [`StoreFixture`] of any type.
pub(super) trait Place {
    fn open(&self) -> Pin<Box<dyn Future<Output = OpenStore> + '_>>;
}

impl<F: StoreFixture> Place for F {
    fn open(&self) -> Pin<Box<dyn Future<Output = OpenStore> + '_>> {
        Box::pin(async { OpenStore(Arc::new(StoreFixture::open(self).await)) })
    }
}

/// An open store of any type; it is closed when the last clone is dropped.
#[derive(Clone)]
pub(super) struct OpenStore(Arc<dyn AnyStore>);

impl WorkflowStore for OpenStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        self.0.save(data).await
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.0.load(id).await
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        self.0.list_workflows().await
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.0.delete(id).await
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        self.0.commit(after, delta).await
    }

    fn encoding(&self) -> Encoding {
        self.0.encoding()
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.0.query(query).await
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        self.0.claim(id, owner).await
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Result<(), StoreError> {
        self.0.release(id, owner).await
    }

    fn forget(&self, owner: Owner) {
        self.0.forget(owner);
    }

    fn inline_bytes(&self) -> Option<usize> {
        self.0.inline_bytes()
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        self.0.put_part(key, bytes).await
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        self.0.part(key).await
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        self.0.ask(run, request).await
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        self.0.requests(run).await
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.0.take_requests(run, ids).await
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        self.0.asked().await
    }
}
