//! `flow list`: which runs there are.

use std::collections::BTreeMap;

use clap::Args;
use flow_runtime::store::{Cursor, Damaged, Query, Summary};
use flow_runtime::{WorkflowId, WorkflowStore};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::output::time;
use crate::output::{Cell, Table};
use crate::paste;
use crate::session::Session;
use crate::store::AnyStore;
use crate::words;

/// How many runs are listed where nothing else is said.
const LIMIT: usize = 50;
/// How many damaged records are told on standard error.
const DAMAGED: usize = 10;

/// List runs, the newest first
///
/// The newest 50, unless `--limit` or `--all` says otherwise. What is damaged is told on standard error.
#[derive(Args, Debug)]
#[command(visible_alias = "ls")]
pub(crate) struct List {
    /// How many runs at most
    #[arg(long, short = 'n', default_value_t = LIMIT, conflicts_with = "all")]
    limit: usize,
    /// All runs
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Go on behind a run: the mark that the page before ended with
    #[arg(long, value_name = "MARK", value_parser = parse_mark)]
    page: Option<Cursor>,
}

/// The runs that were found.
#[derive(Default)]
struct Found {
    runs: Vec<Summary>,
    /// Where the runs behind them begin.
    next: Option<String>,
    damaged: Vec<Damaged>,
}

#[derive(Serialize)]
struct Document {
    runs: Vec<Run>,
    next: Option<String>,
    damaged: Vec<words::Damage>,
}

#[derive(Serialize)]
struct Run {
    id: String,
    workflow: String,
    version: u32,
    status: &'static str,
    created_at: String,
    updated_at: String,
    metadata: BTreeMap<String, String>,
}

impl List {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = session.snapshot()?;
        let found = self.find(&store, session).await?;
        if session.out.is_json() {
            session.out.json(Document::from(&found))?;
            return Ok(Exit::Done);
        }
        session.out.table(&table(&found.runs, session))?;
        tell(&found, session);
        Ok(Exit::Done)
    }

    /// Asks for pages until there are enough.
    async fn find(&self, store: &AnyStore, session: &Session) -> Result<Found, Failure> {
        let most = if self.all { usize::MAX } else { self.limit };
        let mut found = Found::default();
        let mut query = self.query(session);
        while found.runs.len() < most {
            let page = store.query(&query.clone().page(most - found.runs.len())).await?;
            found.damaged = page.damaged;
            found.runs.extend(page.runs);
            found.next = page.next.as_ref().and(found.runs.last()).map(mark);
            let Some(next) = page.next else { break };
            query = query.after(next);
        }
        Ok(found)
    }

    fn query(&self, session: &Session) -> Query {
        let query = self.filter.query(session);
        match &self.page {
            Some(mark) => query.after(mark.clone()),
            None => query,
        }
    }
}

fn table(runs: &[Summary], session: &Session) -> Table {
    let mut table = Table::new(["ID", "WORKFLOW", "STATUS", "CREATED", "UPDATED", "METADATA"]);
    for run in runs {
        let metadata: Vec<String> = run.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        table.row([
            run.id.as_str().into(),
            words::workflow(&run.workflow, run.version).into(),
            words::run_cell(run.status),
            time::age(run.created_at, session.now).into(),
            time::age(run.updated_at, session.now).into(),
            Cell::from(metadata.join(" ")).short(),
        ]);
    }
    table
}

fn tell(found: &Found, session: &Session) {
    let out = &session.out;
    if found.runs.is_empty() {
        out.remark("there is no such run");
    }
    if let Some(next) = &found.next {
        out.remark(format!("there are more: go on with --page {}", paste::quoted(next)));
    }
    for damaged in found.damaged.iter().take(DAMAGED) {
        out.remark(format!("damaged: {}", words::damage(damaged)));
    }
    if found.damaged.len() > DAMAGED {
        let rest = found.damaged.len() - DAMAGED;
        out.remark(format!("damaged: {rest} more; `{}` tells all", session.command(&["verify"], &[])));
    }
}

impl From<&Found> for Document {
    fn from(found: &Found) -> Self {
        Self {
            runs: found.runs.iter().map(Run::from).collect(),
            next: found.next.clone(),
            damaged: found.damaged.iter().map(words::Damage::from).collect(),
        }
    }
}

impl From<&Summary> for Run {
    fn from(run: &Summary) -> Self {
        Self {
            id: run.id.to_string(),
            workflow: run.workflow.clone(),
            version: run.version,
            status: words::of_run(run.status),
            created_at: time::exact(run.created_at),
            updated_at: time::exact(run.updated_at),
            metadata: run.metadata.clone(),
        }
    }
}

/// The place behind a run, as `--page` takes it.
fn mark(run: &Summary) -> String {
    format!("{}:{}", run.created_at, run.id)
}

fn parse_mark(text: &str) -> Result<Cursor, String> {
    let parts = text.split_once(':').and_then(|(at, id)| Some((at.parse().ok()?, WorkflowId::new(id).ok()?)));
    let (at, id) = parts.ok_or("it is no mark that `flow list` has printed")?;
    Ok(Cursor::new(at, id))
}
