//! `flow copy`: runs from one store to another, of any kind.

use clap::Args;
use flow_runtime::WorkflowId;

use crate::chosen::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options;
use crate::session::Session;
use crate::store::Address;
use crate::transfer::{Damage, Overwriting, all_runs};

/// Copy runs to another store
///
/// Each is read back. A run that the other store has already is left: if it is equal that is fine, so a copy that was
/// broken off goes on when it is started again; if not it is told. No application should drive the runs meanwhile: what it
/// does after a run was copied is not in the other store. If that is not there, it is made.
#[derive(Args, Debug)]
pub(crate) struct Copy {
    /// The other store
    #[arg(value_name = "TO_STORE", value_parser = options::address())]
    to: Address,
    /// Only these runs
    #[arg(value_name = "RUN", value_parser = run_id)]
    runs: Vec<WorkflowId>,
    #[command(flatten)]
    overwriting: Overwriting,
}

impl Copy {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let from = session.snapshot()?;
        let (runs, damaged) = if self.runs.is_empty() { all_runs(&from).await? } else { (self.runs, Vec::new()) };
        let to = self.to.make()?;
        self.overwriting.carry(&from, &to, runs, session, Damage::Store(damaged)).await
    }
}
