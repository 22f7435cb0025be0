//! The one place that reads the wall clock.

#![expect(clippy::disallowed_methods, reason = "this is the place that the lint names")]

use std::time::{SystemTime, UNIX_EPOCH};

use crate::state::Timestamp;

/// Where the engine takes the time for its records from.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since 1970-01-01 UTC. It may jump; records never go backwards all the same.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        super::decide::nanos(since)
    }
}
