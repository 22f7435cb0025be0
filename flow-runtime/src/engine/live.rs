//! The runs that are under way in this process: one for each id, with all who wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::drive::{Finished, ReadFrom};
use super::error::RunError;
use super::tree::Value;
use crate::state::{Packing, Payload, RunCreated, WorkflowId};

/// How a run ended, for all who wait for it.
pub(crate) enum Ended {
    /// With an output. The value is for the first who asks, the others decode the payload.
    Output { value: Mutex<Option<Value>>, payload: Option<Payload>, read_from: Option<ReadFrom> },
    /// Without one.
    Error(RunError),
}

/// A run under way.
pub(crate) struct Live {
    pub(crate) workflow: String,
    pub(crate) version: u32,
    pub(crate) input: Payload,
    /// The output type as written.
    pub(crate) output: String,
    pub(crate) packing: Arc<Packing>,
    ended: watch::Sender<Option<Arc<Ended>>>,
}

/// The runs under way, by id.
#[derive(Default)]
pub(crate) struct LiveRuns {
    runs: Mutex<HashMap<WorkflowId, Arc<Live>>>,
}

/// Reports the end of a run, also if its driver is dropped with its runtime or dies; the run is then no longer live.
pub(crate) struct LiveGuard {
    pub(crate) runs: Arc<LiveRuns>,
    pub(crate) id: WorkflowId,
    pub(crate) live: Arc<Live>,
}

impl Live {
    pub(crate) fn new(created: &RunCreated, packing: Arc<Packing>) -> Self {
        Self {
            workflow: created.plan.workflow.to_string(),
            version: created.plan.version,
            input: created.input.clone(),
            output: created.plan.output.to_string(),
            packing,
            ended: watch::Sender::new(None),
        }
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Option<Arc<Ended>> {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await.ok()?;
        ended.clone()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.borrow().is_some()
    }
}

impl LiveRuns {
    /// The live run of this id, or this new one; says whether it is new.
    pub(crate) fn enter(&self, id: &WorkflowId, new: Live) -> (Arc<Live>, bool) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = runs.get(id) {
            return (live.clone(), false);
        }
        let live = Arc::new(new);
        runs.insert(id.clone(), live.clone());
        (live, true)
    }

    pub(crate) fn contains(&self, id: &WorkflowId) -> bool {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }
}

impl LiveGuard {
    /// Tells all who wait how the run ended.
    pub(crate) fn end(self, result: Result<Finished, RunError>) {
        let ended = match result {
            Ok(Finished { value, payload, read_from }) => {
                Ended::Output { value: Mutex::new(value), payload, read_from }
            }
            Err(error) => Ended::Error(error),
        };
        self.leave(ended);
    }

    fn leave(&self, ended: Ended) {
        // First out of the table, then told: who is told may start the run again at once.
        self.runs.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.live.ended.send_replace(Some(Arc::new(ended)));
    }
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        if !self.live.is_over() {
            let (workflow, id) = (self.live.workflow.clone(), Some(self.id.clone()));
            self.leave(Ended::Error(if std::thread::panicking() {
                let reason = "what drives it panicked: its store, its clock, or Flow itself".to_owned();
                RunError::Stuck { workflow, id, reason }
            } else {
                RunError::Interrupted { workflow, id }
            }));
        }
    }
}
