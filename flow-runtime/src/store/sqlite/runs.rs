//! Changes of runs as rows of the tables.
//!
//! In: requests, one after the other, inside a transaction. Out: rows, or the reason why a request does not fit; it
//! is told before anything of it is written, so that those who share the transaction are not concerned.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::change::{Change, EncodedPlan, Kind};
use super::claims;
use super::failure::Refusal;
use super::head::{DAMAGED_HEAD, Head};
use super::requests;
use crate::state::{Timestamp, WorkflowId};
use crate::store::StoreError;

/// How many runs are remembered, and how many plans.
const MAX_REMEMBERED: usize = 20_000;
/// The changes of a run are not worth a snapshot below this many bytes.
const MIN_GROWN: u64 = 128 << 10;
/// What a row costs beside its body.
const ROW_BYTES: u64 = 64;

/// A run that may not be there, and its claim if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) head: Option<Head>,
    /// Whether what says where it stands is damaged.
    pub(super) is_damaged: bool,
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

impl Standing {
    /// Whether a change fits to what is there.
    pub(super) fn fit(&self, change: &Change) -> Result<Fit, StoreError> {
        let conflict = |reason: String| Err(StoreError::Conflict { id: change.id.clone(), reason });
        if self.is_damaged {
            return Err(StoreError::Corrupt { id: change.id.clone(), path: None, reason: DAMAGED_HEAD.to_owned() });
        }
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
        let (head, is_intact) = Head::find(db, id)?.unzip();
        let (is_damaged, fence) = (is_intact == Some(false), claims::fence_of(db, id)?);
        let standing = Standing { head, is_damaged, fence };
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
        self.remove(db, standing)?;
        let head = Some(self.begin(db, change)?);
        self.standings.insert(change.id.clone(), Standing { head, is_damaged: false, ..standing });
        Ok(())
    }

    /// Removes a run with all that belongs to it.
    pub(super) fn delete(&mut self, db: &Connection, id: &WorkflowId, now: Timestamp) -> Result<(), Refusal> {
        let standing = self.standing(db, id)?;
        if standing.head.is_none() {
            return Err(StoreError::NotFound { id: id.clone() }.into());
        }
        if let Some(holder) = claims::living_holder(db, id, now)? {
            let reason = format!("{holder} drives it, and it cannot be deleted before that has ended");
            return Err(StoreError::Conflict { id: id.clone(), reason }.into());
        }
        self.forget_run(id);
        self.remove(db, standing)?;
        db.prepare_cached("DELETE FROM parts WHERE id = ?1")?.execute([id.as_str()])?;
        db.prepare_cached("DELETE FROM claims WHERE id = ?1")?.execute([id.as_str()])?;
        requests::delete(db, id)?;
        Ok(())
    }

    /// Removes what there is of a run but its parts.
    fn remove(&mut self, db: &Connection, standing: Standing) -> Result<()> {
        let Some(head) = standing.head else { return Ok(()) };
        // Where the rows of a damaged run are is not known, and they may not be taken for those of another.
        if !standing.is_damaged {
            self.discard(db, head.last)?;
        }
        db.prepare_cached("DELETE FROM metadata WHERE run = ?1")?.execute([head.run])?;
        db.prepare_cached("DELETE FROM runs WHERE run = ?1")?.execute([head.run]).map(drop)
    }

    fn begin(&mut self, db: &Connection, change: &Change) -> Result<Head, Refusal> {
        let Some(facts) = &change.facts else { return Err(no_beginning(change).into()) };
        let mut add = db.prepare_cached(
            "INSERT INTO runs (next, last, delta_crc, updated, crc, grown, whole, status, facts, run_no, version, created, workflow, id)
             VALUES (0, 0, 0, 0, 0, 0, 0, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let (run_no, id) = (change.run_no, change.id.as_str());
        let run = add.insert(params![
            change.status,
            facts.crc,
            run_no.cast_signed(),
            facts.version,
            facts.created,
            facts.workflow,
            id
        ])?;
        for (key, value) in &facts.metadata {
            let mut add = db.prepare_cached("INSERT INTO metadata VALUES (?1, ?2, ?3, ?4)")?;
            add.execute(params![key, value, facts.created, run])?;
        }
        // What a run of this id left that never began, or was replaced.
        db.prepare_cached("DELETE FROM parts WHERE id = ?1 AND run_no <> ?2")?
            .execute(params![id, run_no.cast_signed()])?;
        let head = Head { run, run_no, facts: facts.crc, ..Head::default() };
        Ok(self.append(db, change, head)?)
    }

    fn go_on(&mut self, db: &Connection, change: &Change, mut head: Head) -> Result<Head> {
        if let Some(facts) = &change.facts {
            head.facts = facts.crc;
            db.prepare_cached("UPDATE runs SET workflow = ?2, version = ?3, facts = ?4 WHERE run = ?1")?
                .execute(params![head.run, facts.workflow, facts.version, head.facts])?;
        }
        if head.status != change.status {
            // Apart, since it stands in an index.
            db.prepare_cached("UPDATE runs SET status = ?2 WHERE run = ?1")?
                .execute(params![head.run, change.status])?;
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
            Kind::Delta if change.declined => (0, head.whole.saturating_add(head.grown).saturating_add(bytes)),
            Kind::Delta => (head.grown.saturating_add(bytes), head.whole),
        };
        db.prepare_cached(
            "INSERT INTO journal (run, before, next, kind, plan, crc, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            head.run,
            if is_whole { 0 } else { head.last },
            change.next.cast_signed(),
            change.kind as u8,
            plan,
            change.crc,
            change.body
        ])?;
        let last = db.last_insert_rowid();
        if is_whole && head.last != 0 {
            self.discard(db, head.last)?;
        }
        let Change { next, delta_crc, status, updated, .. } = *change;
        let head = Head { next, delta_crc, last, status, updated, grown, whole, ..head };
        head.write(db)?;
        Ok(head)
    }

    /// The number of a plan, which is added if it is not there.
    fn plan(&mut self, db: &Connection, plan: &EncodedPlan) -> Result<i64> {
        if let Some(number) = self.plans.get(&plan.digest) {
            return Ok(*number);
        }
        let mut find = db.prepare_cached("SELECT plan FROM plans WHERE digest = ?1")?;
        let number = find.query_row([&plan.digest], |row| row.get(0)).optional()?;
        let number = number.map_or_else(|| add_plan(db, plan), Ok)?;
        if self.plans.len() >= MAX_REMEMBERED {
            self.plans.clear();
        }
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

fn no_beginning(change: &Change) -> StoreError {
    StoreError::Conflict { id: change.id.clone(), reason: "its first change does not create it".to_owned() }
}
