//! What an application imports: `use flow_runtime::prelude::*;`.

pub use crate::{Engine, InMemoryStore, Key, NodeContext, NodeError, NodeFailure, Provide, RunError, node, workflow};
