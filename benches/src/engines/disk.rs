//! What the disk and SQLite give with no engine: the payloads of the steps, made durable by the plainest programs. Where
//! there are many runs at once, what they would commit at the same time is committed together.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::BoxFuture;
use harness::case::{Case, Class, Subject};
use harness::shape::{self, Shape, TEXT_STEPS};
use rusqlite::{Connection, params};

/// The length of the file that is written again and again; short, since disks of virtual machines become slow after much.
const FILE_BYTES: u64 = 16 << 20;

pub(crate) fn stored() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [&shape::CHAIN_8B, &shape::CHAIN_1KIB, &shape::CHAIN_1MIB, &shape::RUNS_128] {
        let append = |class, name, sync| case(class, shape, name, move |dir| Append::open(dir, sync));
        let commit = |class, name, sync| case(class, shape, name, move |dir| Database::open(dir, sync));
        cases.extend([
            append(Class::PowerLoss, "append, fdatasync", true).limit(),
            commit(Class::PowerLoss, "SQLite, WAL, FULL", "full"),
            append(Class::Kill, "append", false).limit(),
            // How the disk is just now, for those that sync now and then.
            append(Class::Kill, "append, fdatasync", true),
            commit(Class::Kill, "SQLite, WAL, NORMAL", "normal"),
        ]);
    }
    cases
}

/// Something to which records of bytes can be committed.
trait Commit: Send {
    fn commit(&mut self, records: u64, payload: &[u8]) -> Result<()>;
}

fn case<C: Commit + 'static>(
    class: Class,
    shape: &'static Shape,
    name: &str,
    open: impl Fn(&Path) -> Result<C> + Send + Sync + 'static,
) -> Case {
    Case::new(class, shape, name, move |dir| {
        let payload = shape::text(shape.payload_bytes).into_bytes();
        Ok(Steps { disk: open(dir)?, records: shape.at_once, payload })
    })
}

/// As many commits as a run has steps, one after the other.
struct Steps<C> {
    disk: C,
    records: u64,
    payload: Vec<u8>,
}

impl<C: Commit> Subject for Steps<C> {
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            let start = Instant::now();
            for _ in 0..runs * TEXT_STEPS {
                self.disk.commit(self.records, &self.payload)?;
            }
            Ok(start.elapsed())
        })
    }
}

/// A file whose blocks are on disk already, so that a sync has none to record.
struct Append {
    file: File,
    at: u64,
    sync: bool,
    bytes: Vec<u8>,
}

impl Append {
    fn open(dir: &Path, sync: bool) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(dir.join("appended"))?;
        let zeros = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, sync, bytes: Vec::new() })
    }
}

impl Commit for Append {
    fn commit(&mut self, records: u64, payload: &[u8]) -> Result<()> {
        self.bytes.clear();
        (0..records).for_each(|_| self.bytes.extend_from_slice(payload));
        let len = self.bytes.len() as u64;
        if self.at + len > FILE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&self.bytes, self.at)?;
        if self.sync {
            self.file.sync_data()?;
        }
        self.at += len;
        Ok(())
    }
}

/// One table, to which rows are appended.
struct Database {
    connection: Connection,
}

impl Database {
    fn open(dir: &Path, synchronous: &str) -> Result<Self> {
        let connection = Connection::open(dir.join("rows.db"))?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = {synchronous};
             CREATE TABLE steps (id INTEGER PRIMARY KEY, body BLOB) STRICT;"
        ))?;
        Ok(Self { connection })
    }
}

impl Commit for Database {
    fn commit(&mut self, records: u64, payload: &[u8]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        for _ in 0..records {
            transaction.prepare_cached("INSERT INTO steps (body) VALUES (?1)")?.execute(params![payload])?;
        }
        transaction.commit()?;
        Ok(())
    }
}
