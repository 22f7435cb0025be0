//! What a node may ask of its run.

/// What a node may ask of its run: ids, attempt, idempotency key, cancellation, progress, data.
pub struct NodeContext {}

impl NodeContext {
    /// The part of the application state that a `#[state]` parameter asks for.
    #[doc(hidden)]
    pub fn state<T: Send + Sync + 'static>(&self) -> &T {
        unreachable!()
    }
}
