//! A wall clock that follows tokio's, so that a test with paused time has both in its hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flow_runtime::engine::Clock;
use flow_runtime::state::Timestamp;
use tokio::time::Instant;

/// Clones are the same clock.
#[derive(Clone)]
pub(crate) struct TestClock {
    start: Instant,
    jumped: Arc<AtomicI64>,
}

impl TestClock {
    const BEGIN: Timestamp = 1_700_000_000_000_000_000;

    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), jumped: Arc::default() }
    }

    /// Moves the wall clock, as an administrator does; tokio's timers do not notice.
    pub(crate) fn jump(&self, by: Duration) {
        self.jumped.fetch_add(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.start.elapsed().as_nanos()).unwrap();
        Self::BEGIN + since + self.jumped.load(Ordering::SeqCst)
    }
}
