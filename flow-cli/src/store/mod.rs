//! Any store, as it is named on the command line.
//!
//! In: `sqlite:flow.db`, `json:./dir`, `fb:./dir`. Out: a [`WorkflowStore`] that commands use without knowing which.

mod address;
mod open;

use bytes::Bytes;
use flow_runtime::state::{Delta, Encoding, Request};
use flow_runtime::store::{Listing, Owner, Page, PartKey, Query};
use flow_runtime::{FlatBuffersStore, JsonFileStore, SqliteStore, StoreError, WorkflowData, WorkflowId, WorkflowStore};

pub(crate) use address::{Address, Kind};

/// A store of any kind. Clones are the same store.
#[derive(Clone, Debug)]
pub(crate) enum AnyStore {
    Sqlite(SqliteStore),
    Json(JsonFileStore),
    FlatBuffers(FlatBuffersStore),
}

macro_rules! of_each {
    ($own:expr, $store:ident => $call:expr) => {
        match $own {
            AnyStore::Sqlite($store) => $call,
            AnyStore::Json($store) => $call,
            AnyStore::FlatBuffers($store) => $call,
        }
    };
}

impl AnyStore {
    /// Who drives this run, or has the whole store open for writing: "process 4711".
    pub(crate) async fn holder(&self, run: &WorkflowId) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(store) => store.holder(run).await,
            Self::Json(store) => store.holder().await,
            Self::FlatBuffers(store) => store.holder().await,
        }
    }
}

impl WorkflowStore for AnyStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        of_each!(self, store => store.save(data).await)
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        of_each!(self, store => store.load(id).await)
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        of_each!(self, store => store.list_workflows().await)
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        of_each!(self, store => store.delete(id).await)
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        of_each!(self, store => store.commit(after, delta).await)
    }

    fn encoding(&self) -> Encoding {
        of_each!(self, store => store.encoding())
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        of_each!(self, store => store.query(query).await)
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        of_each!(self, store => store.claim(id, owner).await)
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Result<(), StoreError> {
        of_each!(self, store => store.release(id, owner).await)
    }

    fn forget(&self, owner: Owner) {
        of_each!(self, store => store.forget(owner));
    }

    fn inline_bytes(&self) -> Option<usize> {
        of_each!(self, store => store.inline_bytes())
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        of_each!(self, store => store.put_part(key, bytes).await)
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        of_each!(self, store => store.part(key).await)
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        of_each!(self, store => store.ask(run, request).await)
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        of_each!(self, store => store.requests(run).await)
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        of_each!(self, store => store.take_requests(run, ids).await)
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        of_each!(self, store => store.asked().await)
    }
}
