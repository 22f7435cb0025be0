//! `flow verify`: reads all that a store holds and says what is damaged.
//!
//! In: the store. Out: what cannot be read, of which run, where, and what can be done about it.

use std::collections::BTreeSet;

use clap::Args;
use flow_runtime::state::{Payload, RunOutput, StepRef};
use flow_runtime::store::{Damaged, Query};
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Cell, Table, Tone};
use crate::record::{steps_in, value};
use crate::session::Session;
use crate::store::AnyStore;

/// How many runs are asked for at once.
const PAGE: usize = 1000;
/// The first number of what applications do to their values.
const FIRST_OF_USERS: u8 = 128;

/// Read every record, value and request, and tell what is damaged
///
/// Nothing is changed. The exit code is 5 if something is damaged.
#[derive(Args, Debug)]
pub(crate) struct Verify {}

/// What was read, and what was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    runs: usize,
    values: usize,
    requests: usize,
    /// Values that the application has encrypted, or the like: they are there, and what is in them was not looked at.
    opaque: usize,
    damaged: Vec<Finding>,
}

/// Something that cannot be read.
#[derive(Debug, Serialize)]
struct Finding {
    /// Absent if it is not known whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    what: String,
    /// The file; empty if none is known.
    path: String,
    reason: String,
    help: String,
}

/// A check that is under way.
struct Check<'a> {
    store: AnyStore,
    session: &'a Session,
    report: Report,
}

impl Verify {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = session.snapshot()?;
        let mut check = Check { store, session, report: Report::default() };
        check.all().await?;
        let report = check.report;
        let exit = if report.damaged.is_empty() { Exit::Done } else { Exit::Damage };
        if session.out.is_json() {
            session.out.json(report)?;
            return Ok(exit);
        }
        print(&report, session)?;
        Ok(exit)
    }
}

impl Check<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        let listing = self.store.list_workflows().await?;
        self.listed(&listing.damaged);
        let bar = self.bar(listing.workflows.len());
        for id in &listing.workflows {
            self.run(id).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.summaries().await?;
        self.requests_without_runs(&listing.workflows.into_iter().collect()).await
    }

    fn bar(&self, runs: usize) -> ProgressBar {
        if self.session.out.draws() { ProgressBar::new(runs as u64) } else { ProgressBar::hidden() }
    }

    async fn run(&mut self, id: &WorkflowId) -> Result<(), Failure> {
        let data = match self.store.load(id).await {
            Ok(data) => data,
            // It was deleted since it was listed.
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return self.found(id, "record", error),
        };
        self.report.runs += 1;
        for (place, payload) in values(&data) {
            self.report.values += 1;
            match value::fetch(&self.store, &data, payload).await {
                Ok(_) => {}
                // What the application did to its bytes only the application can undo.
                Err(StoreError::Other(_)) if payload.transform >= FIRST_OF_USERS => self.report.opaque += 1,
                Err(error) => self.found(id, &place.in_words(&data), error)?,
            }
        }
        self.requests(id).await
    }

    async fn requests(&mut self, id: &WorkflowId) -> Result<(), Failure> {
        match self.store.requests(id).await {
            Ok(requests) => self.report.requests += requests.len(),
            Err(error) => self.found(id, "request", error)?,
        }
        Ok(())
    }

    /// What queries read, which may be damaged beside the records.
    async fn summaries(&mut self) -> Result<(), Failure> {
        let mut query = Query::new().page(PAGE);
        loop {
            let page = self.store.query(&query).await?;
            self.listed(&page.damaged);
            let Some(next) = page.next else { return Ok(()) };
            query = query.after(next);
        }
    }

    async fn requests_without_runs(&mut self, runs: &BTreeSet<WorkflowId>) -> Result<(), Failure> {
        for id in self.store.asked().await?.iter().filter(|id| !runs.contains(id)) {
            self.requests(id).await?;
        }
        Ok(())
    }

    /// Notes what the store tells of damage; what was found of the run itself says more.
    fn listed(&mut self, damaged: &[Damaged]) {
        for Damaged { path, reason, .. } in damaged {
            let known = self.report.damaged.iter().any(|found| {
                let of_run = |run: &String| reason.starts_with(&format!("run `{run}`: "));
                found.reason == *reason || found.run.as_ref().is_some_and(of_run)
            });
            if !known {
                let help = "restore the store from a copy, or copy what can be read to a new store".to_owned();
                let path = path.display().to_string();
                self.report.damaged.push(Finding {
                    run: None,
                    what: "store".to_owned(),
                    path,
                    reason: reason.clone(),
                    help,
                });
            }
        }
    }

    /// Notes damage; what says nothing of the store's contents ends the check.
    fn found(&mut self, id: &WorkflowId, what: &str, error: StoreError) -> Result<(), Failure> {
        let (path, reason) = match &error {
            StoreError::Corrupt { path, reason, .. } => (path.clone(), reason.clone()),
            StoreError::Damaged { path, reason } => (Some(path.clone()), reason.clone()),
            StoreError::Newer { .. } => (None, error.to_string()),
            StoreError::Other(source) => (None, source.to_string()),
            _ => return Err(error.into()),
        };
        let help = self.help(id, what, &error);
        let path = path.map(|path| path.display().to_string()).unwrap_or_default();
        self.report.damaged.push(Finding { run: Some(id.to_string()), what: what.to_owned(), path, reason, help });
        Ok(())
    }

    fn help(&self, id: &WorkflowId, what: &str, error: &StoreError) -> String {
        let remove = self.session.command(&["rm"], &[id.as_str()]);
        match (error, what) {
            (StoreError::Newer { .. }, _) => "use a newer `flow`; nothing of it is damaged".to_owned(),
            (_, "record") => format!("restore it from a copy of the store, or give it up: {remove}"),
            (_, "request") => "it is not taken; ask again".to_owned(),
            _ => format!("the run goes on as long as nothing needs this value; else give it up: {remove}"),
        }
    }
}

/// Where in a record a value stands.
enum Place<'a> {
    Input,
    Output,
    OutputOf(StepRef),
    Data(&'a str),
}

impl Place<'_> {
    fn in_words(&self, data: &WorkflowData) -> String {
        match self {
            Self::Input => "input".to_owned(),
            Self::Output => "output".to_owned(),
            Self::OutputOf(step) => format!("output of {}", data.path(*step)),
            Self::Data(key) => format!("data {key}"),
        }
    }
}

/// The values of a record, with where they stand. The output of a run that is that of a step stands there.
fn values(data: &WorkflowData) -> impl Iterator<Item = (Place<'_>, &Payload)> {
    let outputs = steps_in(data).filter_map(|step| Some((Place::OutputOf(step), data.step(step).output.as_ref()?)));
    let entries =
        data.data.iter().flat_map(|(key, entries)| entries.iter().map(|entry| (Place::Data(key), &entry.payload)));
    let own = match &data.output {
        Some(RunOutput::Payload(payload)) => Some((Place::Output, payload)),
        _ => None,
    };
    std::iter::once((Place::Input, &data.input)).chain(outputs).chain(entries).chain(own)
}

fn print(report: &Report, session: &mut Session) -> Result<(), Failure> {
    let mut table = Table::new(["RUN", "WHAT", "REASON", "WHERE"]);
    for found in &report.damaged {
        let run = found.run.as_deref().unwrap_or_default();
        table.row([
            run.into(),
            Cell::from(found.what.as_str()).toned(Tone::Bad),
            found.reason.as_str().into(),
            found.path.as_str().into(),
        ]);
    }
    session.out.table(&table)?;
    let helps: BTreeSet<&str> = report.damaged.iter().map(|found| found.help.as_str()).collect();
    helps.into_iter().for_each(|help| session.out.remark(format!("help: {help}")));
    let Report { runs, values, requests, opaque, damaged } = report;
    if *opaque > 0 {
        session.out.remark(format!("{opaque} values can be read by their application alone; they are there"));
    }
    let found = match damaged.len() {
        0 => "nothing is damaged".to_owned(),
        1 => "1 thing is damaged".to_owned(),
        things => format!("{things} things are damaged"),
    };
    session.out.line(format!("{runs} runs, {values} values and {requests} requests were read: {found}"))
}
