//! Durable workflows for Rust that the compiler checks.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "unit tests damage files and start tasks as they need"))]

pub mod disk;
pub mod engine;
pub mod observe;
pub mod plan;
pub mod prelude;
pub mod state;
pub mod store;
pub mod testing;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use engine::{Engine, Ephemeral, Invocation, NodeContext, RunError, RunHandle};
pub use flow_macros::{node, workflow};
pub use plan::{Node, Plan, Provide};
pub use state::{Key, NodeError, NodeFailure, Output, WorkflowData, WorkflowId};
pub use store::{FlatBuffersStore, InMemoryStore, JsonFileStore, StoreError, WorkflowStore};
