//! Carrying runs from one store to another: `flow copy` and `flow import`.
//!
//! In: two stores. Out: the runs of the first in the second, each read back; what became of each, and an exit code.

use clap::Args;
use flow_runtime::store::{Copied, Damaged, copy_run, replace_run};
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};
use serde::Serialize;

use crate::archive::Broken;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::FailedRun;
use crate::session::Session;
use crate::store::AnyStore;
use crate::words;

/// What is done with runs of which the target has another record.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Overwriting {
    /// Put runs in place of other records, or damaged ones, that the target has of them
    #[arg(long)]
    replace: bool,
}

/// What became of all runs.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// They were not there, and are now.
    copied: Vec<String>,
    /// They were there, equal.
    present: Vec<String>,
    /// They were there, other than these, and were left.
    different: Vec<String>,
    /// They were there, other than these or damaged, and are these now.
    replaced: Vec<String>,
    /// There are requests for them only, which are there now.
    to_come: Vec<String>,
    failed: Vec<FailedRun>,
    damaged: Vec<words::Damage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_lines: Option<Vec<Broken>>,
    #[serde(skip)]
    exit: Option<Exit>,
}

/// What is broken in the source before a run is looked at.
pub(crate) enum Damage {
    Store(Vec<Damaged>),
    Lines(Vec<Broken>),
}

impl Overwriting {
    /// Carries runs over, and tells what became of each.
    pub(crate) async fn carry<A: WorkflowStore>(
        self,
        from: &A,
        to: &AnyStore,
        runs: Vec<WorkflowId>,
        session: &mut Session,
        damage: Damage,
    ) -> Result<Exit, Failure> {
        let mut report = Report::default();
        report.begin(damage, session);
        let bar = session.out.bar(runs.len());
        for run in runs {
            let mut copied =
                if self.replace { replace_run(from, to, &run).await } else { copy_run(from, to, &run).await };
            if matches!(copied, Ok(Copied::Absent)) && from.requests(&run).await?.is_empty() {
                copied = Err(StoreError::NotFound { id: run.clone() });
            }
            bar.suspend(|| report.take(&run, copied, session))?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        report.end(session)
    }
}

impl Report {
    fn begin(&mut self, damage: Damage, session: &Session) {
        match damage {
            Damage::Store(damaged) => {
                for damaged in damaged {
                    session.out.remark(format!("damaged: {}", words::damage(&damaged)));
                    self.damaged.push(words::Damage::from(&damaged));
                    self.exit = Some(Exit::Damage);
                }
            }
            Damage::Lines(broken) => {
                for Broken { line, reason } in &broken {
                    session.out.remark(format!("damaged: line {line}: {reason}"));
                    self.exit = Some(Exit::Damage);
                }
                self.broken_lines = Some(broken);
            }
        }
    }

    /// Takes in what became of a run. What stops all is an error.
    fn take(
        &mut self,
        run: &WorkflowId,
        copied: Result<Copied, StoreError>,
        session: &mut Session,
    ) -> Result<(), Failure> {
        let (list, text) = match copied {
            Ok(Copied::New) => (&mut self.copied, "copied"),
            Ok(Copied::Present) => (&mut self.present, "there already"),
            Ok(Copied::Replaced) => (&mut self.replaced, "replaced"),
            Ok(Copied::Different) => {
                self.exit.get_or_insert(Exit::Failed);
                (&mut self.different, "left: there is another record of it; `--replace` puts this one in its place")
            }
            Ok(_) => (&mut self.to_come, "what was asked of it is copied; it is not there yet"),
            Err(error) if error.is_of_the_store() => return Err(error.into()),
            Err(error) => {
                let failure = Failure::from(error);
                self.exit.get_or_insert(failure.exit());
                self.failed.push(FailedRun { id: run.to_string(), error: session.out.tell(&failure) });
                return Ok(());
            }
        };
        list.push(run.to_string());
        if session.out.is_json() { Ok(()) } else { session.out.line(format!("{run}: {text}")) }
    }

    fn end(self, session: &mut Session) -> Result<Exit, Failure> {
        let exit = self.exit.unwrap_or(Exit::Done);
        if session.out.is_json() {
            session.out.json(self)?;
        }
        Ok(exit)
    }
}

/// All runs of a store, and those that are to come and of which something was asked.
pub(crate) async fn all_runs<A: WorkflowStore>(store: &A) -> Result<(Vec<WorkflowId>, Vec<Damaged>), StoreError> {
    let listing = store.list_workflows().await?;
    let mut runs = listing.workflows;
    let to_come: Vec<_> = store.asked().await?.into_iter().filter(|id| runs.binary_search(id).is_err()).collect();
    runs.extend(to_come);
    Ok((runs, listing.damaged))
}
