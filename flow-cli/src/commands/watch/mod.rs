//! `flow watch`: follows a run until it ends.
//!
//! In: a run's id. Out: a line for each change, or on a terminal a bar with the steps that run; and how the run ended. The
//! record is read again twice a second, beside who writes it.

mod bar;
mod changes;

use std::time::Duration;

use clap::Args;
use flow_runtime::state::{Timestamp, WorkflowStatus};
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};
use serde::Serialize;

use self::bar::Bar;
use self::changes::{Change, Seen};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::time;
use crate::record::{Failed, progress};
use crate::session::Session;
use crate::store::AnyStore;
use crate::words;

/// How often the record is read.
const EVERY: Duration = Duration::from_millis(500);

/// Follow a run until it ends
///
/// On a terminal: a bar, with at most 8 steps that run. Elsewhere: a line for each change. The exit code is 0 if the run
/// completed, and 6 if it ended otherwise.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// The run's id
    #[arg(value_name = "RUN", value_parser = |text: &str| WorkflowId::new(text))]
    run: WorkflowId,
    /// Wait for the run if it is not there yet
    #[arg(long)]
    wait: bool,
}

/// How the run ended, in JSON.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the fields are the members of the JSON")]
struct Ended {
    at: String,
    run: String,
    ended: &'static str,
    failures: Vec<Failed>,
}

impl Watch {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = session.reader()?;
        let mut bar = Bar::new(session);
        let mut seen = Seen::default();
        loop {
            match self.load(&store).await? {
                Some(data) => {
                    let changes = seen.take(&data);
                    bar.draw(&data, session.time());
                    if !bar.is_drawn() {
                        tell(&data, &changes, session)?;
                    }
                    if data.status.is_terminal() {
                        bar.clear();
                        return end(&data, session);
                    }
                }
                None => bar.wait_for(&self.run),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// The record; `None` if it is not there and may come.
    async fn load(&self, store: &AnyStore) -> Result<Option<WorkflowData>, Failure> {
        match store.load(&self.run).await {
            Ok(data) => Ok(Some(data)),
            Err(StoreError::NotFound { .. }) if self.wait => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn tell(data: &WorkflowData, changes: &[Change], session: &mut Session) -> Result<(), Failure> {
    for change in changes {
        if session.out.is_json() {
            session.out.json(change)?;
        } else {
            session.out.line(change.in_words(data, session.time()))?;
        }
    }
    Ok(())
}

fn end(data: &WorkflowData, session: &mut Session) -> Result<Exit, Failure> {
    let exit = if data.status == WorkflowStatus::Completed { Exit::Done } else { Exit::Outcome };
    let failures: Vec<Failed> = data.failures().iter().map(Failed::from).collect();
    if session.out.is_json() {
        let (at, run) = (time::exact(data.updated_at), data.id.to_string());
        session.out.json(Ended { at, run, ended: words::of_run(data.status), failures })?;
        return Ok(exit);
    }
    let (ended, known) = progress(data);
    let took = time::duration(lasted(data));
    session.out.line(format!("{} {} after {took}, {ended} of {known} steps", data.id, words::of_run(data.status)))?;
    failures.iter().try_for_each(|failure| failure.print(&mut session.out))?;
    Ok(exit)
}

fn lasted(data: &WorkflowData) -> Timestamp {
    data.updated_at.saturating_sub(data.created_at)
}
