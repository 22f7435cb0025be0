//! `flow fork`: a new run that takes over what another one has done.

use clap::Args;
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};
use serde::Serialize;

use crate::chosen::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::store::AnyStore;

/// Make a new run from another one, which goes on from a step
///
/// The new run takes over what has completed and does not follow from the step, and runs the rest when the application
/// takes it up; the effects of that happen again. The run it is made from stays as it is. A store in a folder must not be
/// open in an application meanwhile.
#[derive(Args, Debug)]
pub(crate) struct Fork {
    /// The run
    #[arg(value_parser = run_id)]
    run: WorkflowId,
    /// The step that runs anew, with what follows from it: `charge`, `labels[17].print`
    #[arg(long, value_name = "STEP")]
    from: String,
    /// The id of the new run; RUN with `-fork-1` behind it, or the next number that is free, where none is given
    #[arg(long = "as", value_name = "NEW_ID", value_parser = run_id)]
    new_id: Option<WorkflowId>,
}

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    forked_from: &'a str,
    step: &'a str,
}

impl Fork {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = session.writer()?;
        let new_id = match &self.new_id {
            Some(id) => id.clone(),
            None => self.free_id(&store).await?,
        };
        session.engine(&store).fork_from(self.run.as_str(), &self.from, new_id.as_str()).await?;
        if session.out.is_json() {
            let (id, forked_from) = (new_id.as_str(), self.run.as_str());
            session.out.json(Document { id, forked_from, step: &self.from })?;
        } else {
            session.out.line(new_id.as_str())?;
            session.out.remark("the application goes on with it when it starts, or looks for runs to take up");
        }
        Ok(Exit::Done)
    }

    /// The first id of its kind that no run has.
    async fn free_id(&self, store: &AnyStore) -> Result<WorkflowId, Failure> {
        let mut number = 1_u64;
        loop {
            let id = WorkflowId::new(format!("{}-fork-{number}", self.run)).map_err(Failure::NewId)?;
            match store.load(&id).await {
                Err(StoreError::NotFound { .. }) => return Ok(id),
                Ok(_) | Err(StoreError::Corrupt { .. }) => number += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
