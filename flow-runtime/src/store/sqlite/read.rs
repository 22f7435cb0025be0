//! Runs, lists and parts from the tables.
//!
//! In: ids. Out: what the tables hold of them, checked against their checksums. Each call sees the file as it is at
//! one moment, whoever writes meanwhile.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::change::{Kind, part_crc, row_crc};
use super::failure::{Failure, Refusal};
use super::head::{DAMAGED_HEAD, Head};
use crate::plan::{Fingerprint, Plan};
use crate::state::codec::CodecError;
use crate::state::codec::flat::{FindPlan, read_delta, read_plan, read_record};
use crate::state::{WorkflowData, WorkflowId};
use crate::store::{Damaged, Listing, PartKey, StoreError};

/// How many plans are remembered.
const MAX_PLANS: usize = 1_000;

/// The plans that were read, which many runs share.
pub(super) type PlanCache = HashMap<i64, Stored>;

/// A plan of the table.
#[derive(Clone)]
pub(super) struct Stored {
    digest: [u8; 32],
    plan: Arc<Plan>,
}

/// A row of the journal.
struct Entry {
    run: i64,
    before: i64,
    next: u64,
    kind: i64,
    plan: i64,
    crc: u32,
    body: Bytes,
}

/// The plan that a row names, if it names one.
struct Named(Option<Arc<Plan>>);

impl FindPlan for Named {
    fn find(&self, fingerprint: Fingerprint) -> Option<Arc<Plan>> {
        self.0.as_ref().and_then(|plan| plan.find(fingerprint))
    }
}

/// Why a row gave nothing.
enum Broken {
    Sql(rusqlite::Error),
    Codec(CodecError),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<CodecError> for Broken {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

fn broken(reason: impl Into<String>) -> Broken {
    Broken::Codec(CodecError::Broken { reason: reason.into() })
}

/// The record of a run.
pub(super) fn load(
    db: &Connection,
    path: &Path,
    plans: &mut PlanCache,
    id: &WorkflowId,
) -> Result<WorkflowData, Refusal> {
    let (head, is_intact) = match Head::find(db, id) {
        Ok(found) => found.ok_or_else(|| StoreError::NotFound { id: id.clone() })?,
        Err(error) => return Err(of_run(path, id, error.into())),
    };
    if !is_intact {
        return Err(corrupt(path, id, DAMAGED_HEAD).into());
    }
    read_run(db, plans, id, &head).map_err(|error| of_run(path, id, error))
}

/// What is said of a run whose rows cannot be read.
fn of_run(path: &Path, id: &WorkflowId, error: Broken) -> Refusal {
    match error {
        Broken::Sql(error) => match Failure::of("read", path, &error) {
            failure if failure.is_damage() => corrupt(path, id, failure.reason()).into(),
            _ => Refusal::Sql(error),
        },
        Broken::Codec(CodecError::Newer { found, known }) => {
            StoreError::Newer { what: format!("run `{id}` in {}", path.display()), found, known }.into()
        }
        Broken::Codec(CodecError::Broken { reason }) => corrupt(path, id, &reason).into(),
        Broken::Codec(error) => corrupt(path, id, &error.to_string()).into(),
    }
}

fn corrupt(path: &Path, id: &WorkflowId, reason: &str) -> StoreError {
    StoreError::Corrupt { id: id.clone(), path: Some(path.to_owned()), reason: reason.to_owned() }
}

fn read_run(db: &Connection, plans: &mut PlanCache, id: &WorkflowId, head: &Head) -> Result<WorkflowData, Broken> {
    let mut data: Option<WorkflowData> = None;
    for entry in chain(db, head)?.into_iter().rev() {
        let kind = entry.kind().ok_or_else(|| broken(format!("a row of it is of the unknown kind {}", entry.kind)))?;
        let stored = if entry.plan == 0 { None } else { Some(stored_plan(db, plans, entry.plan)?) };
        let digest = stored.as_ref().map(|stored| &stored.digest);
        if row_crc(id, head.run_no, entry.next, kind, digest, &entry.body) != entry.crc {
            return Err(broken(format!("the checksum of change {} is wrong", entry.next.wrapping_sub(1))));
        }
        let named = Named(stored.map(|stored| stored.plan));
        data = Some(entry.add_to(data, kind, head.run_no, &named)?);
    }
    let data = data.ok_or_else(|| broken("there is no row of it"))?;
    if data.id == *id && data.run_no == head.run_no && data.seq == head.next {
        return Ok(data);
    }
    Err(broken(format!("its rows hold run `{}` at change {} and not {}", data.id, data.seq, head.next)))
}

/// The rows of a run, the newest first.
fn chain(db: &Connection, head: &Head) -> Result<Vec<Entry>, Broken> {
    let mut select =
        db.prepare_cached("SELECT run, before, next, kind, plan, crc, body FROM journal WHERE row = ?1")?;
    let (mut entries, mut at) = (Vec::new(), head.last);
    while at != 0 {
        let entry = select.query_row([at], Entry::of).optional()?.ok_or_else(|| broken("a row of it is missing"))?;
        // A row points only to older ones, so a chain comes to an end.
        if entry.run != head.run || entry.before >= at {
            return Err(broken("a row of it is another run's"));
        }
        at = entry.before;
        entries.push(entry);
    }
    Ok(entries)
}

impl Entry {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: row.get(0)?,
            before: row.get(1)?,
            next: row.get::<_, i64>(2)?.cast_unsigned(),
            kind: row.get(3)?,
            plan: row.get(4)?,
            crc: row.get(5)?,
            body: Bytes::copy_from_slice(row.get_ref(6)?.as_blob()?),
        })
    }

    fn kind(&self) -> Option<Kind> {
        [Kind::Delta, Kind::Snapshot].into_iter().find(|kind| *kind as i64 == self.kind)
    }

    fn add_to(
        &self,
        data: Option<WorkflowData>,
        kind: Kind,
        run_no: u64,
        plan: &Named,
    ) -> Result<WorkflowData, Broken> {
        if kind == Kind::Snapshot {
            return Ok(read_record(&self.body, plan)?);
        }
        let delta = read_delta(&self.body, run_no, self.next.wrapping_sub(1), plan)?;
        match data {
            None => WorkflowData::create(&delta).map_err(|error| broken(error.to_string())),
            Some(mut data) => {
                data.apply(&delta).map_err(|error| broken(error.to_string()))?;
                Ok(data)
            }
        }
    }
}

fn stored_plan(db: &Connection, plans: &mut PlanCache, number: i64) -> Result<Stored, Broken> {
    if let Some(stored) = plans.get(&number) {
        return Ok(stored.clone());
    }
    let mut select = db.prepare_cached("SELECT digest, body FROM plans WHERE plan = ?1")?;
    let row = select.query_row([number], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?)))
    });
    let (digest, body) = row.optional()?.ok_or_else(|| broken("the plan that it names is missing"))?;
    if <[u8; 32]>::from(Sha256::digest(&body)) != digest {
        return Err(broken("the checksum of the plan that it names is wrong"));
    }
    let stored = Stored { digest, plan: Arc::new(read_plan(&body)?) };
    if plans.len() >= MAX_PLANS {
        plans.clear();
    }
    plans.insert(number, stored.clone());
    Ok(stored)
}

/// The ids of all runs, sorted.
pub(super) fn list(db: &Connection, path: &Path) -> Result<Listing, Refusal> {
    let mut select = db.prepare_cached("SELECT id FROM runs ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut listing = Listing::default();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().ok();
        match text.map(WorkflowId::new) {
            Some(Ok(id)) => listing.workflows.push(id),
            _ => listing.damaged.push(Damaged::new(path, "the id of a run is damaged")),
        }
    }
    Ok(listing)
}

/// A part of a payload.
pub(super) fn part(db: &Connection, path: &Path, key: &PartKey) -> Result<Bytes, Refusal> {
    let mut select =
        db.prepare_cached("SELECT crc, body FROM parts WHERE id = ?1 AND run_no = ?2 AND payload = ?3 AND part = ?4")?;
    let payload = key.payload.to_be_bytes();
    let name = rusqlite::params![key.id.as_str(), key.run_no.cast_signed(), payload, key.part];
    let row = select.query_row(name, |row| Ok((row.get(0)?, Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?))));
    let corrupt = |reason: &str| {
        let reason = format!("part {} of its payload {:032x} {reason}", key.part, key.payload);
        StoreError::Corrupt { id: key.id.clone(), path: Some(path.to_owned()), reason }
    };
    let (crc, body): (u32, Bytes) = row.optional()?.ok_or_else(|| corrupt("is not there"))?;
    if part_crc(key, &body) == crc { Ok(body) } else { Err(corrupt("is damaged").into()) }
}
