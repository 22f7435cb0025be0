//! Who writes the log: the task that commits if nobody else is there, else a thread.
//!
//! In: requests, from any task. Out: their answers. A commit that finds the log free is written within the call that
//! asks for it, which saves two changes of thread; that call blocks for as long as the disk takes. As soon as runs
//! commit side by side, or the log is taken, requests go to the thread, which takes all that have gathered into one
//! batch.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

use super::index::Index;
use super::log::{self, Log};
use super::stage::{Commit, Job, Request};
use super::upkeep::{Chore, Site, Upkeep};
use crate::state::WorkflowId;
use crate::store::StoreError;
use crate::store::worker::{Gone, Work, Worker};

/// How many commits must come alone, after some that came together, until one is led again.
const CALM: usize = 32;

/// The longest change that is written within a call.
const MAX_LED_BYTES: usize = 64 << 10;

/// The way to the log. Dropping it writes what waits.
pub(super) struct Writer {
    worker: Worker<Job>,
    shared: Arc<Shared>,
    pub(super) index: Arc<Mutex<Index>>,
}

struct Shared {
    path: PathBuf,
    log: Mutex<Guarded>,
    /// How many requests were handed to the thread and are not done.
    queued: AtomicUsize,
    site: Arc<Site>,
    upkeep: Helper,
}

/// Who does what is to be done beside the commits.
enum Helper {
    Thread(Worker<Chore>),
    /// A test, when it says so.
    #[cfg(test)]
    Test(Mutex<Upkeep>),
}

/// Whether a log is kept up by a thread of its own, or when a test says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeptUp {
    ByThread,
    #[cfg(test)]
    ByTest,
}

/// What one at a time may touch.
struct Guarded {
    log: Log,
    /// The run whose change came last, unless it ended by it.
    last: Option<WorkflowId>,
    /// How many commits must still come alone until one is led.
    crowd: usize,
    /// Whether the thread knows that changes wait.
    is_awake: bool,
}

impl Writer {
    pub(super) fn new(path: &Path, log: Log, kept_up: KeptUp) -> std::io::Result<Self> {
        let (index, site) = (log.shared_index(), log.site().clone());
        let upkeep = Upkeep::new(site.clone());
        let upkeep = match kept_up {
            KeptUp::ByThread => Helper::Thread(Worker::spawn("flow-upkeep", upkeep)?),
            #[cfg(test)]
            KeptUp::ByTest => Helper::Test(Mutex::new(upkeep)),
        };
        let mut guarded = Guarded { log, last: None, crowd: 0, is_awake: false };
        upkeep.hand_over(&mut guarded.log);
        let (log, queued) = (Mutex::new(guarded), AtomicUsize::new(0));
        let shared = Arc::new(Shared { path: path.to_owned(), log, queued, site, upkeep });
        let worker = Worker::spawn("flow-write", Thread(shared.clone()))?;
        Ok(Self { worker, shared, index })
    }

    /// Keeps a change.
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        match self.lead(commit) {
            Ok(answer) => answer,
            Err(commit) => self.ask(Request::Commit(Box::new(commit))).await,
        }
    }

    /// Asks the thread, and waits for its answer.
    pub(super) async fn ask(&self, request: Request) -> Result<(), StoreError> {
        self.hand_over(request)?.await.map_err(|_| self.shared.gone())?
    }

    /// Asks the thread.
    pub(super) fn hand_over(&self, request: Request) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job { request, reply })?;
        Ok(answer)
    }

    /// Has the thread write what was acknowledged.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let is_lagging = log::lock(&self.index).lagging;
        if is_lagging { self.ask(Request::Flush).await } else { Ok(()) }
    }

    /// Panics with the log in its hands.
    #[cfg(test)]
    pub(super) fn panic_while_writing(&self) {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guarded = self.shared.log.lock();
            std::panic::resume_unwind(Box::new("while writing"));
        }));
        assert!(panicked.is_err());
    }

    /// Does what is to be done beside the commits: what has been asked for, and so many slices of giving back room.
    /// Gives whether there is more of that.
    #[cfg(test)]
    pub(super) fn keep_up(&self, slices: usize) -> bool {
        let chores = std::mem::take(&mut self.shared.log.lock().unwrap().log.chores);
        let Helper::Test(upkeep) = &self.shared.upkeep else { panic!("a thread does it") };
        let mut upkeep = upkeep.lock().unwrap();
        chores.into_iter().for_each(|chore| upkeep.take(chore));
        (0..slices).all(|_| upkeep.give_back())
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.shared.queued.fetch_add(1, Ordering::SeqCst);
        self.worker.send(job).map_err(|Gone| self.shared.gone())
    }

    /// Keeps a change within this call, or gives it back if others are there.
    fn lead(&self, commit: Commit) -> Result<Result<(), StoreError>, Commit> {
        let Ok(mut guarded) = self.shared.log.try_lock() else { return Err(commit) };
        // What was handed over before goes first.
        let is_queued = self.shared.queued.load(Ordering::SeqCst) > 0;
        let is_alone = guarded.is_alone(&commit);
        if is_queued || !is_alone || commit.body.len() > MAX_LED_BYTES {
            return Err(commit);
        }
        let answer = guarded.log.lead(commit);
        self.shared.upkeep.hand_over(&mut guarded.log);
        let must_wake = guarded.log.due().is_some() && !std::mem::replace(&mut guarded.is_awake, true);
        drop(guarded);
        if must_wake {
            let (reply, _) = oneshot::channel();
            // It asks for nothing that others would have to wait for, so it is not counted.
            let woken = self.worker.send(Job { request: Request::Wake, reply });
            return Ok(answer.and_then(|()| woken.map_err(|Gone| self.shared.gone())));
        }
        Ok(answer)
    }
}

impl Guarded {
    /// Whether no other run has committed lately. Where many do, they find one another in the thread's queue.
    fn is_alone(&mut self, commit: &Commit) -> bool {
        let is_other = self.last.as_ref().is_some_and(|last| *last != commit.id);
        self.note(commit);
        !is_other && self.crowd == 0
    }

    fn note(&mut self, commit: &Commit) {
        if self.last.as_ref() != Some(&commit.id) {
            self.last = Some(commit.id.clone());
        }
        if commit.ends {
            self.last = None;
        }
    }
}

impl Shared {
    /// The log; what was done to it when its holder panicked is not known, so nothing more is.
    fn lock(&self) -> Result<MutexGuard<'_, Guarded>, StoreError> {
        self.log.lock().map_err(|_| self.gone())
    }

    fn gone(&self) -> StoreError {
        StoreError::Poisoned { path: self.path.clone(), reason: "who wrote to it has died".to_owned() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // What is not done by now is done when the store is opened again.
        self.site.is_closing.store(true, Ordering::Relaxed);
    }
}

impl Helper {
    /// Passes on what the log has come to need.
    fn hand_over(&self, log: &mut Log) {
        match self {
            // A thread that has died is done without: segments are then made when they are needed.
            Self::Thread(thread) => log.chores.drain(..).for_each(|chore| drop(thread.send(chore))),
            #[cfg(test)]
            Self::Test(_) => {}
        }
    }
}

/// The thread that writes for all who do not lead.
struct Thread(Arc<Shared>);

impl Work for Thread {
    type Job = Job;

    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        let count = jobs.iter().filter(|job| !matches!(job.request, Request::Wake)).count();
        let nap = if let Ok(mut guarded) = self.0.lock() {
            let nap = guarded.run(jobs);
            self.0.upkeep.hand_over(&mut guarded.log);
            nap
        } else {
            jobs.into_iter().for_each(|job| drop(job.reply.send(Err(self.0.gone()))));
            None
        };
        self.0.queued.fetch_sub(count, Ordering::SeqCst);
        nap
    }

    fn close(&mut self) {
        if let Ok(mut guarded) = self.0.lock() {
            // Nobody is left to be told.
            let _ = guarded.log.flush();
        }
    }
}

impl Guarded {
    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        let commits = || jobs.iter().filter_map(|job| job.request.as_commit());
        let count = commits().count();
        commits().next_back().into_iter().for_each(|last| self.note(last));
        let mut must_write = false;
        for job in jobs {
            must_write |= self.log.stage(job);
            if self.log.is_overfull() {
                let _ = self.log.flush();
            }
        }
        self.crowd = if count > 1 { CALM } else { self.crowd.saturating_sub(count) };
        if must_write || self.log.due().is_some_and(|left| left.is_zero()) {
            // Who waits has been told, and who does not wait is told at the next change.
            let _ = self.log.flush();
        }
        let due = self.log.due();
        self.is_awake = due.is_some();
        due
    }
}
