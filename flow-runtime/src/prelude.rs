//! What an application imports: `use flow_runtime::prelude::*;`.

pub use crate::{
    Engine, FlatBuffersStore, InMemoryStore, JsonFileStore, Key, NodeContext, NodeError, NodeFailure, Provide,
    RunError, node, workflow,
};
