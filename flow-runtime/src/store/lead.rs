//! Who does a store's commits: the task that commits if nobody else is there, else a thread.
//!
//! In: changes of runs and other jobs, from any task. Out: the same done, one after the other. A change that finds the
//! store free is done within the call that asks for it, which saves two changes of thread; that call blocks for as long
//! as the disk takes. As soon as runs commit side by side, or the store is taken, jobs go to the thread, which takes all
//! that have gathered together.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::StoreError;
use super::worker::{Gone, Work, Worker};
use crate::state::WorkflowId;

/// How many changes must come alone, after some that came together, until one is led again.
const CALM: usize = 32;

/// The longest change that is done within a call.
const MAX_LED_BYTES: usize = 64 << 10;

/// A change of a run.
pub(super) trait Change {
    /// Whose it is.
    fn run(&self) -> &WorkflowId;
    /// Whether the run ends by it.
    fn ends(&self) -> bool;
    /// How many bytes it has.
    fn bytes(&self) -> usize;
}

/// What is done by whoever is there.
pub(super) trait Lead: Work {
    /// What may be done within a call.
    type Change: Change;

    /// The change that a job asks for, if it is one.
    fn change(job: &Self::Job) -> Option<&Self::Change>;

    /// Does a change, or gives it back if it is better left to the thread.
    fn lead(&mut self, change: Self::Change) -> Result<Result<(), StoreError>, Self::Change>;

    /// When something is to be done that nobody waits for, if anything is.
    fn due(&self) -> Option<Duration>;
}

/// The way to what is led. Dropping it has the thread do what waits.
pub(super) struct Led<W: Lead> {
    thread: Worker<Option<W::Job>>,
    shared: Arc<Shared<W>>,
}

struct Shared<W> {
    guarded: Mutex<Guarded<W>>,
    /// How many jobs were handed to the thread and are not done.
    queued: AtomicUsize,
}

/// What one at a time may touch.
struct Guarded<W> {
    work: W,
    /// The run whose change came last, unless it ended by it.
    last: Option<WorkflowId>,
    /// How many changes must still come alone until one is led.
    crowd: usize,
    /// Whether the thread knows that something is to be done that nobody waits for.
    is_awake: bool,
}

impl<W: Lead> Led<W> {
    /// Starts the thread.
    pub(super) fn spawn(name: &str, work: W) -> io::Result<Self> {
        let guarded = Mutex::new(Guarded { work, last: None, crowd: 0, is_awake: false });
        let shared = Arc::new(Shared { guarded, queued: AtomicUsize::new(0) });
        let thread = Worker::spawn(name, Thread(shared.clone()))?;
        Ok(Self { thread, shared })
    }

    /// Hands a job to the thread.
    pub(super) fn send(&self, job: W::Job) -> Result<(), Gone> {
        self.shared.queued.fetch_add(1, Ordering::SeqCst);
        self.thread.send(Some(job))
    }

    /// Does a change within this call, or gives it back if others are there.
    pub(super) fn lead(&self, change: W::Change) -> Result<Result<(), StoreError>, W::Change> {
        let Ok(mut guarded) = self.shared.guarded.try_lock() else { return Err(change) };
        // What was handed over before goes first.
        let is_queued = self.shared.queued.load(Ordering::SeqCst) > 0;
        let is_alone = guarded.is_alone(&change);
        if is_queued || !is_alone || change.bytes() > MAX_LED_BYTES {
            return Err(change);
        }
        let answer = guarded.work.lead(change)?;
        let must_wake = guarded.work.due().is_some() && !std::mem::replace(&mut guarded.is_awake, true);
        drop(guarded);
        if must_wake {
            // A thread that has died is told to who hands it the next job. This is none that others would have to wait
            // for, so it is not counted.
            let _ = self.thread.send(None);
        }
        Ok(answer)
    }

    /// What is done, in the hands of a test.
    #[cfg(test)]
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut W) -> T) -> T {
        look(&mut self.shared.lock().unwrap().work)
    }

    /// Panics with it in its hands.
    #[cfg(test)]
    pub(super) fn panic_while_at_work(&self) {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.with(|_| std::panic::resume_unwind(Box::new("at work")));
        }));
        assert!(panicked.is_err());
    }
}

impl<W: Lead> Guarded<W> {
    /// Whether no other run has committed lately. Where many do, they find one another in the thread's queue.
    fn is_alone(&mut self, change: &W::Change) -> bool {
        let is_other = self.last.as_ref().is_some_and(|last| last != change.run());
        self.note(change);
        !is_other && self.crowd == 0
    }

    fn note(&mut self, change: &W::Change) {
        if self.last.as_ref() != Some(change.run()) {
            self.last = Some(change.run().clone());
        }
        if change.ends() {
            self.last = None;
        }
    }

    fn run(&mut self, jobs: Vec<W::Job>) -> Option<Duration> {
        let changes = || jobs.iter().filter_map(W::change);
        let count = changes().count();
        changes().next_back().into_iter().for_each(|last| self.note(last));
        self.crowd = if count > 1 { CALM } else { self.crowd.saturating_sub(count) };
        let nap = self.work.run(jobs);
        self.is_awake = self.work.due().is_some();
        nap
    }
}

impl<W> Shared<W> {
    /// What is done; in which state its holder left it who panicked is not known, so nothing more is.
    fn lock(&self) -> Result<MutexGuard<'_, Guarded<W>>, Gone> {
        self.guarded.lock().map_err(|_| Gone)
    }
}

/// The thread that works for all who do not lead.
struct Thread<W>(Arc<Shared<W>>);

impl<W: Lead> Work for Thread<W> {
    /// None only wakes it.
    type Job = Option<W::Job>;

    fn run(&mut self, jobs: Vec<Option<W::Job>>) -> Option<Duration> {
        let jobs: Vec<W::Job> = jobs.into_iter().flatten().collect();
        let count = jobs.len();
        // Where nothing more is done the jobs are dropped, which tells those who wait.
        let nap = self.0.lock().ok().and_then(|mut guarded| guarded.run(jobs));
        self.0.queued.fetch_sub(count, Ordering::SeqCst);
        nap
    }

    fn close(&mut self) {
        if let Ok(mut guarded) = self.0.lock() {
            guarded.work.close();
        }
    }
}
