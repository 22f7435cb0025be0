//! What the disk gives without Flow: the same bytes, written by the plainest program that makes them durable.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// A record to be made durable, with the way back for the answer.
type Record = (Vec<u8>, oneshot::Sender<()>);

/// Appends so many records of this length to a preallocated file, each followed by an fdatasync.
pub(crate) fn append(dir: &Path, records: u64, len: usize) -> io::Result<Duration> {
    let file = preallocated(dir, records * len as u64)?;
    let record = vec![b'x'; len];
    let start = Instant::now();
    for number in 0..records {
        file.write_all_at(&record, number * len as u64)?;
        file.sync_data()?;
    }
    Ok(start.elapsed())
}

/// The same from many tasks at once: a thread writes all that wait in one piece and syncs once for them.
pub(crate) async fn append_together(dir: &Path, tasks: u64, each: u64, len: usize) -> io::Result<Duration> {
    let file = preallocated(dir, tasks * each * len as u64)?;
    let (sender, records) = mpsc::channel::<Record>();
    let writer = std::thread::spawn(move || write_batches(&file, &records));
    let start = Instant::now();
    let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(append_from_task(sender.clone(), each, len))).collect();
    drop(sender);
    for task in tasks {
        task.await?;
    }
    let took = start.elapsed();
    writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))?;
    Ok(took)
}

async fn append_from_task(records: mpsc::Sender<Record>, each: u64, len: usize) {
    for _ in 0..each {
        let (reply, answer) = oneshot::channel();
        if records.send((vec![b'x'; len], reply)).is_err() || answer.await.is_err() {
            return;
        }
    }
}

fn write_batches(file: &File, records: &mpsc::Receiver<Record>) -> io::Result<()> {
    let (mut at, mut bytes, mut replies) = (0, Vec::new(), Vec::new());
    while let Ok(first) = records.recv() {
        for (record, reply) in std::iter::once(first).chain(records.try_iter()) {
            bytes.extend_from_slice(&record);
            replies.push(reply);
        }
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        at += bytes.len() as u64;
        bytes.clear();
        for reply in replies.drain(..) {
            // A task that has gone waits for nothing.
            let _ = reply.send(());
        }
    }
    Ok(())
}

/// Replaces a file so many times: a new one is written, synced and renamed, and the folder synced.
pub(crate) fn replace(dir: &Path, times: u64, len: usize) -> io::Result<Duration> {
    let bytes = vec![b'x'; len];
    let (temp, name) = (dir.join("raw.tmp"), dir.join("raw"));
    let start = Instant::now();
    for _ in 0..times {
        let file = File::create(&temp)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_data()?;
        std::fs::rename(&temp, &name)?;
        File::open(dir)?.sync_all()?;
    }
    Ok(start.elapsed())
}

/// A file of this many bytes that are on disk already, so that a sync has no new blocks to record.
fn preallocated(dir: &Path, len: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(dir.join("raw"))?;
    let zeros = vec![0; 1 << 20];
    let mut at = 0;
    while at < len {
        file.write_all_at(&zeros, at)?;
        at += zeros.len() as u64;
    }
    file.sync_all()?;
    Ok(file)
}
