//! What an engine is made of: options with their defaults.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, SystemClock};
use super::durability::Durability;
use super::hold::Hold;
use super::invocation::AnyState;
use super::layer::Layer;
use super::observers::Observers;
use super::retention::{Retention, keep_removing};
use super::runner::Runner;
use super::shared::EngineShared;
use super::tree::Workflow;
use super::workflows::Workflows;
use super::{Engine, Ephemeral, Owner, tasks};
use crate::observe::Observer;
use crate::plan::Requires;
use crate::state::{Compression, Encoding, Packing, Transform};
use crate::store::{AnyStore, WorkflowStore};

/// How many attempts run at once where nothing else is said.
const DEFAULT_CONCURRENCY: usize = 64;

/// The longest time to undo one step where nothing else is said.
const UNDO_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// After how many crashes in the middle of one step its run is paused, where nothing else is said.
const DEFAULT_INTERRUPTIONS: u32 = 10;

/// What engines of both kinds can be told.
pub(crate) struct Options {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observers: Observers,
    pub(super) layers: Vec<Arc<dyn Layer>>,
    pub(super) concurrency: usize,
    pub(super) strict_roundtrip: bool,
    pub(super) packing: Packing,
    /// `None` for what fits the store.
    pub(super) compression: Option<Compression>,
    pub(super) adopt_changed_plans: bool,
    pub(super) durability: Durability,
    pub(super) undo_deadline: Duration,
    /// Whether runs are parked that are due in a moment; for tests, in which time stands still.
    pub(super) park_at_once: bool,
    pub(super) max_interruptions: u32,
}

impl Options {
    fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            observers: Observers::default(),
            layers: Vec::new(),
            concurrency: DEFAULT_CONCURRENCY,
            strict_roundtrip: false,
            packing: Packing::default(),
            compression: None,
            adopt_changed_plans: false,
            durability: Durability::Strict,
            undo_deadline: UNDO_DEADLINE,
            park_at_once: false,
            max_interruptions: DEFAULT_INTERRUPTIONS,
        }
    }

    fn build(self) -> Arc<EngineShared> {
        Arc::new(EngineShared::new(self))
    }

    fn concurrency(&mut self, attempts: usize) {
        assert!(attempts > 0, "concurrency must be at least 1: 0 is refused and does not mean unbounded");
        self.concurrency = attempts;
    }
}

/// Makes an [`Engine`].
#[must_use = "call `build` to have the engine"]
pub struct EngineBuilder<S = ()> {
    pub(super) options: Options,
    store: Arc<dyn AnyStore>,
    retention: Option<Retention>,
    workflows: Workflows,
    state: AnyState,
    types: PhantomData<fn() -> S>,
}

/// Makes an [`Ephemeral`] engine.
#[must_use = "call `build` to have the engine"]
pub struct EphemeralBuilder<S = ()> {
    options: Options,
    state: AnyState,
    types: PhantomData<fn() -> S>,
}

impl EngineBuilder {
    pub(super) fn new<D: WorkflowStore>(store: D) -> Self {
        let (options, store) = (Options::new(), Arc::new(store));
        Self {
            options,
            store,
            retention: None,
            workflows: Workflows::default(),
            state: Arc::new(()),
            types: PhantomData,
        }
    }
}

impl EphemeralBuilder {
    pub(super) fn new() -> Self {
        Self { options: Options::new(), state: Arc::new(()), types: PhantomData }
    }
}

impl<S: Send + Sync + 'static> EngineBuilder<S> {
    /// The application state, whose parts nodes take as `#[state]` parameters.
    ///
    /// # Panics
    /// If a workflow was [registered](Self::register) before: what it needs of the state is looked up there.
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> EngineBuilder<T> {
        self.any_state(Arc::new(state))
    }

    pub(super) fn any_state<T>(self, state: Arc<T>) -> EngineBuilder<T>
    where
        T: Send + Sync + 'static,
    {
        let Self { options, store, retention, workflows, .. } = self;
        assert!(workflows.is_empty(), "call `state` before `register`, so that workflows find what they need in it");
        EngineBuilder { options, store, retention, workflows, state, types: PhantomData }
    }

    /// Lets the engine know a workflow, so that it can take up runs of it that nobody has asked for in this process:
    /// [`Engine::recover`] does, and so does what is asked of a run. What is run on the engine it knows without.
    ///
    /// Several versions of a workflow may be registered, so that old runs end on the code they began with. Runs of a version
    /// that is not are taken over by the newest that says with `#[migrate]` how their outputs become its own: see
    /// [`workflow!`](macro@crate::workflow#another-version).
    ///
    /// ```
    /// use flow_runtime::prelude::*;
    ///
    /// #[node]
    /// async fn ship(order: &str) {}
    /// workflow! { fn fulfil(order: String) -> () { ship(order) } }
    ///
    /// let engine = Engine::builder(InMemoryStore::default()).register::<fulfil>().build();
    /// # let _ = engine;
    /// ```
    pub fn register<W: Workflow + Requires<S>>(self) -> Self {
        self.workflows.of::<W, S>();
        self
    }

    /// How many attempts may run at once, over all runs; 64 by default.
    ///
    /// # Panics
    /// If it is 0.
    pub fn concurrency(mut self, attempts: usize) -> Self {
        self.options.concurrency(attempts);
        self
    }

    /// Puts a layer around every attempt, inside of those that were added before: for logs, limits, circuit breakers. See
    /// [`Layer`].
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.options.layers.push(Arc::new(layer));
        self
    }

    /// Lets this observer see what happens in all runs. It can be called several times.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.options.observers.add(Arc::new(observer));
        self
    }

    /// Where the times of records come from; by default the machine's clock, which goes with tokio's time where a test
    /// has paused that.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.options.clock = Arc::new(clock);
        self
    }

    /// Whether dependents, and callers, get the decoded output instead of the original, which proves that a first
    /// run and a resumed one see equal values. For tests.
    pub fn strict_roundtrip(mut self, on: bool) -> Self {
        self.options.strict_roundtrip = on;
        self
    }

    /// The longest time that all attempts to undo one step may take together, in wall time from the first; an hour by
    /// default. A node that undoes and has a `deadline` of its own keeps that. What takes longer has failed to be undone,
    /// and the rest of the rollback goes on.
    pub fn undo_deadline(mut self, deadline: Duration) -> Self {
        self.options.undo_deadline = deadline;
        self
    }

    /// How many bytes an output may have when it is encoded, the output of a step or of the workflow; 64 MiB by
    /// default. The same goes for the input and for each value of [`NodeContext::set`](super::NodeContext::set).
    ///
    /// A step that gives more fails at once, whatever its retries, because its effect has happened; an input of more
    /// is refused with [`RunError::Input`](super::RunError::Input). It is the length before compression that counts. What
    /// is already stored is not measured again, but if it is compressed it is read up to this, or 64 MiB.
    ///
    /// An output that is larger than what the store keeps in a record, 64 KiB in JSON files, is kept beside it in parts,
    /// so that it may have a GiB and more. Inputs and key-value data stand in the record, and the stores of this crate
    /// refuse a record of more than 1 GiB. Parts are stored before the step is, so an attempt that is cut off in between
    /// leaves some that nothing names; they go when the run is deleted.
    ///
    /// ```
    /// use flow_runtime::{Engine, InMemoryStore};
    /// let engine = Engine::builder(InMemoryStore::default()).max_output_bytes(256 << 20).build(); // 256 MiB
    /// # let _ = engine;
    /// ```
    pub fn max_output_bytes(mut self, bytes: usize) -> Self {
        self.options.packing.limit = bytes;
        self
    }

    /// How payloads are compressed; by default with LZ4 from 1 KiB on, but not in stores for reading by eye. See
    /// [`Compression`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = Some(compression);
        self
    }

    /// Does this to all payloads last before they are stored, and undoes it when they are read. Called again, the new
    /// one is applied from now on, and those before are still undone. See [`Transform`].
    ///
    /// # Panics
    /// If its number is below 128, or is that of one given before.
    pub fn transform(mut self, transform: impl Transform) -> Self {
        let (number, transforms) = (transform.number(), &mut self.options.packing.transforms);
        assert!(number >= 128, "the numbers of transforms of your own begin at 128, and this is {number}");
        assert!(transforms.iter().all(|other| other.number() != number), "there is a transform {number} already");
        transforms.push(Arc::new(transform));
        self
    }

    /// Whether a run may go on under a changed plan, if the steps that have begun are still there with the same nodes
    /// and the same edges. Otherwise, and without this, such a run is refused with
    /// [`RunError::PlanChanged`](super::RunError::PlanChanged) and left as it is. A workflow of another version goes on with
    /// it only if that says so with `#[migrate]`, which needs no word here.
    pub fn adopt_changed_plans(mut self, on: bool) -> Self {
        self.options.adopt_changed_plans = on;
        self
    }

    /// How often a crash may interrupt one step before its run is paused instead of running it once more; 10 by default.
    ///
    /// A step that takes its process down each time it runs would do so for ever. Such a run is paused: it is told of as a
    /// warning, and [`Engine::resume`] lets it go on, until the next interruption. Attempts that a crash ended do not count
    /// against `retry`.
    ///
    /// ```
    /// use flow_runtime::{Engine, InMemoryStore};
    /// let engine = Engine::builder(InMemoryStore::default()).max_interruptions(3).build();
    /// ```
    pub fn max_interruptions(mut self, interruptions: u32) -> Self {
        self.options.max_interruptions = interruptions;
        self
    }

    /// When completed steps must be on disk; [`Durability::Strict`] by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// Lets the engine remove old runs in the background: when it is built, and again and again after the interval of
    /// the retention, until it is shut down or dropped. A pass removes at most 10,000 runs.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// The engine.
    ///
    /// # Panics
    /// If it has a [`retention`](Self::retention) and is built outside of a tokio runtime.
    pub fn build(mut self) -> Engine<S> {
        let fitting = || match self.store.encoding() {
            Encoding::Json => Compression::none(),
            _ => Compression::default(),
        };
        self.options.packing.compression = self.options.compression.unwrap_or_else(fitting);
        let shared = self.options.build();
        let owner = Arc::new(Owner { shared: shared.clone() });
        let runner = Runner::new(shared.clone(), Hold::new(self.store), self.state, self.workflows);
        if let Some(retention) = self.retention {
            let (seen, stop) = ((runner.live.clone(), shared.clock.clone()), shared.stop.subscribe());
            tasks::run_apart(keep_removing(retention, Arc::downgrade(&runner.hold), seen, stop));
        }
        Engine { runner: Arc::new(runner), owner, types: PhantomData }
    }
}

impl<S: Send + Sync + 'static> EphemeralBuilder<S> {
    /// The application state, whose parts nodes take as `#[state]` parameters.
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> EphemeralBuilder<T> {
        EphemeralBuilder { options: self.options, state: Arc::new(state), types: PhantomData }
    }

    /// How many attempts may run at once, over all runs; 64 by default.
    ///
    /// # Panics
    /// If it is 0.
    pub fn concurrency(mut self, attempts: usize) -> Self {
        self.options.concurrency(attempts);
        self
    }

    /// The longest time that all attempts to undo one step may take together, in wall time from the first; an hour by
    /// default. A node that undoes and has a `deadline` of its own keeps that. What takes longer has failed to be undone,
    /// and the rest of the rollback goes on.
    pub fn undo_deadline(mut self, deadline: Duration) -> Self {
        self.options.undo_deadline = deadline;
        self
    }

    /// Puts a layer around every attempt, inside of those that were added before: for logs, limits, circuit breakers. See
    /// [`Layer`].
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.options.layers.push(Arc::new(layer));
        self
    }

    /// Lets this observer see what happens in all runs. It can be called several times.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.options.observers.add(Arc::new(observer));
        self
    }

    /// The engine.
    pub fn build(self) -> Ephemeral<S> {
        Ephemeral {
            shared: self.options.build(),
            workflows: Workflows::default(),
            state: self.state,
            types: PhantomData,
        }
    }
}

impl<S> fmt::Debug for EngineBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for EphemeralBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EphemeralBuilder").finish_non_exhaustive()
    }
}
