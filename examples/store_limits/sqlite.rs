//! What SQLite gives without Flow: the rows that the store writes, by the plainest program that commits them durably.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

/// A row of a run, with the way back for the answer.
type Row = (i64, oneshot::Sender<()>);

/// How long the changes are that stand in the file of a store.
pub(crate) fn body_bytes(path: &Path) -> anyhow::Result<usize> {
    let db = Connection::open(path)?;
    let bytes: u32 = db.query_row("SELECT CAST(avg(length(body)) AS INTEGER) FROM journal", [], |row| row.get(0))?;
    Ok(bytes as usize)
}

/// How many bytes this process has written so far, to whatever files.
pub(crate) fn written() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io").context("how much was written is known on Linux alone")?;
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).context("no count of written bytes")?;
    Ok(line.parse()?)
}

/// Commits so many rows of one run, one by one.
pub(crate) fn alone(dir: &Path, rows: u64, len: usize) -> anyhow::Result<Duration> {
    let (db, body) = (open(dir, 1)?, vec![b'x'; len]);
    let start = Instant::now();
    for _ in 0..rows {
        commit(&db, [1].iter(), &body)?;
    }
    Ok(start.elapsed())
}

/// The same from many tasks at once: a thread commits all that wait in one transaction.
pub(crate) async fn together(dir: &Path, tasks: u64, each: u64, len: usize) -> anyhow::Result<Duration> {
    let db = open(dir, tasks)?;
    let (sender, rows) = mpsc::channel::<Row>();
    let writer = std::thread::spawn(move || write_batches(&db, &rows, len));
    let start = Instant::now();
    let tasks: Vec<_> =
        (1..=tasks).map(|run| tokio::spawn(from_task(sender.clone(), run.cast_signed(), each))).collect();
    drop(sender);
    for task in tasks {
        task.await?;
    }
    let took = start.elapsed();
    writer.join().unwrap_or_else(|_| anyhow::bail!("the writer panicked"))?;
    Ok(took)
}

async fn from_task(rows: mpsc::Sender<Row>, run: i64, each: u64) {
    for _ in 0..each {
        let (reply, answer) = oneshot::channel();
        if rows.send((run, reply)).is_err() || answer.await.is_err() {
            return;
        }
    }
}

fn write_batches(db: &Connection, rows: &mpsc::Receiver<Row>, len: usize) -> anyhow::Result<()> {
    let body = vec![b'x'; len];
    while let Ok(first) = rows.recv() {
        let batch: Vec<Row> = std::iter::once(first).chain(rows.try_iter()).collect();
        commit(db, batch.iter().map(|(run, _)| run), &body)?;
        for (_, reply) in batch {
            // A task that has gone waits for nothing.
            let _ = reply.send(());
        }
    }
    Ok(())
}

fn open(dir: &Path, runs: u64) -> anyhow::Result<Connection> {
    let db = Connection::open(dir.join("raw.db"))?;
    db.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA wal_autocheckpoint = 4096;
         CREATE TABLE journal (row INTEGER PRIMARY KEY, run INTEGER, before INTEGER, next INTEGER, kind INTEGER,
             plan INTEGER, crc INTEGER, body BLOB) STRICT;
         CREATE TABLE runs (run INTEGER PRIMARY KEY, next INTEGER, last INTEGER, updated INTEGER, id TEXT) STRICT;",
    )?;
    for run in 1..=runs {
        db.execute("INSERT INTO runs VALUES (?1, 0, 0, 0, ?2)", params![run.cast_signed(), format!("run-{run}")])?;
    }
    Ok(db)
}

fn commit<'a>(db: &Connection, runs: impl Iterator<Item = &'a i64>, body: &[u8]) -> anyhow::Result<()> {
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for run in runs {
        let row = db
            .prepare_cached(
                "INSERT INTO journal (run, before, next, kind, plan, crc, body) VALUES (?1, 1, 1, 1, 0, ?2, ?3)",
            )?
            .insert(params![run, u32::MAX, body])?;
        db.prepare_cached("UPDATE runs SET next = next + 1, last = ?2, updated = ?3 WHERE run = ?1")?
            .execute(params![run, row, i64::MAX])?;
    }
    db.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}
