//! What is due when: retries, time limits, the end of a grace.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

use crate::state::{FailureKind, Phase, StepRef};

/// Longer than any process lives, and short enough for every clock.
const MANY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What is to happen at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The next attempt of this step may start.
    Retry(StepRef),
    /// This attempt of this step, or to undo it, has used up its time. Means nothing once the attempt has ended.
    Limit(StepRef, u32, FailureKind, Phase),
}

/// Timers of one run, by their time.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    added: u64,
    retries: usize,
    grace: Option<Instant>,
}

struct Entry {
    due: Instant,
    number: u64,
    timer: Timer,
}

impl Timers {
    pub(super) fn add(&mut self, due: Instant, timer: Timer) {
        self.added += 1;
        self.retries += usize::from(matches!(timer, Timer::Retry(_)));
        self.heap.push(Reverse(Entry { due, number: self.added, timer }));
    }

    /// Gives what still runs this long, or as long as it was given before if that is shorter.
    pub(super) fn stop_within(&mut self, grace: Duration) {
        self.grace = self.grace.into_iter().chain([after(grace)]).min();
    }

    /// Takes back that what still runs is abandoned: nothing does.
    pub(super) fn forget_grace(&mut self) {
        self.grace = None;
    }

    /// When what still runs is abandoned, once the run comes to a stop.
    pub(super) fn grace(&self) -> Option<Instant> {
        self.grace
    }

    /// When the next one is due, the grace included.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = self.heap.peek().map(|Reverse(entry)| entry.due);
        next.into_iter().chain(self.grace).min()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.heap.peek()?.0.due > now {
            return None;
        }
        let timer = self.heap.pop()?.0.timer;
        self.retries -= usize::from(matches!(timer, Timer::Retry(_)));
        Some(timer)
    }

    /// Whether the grace has passed; says so once.
    pub(super) fn take_grace(&mut self, now: Instant) -> bool {
        self.grace.take_if(|grace| *grace <= now).is_some()
    }

    pub(super) fn has_retries(&self) -> bool {
        self.retries > 0
    }

    pub(super) fn forget_retries(&mut self) {
        self.heap.retain(|Reverse(entry)| !matches!(entry.timer, Timer::Retry(_)));
        self.retries = 0;
    }
}

/// The time after this wait. A wait that is too long to be counted is one of many years.
pub(super) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or_else(|| now + MANY_YEARS)
}

/// Waits until then; for ever if there is no such time.
pub(super) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}
