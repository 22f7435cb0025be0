//! Queries, answered from the indexes.
//!
//! In: what runs must be like. Out: a page of summaries, as `Query::page_of` makes it of all runs. For each status
//! there is one select that reads an index in the order of the answer and stops when the page is full; together they
//! hold the page. Metadata has an index in that order of its own.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::change::Facts;
use super::head::Head;
use crate::state::{WorkflowId, WorkflowStatus};
use crate::store::{Damaged, Page, Query, Summary};

/// All statuses, by their numbers.
const STATUSES: [WorkflowStatus; 7] = [
    WorkflowStatus::Running,
    WorkflowStatus::Suspended,
    WorkflowStatus::Completed,
    WorkflowStatus::Failed,
    WorkflowStatus::Cancelled,
    WorkflowStatus::RollingBack,
    WorkflowStatus::RolledBack,
];
/// Where runs are taken from that are asked for by nothing that the caller said of them.
const RUNS: &str = "runs";
/// How many entries of the index are counted to find the entry that the fewest runs have.
const COUNTED: i64 = 1_000;

/// A select in the making: its conditions with what is bound to them.
struct Select {
    from: &'static str,
    conditions: String,
    values: Vec<Value>,
}

/// A run as the tables have it.
struct Row {
    run: i64,
    /// What the checksums of the row must be.
    head: Head,
    crc: u32,
    summary: Summary,
}

/// The page that a query asks for.
pub(super) fn page(db: &Connection, path: &Path, query: &Query) -> rusqlite::Result<Page> {
    let (mut rows, mut damaged) = (Vec::new(), Vec::new());
    for (sql, values) in statements(db, query)? {
        let mut select = db.prepare_cached(&sql)?;
        // What is in the place of a value and is none is damage of that run alone.
        for found in select.query_map(params_from_iter(values), |found| Ok(row(found).unwrap_or(None)))? {
            match found? {
                Some(row) => rows.push(row),
                None => damaged.push(Damaged::new(path, "what stands there of a run is damaged")),
            }
        }
    }
    rows.sort_by_cached_key(|row| (Reverse(row.summary.created_at), row.summary.id.clone()));
    rows.truncate(query.page.get() + 1);
    let mut runs = Vec::with_capacity(rows.len());
    for mut row in rows {
        row.summary.metadata = metadata(db, row.run)?;
        if row.is_intact() {
            runs.push(row.summary);
        } else {
            damaged.push(Damaged::new(path, format!("run `{}`: what queries ask of it is damaged", row.summary.id)));
        }
    }
    damaged.dedup();
    Ok(query.page_of(runs, damaged))
}

/// The statements that a query is answered with, each with what is bound to it.
pub(super) fn statements(db: &Connection, query: &Query) -> rusqlite::Result<Vec<(String, Vec<Value>)>> {
    let asked: Vec<WorkflowStatus> =
        STATUSES.into_iter().filter(|status| query.statuses.is_empty() || query.statuses.contains(status)).collect();
    let selects = match rarest(db, query)? {
        Some(rarest) => vec![of_metadata(query, &asked, &rarest)],
        None => asked.iter().map(|status| of_status(query, *status)).collect(),
    };
    Ok(selects.into_iter().map(|select| select.finish(query.page.get())).collect())
}

impl Row {
    fn is_intact(&self) -> bool {
        let Summary { id, run_no, workflow, version, created_at, metadata, .. } = &self.summary;
        let facts = Facts::crc(id, *run_no, workflow, *version, *created_at, metadata);
        self.head.facts == facts && self.head.crc() == self.crc
    }
}

/// Of the metadata that is asked for, the entry that the fewest runs have.
fn rarest(db: &Connection, query: &Query) -> rusqlite::Result<Option<String>> {
    let mut rarest: Option<(i64, &String)> = None;
    for (key, value) in &query.metadata {
        let mut count =
            db.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM metadata WHERE key = ?1 AND value = ?2 LIMIT ?3)")?;
        let count = count.query_row(rusqlite::params![key, value, COUNTED], |row| row.get(0))?;
        if rarest.is_none_or(|(fewest, _)| count < fewest) {
            rarest = Some((count, key));
        }
    }
    Ok(rarest.map(|(_, key)| key.clone()))
}

fn of_status(query: &Query, status: WorkflowStatus) -> Select {
    let mut select = Select { from: RUNS, conditions: "1".to_owned(), values: Vec::new() };
    if let Some(workflow) = &query.workflow {
        select.add("runs.workflow = ?", [workflow.clone().into()]);
    }
    select.add("runs.status = ?", [i64::from(status as u8).into()]);
    select.add_time(query, "runs.created");
    select
}

fn of_metadata(query: &Query, statuses: &[WorkflowStatus], rarest: &String) -> Select {
    // `CROSS JOIN` has SQLite walk the index of metadata, which is in the order of the answer.
    let from = "metadata CROSS JOIN runs USING (run)";
    let mut select = Select { from, conditions: "1".to_owned(), values: Vec::new() };
    for (key, value) in query.metadata.iter().filter(|(key, _)| *key == rarest) {
        select.add("metadata.key = ? AND metadata.value = ?", [key.clone().into(), value.clone().into()]);
    }
    select.add_time(query, "metadata.created");
    for (key, value) in query.metadata.iter().filter(|(key, _)| *key != rarest) {
        let same = "EXISTS (SELECT 1 FROM metadata AS other WHERE other.key = ? AND other.value = ?
            AND other.created = metadata.created AND other.run = runs.run)";
        select.add(same, [key.clone().into(), value.clone().into()]);
    }
    if let Some(workflow) = &query.workflow {
        select.add("runs.workflow = ?", [workflow.clone().into()]);
    }
    let marks = vec!["?"; statuses.len()].join(", ");
    let numbers = statuses.iter().map(|status| i64::from(*status as u8).into());
    select.add(&format!("runs.status IN ({marks})"), numbers);
    select
}

impl Select {
    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        // Writing to a text cannot fail.
        let _ = write!(self.conditions, " AND {condition}");
        self.values.extend(values);
    }

    fn add_time(&mut self, query: &Query, column: &str) {
        match query.created.0 {
            Bound::Included(from) => self.add(&format!("{column} >= ?"), [from.into()]),
            Bound::Excluded(from) => self.add(&format!("{column} > ?"), [from.into()]),
            Bound::Unbounded => {}
        }
        match query.created.1 {
            Bound::Included(to) => self.add(&format!("{column} <= ?"), [to.into()]),
            Bound::Excluded(to) => self.add(&format!("{column} < ?"), [to.into()]),
            Bound::Unbounded => {}
        }
        if let Some(after) = &query.after {
            let (at, id) = (after.created_at, after.id.as_str().to_owned());
            self.add(&format!("{column} <= ?"), [at.into()]);
            self.add(&format!("({column} < ? OR runs.id > ?)"), [at.into(), id.into()]);
        }
    }

    /// The statement for the first runs, one more than a page has.
    fn finish(mut self, page: usize) -> (String, Vec<Value>) {
        let created = if self.from == RUNS { "runs.created" } else { "metadata.created" };
        let sql = format!(
            "SELECT runs.run, id, run_no, workflow, version, status, runs.created, updated, next, delta_crc, last, facts, crc
             FROM {} WHERE {} ORDER BY {created} DESC, runs.id LIMIT ?",
            self.from, self.conditions
        );
        self.values.push(i64::try_from(page + 1).unwrap_or(i64::MAX).into());
        (sql, self.values)
    }
}

/// None in the place of a run whose id or status cannot be.
fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Row>> {
    let Ok(id) = WorkflowId::new(row.get::<_, String>(1)?) else { return Ok(None) };
    let number: u8 = row.get(5)?;
    let Some(status) = STATUSES.into_iter().find(|status| *status as u8 == number) else { return Ok(None) };
    let head = Head {
        status: number,
        updated: row.get(7)?,
        next: row.get::<_, i64>(8)?.cast_unsigned(),
        delta_crc: row.get(9)?,
        last: row.get(10)?,
        facts: row.get(11)?,
        ..Head::default()
    };
    let summary = Summary {
        id,
        run_no: row.get::<_, i64>(2)?.cast_unsigned(),
        workflow: row.get(3)?,
        version: row.get(4)?,
        status,
        metadata: BTreeMap::new(),
        created_at: row.get(6)?,
        updated_at: head.updated,
    };
    Ok(Some(Row { run: row.get(0)?, head, crc: row.get(12)?, summary }))
}

fn metadata(db: &Connection, run: i64) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut select = db.prepare_cached("SELECT key, value FROM metadata WHERE run = ?1")?;
    select.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
