//! What an application imports: `use flow_runtime::prelude::*;`.

pub use crate::{
    Approval, Durability, Engine, FlatBuffersStore, InMemoryStore, JsonFileStore, Key, NodeContext, NodeError,
    NodeFailure, Provide, RunError, approval, node, sleep, sleep_until, wait_for, workflow,
};

#[cfg(feature = "sqlite")]
pub use crate::SqliteStore;
