//! Opening the file: whose it is, which version wrote it, and how SQLite is to treat it.
//!
//! In: a path and options. Out: a connection. A file of another program is looked at without a lock and without any
//! file beside it, and left as it is.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::failure::Refusal;
use super::schema::{self, Use};
use crate::disk::{Fs, RealFs};
use crate::store::StoreError;

/// The oldest SQLite that may be used: those before it could, rarely, lose a commit to a checkpoint that ran at the
/// same time.
pub(super) const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a turn of waiting is, at least and at most.
const TURN: std::ops::Range<u64> = 200..2_000;
/// How many statements are kept prepared.
const STATEMENTS: usize = 64;
/// How many pages the log beside the file has before it is put back into it: 16 MiB.
pub(super) const CHECKPOINT_PAGES: i64 = 4_096;
/// How long the log beside the file may stay once it was put back.
const LOG_BYTES: i64 = 64 << 20;
/// How much of the file is kept in memory, in KiB; negative, because that is how SQLite tells it from pages.
const CACHE_KIB: i64 = -16_384;

/// While a file is made: closing it takes away what locks SQLite has on it in this process.
static MAKING: Mutex<()> = Mutex::new(());

/// Refuses a library that is too old.
pub(super) fn check_library(number: i32) -> Result<(), StoreError> {
    let text = |number: i32| format!("{}.{}.{}", number / 1_000_000, number / 1_000 % 1_000, number % 1_000);
    if number >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::OldLibrary {
        found: format!("SQLite {}", text(number)),
        needed: format!("SQLite {}", text(OLDEST_SQLITE)),
    })
}

/// The file's full name, after its folder was looked at, and the file made if that is asked and it is not there.
pub(super) fn place(path: &Path, usage: Use) -> Result<PathBuf, StoreError> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = |action, source| StoreError::Io { action, path: path.to_owned(), source };
    let name = path.file_name().ok_or_else(|| io("open", std::io::ErrorKind::IsADirectory.into()))?;
    let dir = RealFs.open_dir(above, usage == Use::Write)?;
    let full = above.canonicalize().map_err(|error| io("open the folder of", error))?.join(name);
    if full.symlink_metadata().is_ok() {
        return Ok(full);
    }
    if usage == Use::Read {
        return Err(io("open", std::io::ErrorKind::NotFound.into()));
    }
    let name = name.to_str().ok_or_else(|| io("create", std::io::ErrorKind::InvalidFilename.into()))?;
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match dir.create(name) {
        Ok(file) => file.sync().and_then(|()| dir.sync())?,
        Err(error) if error.source.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    Ok(full)
}

/// A connection to a file that is ours, with the tables of this version.
pub(super) fn connect(path: &Path, usage: Use, patience: Duration, full: bool) -> Result<Connection, StoreError> {
    check_library(rusqlite::version_number())?;
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let known = i64::try_from(schema::STEPS.len()).unwrap_or(i64::MAX);
    let connected = check_owner(path).and_then(|()| {
        // Also for reading: what a killed process left half done is taken back before anything can be read.
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut db = Connection::open_with_flags(path, flags)?;
        wait_for_others(&mut db, patience)?;
        patiently(patience, || check_contents(&db, path))?;
        patiently(patience, || schema::check_version(&db, path, usage, known))?;
        if usage == Use::Read && schema::version(&db)? == 0 {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "it holds no store yet");
            return Err(StoreError::Io { action: "open", path: path.to_owned(), source }.into());
        }
        if usage == Use::Read {
            db.pragma_update(None, "query_only", true)?;
            // Who only looks does not put the log back into the file.
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        } else {
            patiently(patience, || Ok(schema::migrate(&mut db, schema::STEPS)?))?;
            patiently(patience, || use_log(&db, path))?;
        }
        settle(&db, full)?;
        Ok(db)
    });
    connected.map_err(|refusal| refusal.into_error("open", path))
}

/// Refuses what is another program's, from the file alone. What a process that was killed left half put back from its
/// log makes no sense without that log, so it is judged when it has been taken up.
fn check_owner(path: &Path) -> Result<(), Refusal> {
    match look(path) {
        Err(Refusal::Sql(error)) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(()),
        looked => looked,
    }
}

fn look(path: &Path) -> Result<(), Refusal> {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            other => write!(uri, "%{other:02X}").unwrap_or_default(),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(uri, flags)?;
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages == 0 || schema::application_id(&db)? == schema::APPLICATION_ID {
        return Ok(());
    }
    Err(foreign(path, &db)?.into())
}

fn check_contents(db: &Connection, path: &Path) -> Result<(), Refusal> {
    if schema::application_id(db)? == schema::APPLICATION_ID || schema::is_empty(db)? {
        return Ok(());
    }
    Err(foreign(path, db)?.into())
}

fn foreign(path: &Path, db: &Connection) -> Result<StoreError, Error> {
    let id = schema::application_id(db)?;
    let reason = format!("it is the database of another program (its application id is {id:#010x})");
    Ok(StoreError::Damaged { path: path.to_owned(), reason })
}

/// Has commits go to a log beside the file, so that readers and the writer do not wait for each other.
fn use_log(db: &Connection, path: &Path) -> Result<(), Refusal> {
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    let source = std::io::Error::new(std::io::ErrorKind::Unsupported, format!("its journal stays in mode `{mode}`"));
    Err(StoreError::Io { action: "use a write-ahead log for", path: path.to_owned(), source }.into())
}

fn settle(db: &Connection, full: bool) -> Result<(), Error> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update(None, "synchronous", if full { "full" } else { "normal" })?;
    // Only macOS knows it: there a plain sync leaves data in the disk's own memory.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    db.pragma_update(None, "cache_size", CACHE_KIB)?;
    db.pragma_update(None, "foreign_keys", false)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))
}

/// Has the connection wait for locks of others, in short turns of uneven length: who waits longer than the writer
/// pauses between two commits would never get its turn.
pub(super) fn wait_for_others(db: &mut Connection, patience: Duration) -> Result<(), Error> {
    let mut waited = Duration::ZERO;
    db.busy_handler(Some(move |turns: i32| {
        if turns == 0 {
            waited = Duration::ZERO;
        }
        waited += take_turn();
        waited < patience
    }))
}

/// Does what SQLite may refuse as busy without waiting first.
pub(super) fn patiently<T>(patience: Duration, mut act: impl FnMut() -> Result<T, Refusal>) -> Result<T, Refusal> {
    let mut waited = Duration::ZERO;
    loop {
        match act() {
            Err(Refusal::Sql(error)) if is_busy(&error) && waited < patience => waited += take_turn(),
            done => return done,
        }
    }
}

pub(super) fn is_busy(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
    )
}

/// Waits for a moment. Nobody wakes the thread; if somebody did, the turn would be shorter.
fn take_turn() -> Duration {
    let turn = Duration::from_micros(fastrand::u64(TURN));
    std::thread::park_timeout(turn);
    turn
}
