//! Requests that wait for their runs, as files in a folder of the store's: the inbox of the stores that are files.
//!
//! In: requests, from this process and others. Out: the same, in the order in which they came, until they are taken or
//! their run is deleted. [`files`] works on them, in a thread of its own, so that whoever waits for another process here
//! holds up no commit; [`name`](mod@name) says what files are called, [`letter`] what is in them.

mod files;
mod letter;
mod name;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::files::Files;
use super::StoreError;
use super::worker::{Gone, Work, Worker};
use crate::disk::Dir;
use crate::state::{Request, WorkflowId};

/// How long who leaves a request waits for others that do.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long until the inbox is tried again that another process holds.
const PAUSE: Duration = Duration::from_millis(2);

/// The inbox of a store. Dropping it ends what was begun.
pub(super) struct Inbox {
    files: Arc<Files>,
    worker: Worker<Job>,
    path: PathBuf,
    patience: Duration,
}

/// What is done in the thread; it says whether it is through.
type Job = Box<dyn FnMut(&Files) -> Turn + Send>;

enum Turn {
    Through,
    Again,
}

/// The thread. What cannot be done yet holds up what was asked later, so that all comes in the order of its asking.
struct Queue {
    files: Arc<Files>,
    jobs: VecDeque<Job>,
}

impl Work for Queue {
    type Job = Job;

    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        self.jobs.extend(jobs);
        while let Some(job) = self.jobs.front_mut() {
            match job(&self.files) {
                Turn::Through => drop(self.jobs.pop_front()),
                Turn::Again => return Some(PAUSE),
            }
        }
        None
    }
}

impl Inbox {
    /// The inbox of a store in this folder, for the store's writer. What a writer that was killed has begun is ended:
    /// `is_there` says of a run, by the name that [`disk::encode_name`](crate::disk::encode_name) gives it, whether the
    /// store has it, or nothing if that cannot be told.
    pub(super) fn open(
        store: Arc<dyn Dir>,
        is_there: impl Fn(&str) -> Result<Option<bool>, StoreError>,
    ) -> Result<Self, StoreError> {
        let files = Files::new(store.clone(), true);
        files.recover(is_there)?;
        Self::new(&*store, files)
    }

    /// The inbox of a store in this folder, for all others: they may leave requests and look at them.
    pub(super) fn beside(store: Arc<dyn Dir>) -> Result<Self, StoreError> {
        Self::new(&*store, Files::new(store.clone(), false))
    }

    fn new(store: &dyn Dir, files: Files) -> Result<Self, StoreError> {
        let (files, path) = (Arc::new(files), store.path().join(files::INBOX));
        let queue = Queue { files: files.clone(), jobs: VecDeque::new() };
        let spawned = Worker::spawn("flow-inbox", queue);
        let worker =
            spawned.map_err(|source| StoreError::Io { action: "start a thread for", path: path.clone(), source })?;
        Ok(Self { files, worker, path, patience: PATIENCE })
    }

    /// Leaves a request; says whether there was none of its id.
    pub(super) async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        let bytes = letter::write(run, request).map_err(|error| StoreError::from_codec(run, error))?;
        let (run, request, path, patience) = (run.clone(), request.id.clone(), self.path.clone(), self.patience);
        let mut since = None;
        self.until(move |files| {
            let asked = files.ask(&run, &request, &bytes)?;
            let waited = since.get_or_insert_with(Instant::now).elapsed();
            if asked.is_none() && waited >= patience {
                let reason = format!("for {} s others have been leaving requests there", patience.as_secs());
                return Err(StoreError::Busy { path: path.clone(), reason });
            }
            Ok(asked)
        })
        .await
    }

    /// The requests of a run, in the order in which they came.
    pub(super) async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        let run = run.clone();
        self.until(move |files| files.requests(&run).map(Some)).await
    }

    /// Removes these requests of a run.
    pub(super) async fn take(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        let (run, ids) = (run.clone(), ids.to_owned());
        self.until(move |files| files.take(&run, &ids).map(Some)).await
    }

    /// The runs for which there are requests, sorted.
    pub(super) async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        self.until(|files| files.asked().map(Some)).await
    }

    /// Has the store delete a run, and the requests that it has go with it, whenever the power goes or the process dies.
    /// `hand_over` hands the deletion to the thread that does it; from then on all is done whether it is waited for or
    /// not.
    pub(super) async fn delete(
        &self,
        run: &WorkflowId,
        hand_over: impl FnOnce() -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError>,
    ) -> Result<(), StoreError> {
        let gone = self.gone();
        let Some(deletion) = self.files.begin_delete(run)? else {
            return hand_over()?.await.map_err(|_| gone())?;
        };
        let mut deleted = Some(hand_over()?);
        self.until(move |files| {
            let answer = deleted.take().and_then(|deleted| deleted.blocking_recv().ok());
            let deleted = answer.unwrap_or_else(|| Err(gone()));
            let ended = files.end_delete(&deletion, &deleted);
            deleted.and(ended).map(Some)
        })
        .await
    }

    /// Has the thread do this until it gives something, and waits for that. It is done whether the answer is waited for
    /// or not.
    async fn until<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Files) -> Result<Option<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let mut reply = Some(reply);
        let job: Job = Box::new(move |files| match work(files).transpose() {
            None => Turn::Again,
            Some(result) => {
                let _ = reply.take().map(|reply| reply.send(result));
                Turn::Through
            }
        });
        self.worker.send(job).map_err(|Gone| self.gone()())?;
        answer.await.map_err(|_| self.gone()())?
    }

    fn gone(&self) -> impl Fn() -> StoreError + use<> {
        let path = self.path.clone();
        move || StoreError::Poisoned { path: path.clone(), reason: "its thread has died".to_owned() }
    }
}
