//! The one place of a handle that writes: what waits together goes into one transaction and one sync.
//!
//! In: requests of all runs, from the thread or ([`lead`](super::lead)) from the task that commits. Out: their answers, once they are durable. A lazy change is answered as soon as it is
//! known to follow, and is durable with the next transaction or within 50 ms. Claims alone are not synced: after a
//! power loss no engine is alive that could have them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::change::{Answer, Change, Job, Request};
use super::claims::{self, Owners};
use super::failure::{Failure, Refusal};
use super::lead::For;
use super::open;
use super::requests;
use super::runs::{Fit, Known, Standing};
use super::shared::Shared;
use crate::state::{Timestamp, WorkflowId};
use crate::store::lead::Lead;
use crate::store::worker::Work;
use crate::store::{PartKey, StoreError};

/// How long a change may wait to be written.
pub(super) const MAX_LAG: Duration = Duration::from_millis(50);
/// How much may wait to be written.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// How many rows that no run needs are removed with each change, and when there is nothing else to do.
const TRIM_ROWS: usize = 4;
const TRIM_IDLE_ROWS: usize = 512;
/// How long the writer rests between two rounds of removing rows.
pub(super) const TRIM_PAUSE: Duration = Duration::from_millis(20);

/// The writer of a handle.
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) shared: Arc<Shared>,
    pub(super) known: Known,
    /// For whom it writes, and how much it has in calls since the thread did.
    pub(super) writes_for: For,
    pub(super) led_bytes: usize,
    owners: Owners,
    lease: Duration,
    /// Whether transactions are to be synced that must last, and whether the connection does so now.
    full: bool,
    is_syncing: bool,
    data_version: Option<i64>,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    pub(super) since: Option<Instant>,
    /// Where runs stand with the changes that wait.
    ahead: HashMap<WorkflowId, Standing>,
    /// Runs of which changes were acknowledged that could not be written, with the reason.
    lost: HashMap<WorkflowId, Lost>,
    pub(super) poisoned: Option<Failure>,
}

struct Waiting {
    request: Request,
    /// Nobody waits for a lazy change.
    reply: Option<oneshot::Sender<Answer>>,
}

impl Waiting {
    /// Whether it must be on disk when it is answered. A part is, at the latest, with the change that names it.
    fn must_last(&self) -> bool {
        matches!(self.request, Request::Commit(_) | Request::Save(_) | Request::Delete(_) | Request::Ask(..))
    }
}

/// Why an acknowledged change was not written.
enum Lost {
    Failed(Failure),
    Refused(String),
}

impl Lost {
    fn to_error(&self, id: &WorkflowId) -> StoreError {
        match self {
            Self::Failed(failure) => failure.to_error(),
            Self::Refused(reason) => StoreError::Conflict { id: id.clone(), reason: reason.clone() },
        }
    }
}

impl Writer {
    pub(super) fn new(db: Connection, shared: Arc<Shared>, full: bool, lease: Duration) -> Self {
        let nanos = i64::try_from(lease.as_nanos()).unwrap_or(i64::MAX);
        Self {
            db,
            shared,
            known: Known::default(),
            writes_for: For::Thread,
            led_bytes: 0,
            owners: Owners::new(nanos),
            lease,
            full,
            is_syncing: full,
            data_version: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            since: None,
            ahead: HashMap::new(),
            lost: HashMap::new(),
            poisoned: None,
        }
    }

    /// Takes a request in. Gives whether it must be written now.
    pub(super) fn stage(&mut self, Job { request, reply }: Job) -> bool {
        if let Some(failure) = &self.poisoned {
            let _ = reply.send(Err(poisoned(&self.shared.path, failure)));
            return false;
        }
        match request {
            Request::Commit(change) if change.lazy => {
                let staged = self.stage_lazy(change);
                let must_write = matches!(staged, Ok(true));
                let _ = reply.send(staged.map(|_| 0));
                must_write
            }
            request => {
                self.add(request, Some(reply));
                true
            }
        }
    }

    /// Takes in a change that need not be durable yet, if it follows. Gives whether it must be written all the same.
    fn stage_lazy(&mut self, change: Box<Change>) -> Result<bool, StoreError> {
        if let Some(lost) = self.lost.remove(&change.id) {
            return Err(lost.to_error(&change.id));
        }
        let standing = match self.ahead.get(&change.id) {
            Some(standing) => *standing,
            None => self.look_up(&change.id)?,
        };
        if standing.fit(&change)? == Fit::Same {
            return Ok(false);
        }
        self.ahead.insert(change.id.clone(), standing.ahead(&change));
        self.waiting_bytes += change.body.len();
        self.shared.set_lagging(true);
        self.add(Request::Commit(change), None);
        Ok(self.waiting_bytes > MAX_WAITING_BYTES)
    }

    fn look_up(&mut self, id: &WorkflowId) -> Result<Standing, StoreError> {
        let found = open::patiently(self.shared.patience, || Ok(self.standing(id)?));
        found.map_err(|refusal| refusal.into_error("read", &self.shared.path))
    }

    /// Where a run stands.
    pub(super) fn standing(&mut self, id: &WorkflowId) -> rusqlite::Result<Standing> {
        notice_others(&self.db, &mut self.known, &mut self.data_version)?;
        self.known.standing(&self.db, id)
    }

    #[expect(clippy::disallowed_methods, reason = "a test that pauses tokio's clock must not hold up the disk")]
    fn add(&mut self, request: Request, reply: Option<oneshot::Sender<Answer>>) {
        // What was staged behind a request that changes the run otherwise is judged when it is written.
        self.since.get_or_insert_with(Instant::now);
        if let (Request::Commit(change), Some(_)) = (&request, &reply)
            && let Some(standing) = self.ahead.get(&change.id)
        {
            let ahead = standing.ahead(change);
            self.ahead.insert(change.id.clone(), ahead);
        }
        self.waiting.push(Waiting { request, reply });
    }

    /// Writes what waits in one transaction, and answers those who wait for it.
    pub(super) fn flush(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        (self.waiting_bytes, self.since) = (0, None);
        self.ahead.clear();
        match self.write(&waiting) {
            Ok(answers) => waiting.into_iter().zip(answers).for_each(|(one, answer)| self.answer(one, answer)),
            // Damage of one run's rows is told to that run alone.
            Err(failure) if failure.is_damage() => waiting.into_iter().for_each(|one| self.write_alone(one)),
            Err(failure) => waiting.into_iter().for_each(|one| self.fail(one, &failure)),
        }
        self.shared.set_lagging(false);
        for id in self.known.outgrown.drain(..) {
            self.shared.want_snapshot(id);
        }
    }

    fn write_alone(&mut self, one: Waiting) {
        match self.write(std::slice::from_ref(&one)) {
            Ok(mut answers) => self.answer(one, answers.pop().unwrap_or(Ok(0))),
            Err(failure) => self.fail(one, &failure),
        }
    }

    fn answer(&mut self, one: Waiting, answer: Answer) {
        match (one.reply, one.request, answer) {
            // Who asked may have gone; the answer is then of no use to anybody.
            (Some(reply), _, answer) => drop(reply.send(answer)),
            (None, Request::Commit(change), Err(error)) => {
                let reason = match error {
                    StoreError::Conflict { reason, .. } => reason,
                    error => error.to_string(),
                };
                self.lost.insert(change.id, Lost::Refused(reason));
            }
            _ => {}
        }
    }

    fn fail(&mut self, one: Waiting, failure: &Failure) {
        match (one.reply, one.request) {
            (Some(reply), _) => drop(reply.send(Err(failure.to_error()))),
            (None, Request::Commit(change)) => drop(self.lost.insert(change.id, Lost::Failed(failure.clone()))),
            _ => {}
        }
    }

    fn write(&mut self, waiting: &[Waiting]) -> Result<Vec<Answer>, Failure> {
        let written = self.try_write(waiting);
        written.map_err(|error| {
            let failure = Failure::of("write", &self.shared.path, &error);
            // It may have been rolled back already; what was known of it does not hold in any case.
            let _ = self.db.execute_batch("ROLLBACK");
            self.known.forget();
            self.known.outgrown.clear();
            self.owners.doubt();
            self.data_version = None;
            if failure.poisons() {
                self.poisoned = Some(failure.clone());
            }
            failure
        })
    }

    fn try_write(&mut self, waiting: &[Waiting]) -> rusqlite::Result<Vec<Answer>> {
        // Who leads has begun.
        if self.db.is_autocommit() {
            self.write_for(For::Thread)?;
            self.begin(waiting.iter().any(Waiting::must_last))?;
        }
        notice_others(&self.db, &mut self.known, &mut self.data_version)?;
        let now = self.shared.now(&self.db)?;
        if self.owners.are_due(now) {
            self.owners.renew(&self.db, now)?;
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for one in waiting {
            answers.push(match self.apply(&one.request, now) {
                Ok(fence) => Ok(fence),
                Err(Refusal::Store(error)) => Err(error),
                Err(Refusal::Sql(error)) => return Err(error),
            });
        }
        let rows = if waiting.is_empty() { TRIM_IDLE_ROWS } else { TRIM_ROWS * waiting.len() };
        self.known.trim(&self.db, rows)?;
        self.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(answers)
    }

    /// Begins a transaction, which is synced if it must last.
    pub(super) fn begin(&mut self, must_last: bool) -> rusqlite::Result<()> {
        self.sync_if(self.full && must_last)?;
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    /// Has the next transaction synced when it is committed, or not.
    fn sync_if(&mut self, sync: bool) -> rusqlite::Result<()> {
        if self.is_syncing != sync {
            self.db.pragma_update(None, "synchronous", if sync { "full" } else { "normal" })?;
            self.is_syncing = sync;
        }
        Ok(())
    }

    fn apply(&mut self, request: &Request, now: Timestamp) -> Result<u64, Refusal> {
        let db = &self.db;
        match request {
            Request::Commit(change) => {
                if let Some(lost) = self.lost.remove(&change.id) {
                    return Err(lost.to_error(&change.id).into());
                }
                self.known.commit(db, change)?;
            }
            Request::Save(change) => {
                self.lost.remove(&change.id);
                self.known.save(db, change)?;
            }
            Request::Delete(id) => {
                self.lost.remove(id);
                self.known.delete(db, id, now)?;
            }
            Request::PutPart(key, body) => put_part(db, key, body)?,
            Request::Claim(id, owner) => {
                self.known.forget_run(id);
                return self.owners.claim(db, id, *owner, now);
            }
            Request::Release(id, owner) => {
                self.known.forget_run(id);
                claims::release(db, id, *owner)?;
            }
            Request::Forget(owner) => {
                self.known.forget_runs();
                self.owners.forget(db, *owner)?;
            }
            Request::Ask(run, request, body) => return requests::put(db, run, request, body).map(u64::from),
            Request::TakeRequests(run, ids) => requests::take(db, run, ids)?,
            Request::Flush => {}
        }
        Ok(0)
    }

    /// How long the writer may sleep.
    fn nap(&self) -> Option<Duration> {
        let beat = (!self.owners.is_empty()).then_some(self.lease / 3);
        [beat, self.due()].into_iter().flatten().min()
    }

    fn are_leases_due(&self) -> bool {
        // A clock that cannot be read is told to who writes next.
        self.poisoned.is_none() && self.shared.now(&self.db).is_ok_and(|now| self.owners.are_due(now))
    }
}

impl Work for Writer {
    type Job = Job;

    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        let is_wake_up = jobs.is_empty();
        let mut must_write = false;
        for job in jobs {
            must_write |= self.stage(job);
        }
        let is_late = self.since.is_some_and(|since| since.elapsed() >= MAX_LAG);
        let must_trim = is_wake_up && self.known.has_stale && self.poisoned.is_none();
        if must_write || is_late || must_trim || (is_wake_up && self.are_leases_due()) {
            self.flush();
        }
        self.nap()
    }

    fn close(&mut self) {
        if !self.waiting.is_empty() {
            self.flush();
        }
        if self.poisoned.is_none() && !self.owners.is_empty() {
            // If it fails, the leases run out.
            let _ = self
                .write_for(For::Thread)
                .and_then(|()| self.sync_if(false))
                .and_then(|()| self.owners.leave(&self.db));
        }
    }
}

/// Forgets what is known if another connection has written since.
fn notice_others(db: &Connection, known: &mut Known, version: &mut Option<i64>) -> rusqlite::Result<()> {
    let now = db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
    if version.replace(now) != Some(now) {
        known.forget();
    }
    Ok(())
}

fn put_part(db: &Connection, key: &PartKey, body: &[u8]) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO parts (id, run_no, payload, part, crc, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id, run_no, payload, part) DO UPDATE SET crc = excluded.crc, body = excluded.body",
    )?
    .execute(rusqlite::params![
        key.id.as_str(),
        key.run_no.cast_signed(),
        key.payload.to_be_bytes(),
        key.part,
        super::change::part_crc(key, body),
        body
    ])
    .map(drop)
}

fn poisoned(path: &Path, failure: &Failure) -> StoreError {
    StoreError::Poisoned { path: path.to_owned(), reason: failure.reason().to_owned() }
}
