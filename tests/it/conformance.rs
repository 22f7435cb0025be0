//! Every store runs the same public conformance kit: one line each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flow_runtime::store::{Cached, Listing, SqliteStore};
use flow_runtime::testing::store_conformance;
use flow_runtime::{
    FlatBuffersStore, InMemoryStore, JsonFileStore, StoreError, WorkflowData, WorkflowId, WorkflowStore,
};

/// A store as a user would write it: the four methods, over bytes.
#[derive(Default)]
pub(crate) struct FourMethods(Mutex<BTreeMap<WorkflowId, Vec<u8>>>);

fn not_found(id: &WorkflowId) -> StoreError {
    StoreError::NotFound { id: id.clone() }
}

impl WorkflowStore for FourMethods {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        let bytes = data.to_bytes().map_err(|error| StoreError::from_codec(&data.id, error))?;
        self.0.lock().unwrap().insert(data.id.clone(), bytes);
        Ok(())
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let bytes = self.0.lock().unwrap().get(id).cloned().ok_or_else(|| not_found(id))?;
        WorkflowData::from_bytes(bytes).map_err(|error| StoreError::from_codec(id, error))
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        Ok(Listing::new(self.0.lock().unwrap().keys().cloned().collect()))
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.0.lock().unwrap().remove(id).map(drop).ok_or_else(|| not_found(id))
    }
}

/// What the macro writes needs neither Rust's prelude nor a name of the module around it.
#[no_implicit_prelude]
mod in_memory {
    ::flow_runtime::testing::store_conformance!({
        let store = <::flow_runtime::InMemoryStore as ::std::default::Default>::default();
        async move || ::std::clone::Clone::clone(&store)
    });
}

mod four_methods {
    use super::*;

    store_conformance!(four_methods, {
        let store = Arc::new(FourMethods::default());
        async move || store.clone()
    });
}

mod flat_buffers {
    use super::*;

    store_conformance!({
        let folder = tempfile::tempdir().unwrap();
        async move || FlatBuffersStore::open(folder.path()).unwrap()
    });
}

mod cached_log {
    use super::*;

    store_conformance!({
        let folder = tempfile::tempdir().unwrap();
        async move || Cached::new(FlatBuffersStore::open(folder.path()).unwrap(), 1 << 20)
    });
}

/// It is never opened anew, so what it keeps is asked for throughout.
mod cached_memory {
    use super::*;

    store_conformance!({
        let store = Cached::new(InMemoryStore::default(), 1 << 20);
        async move || store.clone()
    });
}

mod json_files {
    use super::*;

    store_conformance!({
        let folder = tempfile::tempdir().unwrap();
        async move || JsonFileStore::open(folder.path()).unwrap()
    });
}

mod sqlite {
    use super::*;

    store_conformance!({
        let folder = tempfile::tempdir().unwrap();
        async move || SqliteStore::open(folder.path().join("flow.db")).unwrap()
    });
}
