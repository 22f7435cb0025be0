//! Opening a store that is there: nothing is made by looking, and what is no such store is named.
//!
//! In: an address. Out: the store; or what stands there instead, and what to write.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flow_runtime::{FlatBuffersStore, JsonFileStore, SqliteStore};

use super::{Address, AnyStore, Kind};
use crate::failure::Failure;

/// How a file of SQLite begins.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Store(Kind),
    /// A folder that a store was opened in, of which it cannot be told which: it has no run yet.
    EmptyStore,
    EmptyFolder,
    /// An empty file, which SQLite takes for an empty database.
    EmptyFile,
    OtherFile,
    OtherFolder,
}

impl Address {
    /// The store, for reading beside those that write to it.
    pub(crate) fn open_read_only(&self) -> Result<AnyStore, Failure> {
        self.check()?;
        Ok(match self.kind {
            Kind::Sqlite => AnyStore::Sqlite(SqliteStore::open_read_only(&self.path)?),
            Kind::Json => AnyStore::Json(JsonFileStore::open_read_only(&self.path)?),
            Kind::FlatBuffers => AnyStore::FlatBuffers(FlatBuffersStore::open_read_only(&self.path)?),
        })
    }

    /// The store, for reading many runs. A log is then looked through once, and not at each call.
    pub(crate) fn open_snapshot(&self) -> Result<AnyStore, Failure> {
        if self.kind != Kind::FlatBuffers {
            return self.open_read_only();
        }
        self.check()?;
        let store = FlatBuffersStore::open_snapshot(&self.path)?;
        // It is there until the process ends: to free what is known of a hundred thousand runs, one by one, would take
        // as long as to list some of them.
        std::mem::forget(store.clone());
        Ok(AnyStore::FlatBuffers(store))
    }

    /// The store, for leaving requests beside those that write to it. Folders take requests from who reads them;
    /// SQLite's file is shared anyway.
    pub(crate) fn open_for_requests(&self) -> Result<AnyStore, Failure> {
        if self.kind == Kind::Sqlite { self.open() } else { self.open_read_only() }
    }

    /// The store, for writing. Folders are then held by this process.
    pub(crate) fn open(&self) -> Result<AnyStore, Failure> {
        self.check()?;
        self.open_or_make()
    }

    /// The store, for writing, made if there is none and nothing else stands there.
    pub(crate) fn make(&self) -> Result<AnyStore, Failure> {
        match self.look()? {
            Found::Nothing => {}
            Found::EmptyFolder if self.kind != Kind::Sqlite => {}
            found => self.check_found(found)?,
        }
        self.open_or_make()
    }

    fn open_or_make(&self) -> Result<AnyStore, Failure> {
        Ok(match self.kind {
            Kind::Sqlite => AnyStore::Sqlite(SqliteStore::open(&self.path)?),
            Kind::Json => AnyStore::Json(JsonFileStore::open(&self.path)?),
            Kind::FlatBuffers => AnyStore::FlatBuffers(FlatBuffersStore::open(&self.path)?),
        })
    }

    /// That a store of this kind stands there.
    fn check(&self) -> Result<(), Failure> {
        self.check_found(self.look()?)
    }

    fn look(&self) -> Result<Found, Failure> {
        look(&self.path).map_err(|source| Failure::Look { path: self.path.clone(), source })
    }

    fn check_found(&self, found: Found) -> Result<(), Failure> {
        let is_folder = self.kind != Kind::Sqlite;
        match found {
            Found::Nothing => Err(Failure::NoSuchStore { address: self.clone() }),
            Found::Store(kind) if kind == self.kind => Ok(()),
            Found::Store(kind) => Err(self.other_kind(kind.what(), Some(kind))),
            Found::EmptyStore if is_folder => Ok(()),
            Found::EmptyStore | Found::EmptyFolder | Found::OtherFolder if !is_folder => {
                Err(self.other_kind("a folder", None))
            }
            Found::EmptyStore | Found::EmptyFolder | Found::OtherFolder => {
                Err(self.other_kind("a folder without a store", None))
            }
            // SQLite says what is wrong with a file, and knows what a killed process left.
            Found::EmptyFile | Found::OtherFile if !is_folder => Ok(()),
            Found::EmptyFile | Found::OtherFile => Err(self.other_kind("a file", None)),
        }
    }

    fn other_kind(&self, found: &'static str, kind: Option<Kind>) -> Failure {
        let instead = kind.map(|kind| Self { kind, path: self.path.clone() });
        Failure::OtherKind { address: self.clone(), found, instead }
    }
}

fn look(path: &Path) -> io::Result<Found> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => look_into(path),
        Ok(metadata) if metadata.is_file() => look_at(path, metadata.len()),
        Ok(_) => Ok(Found::OtherFile),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

fn look_at(path: &Path, len: u64) -> io::Result<Found> {
    let mut begin = Vec::with_capacity(SQLITE_MAGIC.len());
    File::open(path)?.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut begin)?;
    Ok(match (begin == SQLITE_MAGIC, len) {
        (true, _) => Found::Store(Kind::Sqlite),
        (false, 0) => Found::EmptyFile,
        (false, _) => Found::OtherFile,
    })
}

/// A store's folder is known by the names in it: those of records, or what is made before the first run.
fn look_into(path: &Path) -> io::Result<Found> {
    let (mut is_store, mut is_empty) = (false, true);
    for entry in fs::read_dir(path)? {
        is_empty = false;
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let extension = Path::new(&*name).extension().and_then(|extension| extension.to_str());
        match extension {
            Some("flow") if name.starts_with("log-") => return Ok(Found::Store(Kind::FlatBuffers)),
            Some("json") if name.starts_with("w-") => return Ok(Found::Store(Kind::Json)),
            _ => is_store |= name == "LOCK" || name == "inbox",
        }
    }
    Ok(match (is_store, is_empty) {
        (true, _) => Found::EmptyStore,
        (false, true) => Found::EmptyFolder,
        (false, false) => Found::OtherFolder,
    })
}
