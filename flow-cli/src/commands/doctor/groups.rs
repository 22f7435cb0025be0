//! A look over a whole store: what its runs wait for.
//!
//! In: all runs that have not ended, and the newest that failed. Out: how many there are of each kind, the oldest first,
//! with one to look at.

use std::collections::{BTreeMap, BTreeSet};

use flow_runtime::state::{Timestamp, WorkflowStatus};
use flow_runtime::store::{Damaged, Query, Summary};
use flow_runtime::{StoreError, WorkflowStore};
use serde::Serialize;

use super::finding::{Finding, Patient};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, time};
use crate::session::Session;
use crate::store::AnyStore;
use crate::words;

/// How many runs that failed are looked at, the newest first.
const FAILED: usize = 1000;
/// How many runs are asked for at once.
const PAGE: usize = 1000;

/// Runs of one workflow of which the same was found.
#[derive(Serialize)]
struct Group {
    kind: &'static str,
    what: String,
    workflow: String,
    runs: usize,
    oldest: String,
    /// The one that has not changed for the longest.
    example: String,
    #[serde(skip)]
    since: Timestamp,
}

#[derive(Serialize)]
struct Document {
    groups: Vec<Group>,
    damaged: Vec<words::Damage>,
}

/// What is gathered on the way.
struct Look<'a> {
    store: AnyStore,
    session: &'a Session,
    groups: BTreeMap<(&'static str, String, String), Group>,
    damaged: BTreeSet<Damaged>,
}

/// Shows the groups.
pub(super) async fn show(session: &mut Session) -> Result<Exit, Failure> {
    let store = session.snapshot()?;
    let mut look = Look { store, session, groups: BTreeMap::new(), damaged: BTreeSet::new() };
    look.all().await?;
    let (damaged, mut groups) = (look.damaged, look.groups.into_values().collect::<Vec<_>>());
    groups.sort_by_key(|group| group.since);
    let exit = if damaged.is_empty() { Exit::Done } else { Exit::Damage };
    if session.out.is_json() {
        session.out.json(Document { groups, damaged: damaged.iter().map(words::Damage::from).collect() })?;
        return Ok(exit);
    }
    let mut table = Table::new(["RUNS", "WORKFLOW", "WHAT", "OLDEST", "SUCH AS"]);
    for Group { workflow, what, runs, example, since, .. } in &groups {
        let oldest = time::age(*since, session.now);
        table.row([
            runs.to_string().into(),
            workflow.as_str().into(),
            what.as_str().into(),
            oldest.into(),
            example.as_str().into(),
        ]);
    }
    session.out.table(&table)?;
    if groups.is_empty() {
        session.out.line("no run is under way, and none has failed")?;
    } else {
        session.out.remark(format!("`{}` tells more of one", session.command(&["doctor"], &["RUN"])));
    }
    if !damaged.is_empty() {
        session.out.remark(format!("{} things are damaged: `{}`", damaged.len(), session.command(&["verify"], &[])));
    }
    Ok(exit)
}

impl Look<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        let under_way = [WorkflowStatus::Running, WorkflowStatus::Suspended, WorkflowStatus::RollingBack];
        self.of(under_way.into_iter().fold(Query::new(), Query::status), usize::MAX).await?;
        let failed = [WorkflowStatus::Failed, WorkflowStatus::RolledBack];
        self.of(failed.into_iter().fold(Query::new(), Query::status), FAILED).await
    }

    async fn of(&mut self, query: Query, most: usize) -> Result<(), Failure> {
        let (mut query, mut left) = (query.page(PAGE.min(most)), most);
        loop {
            let page = self.store.query(&query).await?;
            // Each page tells of all that the store knows of.
            self.damaged.extend(page.damaged);
            left = left.saturating_sub(page.runs.len());
            for run in &page.runs {
                self.run(run).await?;
            }
            match page.next {
                Some(next) if left > 0 => query = query.after(next),
                _ => return Ok(()),
            }
        }
    }

    async fn run(&mut self, run: &Summary) -> Result<(), Failure> {
        let data = match self.store.load(&run.id).await {
            Ok(data) => data,
            // It was deleted since, or is damaged, which `verify` tells.
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(StoreError::Corrupt { path, reason, .. }) => {
                self.damaged.insert(Damaged::new(path.unwrap_or_default(), format!("run `{}`: {reason}", run.id)));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let (requests, holder) = (self.store.requests(&run.id).await?, self.store.holder(&run.id).await?);
        let patient = Patient { data: &data, requests: &requests, holder: holder.as_deref(), session: self.session };
        if let Some(finding) = patient.findings().into_iter().next() {
            self.count(run, finding);
        }
        Ok(())
    }

    fn count(&mut self, run: &Summary, Finding { kind, group: what, .. }: Finding) {
        let workflow = words::workflow(&run.workflow, run.version);
        let key = (kind, workflow.clone(), what.clone());
        let group = self.groups.entry(key).or_insert_with(|| Group {
            kind,
            what,
            workflow,
            runs: 0,
            oldest: String::new(),
            example: String::new(),
            since: Timestamp::MAX,
        });
        group.runs += 1;
        if run.updated_at < group.since {
            (group.since, group.oldest) = (run.updated_at, time::exact(run.updated_at));
            group.example = run.id.to_string();
        }
    }
}
