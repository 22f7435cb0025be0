//! `flow rm`: runs that are to be gone.

use clap::Args;
use flow_runtime::state::WorkflowStatus;
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};

use crate::chosen::Chosen;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::steer::Outcomes;
use crate::store::AnyStore;

/// Remove runs that have ended, with all that is stored of them
///
/// Runs that have not ended, or whose record is damaged, are left unless `--force` is given; one that an engine drives
/// is left in any case. A store in a folder must not be open in an application meanwhile.
#[derive(Args, Debug)]
pub(crate) struct Rm {
    #[command(flatten)]
    chosen: Chosen,
    /// Tell what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Also runs that have not ended, and damaged ones
    #[arg(long)]
    force: bool,
}

impl Rm {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = if self.dry_run { session.reader()? } else { session.writer()? };
        let fits = |status: WorkflowStatus| self.force || status.is_terminal();
        let runs = self.chosen.find(&store, session, fits).await?;
        if !self.dry_run {
            self.chosen.confirm_in_any_case("remove", &runs, &session.out)?;
        }
        let mut outcomes = Outcomes::default();
        for run in &runs {
            let became = self.remove(&store, run).await;
            outcomes.push(session, run, became)?;
        }
        outcomes.end(session)
    }

    async fn remove(&self, store: &AnyStore, run: &WorkflowId) -> Result<(&'static str, String), Failure> {
        match store.load(run).await {
            Ok(record) if !record.status.is_terminal() && !self.force => {
                return Err(Failure::NotEnded { run: run.clone(), status: record.status });
            }
            Err(StoreError::Corrupt { .. }) if self.force => {}
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if self.dry_run {
            return Ok(("would_remove", "would be removed".to_owned()));
        }
        store.delete(run).await?;
        Ok(("removed", "removed".to_owned()))
    }
}
