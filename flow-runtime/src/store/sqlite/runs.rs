//! Changes of runs as rows of the tables.
//!
//! In: requests, one after the other, inside a transaction. Out: rows, or the reason why a request does not fit; it
//! is told before anything of it is written, so that those who share the transaction are not concerned.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, named_params, params};

use super::change::{Change, EncodedPlan, Kind};
use super::claims;
use super::failure::Refusal;
use crate::state::{Timestamp, WorkflowId};
use crate::store::StoreError;

/// How many runs are remembered.
const MAX_REMEMBERED: usize = 20_000;
/// The changes of a run are not worth a snapshot below this many bytes.
const MIN_GROWN: u64 = 128 << 10;
/// What a row costs beside its body.
const ROW_BYTES: u64 = 64;

/// Where a run stands in the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    run: i64,
    run_no: u64,
    next: u64,
    delta_crc: u32,
    last: i64,
    status: u8,
    /// The bytes of its changes since the last snapshot, and those of the snapshot.
    grown: u64,
    whole: u64,
}

/// A run that may not be there, and its claim if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) head: Option<Head>,
    pub(super) fence: Option<u64>,
}

/// What a change is to where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Follows,
    /// It is there already.
    Same,
}

/// What is known of the tables. It holds as long as nobody else writes.
#[derive(Debug, Default)]
pub(super) struct Known {
    standings: HashMap<WorkflowId, Standing>,
    plans: HashMap<[u8; 32], i64>,
    /// Whether there are rows that no run needs.
    pub(super) has_stale: bool,
    /// The runs that have outgrown their snapshot.
    pub(super) outgrown: Vec<WorkflowId>,
}

/// Numbers without sign stand as those of the same bits.
pub(super) const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

impl Standing {
    /// Whether a change fits to what is there.
    pub(super) fn fit(&self, change: &Change) -> Result<Fit, StoreError> {
        let conflict = |reason: String| Err(StoreError::Conflict { id: change.id.clone(), reason });
        let seq = change.next - 1;
        if let Some(head) = self.head
            && head.run_no == change.run_no
            && head.next == change.next
            && head.delta_crc == change.delta_crc
        {
            return Ok(Fit::Same);
        }
        match self.fence {
            Some(fence) if fence != change.fence => return conflict("another engine has taken it over".to_owned()),
            None if change.fence != 0 => return conflict("it was given back or taken over since".to_owned()),
            _ => {}
        }
        match self.head {
            None if seq == 0 => Ok(Fit::Follows),
            None => conflict("it is not there any more".to_owned()),
            Some(head) if head.run_no != change.run_no => conflict("it is another run of this id by now".to_owned()),
            Some(head) if head.next != seq => {
                conflict(format!("it is at change {}, and change {seq} does not follow", head.next))
            }
            Some(_) => Ok(Fit::Follows),
        }
    }

    /// Where the run will stand, as far as what fits next depends on it.
    pub(super) fn ahead(self, change: &Change) -> Self {
        let head = self.head.map(|head| Head { next: change.next, delta_crc: change.delta_crc, ..head });
        Self { head, ..self }
    }
}

impl Known {
    /// Forgets all: others have written, or a transaction was rolled back.
    pub(super) fn forget(&mut self) {
        self.standings.clear();
        self.plans.clear();
        self.has_stale = true;
    }

    /// Forgets where runs stand.
    pub(super) fn forget_runs(&mut self) {
        self.standings.clear();
    }

    /// Forgets one run.
    pub(super) fn forget_run(&mut self, id: &WorkflowId) {
        self.standings.remove(id);
    }

    pub(super) fn standing(&mut self, db: &Connection, id: &WorkflowId) -> Result<Standing> {
        if let Some(standing) = self.standings.get(id) {
            return Ok(*standing);
        }
        let standing = Standing { head: find_head(db, id)?, fence: claims::fence_of(db, id)? };
        if self.standings.len() >= MAX_REMEMBERED {
            self.standings.clear();
        }
        self.standings.insert(id.clone(), standing);
        Ok(standing)
    }

    /// Keeps a change that follows.
    pub(super) fn commit(&mut self, db: &Connection, change: &Change) -> Result<(), Refusal> {
        let standing = self.standing(db, &change.id)?;
        if standing.fit(change)? == Fit::Same {
            return Ok(());
        }
        let head = match standing.head {
            None => self.begin(db, change)?,
            Some(head) => self.go_on(db, change, head)?,
        };
        self.standings.insert(change.id.clone(), Standing { head: Some(head), ..standing });
        if head.grown > MIN_GROWN.max(head.whole / 2) {
            self.outgrown.push(change.id.clone());
        }
        Ok(())
    }

    /// Keeps a run in place of what there is of it.
    pub(super) fn save(&mut self, db: &Connection, change: &Change) -> Result<(), Refusal> {
        let standing = self.standing(db, &change.id)?;
        if let Some(head) = standing.head {
            self.discard(db, head.last)?;
            db.prepare_cached("DELETE FROM metadata WHERE run = ?1")?.execute([head.run])?;
            db.prepare_cached("DELETE FROM runs WHERE run = ?1")?.execute([head.run])?;
        }
        let head = self.begin(db, change)?;
        self.standings.insert(change.id.clone(), Standing { head: Some(head), ..standing });
        Ok(())
    }

    /// Removes a run with all that belongs to it.
    pub(super) fn delete(&mut self, db: &Connection, id: &WorkflowId, now: Timestamp) -> Result<(), Refusal> {
        let Some(head) = self.standing(db, id)?.head else {
            return Err(StoreError::NotFound { id: id.clone() }.into());
        };
        if let Some(holder) = claims::living_holder(db, id, now)? {
            let reason = format!("{holder} drives it, and it cannot be deleted before that has ended");
            return Err(StoreError::Conflict { id: id.clone(), reason }.into());
        }
        self.forget_run(id);
        self.discard(db, head.last)?;
        db.prepare_cached("DELETE FROM metadata WHERE run = ?1")?.execute([head.run])?;
        db.prepare_cached("DELETE FROM parts WHERE id = ?1")?.execute([id.as_str()])?;
        db.prepare_cached("DELETE FROM claims WHERE id = ?1")?.execute([id.as_str()])?;
        db.prepare_cached("DELETE FROM runs WHERE run = ?1")?.execute([head.run])?;
        Ok(())
    }

    fn begin(&mut self, db: &Connection, change: &Change) -> Result<Head> {
        let workflow = change.summary.workflow.as_ref();
        let (name, version) = workflow.map_or(("", 0), |(name, version)| (name.as_str(), *version));
        db.prepare_cached(
            "INSERT INTO runs (next, last, delta_crc, updated, grown, whole, run_no, status, version, created, workflow, id)
             VALUES (:next, 0, :crc, :updated, :grown, :whole, :run_no, :status, :version, :created, :workflow, :id)",
        )?
        .execute(named_params! {
            ":next": signed(change.next), ":crc": change.delta_crc, ":updated": change.summary.updated,
            ":grown": 0, ":whole": 0, ":run_no": signed(change.run_no), ":status": change.summary.status,
            ":version": version, ":created": change.summary.created, ":workflow": name, ":id": change.id.as_str(),
        })?;
        let (run, run_no) = (db.last_insert_rowid(), change.run_no);
        for (key, value) in change.summary.metadata.iter().flatten() {
            db.prepare_cached("INSERT INTO metadata VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                key,
                value,
                change.summary.created,
                run
            ])?;
        }
        // What a run of this id left that never began, or was replaced.
        db.prepare_cached("DELETE FROM parts WHERE id = ?1 AND run_no <> ?2")?
            .execute(params![change.id.as_str(), signed(run_no)])?;
        let head =
            Head { run, run_no, next: 0, delta_crc: 0, last: 0, status: change.summary.status, grown: 0, whole: 0 };
        self.append(db, change, head)
    }

    fn go_on(&mut self, db: &Connection, change: &Change, mut head: Head) -> Result<Head> {
        if let Some((name, version)) = &change.summary.workflow {
            db.prepare_cached("UPDATE runs SET workflow = ?2, version = ?3 WHERE run = ?1")?
                .execute(params![head.run, name, version])?;
        }
        if head.status != change.summary.status {
            head.status = change.summary.status;
            db.prepare_cached("UPDATE runs SET status = ?2 WHERE run = ?1")?.execute(params![head.run, head.status])?;
        }
        self.append(db, change, head)
    }

    /// Adds the row, and notes it as the last of its run.
    fn append(&mut self, db: &Connection, change: &Change, head: Head) -> Result<Head> {
        let plan = change.plan.as_ref().map_or(Ok(0), |plan| self.plan(db, plan))?;
        let bytes = change.body.len() as u64 + ROW_BYTES;
        let is_whole = change.kind == Kind::Snapshot;
        let (grown, whole) = match change.kind {
            Kind::Snapshot => (0, bytes),
            Kind::Delta if change.declined => (0, head.whole + head.grown + bytes),
            Kind::Delta => (head.grown + bytes, head.whole),
        };
        db.prepare_cached(
            "INSERT INTO journal (run, before, next, kind, plan, crc, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            head.run,
            if is_whole { 0 } else { head.last },
            signed(change.next),
            change.kind as u8,
            plan,
            change.crc,
            change.body
        ])?;
        let last = db.last_insert_rowid();
        if is_whole && head.last != 0 {
            self.discard(db, head.last)?;
        }
        db.prepare_cached(
            "UPDATE runs SET next = ?2, last = ?3, delta_crc = ?4, updated = ?5, grown = ?6, whole = ?7 WHERE run = ?1",
        )?
        .execute(params![
            head.run,
            signed(change.next),
            last,
            change.delta_crc,
            change.summary.updated,
            signed(grown),
            signed(whole)
        ])?;
        Ok(Head { next: change.next, delta_crc: change.delta_crc, last, grown, whole, ..head })
    }

    /// The number of a plan, which is added if it is not there.
    fn plan(&mut self, db: &Connection, plan: &EncodedPlan) -> Result<i64> {
        if let Some(number) = self.plans.get(&plan.digest) {
            return Ok(*number);
        }
        let mut find = db.prepare_cached("SELECT plan FROM plans WHERE digest = ?1")?;
        let number = find.query_row([&plan.digest], |row| row.get(0)).optional()?;
        let number = number.map_or_else(|| add_plan(db, plan), Ok)?;
        self.plans.insert(plan.digest, number);
        Ok(number)
    }

    /// Leaves the rows of a run to be removed by and by.
    fn discard(&mut self, db: &Connection, last: i64) -> Result<()> {
        self.has_stale = true;
        db.prepare_cached("INSERT OR IGNORE INTO stale VALUES (?1)")?.execute([last]).map(drop)
    }

    /// Removes some of the rows that no run needs any more.
    pub(super) fn trim(&mut self, db: &Connection, mut rows: usize) -> Result<()> {
        while self.has_stale && rows > 0 {
            let mut first = db.prepare_cached("SELECT row FROM stale LIMIT 1")?;
            let Some(last) = first.query_row([], |row| row.get::<_, i64>(0)).optional()? else {
                self.has_stale = false;
                return Ok(());
            };
            let mut at = last;
            while at != 0 && rows > 0 {
                rows -= 1;
                let mut before = db.prepare_cached("DELETE FROM journal WHERE row = ?1 RETURNING before")?;
                at = before.query_row([at], |row| row.get(0)).optional()?.unwrap_or(0);
            }
            db.prepare_cached("DELETE FROM stale WHERE row = ?1")?.execute([last])?;
            if at != 0 {
                db.prepare_cached("INSERT INTO stale VALUES (?1)")?.execute([at])?;
            }
        }
        Ok(())
    }
}

fn add_plan(db: &Connection, plan: &EncodedPlan) -> Result<i64> {
    let mut add = db.prepare_cached("INSERT INTO plans (digest, body) VALUES (?1, ?2)")?;
    add.insert(params![plan.digest, plan.bytes])
}

fn find_head(db: &Connection, id: &WorkflowId) -> Result<Option<Head>> {
    let mut find =
        db.prepare_cached("SELECT run, run_no, next, delta_crc, last, status, grown, whole FROM runs WHERE id = ?1")?;
    find.query_row([id.as_str()], |row| {
        Ok(Head {
            run: row.get(0)?,
            run_no: row.get::<_, i64>(1)?.cast_unsigned(),
            next: row.get::<_, i64>(2)?.cast_unsigned(),
            delta_crc: row.get(3)?,
            last: row.get(4)?,
            status: row.get(5)?,
            grown: row.get::<_, i64>(6)?.cast_unsigned(),
            whole: row.get::<_, i64>(7)?.cast_unsigned(),
        })
    })
    .optional()
}
