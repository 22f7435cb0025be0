//! When a step's completion must be on disk: the engine's setting, and what it may cost.

use std::time::Duration;

/// What a completed step waits for before others build on it. Set for an engine with
/// [`EngineBuilder::durability`](super::EngineBuilder::durability), for one run with
/// [`Invocation::durability`](crate::Invocation::durability).
///
/// What runs again after a crash besides the bodies that were in flight, and what a chain of steps with effects costs:
///
/// | mode | after `kill -9` | after a power loss | syncs per step |
/// | --- | --- | --- | --- |
/// | `Strict` | nothing | nothing | 1, shared by all runs that commit at the same time |
/// | `Batched { steps, interval }` | fewer than `steps` completed steps of the run, those of the last 50 ms | fewer than `steps` completed steps of the run | 1 / `steps`, or one per `interval` |
/// | `OnSuspend` | the completed steps of the last 50 ms | the same; in a store that writes only when it must, all since the run began or was parked | at most 20 a second for the whole store |
///
/// In every mode the creation of a run, a failure that ends it, a long wait and its end are on disk before anyone is
/// told of them, and no file is torn: a run that lost steps goes on from an earlier moment of its own.
///
/// # What is given up
/// In `Strict` mode no body with an effect starts before all that it builds on is on disk. In the other modes it may: a
/// power loss can take away an output that an effect has used already; the step that made it runs again and may come to
/// another value, and the effect then happens with that one under the same idempotency key. So they are for steps that
/// give the same output again, or whose outputs nobody outside sees.
///
/// ```
/// use std::time::Duration;
/// use flow_runtime::{Durability, Engine, InMemoryStore};
///
/// let batched = Durability::Batched { steps: 100, interval: Duration::from_millis(200) };
/// let engine = Engine::builder(InMemoryStore::default()).durability(batched).build();
/// # let _ = engine;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// It is on disk before dependents start.
    #[default]
    Strict,
    /// Every so often, whichever comes first. Stores write what waits within 50 ms in any case, so a longer interval
    /// is for stores of your own that do not.
    Batched {
        /// How many completed steps of a run are synced together; 0 is as 1.
        steps: u32,
        /// How long the first of them waits before the next commit takes it along.
        interval: Duration,
    },
    /// Only when the run is parked or ends.
    OnSuspend,
}
