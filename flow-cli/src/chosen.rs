//! The runs that a command is to do something with: named, or chosen by what is known of them.
//!
//! In: what was typed. Out: ids; and whether it is meant, where that is not sure.

use clap::Args;
use flow_runtime::state::WorkflowStatus;
use flow_runtime::{WorkflowId, WorkflowStore};

use crate::failure::Failure;
use crate::filter::Filter;
use crate::output::Out;
use crate::session::Session;
use crate::store::AnyStore;

/// How many runs are asked for at a time.
const PAGE: usize = 1_000;

/// The runs that are meant: named, or chosen by what is known of them.
#[derive(Args, Debug)]
pub(crate) struct Chosen {
    /// The runs
    #[arg(value_name = "RUN", value_parser = run_id, conflicts_with = "Filter", required_unless_present = "Filter")]
    runs: Vec<WorkflowId>,
    #[command(flatten)]
    filter: Filter,
    /// Do it without a question; off a terminal nobody can be asked
    #[arg(long, short)]
    yes: bool,
}

impl Chosen {
    /// The runs: those that are named, or of those that are chosen the ones whose status fits, the newest first.
    pub(crate) async fn find(
        &self,
        store: &AnyStore,
        session: &Session,
        fits: impl Fn(WorkflowStatus) -> bool,
    ) -> Result<Vec<WorkflowId>, Failure> {
        if self.filter.is_empty() {
            return Ok(self.runs.clone());
        }
        let (mut found, mut query) = (Vec::new(), self.filter.query(session).page(PAGE));
        loop {
            let page = store.query(&query).await?;
            found.extend(page.runs.into_iter().filter(|run| fits(run.status)).map(|run| run.id));
            let Some(next) = page.next else { break };
            query = query.after(next);
        }
        if found.is_empty() {
            session.out.remark("there is no such run");
        }
        Ok(found)
    }

    /// Asks whether to `act` on these runs, if they were chosen and not named.
    pub(crate) fn confirm(&self, act: &str, runs: &[WorkflowId], out: &Out) -> Result<(), Failure> {
        if self.filter.is_empty() || runs.is_empty() { Ok(()) } else { self.confirm_in_any_case(act, runs, out) }
    }

    /// Asks whether to `act` on these runs.
    pub(crate) fn confirm_in_any_case(&self, act: &str, runs: &[WorkflowId], out: &Out) -> Result<(), Failure> {
        let act = match runs {
            [] => return Ok(()),
            [run] => format!("{act} run `{run}`"),
            runs => format!("{act} {} runs", runs.len()),
        };
        confirm(act, self.yes, out)
    }
}

/// Goes on only if that is meant: it was said before, or is now, on a terminal.
pub(crate) fn confirm(act: String, yes: bool, out: &Out) -> Result<(), Failure> {
    match (yes, out.can_ask()) {
        (true, _) => Ok(()),
        (false, false) => Err(Failure::NotConfirmed { act }),
        (false, true) if out.ask(&act)? => Ok(()),
        (false, true) => Err(Failure::Declined),
    }
}

/// Reads the id of a run.
pub(crate) fn run_id(text: &str) -> Result<WorkflowId, String> {
    WorkflowId::new(text).map_err(|error| error.to_string())
}
