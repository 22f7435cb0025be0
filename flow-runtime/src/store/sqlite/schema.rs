//! The tables, and how a file of an older version gets them.
//!
//! In: an open file. Out: the same with the tables of this version. The file says its version in `user_version`: the
//! number of steps that were taken; each step is one function and one transaction. A version that knows fewer steps
//! may still read, or write, what the table `format` says it may: its `min_reader` and `min_writer` count steps too.
//!
//! | table | what |
//! | --- | --- |
//! | `format` | one row: who may read and write, and the last fence that was given |
//! | `journal` | the changes and snapshots of all runs, appended; each row names the one before it of its run |
//! | `runs` | one row for each run: what queries ask, where it stands, and its last row of the journal |
//! | `metadata` | what callers said of their runs, by key and value |
//! | `plans` | each plan once, by the SHA-256 of its bytes |
//! | `parts` | parts of large payloads |
//! | `claims`, `owners` | which engine has which run, and until when it is taken to be alive |
//! | `requests` | what was asked of runs and not taken yet |
//! | `stale` | the last row of each chain of the journal that no run needs any more |
//!
//! Numbers of 64 bits without sign stand as those with the same bits. Times are nanoseconds since 1970.

use std::path::Path;

use rusqlite::{Connection, Result, TransactionBehavior};

use super::failure::Refusal;
use crate::store::StoreError;

/// A step from one version to the next.
pub(super) type Step = fn(&Connection) -> Result<()>;

/// All steps, from an empty file to today's tables.
pub(super) const STEPS: &[Step] = &[first];

/// What tells a file of ours from other programs': "FLOW".
pub(super) const APPLICATION_ID: i32 = 0x464C_4F57;

/// What a handle may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

fn first(db: &Connection) -> Result<()> {
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.execute_batch(
        "CREATE TABLE format (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            min_reader INTEGER NOT NULL,
            min_writer INTEGER NOT NULL,
            fence INTEGER NOT NULL
        ) STRICT;
        INSERT INTO format VALUES (1, 1, 1, 0);
        CREATE TABLE journal (
            row INTEGER PRIMARY KEY,
            run INTEGER NOT NULL,
            before INTEGER NOT NULL,
            next INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            plan INTEGER NOT NULL,
            crc INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE runs (
            run INTEGER PRIMARY KEY AUTOINCREMENT,
            next INTEGER NOT NULL,
            last INTEGER NOT NULL,
            delta_crc INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            grown INTEGER NOT NULL,
            whole INTEGER NOT NULL,
            facts INTEGER NOT NULL,
            crc INTEGER NOT NULL,
            run_no INTEGER NOT NULL,
            status INTEGER NOT NULL,
            version INTEGER NOT NULL,
            created INTEGER NOT NULL,
            workflow TEXT NOT NULL,
            id TEXT NOT NULL UNIQUE
        ) STRICT;
        CREATE INDEX runs_by_status ON runs (status, created DESC, id);
        CREATE INDEX runs_by_workflow ON runs (workflow, status, created DESC, id);
        CREATE TABLE metadata (
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            created INTEGER NOT NULL,
            run INTEGER NOT NULL,
            PRIMARY KEY (key, value, created DESC, run)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX metadata_by_run ON metadata (run);
        CREATE TABLE plans (
            plan INTEGER PRIMARY KEY,
            digest BLOB NOT NULL UNIQUE,
            body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE parts (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL,
            run_no INTEGER NOT NULL,
            payload BLOB NOT NULL,
            part INTEGER NOT NULL,
            crc INTEGER NOT NULL,
            body BLOB NOT NULL,
            UNIQUE (id, run_no, payload, part)
        ) STRICT;
        CREATE TABLE claims (
            id TEXT PRIMARY KEY,
            owner INTEGER NOT NULL,
            fence INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE owners (
            owner INTEGER PRIMARY KEY,
            holder TEXT NOT NULL,
            lease INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE requests (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL,
            request TEXT NOT NULL,
            body BLOB NOT NULL,
            UNIQUE (id, request)
        ) STRICT;
        CREATE TABLE stale (row INTEGER PRIMARY KEY) STRICT;",
    )
}

/// Takes the steps that the file has not taken yet.
pub(super) fn migrate(db: &mut Connection, steps: &[Step]) -> Result<()> {
    for (taken, step) in (0..).zip(steps) {
        let step_taken = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        if version(&step_taken)? == taken {
            step(&step_taken)?;
            step_taken.pragma_update(None, "user_version", taken + 1)?;
            step_taken.commit()?;
        }
    }
    Ok(())
}

/// How many steps the file has taken.
pub(super) fn version(db: &Connection) -> Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether the file has nothing in it, not even tables.
pub(super) fn is_empty(db: &Connection) -> Result<bool> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && version(db)? == 0 && application_id(db)? == 0)
}

/// Whose the file is.
pub(super) fn application_id(db: &Connection) -> Result<i32> {
    db.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// Refuses a file that a version wrote which is too new for this use of it.
pub(super) fn check_version(db: &Connection, path: &Path, usage: Use, known: i64) -> Result<(), Refusal> {
    let found = version(db)?;
    if found <= known {
        return Ok(());
    }
    let column = match usage {
        Use::Read => "SELECT min_reader FROM format",
        Use::Write => "SELECT min_writer FROM format",
    };
    // A file so new that it does not even say who may use it is for newer versions alone.
    let needed = db.query_row(column, [], |row| row.get(0)).unwrap_or(found);
    if needed <= known {
        return Ok(());
    }
    let what = format!("the store {}", path.display());
    let found = format!("format {found}, for versions that know format {needed}");
    let known = match usage {
        Use::Read => format!("formats up to {known}"),
        Use::Write => format!("formats up to {known} for writing; it may be possible to open it for reading only"),
    };
    Err(StoreError::Newer { what, found, known }.into())
}
