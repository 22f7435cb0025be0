//! Which engine has which run.
//!
//! In: owners that take and give back runs, and the time. Out: fences, which only grow, also when a run is given back
//! and taken again, since all runs of the file draw them from one counter. An owner is alive until its lease runs out;
//! its store renews it from its own thread, however long a step takes.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::failure::Refusal;
use crate::state::{Timestamp, WorkflowId};
use crate::store::{Owner, StoreError};

/// For how many leases an owner that is gone is remembered.
const MEMORY: i64 = 60;

/// The owners that a handle speaks for.
#[derive(Debug)]
pub(super) struct Owners {
    ours: HashSet<i64>,
    lease: i64,
    /// When the leases are to be renewed.
    due: Timestamp,
}

/// Who has a run.
struct Claim {
    owner: i64,
    fence: u64,
    holder: Option<String>,
    lease: Timestamp,
}

impl Owners {
    pub(super) fn new(lease: i64) -> Self {
        Self { ours: HashSet::new(), lease, due: Timestamp::MIN }
    }

    /// Whether leases must be renewed by now.
    pub(super) fn are_due(&self, now: Timestamp) -> bool {
        // A clock that was set back must not keep leases from being renewed.
        !self.ours.is_empty() && (now >= self.due || self.due.saturating_sub(now) > self.lease)
    }

    /// Has all leases written anew with the next transaction: the last one was taken back.
    pub(super) fn doubt(&mut self) {
        self.due = Timestamp::MIN;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ours.is_empty()
    }

    /// Renews the leases of all owners of this handle.
    pub(super) fn renew(&mut self, db: &Connection, now: Timestamp) -> Result<()> {
        for &owner in &self.ours {
            self.write(db, owner, now)?;
        }
        self.due = now.saturating_add(self.lease / 3);
        forget_the_gone(db, now.saturating_sub(self.lease.saturating_mul(MEMORY)))
    }

    fn write(&self, db: &Connection, owner: i64, now: Timestamp) -> Result<()> {
        let holder = format!("process {}", std::process::id());
        db.prepare_cached(
            "INSERT INTO owners VALUES (?1, ?2, ?3) ON CONFLICT (owner) DO UPDATE SET lease = excluded.lease",
        )?
        .execute(params![owner, holder, now.saturating_add(self.lease)])
        .map(drop)
    }

    /// Takes a run that is free, or ours, or whose owner is gone.
    pub(super) fn claim(
        &mut self,
        db: &Connection,
        id: &WorkflowId,
        owner: Owner,
        now: Timestamp,
    ) -> Result<u64, Refusal> {
        let owner = owner.number().cast_signed();
        let claim = find(db, id)?;
        if let Some(claim) = &claim
            && claim.owner != owner
            && claim.lease > now
        {
            return Err(StoreError::Held { id: id.clone(), holder: describe(claim) }.into());
        }
        if self.ours.is_empty() {
            self.due = now.saturating_add(self.lease / 3);
        }
        if self.ours.insert(owner) {
            self.write(db, owner, now)?;
        }
        if let Some(claim) = claim.filter(|claim| claim.owner == owner) {
            return Ok(claim.fence);
        }
        let mut draw = db.prepare_cached("UPDATE format SET fence = fence + 1 RETURNING fence")?;
        let fence: i64 = draw.query_row([], |row| row.get(0))?;
        db.prepare_cached(
            "INSERT INTO claims VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, fence = excluded.fence",
        )?
        .execute(params![id.as_str(), owner, fence])?;
        Ok(fence.cast_unsigned())
    }

    /// Gives back all that this owner has.
    pub(super) fn forget(&mut self, db: &Connection, owner: Owner) -> Result<()> {
        let owner = owner.number().cast_signed();
        self.ours.remove(&owner);
        remove(db, owner)
    }

    /// Gives back all that this handle's owners have.
    pub(super) fn leave(&mut self, db: &Connection) -> Result<()> {
        let leaving = db.unchecked_transaction()?;
        for owner in self.ours.drain() {
            remove(&leaving, owner)?;
        }
        leaving.commit()
    }
}

/// Gives a run back, if this owner has it.
pub(super) fn release(db: &Connection, id: &WorkflowId, owner: Owner) -> Result<()> {
    db.prepare_cached("DELETE FROM claims WHERE id = ?1 AND owner = ?2")?
        .execute(params![id.as_str(), owner.number().cast_signed()])
        .map(drop)
}

/// The fence that changes of this run must carry; none if nobody has it.
pub(super) fn fence_of(db: &Connection, id: &WorkflowId) -> Result<Option<u64>> {
    let mut find = db.prepare_cached("SELECT fence FROM claims WHERE id = ?1")?;
    let fence: Option<i64> = find.query_row([id.as_str()], |row| row.get(0)).optional()?;
    Ok(fence.map(i64::cast_unsigned))
}

/// Who has this run and is taken to be alive.
pub(super) fn living_holder(db: &Connection, id: &WorkflowId, now: Timestamp) -> Result<Option<String>> {
    Ok(find(db, id)?.filter(|claim| claim.lease > now).map(|claim| describe(&claim)))
}

fn find(db: &Connection, id: &WorkflowId) -> Result<Option<Claim>> {
    let mut find = db.prepare_cached(
        "SELECT claims.owner, fence, holder, lease FROM claims LEFT JOIN owners USING (owner) WHERE id = ?1",
    )?;
    find.query_row([id.as_str()], |row| {
        Ok(Claim {
            owner: row.get(0)?,
            fence: row.get::<_, i64>(1)?.cast_unsigned(),
            holder: row.get(2)?,
            // Of an owner that was forgotten there is no lease.
            lease: row.get::<_, Option<Timestamp>>(3)?.unwrap_or(Timestamp::MIN),
        })
    })
    .optional()
}

fn describe(claim: &Claim) -> String {
    match &claim.holder {
        Some(holder) if *holder == format!("process {}", std::process::id()) => {
            "another engine of this process".to_owned()
        }
        Some(holder) => holder.clone(),
        None => "another engine".to_owned(),
    }
}

/// Removes owners that have been gone for so long that nobody needs their names, with what they had.
fn forget_the_gone(db: &Connection, before: Timestamp) -> Result<()> {
    let mut gone = db.prepare_cached("SELECT owner FROM owners WHERE lease < ?1")?;
    let gone: Vec<i64> = gone.query_map([before], |row| row.get(0))?.collect::<Result<_>>()?;
    gone.into_iter().try_for_each(|owner| remove(db, owner))
}

fn remove(db: &Connection, owner: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM claims WHERE owner = ?1")?.execute([owner])?;
    db.prepare_cached("DELETE FROM owners WHERE owner = ?1")?.execute([owner]).map(drop)
}
