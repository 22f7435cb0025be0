//! The thread in which a store does its file work.
//!
//! In: jobs, from any task. Out: the same jobs done in the order they came, all that wait together. A job that was
//! handed over is done even if nobody waits for its answer any more, so a dropped future interrupts no file work.

#![expect(clippy::disallowed_methods, reason = "this is the place that the lint names")]

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most jobs that are done together, so that one round stays short and bounded.
const MAX_JOBS: usize = 1024;

/// What a store's thread does.
pub(crate) trait Work: Send + 'static {
    /// A request to the store.
    type Job: Send + 'static;

    /// Does these jobs, in order. Says when it must be called again at the latest, also without jobs.
    fn run(&mut self, jobs: Vec<Self::Job>) -> Option<Duration>;

    /// Does what is left to do; nothing is called after it.
    fn close(&mut self) {
        self.run(Vec::new());
    }
}

/// The thread, until this is dropped; the drop waits for the jobs that were handed over.
#[derive(Debug)]
pub(crate) struct Worker<J> {
    jobs: Option<mpsc::Sender<J>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread is gone: a job of it panicked.
#[derive(Debug)]
pub(crate) struct Gone;

impl<J: Send + 'static> Worker<J> {
    /// Starts the thread.
    pub(crate) fn spawn(name: &str, work: impl Work<Job = J>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work_on(work, &receiver))?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    /// Hands a job over.
    pub(crate) fn send(&self, job: J) -> Result<(), Gone> {
        self.jobs.as_ref().ok_or(Gone)?.send(job).map_err(|_| Gone)
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told those who waited for it by going away.
            let _ = thread.join();
        }
    }
}

fn work_on<W: Work>(mut work: W, jobs: &mpsc::Receiver<W::Job>) {
    let mut nap = None;
    loop {
        let first = match nap {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(nap) => jobs.recv_timeout(nap),
        };
        let batch = match first {
            Ok(first) => std::iter::once(first).chain(jobs.try_iter().take(MAX_JOBS - 1)).collect(),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        nap = work.run(batch);
    }
    work.close();
}
