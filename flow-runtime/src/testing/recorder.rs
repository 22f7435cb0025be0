//! What was seen of runs, kept for a test to look at.
//!
//! In: what an engine tells its observers. Out: names of events and paths of steps, in order, and no values.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::observe::{Notice, Observer};
use crate::state::WorkflowId;

/// An observer that keeps what it is told. Clones are the same recorder.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flow_runtime::RunError> {
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::EventRecorder;
///
/// #[node]
/// async fn reserve(item: &str) -> u32 { 7 }
/// #[node]
/// async fn ship(number: u32) -> String { format!("parcel {number}") }
/// workflow! { fn order(item: String) -> String { ship(reserve(item)) } }
///
/// let seen = EventRecorder::default();
/// let engine = Engine::builder(InMemoryStore::default()).observe(seen.clone()).build();
/// order("tea".to_owned()).run(&engine, "order-1").await?;
/// assert_eq!(seen.steps("StepCompleted"), ["reserve", "ship"]);
/// assert_eq!(seen.of("ship"), ["StepStarted", "StepCompleted"]);
/// assert_eq!(seen.all()[1].to_string(), "StepStarted `reserve`");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventRecorder(Arc<Mutex<Vec<Recorded>>>);

/// Something that has happened. Its text is the name and the step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The run; `None` for one without a record.
    pub run: Option<WorkflowId>,
    /// The path of the step, if it is about one.
    pub step: Option<String>,
    /// The name of what has happened, as [`What`](crate::observe::What) has it.
    pub what: &'static str,
}

impl EventRecorder {
    /// All that has happened so far, in order.
    pub fn all(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// What has happened to the step of this path, by name and in order.
    pub fn of(&self, step: &str) -> Vec<&'static str> {
        self.lock().iter().filter(|seen| seen.step.as_deref() == Some(step)).map(|seen| seen.what).collect()
    }

    /// The paths of the steps to which this has happened, in order.
    pub fn steps(&self, what: &str) -> Vec<String> {
        self.lock().iter().filter(|seen| seen.what == what).filter_map(|seen| seen.step.clone()).collect()
    }

    /// Forgets what has happened so far.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for EventRecorder {
    fn observe(&self, notice: &Notice<'_>) {
        let (run, step) = (notice.id.cloned(), notice.step.map(str::to_owned));
        self.lock().push(Recorded { run, step, what: notice.what.name() });
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => write!(f, "{} `{step}`", self.what),
            None => f.write_str(self.what),
        }
    }
}
