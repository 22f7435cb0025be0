//! What all runs of one engine share.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::builder::Options;
use super::clock::Clock;
use super::durability::Durability;
use super::layer::Layers;
use super::observers::Observers;
use crate::state::Packing;

/// Whether the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It does.
    No,
    /// It shuts down, and gives running bodies this long to end.
    Within(Duration),
}

/// What all runs of one engine share.
pub(crate) struct EngineShared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observers: Observers,
    /// What stands around every attempt.
    pub(crate) layers: Layers,
    /// How many attempts may run at once.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) concurrency: usize,
    /// One permit for each attempt that may run at once.
    pub(crate) permits: Arc<Semaphore>,
    /// Those of nodes with a limit of their own, by name and limit.
    nodes: Mutex<HashMap<(String, NonZeroU32), Arc<Semaphore>>>,
    pub(crate) strict_roundtrip: bool,
    /// What is done to payloads before they are stored, and how long they may be.
    pub(crate) packing: Arc<Packing>,
    /// Whether a run may go on under a changed plan if nothing that has begun is changed by it.
    pub(crate) adopt_changed_plans: bool,
    /// For runs that do not say otherwise.
    pub(crate) durability: Durability,
    /// The longest time all attempts to undo one step may take, where its node does not say.
    pub(crate) undo_deadline: Duration,
    /// Whether runs are parked that are due in a moment.
    pub(crate) park_at_once: bool,
    /// How often a crash may interrupt one step before its run is paused.
    pub(crate) max_interruptions: u32,
    pub(crate) stop: watch::Sender<Stop>,
}

impl EngineShared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            clock: options.clock,
            observers: options.observers,
            layers: options.layers.into(),
            #[cfg(any(test, feature = "testing"))]
            concurrency: options.concurrency,
            permits: semaphore(options.concurrency),
            nodes: Mutex::default(),
            strict_roundtrip: options.strict_roundtrip,
            packing: Arc::new(options.packing),
            adopt_changed_plans: options.adopt_changed_plans,
            durability: options.durability,
            undo_deadline: options.undo_deadline,
            park_at_once: options.park_at_once,
            max_interruptions: options.max_interruptions,
            stop: watch::Sender::new(Stop::No),
        }
    }

    /// The permits of a node with a limit.
    pub(crate) fn node_permits(&self, node: &str, limit: NonZeroU32) -> Arc<Semaphore> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let permits = nodes.entry((node.to_owned(), limit));
        permits.or_insert_with(|| semaphore(limit.get() as usize)).clone()
    }
}

/// A limit above what a semaphore can count is none.
fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}
