//! What an application imports: `use flow_runtime::prelude::*;`.

pub use crate::{Key, NodeContext, NodeError, NodeFailure, Provide};
