//! A store without its type, for those who hold one of any: the engine, and the conformance kit, whose cases are so
//! compiled once.
//!
//! In: the calls of [`WorkflowStore`]. Out: the same, with their futures in boxes.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use super::{Listing, Owner, Page, PartKey, Query, StoreError, WorkflowStore};
use crate::state::{Delta, Encoding, Request, WorkflowData, WorkflowId};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A [`WorkflowStore`] of any type.
pub(crate) trait AnyStore: Send + Sync {
    #[cfg(any(test, feature = "conformance"))]
    fn save<'a>(&'a self, data: &'a WorkflowData) -> Answer<'a, ()>;
    fn load<'a>(&'a self, id: &'a WorkflowId) -> Answer<'a, WorkflowData>;
    fn list_workflows(&self) -> Answer<'_, Listing>;
    fn query<'a>(&'a self, query: &'a Query) -> Answer<'a, Page>;
    fn delete<'a>(&'a self, id: &'a WorkflowId) -> Answer<'a, ()>;
    fn commit<'a>(&'a self, after: &'a WorkflowData, delta: &'a Delta) -> Answer<'a, ()>;
    fn encoding(&self) -> Encoding;
    fn claim<'a>(&'a self, id: &'a WorkflowId, owner: Owner) -> Answer<'a, u64>;
    fn release<'a>(&'a self, id: &'a WorkflowId, owner: Owner) -> Answer<'a, ()>;
    fn forget(&self, owner: Owner);
    fn inline_bytes(&self) -> Option<usize>;
    fn put_part<'a>(&'a self, key: &'a PartKey, bytes: Bytes) -> Answer<'a, ()>;
    fn part<'a>(&'a self, key: &'a PartKey) -> Answer<'a, Bytes>;
    fn ask<'a>(&'a self, run: &'a WorkflowId, request: &'a Request) -> Answer<'a, bool>;
    fn requests<'a>(&'a self, run: &'a WorkflowId) -> Answer<'a, Vec<Request>>;
    fn take_requests<'a>(&'a self, run: &'a WorkflowId, ids: &'a [String]) -> Answer<'a, ()>;
    fn asked(&self) -> Answer<'_, Vec<WorkflowId>>;
}

impl<S: WorkflowStore> AnyStore for S {
    #[cfg(any(test, feature = "conformance"))]
    fn save<'a>(&'a self, data: &'a WorkflowData) -> Answer<'a, ()> {
        Box::pin(WorkflowStore::save(self, data))
    }

    fn load<'a>(&'a self, id: &'a WorkflowId) -> Answer<'a, WorkflowData> {
        Box::pin(WorkflowStore::load(self, id))
    }

    fn list_workflows(&self) -> Answer<'_, Listing> {
        Box::pin(WorkflowStore::list_workflows(self))
    }

    fn query<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(WorkflowStore::query(self, query))
    }

    fn delete<'a>(&'a self, id: &'a WorkflowId) -> Answer<'a, ()> {
        Box::pin(WorkflowStore::delete(self, id))
    }

    fn commit<'a>(&'a self, after: &'a WorkflowData, delta: &'a Delta) -> Answer<'a, ()> {
        Box::pin(WorkflowStore::commit(self, after, delta))
    }

    fn encoding(&self) -> Encoding {
        WorkflowStore::encoding(self)
    }

    fn claim<'a>(&'a self, id: &'a WorkflowId, owner: Owner) -> Answer<'a, u64> {
        Box::pin(WorkflowStore::claim(self, id, owner))
    }

    fn release<'a>(&'a self, id: &'a WorkflowId, owner: Owner) -> Answer<'a, ()> {
        Box::pin(WorkflowStore::release(self, id, owner))
    }

    fn forget(&self, owner: Owner) {
        WorkflowStore::forget(self, owner);
    }

    fn inline_bytes(&self) -> Option<usize> {
        WorkflowStore::inline_bytes(self)
    }

    fn put_part<'a>(&'a self, key: &'a PartKey, bytes: Bytes) -> Answer<'a, ()> {
        Box::pin(WorkflowStore::put_part(self, key, bytes))
    }

    fn part<'a>(&'a self, key: &'a PartKey) -> Answer<'a, Bytes> {
        Box::pin(WorkflowStore::part(self, key))
    }

    fn ask<'a>(&'a self, run: &'a WorkflowId, request: &'a Request) -> Answer<'a, bool> {
        Box::pin(WorkflowStore::ask(self, run, request))
    }

    fn requests<'a>(&'a self, run: &'a WorkflowId) -> Answer<'a, Vec<Request>> {
        Box::pin(WorkflowStore::requests(self, run))
    }

    fn take_requests<'a>(&'a self, run: &'a WorkflowId, ids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(WorkflowStore::take_requests(self, run, ids))
    }

    fn asked(&self) -> Answer<'_, Vec<WorkflowId>> {
        Box::pin(WorkflowStore::asked(self))
    }
}
