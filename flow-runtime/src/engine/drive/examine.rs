//! What a driver would meet if it took up a run, without driving it.
//!
//! In: a driver of a loaded record. Out: the record as it would go on from, and what it cannot go on with. Nothing is
//! committed and no body runs.

use super::Driver;
use crate::engine::attempt::{catch, discard};
use crate::engine::error::RunError;
use crate::engine::run::undecodable;
use crate::state::{DecodeError, StepRef, WorkflowData};

/// What a driver would meet.
pub(crate) struct Met {
    /// The record as it would go on from.
    pub(crate) data: WorkflowData,
    /// Why the run would be refused at once.
    pub(crate) refused: Option<RunError>,
    /// The steps whose outputs are still to be used and cannot be read.
    pub(crate) unreadable: Vec<(StepRef, RunError)>,
}

impl Driver {
    /// Looks at all that the run would go on with.
    pub(crate) async fn examine(mut self) -> Met {
        let refused = self.restore().await.err();
        let used = if refused.is_none() { self.used_calls() } else { Vec::new() };
        let mut unreadable = Vec::new();
        for step in used {
            if let Err(error) = self.read(step).await {
                unreadable.push((step, error));
            }
        }
        let data = self.data.clone();
        discard(self);
        Met { data, refused, unreadable }
    }

    /// Reads the output of a call as it will be read when it is used.
    async fn read(&self, step: StepRef) -> Result<(), RunError> {
        let Some(payload) = &self.data.step(step).output else { return Ok(()) };
        let payload = self.fetch(payload, &format!("the output of step `{}`", self.data.path(step))).await?;
        let decoded = catch(|| self.values.decode(&self.trees, &self.data, step, &payload).map(discard));
        let decoded = decoded.unwrap_or_else(|reason| Err(DecodeError { expected: "an output", reason }));
        decoded.map_err(|error| undecodable(&self.data, &self.stored_plan, step, error))
    }
}
