//! The one place that reads the clocks of the machine.

#![expect(clippy::disallowed_methods, reason = "this is the place that the lint names")]

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::decide;
use crate::state::Timestamp;

/// Where the engine takes the time for its records from.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since 1970-01-01 UTC. It may jump; records never go backwards all the same.
    fn now(&self) -> Timestamp;

    /// Waits until it is this time or later. By default it looks again at least every ten seconds, so that it takes no
    /// longer than that to notice a jump; a clock that is set by hand says itself when it is time.
    fn wait_until(&self, due: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let left = due.saturating_sub(self.now());
                if left <= 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_nanos(left.unsigned_abs()).min(LOOK_AGAIN)).await;
            }
        })
    }
}

/// Tells how long something takes on this machine, also while a test has stopped the time.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How long a wait goes by the monotonic clock before it looks at the wall clock again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A point in time that [`sleep_until`](super::sleep_until) waits for: a `SystemTime`, or what can be made one, as the
/// times of chrono and jiff can.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no point in time",
    label = "expected a `SystemTime`, or what can be made one",
    note = "`sleep_until` takes a point in time; `sleep(\"24h\")` waits for a length of time"
)]
pub trait Moment {
    /// The point in time as records have it; the first or the last one if it lies beyond them.
    fn timestamp(&self) -> Timestamp;
}

impl<T: Clone + Into<SystemTime>> Moment for T {
    fn timestamp(&self) -> Timestamp {
        match self.clone().into().duration_since(UNIX_EPOCH) {
            Ok(since) => decide::nanos(since),
            Err(before) => -decide::nanos(before.duration()),
        }
    }
}

/// The clock of the machine. Where a test has paused or moved tokio's time, it goes as that does: what waits for a
/// timer or a long backoff waits no longer there than what waits for a short one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        static ORIGIN: OnceLock<(Timestamp, Instant)> = OnceLock::new();
        let (origin, at_origin) = *ORIGIN.get_or_init(|| (wall(), Instant::now()));
        // Tokio's time is that of the machine, and lies between the two, unless it was moved.
        let (before, tokio, after) = (Instant::now(), tokio::time::Instant::now().into_std(), Instant::now());
        if (before..=after).contains(&tokio) {
            return wall();
        }
        let since = decide::nanos(tokio.saturating_duration_since(at_origin));
        origin.saturating_add(since).saturating_sub(decide::nanos(at_origin.saturating_duration_since(tokio)))
    }
}

fn wall() -> Timestamp {
    decide::nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
