//! Who writes the log, and what is done beside the commits.
//!
//! In: requests, from any task. Out: their answers. Whether a commit is written within the call that asks for it or by
//! the thread is told by [`lead`](crate::store::lead).

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use super::index::Index;
use super::log::{self, Log};
use super::stage::{Commit, Job, Request};
use super::upkeep::{Chore, Site, Upkeep};
use crate::store::StoreError;
use crate::store::lead::{Lead, Led};
use crate::store::worker::{Gone, Work, Worker};

/// The way to the log. Dropping it writes what waits.
pub(super) struct Writer {
    led: Led<Keeper>,
    path: PathBuf,
    pub(super) index: Arc<Mutex<Index>>,
}

/// The log, and who keeps it up.
struct Keeper {
    log: Log,
    site: Arc<Site>,
    upkeep: Helper,
}

/// Who does what is to be done beside the commits.
enum Helper {
    Thread(Worker<Chore>),
    /// A test, when it says so.
    #[cfg(test)]
    Test(Upkeep),
}

/// Whether a log is kept up by a thread of its own, or when a test says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeptUp {
    ByThread,
    #[cfg(test)]
    ByTest,
}

impl Writer {
    pub(super) fn new(path: &Path, log: Log, kept_up: KeptUp) -> std::io::Result<Self> {
        let (index, site) = (log.shared_index(), log.site().clone());
        let upkeep = Upkeep::new(site.clone());
        let upkeep = match kept_up {
            KeptUp::ByThread => Helper::Thread(Worker::spawn("flow-upkeep", upkeep)?),
            #[cfg(test)]
            KeptUp::ByTest => Helper::Test(upkeep),
        };
        let mut keeper = Keeper { log, site, upkeep };
        keeper.hand_over_chores();
        Ok(Self { led: Led::spawn("flow-write", keeper)?, path: path.to_owned(), index })
    }

    /// Keeps a change.
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        match self.led.lead(commit) {
            Ok(answer) => answer,
            Err(commit) => self.ask(Request::Commit(Box::new(commit))).await,
        }
    }

    /// Asks the thread, and waits for its answer.
    pub(super) async fn ask(&self, request: Request) -> Result<(), StoreError> {
        self.hand_over(request)?.await.map_err(|_| self.gone(Gone))?
    }

    /// Asks the thread.
    pub(super) fn hand_over(&self, request: Request) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.led.send(Job { request, reply }).map_err(|gone| self.gone(gone))?;
        Ok(answer)
    }

    /// Has the thread write what was acknowledged.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let is_lagging = log::lock(&self.index).lagging;
        if is_lagging { self.ask(Request::Flush).await } else { Ok(()) }
    }

    fn gone(&self, _: Gone) -> StoreError {
        StoreError::Poisoned { path: self.path.clone(), reason: "who wrote to it has died".to_owned() }
    }

    /// Panics with the log in its hands.
    #[cfg(test)]
    pub(super) fn panic_while_writing(&self) {
        self.led.panic_while_at_work();
    }

    /// Does what is to be done beside the commits: what has been asked for, and so many slices of giving back room.
    /// Gives whether there is more of that.
    #[cfg(test)]
    pub(super) fn keep_up(&self, slices: usize) -> bool {
        self.led.with(|Keeper { log, upkeep, .. }| {
            let Helper::Test(upkeep) = upkeep else { panic!("a thread does it") };
            std::mem::take(&mut log.chores).into_iter().for_each(|chore| upkeep.take(chore));
            (0..slices).all(|_| upkeep.give_back())
        })
    }
}

impl Keeper {
    /// Passes on what the log has come to need.
    fn hand_over_chores(&mut self) {
        match &self.upkeep {
            // A thread that has died is done without: segments are then made when they are needed.
            Helper::Thread(thread) => self.log.chores.drain(..).for_each(|chore| drop(thread.send(chore))),
            #[cfg(test)]
            Helper::Test(_) => {}
        }
    }
}

impl Work for Keeper {
    type Job = Job;

    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        let log = &mut self.log;
        let mut must_write = false;
        for job in jobs {
            must_write |= log.stage(job);
            if log.is_overfull() {
                let _ = log.flush();
            }
        }
        if must_write || log.due().is_some_and(|left| left.is_zero()) {
            // Who waits has been told, and who does not wait is told at the next change.
            let _ = log.flush();
        }
        self.hand_over_chores();
        self.log.due()
    }

    fn close(&mut self) {
        // Nobody is left to be told.
        let _ = self.log.flush();
    }
}

impl Lead for Keeper {
    type Change = Commit;

    fn change(job: &Job) -> Option<&Commit> {
        if let Request::Commit(commit) = &job.request { Some(commit) } else { None }
    }

    fn lead(&mut self, commit: Commit) -> Result<Result<(), StoreError>, Commit> {
        let answer = self.log.lead(commit);
        self.hand_over_chores();
        Ok(answer)
    }

    fn due(&self) -> Option<Duration> {
        self.log.due()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // What is not done by now is done when the store is opened again.
        self.site.is_closing.store(true, Ordering::Relaxed);
    }
}
