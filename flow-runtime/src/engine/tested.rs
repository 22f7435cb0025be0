//! What the testing kit needs of an engine beside what users need.
//!
//! In: an engine that a test has killed or steers. Out: that nothing of it is left, or that its runs see what is due.

use std::sync::Arc;

use super::{Engine, EngineBuilder};

impl<S: Send + Sync + 'static> EngineBuilder<S> {
    /// The application state, of which others have a share.
    pub(crate) fn shared_state<T: Send + Sync + 'static>(self, state: Arc<T>) -> EngineBuilder<T> {
        self.any_state(state)
    }

    /// Parks runs also if they are due in a moment, since only the test moves their clock.
    pub(crate) fn park_at_once(mut self) -> Self {
        self.options.park_at_once = true;
        self
    }
}

impl<S> Engine<S> {
    /// Waits until no body runs, also none of those that nothing can stop.
    pub(crate) async fn idle(&self) {
        let shared = &self.runner.shared;
        let all = u32::try_from(shared.concurrency).unwrap_or(u32::MAX);
        // The permits are those of bodies alone, and are never closed.
        drop(shared.permits.acquire_many(all).await);
    }

    /// Wakes the parked runs that are due now.
    pub(crate) fn wake_due(&self) {
        let due = self.runner.live.due(self.runner.shared.clock.now());
        due.iter().for_each(|id| self.runner.wake(id, false));
    }
}
