//! Making it happen: the engine runs plans over a store.
//!
//! `decide` says what may happen next and does nothing, `drive` is the one loop that acts, `attempt` is one try
//! of one step, `journal` knows what must be durable before what. The engine knows stores only by their trait and
//! types only through [`tree`].

pub mod body;
pub mod migration;
pub mod place;
pub mod tree;

mod adopt;
mod attempt;
mod builder;
mod check;
mod clock;
mod context;
mod decide;
mod drive;
mod durability;
mod error;
mod fork;
mod hold;
mod invocation;
mod journal;
mod json;
mod layer;
mod light;
mod live;
mod observers;
mod parts;
mod position;
mod recover;
mod requests;
mod reset;
mod resolve;
mod retention;
mod rollback;
mod run;
mod runner;
mod shared;
mod signal;
mod tasks;
#[cfg(any(test, feature = "testing"))]
mod tested;
mod trees;
mod unattended;
mod values;
mod waits;
mod workflows;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use builder::{EngineBuilder, EphemeralBuilder};
pub use check::{RunCheck, StepCheck, StepFate, Verdict, Why};
pub use clock::{Clock, Moment, SystemClock};
pub use context::NodeContext;
pub use durability::Durability;
pub use error::{Failures, PlanChanges, RunError, StepFailure};
pub use fork::ForkError;
use invocation::AnyState;
#[cfg(any(test, feature = "testing"))]
pub(crate) use invocation::{Asked, result_of, run_tree, start_tree};
pub use invocation::{Invocation, Progress, RunFuture, RunHandle};
pub use layer::{Admission, AttemptOutcome, Layer};
pub use migration::MigrationError;
pub use recover::{Recovered, Recovery};
pub use requests::AskError;
pub use resolve::{Given, Resolution};
use retention::Keeper;
pub use retention::{Retention, RetentionReport};
#[cfg(any(test, feature = "testing"))]
pub(crate) use run::path_in_plan;
use runner::Runner;
use shared::{EngineShared, Stop};
pub use signal::Signal;
pub use waits::{Approval, Delay, approval, sleep, sleep_until, wait_for};
#[cfg(any(test, feature = "testing"))]
pub(crate) use workflows::Registered;
use workflows::Workflows;

use crate::state::{Payload, WorkflowData, WorkflowId};
use crate::store::{Listing, Page, Query, StoreError, WorkflowStore};

/// Runs workflows over a store. Clones are the same engine; when the last is dropped its runs stop, to be taken up
/// again by another engine on the same store.
///
/// `S` is the application state, whose parts nodes take as `#[state]` parameters.
pub struct Engine<S = ()> {
    runner: Arc<Runner>,
    owner: Arc<Owner>,
    types: PhantomData<fn() -> S>,
}

/// Runs workflows in memory, with no record and no encoding: nothing is left of a run but its output.
pub struct Ephemeral<S = ()> {
    shared: Arc<EngineShared>,
    workflows: Workflows,
    state: AnyState,
    types: PhantomData<fn() -> S>,
}

/// Stops the runs when the last engine goes.
struct Owner {
    shared: Arc<EngineShared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.stop.send_replace(Stop::Within(Duration::ZERO));
    }
}

impl Engine {
    /// An engine over this store.
    pub fn builder<D: WorkflowStore>(store: D) -> EngineBuilder {
        EngineBuilder::new(store)
    }

    /// An engine over this store, with no application state and defaults for the rest.
    pub fn new<D: WorkflowStore>(store: D) -> Self {
        Self::builder(store).build()
    }

    /// An engine that keeps no records.
    pub fn ephemeral() -> EphemeralBuilder {
        EphemeralBuilder::new()
    }
}

impl<S> Engine<S> {
    /// The record of a run.
    ///
    /// # Errors
    /// If there is none, or if the store cannot read it.
    pub async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.runner.hold.store.load(id).await
    }

    /// A payload of this record as it was encoded: fetched if it is kept beside the record, and with all undone that
    /// was done to it. [`decode`](crate::state::decode) gives the value.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use flow_runtime::prelude::*;
    /// use flow_runtime::state::decode;
    ///
    /// #[node]
    /// async fn read() -> Vec<u8> { vec![7; 1 << 20] }
    /// workflow! { fn reads() -> Vec<u8> { read() } }
    ///
    /// let engine = Engine::new(JsonFileStore::open(dir.path())?);
    /// reads().run(&engine, "r").await?;
    /// let record = engine.load(&flow_runtime::WorkflowId::new("r")?).await?;
    /// let stored = record.steps[0].output.as_ref().unwrap();
    /// assert!(stored.reference().is_some(), "it is too large for the file of the run");
    /// let bytes: Vec<u8> = decode(&engine.payload(&record, stored).await?)?;
    /// assert_eq!(bytes.len(), 1 << 20);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is kept beside the record and is missing or broken; [`StoreError::Other`] with a
    /// [`DecodeError`](crate::state::DecodeError) if this engine cannot undo what was done to it.
    pub async fn payload(&self, record: &WorkflowData, payload: &Payload) -> Result<Payload, StoreError> {
        let payload = parts::fetch(&*self.runner.hold.store, record, payload, "the payload").await?;
        values::unpacked(&self.runner.shared.packing, &payload).map_err(|error| StoreError::Other(error.into()))
    }

    /// The ids of all runs in the store.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn list(&self) -> Result<Listing, StoreError> {
        self.runner.hold.store.list_workflows().await
    }

    /// The runs that are asked for, the newest first, without their values.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.runner.hold.store.query(query).await
    }

    /// Removes all runs that ended longer ago than asked, now. Runs that have not ended, or are driven by an engine,
    /// are left. An error with one run stops no other and stands in the report.
    ///
    /// # Errors
    /// If the store cannot be asked for its runs.
    pub async fn retain(&self, retention: &Retention) -> Result<RetentionReport, StoreError> {
        let runner = &self.runner;
        let (hold, live, clock) = (runner.hold.clone(), runner.live.clone(), runner.shared.clock.clone());
        Keeper { hold, live, clock }.pass(retention, usize::MAX).await
    }

    /// Removes the record of a run that is not under way here.
    ///
    /// # Errors
    /// If there is none, or if the run is under way.
    pub async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        if self.runner.live.contains(id) {
            let reason = "it is under way, and a live run is not deleted".to_owned();
            return Err(StoreError::Conflict { id: id.clone(), reason });
        }
        self.runner.hold.store.delete(id).await
    }

    /// Stops all runs: nothing more starts, bodies that end within `grace` are kept, the rest is given back. Nothing
    /// is recorded as failed; every run goes on when it is run again. Callers that wait get
    /// [`RunError::Interrupted`], and so do those that run something on this engine afterwards. Another call with a
    /// shorter grace shortens that of the first.
    pub async fn shutdown(&self, grace: Duration) {
        self.runner.shared.stop.send_replace(Stop::Within(grace));
        // Every run holds a receiver from its start until all who wait for it know how it ended.
        self.runner.shared.stop.closed().await;
    }
}

impl<S> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Self { runner: self.runner.clone(), owner: self.owner.clone(), types: PhantomData }
    }
}

impl<S> fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Ephemeral<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ephemeral").finish_non_exhaustive()
    }
}
