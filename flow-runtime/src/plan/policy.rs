//! How a step is attempted: retries, time limits, purity, limits on how many run at once.

use std::num::NonZeroU32;
use std::time::Duration;

/// How a step is attempted. Made by `#[node(..)]`, overridden for one step by `#[with(..)]`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// What happens after a failed attempt; `None` means one attempt only.
    pub retry: Option<Retry>,
    /// The longest time one attempt may take.
    pub timeout: Option<Duration>,
    /// The longest time all attempts together may take, in wall time from the first start.
    pub deadline: Option<Duration>,
    /// The step has no side effects: its commit need not be durable before its dependents start.
    pub pure: bool,
    /// The body is a synchronous function and runs on the blocking pool.
    pub blocking: bool,
    /// How many attempts of this node (for a fan-out: how many items) may run at once.
    pub concurrency: Option<NonZeroU32>,
    /// An attempt that may have begun is never followed by another, unless an operator says so; `retry` has no meaning
    /// then.
    pub at_most_once: bool,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// The number of retries after the first attempt.
    pub times: u32,
    /// How long to wait between attempts.
    pub backoff: Backoff,
}

/// The wait between attempts: it grows by `factor` from `min` to `max`, and jitter spreads it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The shortest wait.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
    /// What the wait is multiplied by after each attempt; at least 1.
    pub factor: f64,
    /// Whether the wait is drawn at random between `min` and its full length.
    pub jitter: bool,
}

impl Policy {
    /// One attempt, no limits, with side effects.
    pub const DEFAULT: Self = Self {
        retry: None,
        timeout: None,
        deadline: None,
        pure: false,
        blocking: false,
        concurrency: None,
        at_most_once: false,
    };

    /// This policy with these retries.
    #[must_use]
    pub const fn with_retry(mut self, retry: Option<Retry>) -> Self {
        self.retry = retry;
        self
    }

    /// This policy with this limit on one attempt.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// This policy with this limit on all attempts together.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Option<Duration>) -> Self {
        self.deadline = deadline;
        self
    }

    /// This policy, said to be without side effects.
    #[must_use]
    pub const fn with_pure(mut self, pure: bool) -> Self {
        self.pure = pure;
        self
    }

    /// This policy, for a body that blocks its thread.
    #[must_use]
    pub const fn with_blocking(mut self, blocking: bool) -> Self {
        self.blocking = blocking;
        self
    }

    /// This policy, for work that must not be repeated without an operator's word.
    #[must_use]
    pub const fn with_at_most_once(mut self, at_most_once: bool) -> Self {
        self.at_most_once = at_most_once;
        self
    }

    /// Whether it does not ask for retries of what is attempted once. `workflow!` holds steps to that.
    #[doc(hidden)]
    pub const fn is_tried_again_or_once(&self) -> bool {
        self.retry.is_none() || !self.at_most_once
    }

    /// This policy with at most `concurrency` attempts at once.
    ///
    /// # Panics
    /// If `concurrency` is 0, which is refused and does not mean "unbounded".
    #[must_use]
    pub const fn with_concurrency(mut self, concurrency: u32) -> Self {
        assert!(concurrency > 0, "concurrency must be at least 1");
        self.concurrency = NonZeroU32::new(concurrency);
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Retry {
    /// This many retries after the first attempt, with the default backoff.
    pub const fn new(times: u32) -> Self {
        Self { times, backoff: Backoff::DEFAULT }
    }

    /// These retries with this backoff.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl Backoff {
    /// From 100 ms to 10 s, doubling, with jitter.
    pub const DEFAULT: Self =
        Self { min: Duration::from_millis(100), max: Duration::from_secs(10), factor: 2.0, jitter: true };

    /// From `min` to `max`, doubling, with jitter.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, ..Self::DEFAULT }
    }

    /// This backoff with another growth.
    #[must_use]
    pub const fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// This backoff with or without jitter.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// The wait after the `attempt`-th attempt (from 1), with `random` in `0.0..1.0` choosing within its range.
    ///
    /// Without jitter it is `min × factor^(attempt-1)`, at most `max`; with jitter it lies between `min` and
    /// `min × factor^attempt`, at most `max`.
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let exponent = if self.jitter { attempt } else { attempt.saturating_sub(1) };
        let grown = self.min.as_secs_f64() * self.factor.powi(i32::try_from(exponent).unwrap_or(i32::MAX));
        let (min, max) = (self.min.as_secs_f64(), self.max.as_secs_f64());
        let top = if grown.is_finite() { grown.clamp(min, max.max(min)) } else { max.max(min) };
        let chosen = if self.jitter { min + (top - min) * random } else { top };
        Duration::try_from_secs_f64(chosen).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b14_backoff_stays_within_its_bounds_and_grows() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        for attempt in 1..200 {
            for random in [0.0, 0.3, 0.999_999] {
                let delay = backoff.delay(attempt, random);
                assert!(delay >= backoff.min && delay <= backoff.max, "attempt {attempt}: {delay:?}");
            }
        }
        assert_eq!(backoff.delay(1, 0.0), Duration::from_millis(100));
        assert!(backoff.delay(3, 0.9) > backoff.delay(1, 0.9), "jitter spreads over a growing range");
    }

    #[test]
    fn b14_without_jitter_the_wait_is_min_times_a_power_of_the_factor() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60)).with_factor(3.0).with_jitter(false);
        let delays: Vec<u64> = (1..6).map(|attempt| backoff.delay(attempt, 0.5).as_secs()).collect();
        assert_eq!(delays, [1, 3, 9, 27, 60]);
    }

    #[test]
    fn a_backoff_of_any_numbers_gives_a_duration() {
        for backoff in [
            Backoff::new(Duration::MAX, Duration::MAX),
            Backoff::new(Duration::ZERO, Duration::ZERO),
            Backoff::new(Duration::from_secs(5), Duration::from_secs(1)).with_factor(f64::INFINITY),
            Backoff::new(Duration::from_secs(1), Duration::from_secs(2)).with_factor(f64::NAN),
        ] {
            for attempt in [1, 2, u32::MAX] {
                let delay = backoff.delay(attempt, 0.5);
                assert!(delay <= backoff.max.max(backoff.min), "{backoff:?}: {delay:?}");
            }
        }
    }
}
