//! Where a run stands: its row in the table of runs, but for what only queries ask.
//!
//! In: the id of a run. Out: its row, and whether its checksum fits; and the row written again after each change.

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::state::{Timestamp, WorkflowId};

/// What is said of a run whose row is damaged.
pub(super) const DAMAGED_HEAD: &str = "what says where it stands is damaged";

/// Where a run stands in the tables.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) run: i64,
    pub(super) run_no: u64,
    pub(super) next: u64,
    pub(super) delta_crc: u32,
    pub(super) last: i64,
    pub(super) status: u8,
    pub(super) updated: Timestamp,
    /// The checksum of the facts.
    pub(super) facts: u32,
    /// The bytes of its changes since the last snapshot, and those of the snapshot.
    pub(super) grown: u64,
    pub(super) whole: u64,
}

impl Head {
    /// Where a run stands, and whether that is as it was written.
    pub(super) fn find(db: &Connection, id: &WorkflowId) -> Result<Option<(Self, bool)>> {
        let mut find = db.prepare_cached(
            "SELECT run, run_no, next, delta_crc, last, status, updated, facts, grown, whole, crc FROM runs WHERE id = ?1",
        )?;
        find.query_row([id.as_str()], |row| {
            let head = Self {
                run: row.get(0)?,
                run_no: row.get::<_, i64>(1)?.cast_unsigned(),
                next: row.get::<_, i64>(2)?.cast_unsigned(),
                delta_crc: row.get(3)?,
                last: row.get(4)?,
                status: row.get(5)?,
                updated: row.get(6)?,
                facts: row.get(7)?,
                grown: row.get::<_, i64>(8)?.cast_unsigned(),
                whole: row.get::<_, i64>(9)?.cast_unsigned(),
            };
            Ok((head, row.get::<_, u32>(10)? == head.crc()))
        })
        .optional()
    }

    /// Notes where the run stands now.
    pub(super) fn write(&self, db: &Connection) -> Result<()> {
        db.prepare_cached(
            "UPDATE runs SET next = ?2, last = ?3, delta_crc = ?4, updated = ?5, crc = ?6, grown = ?7, whole = ?8
             WHERE run = ?1",
        )?
        .execute(params![
            self.run,
            self.next.cast_signed(),
            self.last,
            self.delta_crc,
            self.updated,
            self.crc(),
            self.grown.cast_signed(),
            self.whole.cast_signed()
        ])
        .map(drop)
    }

    /// The checksum of all that a commit changes.
    pub(super) fn crc(&self) -> u32 {
        let Self { next, delta_crc, last, status, updated, facts, .. } = *self;
        let long = [next, last.cast_unsigned(), updated.cast_unsigned()].map(u64::to_le_bytes).concat();
        let short = [delta_crc, facts, u32::from(status)].map(u32::to_le_bytes).concat();
        crc32c::crc32c_append(crc32c::crc32c(&long), &short)
    }
}
