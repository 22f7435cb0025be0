//! A clock that is set by hand, so that a test waits for days without waiting.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::Clock;
use crate::state::Timestamp;

/// A clock that stands still until it is moved. Clones are the same clock.
///
/// It is the time of records: timers, deadlines of waits, ages of runs, backoffs of ten seconds and more. Timeouts of
/// attempts, shorter backoffs and graces go by tokio's time, which `tokio::time::pause` holds. Without such a clock the
/// time of records goes with tokio's where that is paused.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::VirtualClock;
///
/// #[node]
/// async fn send() -> u32 { 1 }
///
/// workflow! {
///     fn later() -> u32 {
///         let month = sleep("30d");
///         #[after(month)]
///         send()
///     }
/// }
///
/// let clock = VirtualClock::new();
/// let engine = Engine::builder(InMemoryStore::default()).clock(clock.clone()).build();
/// later().run_until_parked(&engine, "letter").await?;
/// clock.advance(Duration::from_secs(30 * 24 * 3600));
/// assert_eq!(later().run(&engine, "letter").await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: watch::Sender<Timestamp>,
}

impl VirtualClock {
    /// A clock that stands at the beginning of 2030.
    pub fn new() -> Self {
        Self { now: watch::Sender::new(1_893_456_000_000_000_000) }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let by = Timestamp::try_from(by.as_nanos()).unwrap_or(Timestamp::MAX);
        self.now.send_modify(|now| *now = now.saturating_add(by));
    }

    /// Sets it, as an administrator does; it may go backwards.
    pub fn set(&self, now: Timestamp) {
        self.now.send_replace(now);
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn wait_until(&self, due: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            if now.wait_for(|now| *now >= due).await.is_err() {
                // Nobody is left who could move it.
                std::future::pending::<()>().await;
            }
        })
    }
}
