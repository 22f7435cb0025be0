//! Making it happen: the engine runs plans over a store.

pub mod tree;

mod context;

pub use context::NodeContext;

use tree::Workflow;

/// A workflow with its input, not yet run.
#[must_use = "nothing happens until `run` or `start` is called"]
pub struct Invocation<W: Workflow> {
    input: W::Input,
}

impl<W: Workflow> Invocation<W> {
    #[doc(hidden)]
    pub fn new(input: W::Input) -> Self {
        Self { input }
    }
}
