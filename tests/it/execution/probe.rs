//! What bodies did, for tests to ask: which began, which ended, and how many ran at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bodies tell it that they begin; it is application state, or captured by the steps of a graph.
#[derive(Clone, Default)]
pub(crate) struct Probe(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    begun: Vec<String>,
    ended: Vec<String>,
    running: usize,
    peak: usize,
}

/// A body that has begun. Dropped without [`end`](Begun::end), it was stopped on its way.
pub(crate) struct Begun {
    probe: Probe,
    step: String,
}

impl Probe {
    /// A body of this step begins.
    pub(crate) fn begin(&self, step: impl Into<String>) -> Begun {
        let step = step.into();
        self.with(|seen| {
            seen.begun.push(step.clone());
            seen.running += 1;
            seen.peak = seen.peak.max(seen.running);
        });
        Begun { probe: self.clone(), step }
    }

    /// The bodies that began, in order.
    pub(crate) fn begun(&self) -> Vec<String> {
        self.with(|seen| seen.begun.clone())
    }

    /// The bodies that came to their end, in order.
    pub(crate) fn ended(&self) -> Vec<String> {
        self.with(|seen| seen.ended.clone())
    }

    /// How often the bodies of each step began.
    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        self.begun().into_iter().for_each(|step| *times.entry(step).or_default() += 1);
        times
    }

    /// The most bodies that ran at once.
    pub(crate) fn peak(&self) -> usize {
        self.with(|seen| seen.peak)
    }

    /// How many bodies run.
    pub(crate) fn running(&self) -> usize {
        self.with(|seen| seen.running)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Begun {
    /// The body comes to its end.
    pub(crate) fn end(self) {
        let step = self.step.clone();
        self.probe.with(|seen| seen.ended.push(step));
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.probe.with(|seen| seen.running -= 1);
    }
}
