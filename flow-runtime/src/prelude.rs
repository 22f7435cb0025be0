//! What an application imports: `use flow_runtime::prelude::*;`.

pub use crate::{
    Durability, Engine, FlatBuffersStore, InMemoryStore, JsonFileStore, Key, NodeContext, NodeError, NodeFailure,
    Provide, RunError, node, workflow,
};

#[cfg(feature = "sqlite")]
pub use crate::SqliteStore;
