//! Asking something of runs that others drive: what becomes of it, run by run.
//!
//! In: runs, and how something is asked of one. Out: a line for each, or one document; the requests wait in the store
//! until the application takes them.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use flow_runtime::state::{Request, WorkflowStatus};
use flow_runtime::{AskError, Engine, WorkflowId, WorkflowStore};
use serde::Serialize;

use crate::chosen::Chosen;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Told, time};
use crate::session::Session;
use crate::store::AnyStore;

/// How long it takes until the store is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// Whether to wait until something is taken.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Wait {
    /// Wait until the run has taken it, so long at most; 30 s where no time is given
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    #[arg(value_parser = time::parse_length)]
    wait: Option<Duration>,
}

/// Runs of which something is asked.
#[derive(Args, Debug)]
pub(crate) struct Steering {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// What is asked.
pub(crate) struct Order {
    /// What is done, for questions: "cancel".
    pub(crate) act: &'static str,
    /// What it is called: "cancellation".
    pub(crate) what: &'static str,
    /// The name of its kind of request.
    pub(crate) kind: &'static str,
    /// Of which runs it can be asked, of those that are not named.
    pub(crate) fits: fn(WorkflowStatus) -> bool,
}

/// What became of runs, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    runs: Vec<Became>,
    /// The exit code of the first that failed.
    exit: Option<Exit>,
}

/// What became of a run.
#[derive(Debug, Serialize)]
struct Became {
    id: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
}

#[derive(Serialize)]
struct Document {
    runs: Vec<Became>,
}

/// How far something has come that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the store.
    Asked,
    /// The run has taken it.
    Taken,
}

impl Steering {
    /// Asks this of each run.
    pub(crate) async fn order(
        self,
        session: &mut Session,
        order: &Order,
        ask: impl AsyncFn(&Engine, &WorkflowId) -> Result<(), AskError>,
    ) -> Result<Exit, Failure> {
        let store = session.asker()?;
        let runs = self.chosen.find(&store, session, order.fits).await?;
        self.chosen.confirm(order.act, &runs, &session.out)?;
        let engine = session.engine(&store);
        let mut outcomes = Outcomes::default();
        for run in &runs {
            let fate = match ask(&engine, run).await {
                Ok(()) => self.wait.fate(&store, run, order.what, |request| request.kind.name() == order.kind).await,
                Err(error) => Err(error.into()),
            };
            outcomes.asked(session, run, (order.what, "asked"), fate)?;
        }
        outcomes.end(session)
    }
}

impl Wait {
    /// How far what was asked of this run has come, once it is taken if that is to be waited for.
    pub(crate) async fn fate(
        self,
        store: &AnyStore,
        run: &WorkflowId,
        what: &'static str,
        is_it: impl Fn(&Request) -> bool,
    ) -> Result<Fate, Failure> {
        let Some(within) = self.wait else { return Ok(Fate::Asked) };
        let ids = async |is_it: &dyn Fn(&Request) -> bool| -> Result<BTreeSet<String>, Failure> {
            let requests = store.requests(run).await?;
            Ok(requests.into_iter().filter(|request| is_it(request)).map(|request| request.id).collect())
        };
        let asked = ids(&is_it).await?;
        let taken = async {
            loop {
                if ids(&is_it).await?.is_disjoint(&asked) {
                    return Ok(Fate::Taken);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let not_taken = || Failure::NotTaken { run: run.clone(), what, within };
        tokio::time::timeout(within, taken).await.unwrap_or_else(|_| Err(not_taken()))
    }
}

impl Outcomes {
    /// Takes in what became of something that was asked of a run: what it is, and what is done with it.
    pub(crate) fn asked(
        &mut self,
        session: &mut Session,
        run: &WorkflowId,
        (what, asked): (&str, &str),
        fate: Result<Fate, Failure>,
    ) -> Result<(), Failure> {
        let became = fate.map(|fate| match fate {
            Fate::Asked => ("asked", format!("{what} {asked}")),
            Fate::Taken => ("taken", format!("{what} taken")),
        });
        self.push(session, run, became)
    }

    /// Takes in what became of a run: a word for JSON and one for people.
    pub(crate) fn push(
        &mut self,
        session: &mut Session,
        run: &WorkflowId,
        became: Result<(&'static str, String), Failure>,
    ) -> Result<(), Failure> {
        let (outcome, error) = match became {
            Ok((outcome, text)) => {
                if !session.out.is_json() {
                    session.out.line(format!("{run}: {text}"))?;
                }
                (outcome, None)
            }
            Err(failure) if failure.is_closed_pipe() => return Err(failure),
            Err(failure) => {
                self.exit.get_or_insert(failure.exit());
                ("failed", Some(session.out.tell(&failure)))
            }
        };
        self.runs.push(Became { id: run.to_string(), outcome, error });
        Ok(())
    }

    /// Prints what is left to be said.
    pub(crate) fn end(self, session: &mut Session) -> Result<Exit, Failure> {
        if self.runs.iter().any(|run| run.outcome == "asked") {
            session.out.remark(
                "the application takes it within a second if it runs with this store, else when it starts; \
                 `--wait` waits for that",
            );
        }
        if session.out.is_json() {
            session.out.json(Document { runs: self.runs })?;
        }
        Ok(self.exit.unwrap_or(Exit::Done))
    }
}
