//! A store over redb, an embedded database in pure Rust: what it takes to keep runs somewhere of one's own.
//!
//! In: records and changes of runs. Out: the same after a crash. Beside the four methods that every store has it
//! overrides `commit`, so that a step costs its change and not the whole run, keeps large outputs in parts, and keeps
//! what is asked of runs: signals, cancellations.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use flow_runtime::state::{Delta, Request};
use flow_runtime::store::{Listing, MAX_REQUESTS, PartKey};
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

/// Where each run stands: its number, and how many changes it has.
const HEADS: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("heads");
/// Runs that were saved whole, as they were then.
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
/// The changes behind that, or all of them, by the run and their number.
const CHANGES: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("changes");
/// Parts of large outputs: by the run, its number, the output and the part.
const PARTS: TableDefinition<'_, (&str, u64, u128, u32), &[u8]> = TableDefinition::new("parts");
/// What runs have not taken, by the run and a number: the request's id, and the request.
const REQUESTS: TableDefinition<'_, (&str, u64), (&str, &[u8])> = TableDefinition::new("requests");

/// Outputs over 1 MiB are kept in parts.
const INLINE_BYTES: usize = 1 << 20;

/// Keeps runs in a redb database. Clones are the same store.
///
/// Each call is one transaction, which redb makes durable before it returns. They are short and have no point at which
/// they could be left half done, so they run where they are called and need no thread of their own.
#[derive(Clone)]
pub(crate) struct RedbStore {
    database: Arc<Database>,
}

impl RedbStore {
    pub(crate) fn open(path: &Path) -> Result<Self, redb::Error> {
        let database = Database::create(path)?;
        let begin = database.begin_write()?;
        begin.open_table(HEADS)?;
        begin.open_table(RECORDS)?;
        begin.open_table(CHANGES)?;
        begin.open_table(PARTS)?;
        begin.open_table(REQUESTS)?;
        begin.commit()?;
        Ok(Self { database: Arc::new(database) })
    }

    /// Does this in one transaction: all of it, or nothing if it gives an error.
    fn write<T>(&self, write: impl FnOnce(&WriteTransaction) -> Result<T, Failure>) -> Result<T, StoreError> {
        let done = || {
            let transaction = self.database.begin_write()?;
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        done().map_err(told)
    }

    fn read_record(&self, id: &WorkflowId) -> Result<WorkflowData, Failure> {
        let broken = |error| StoreError::from_codec(id, error);
        let transaction = self.database.begin_read()?;
        let record = transaction.open_table(RECORDS)?.get(id.as_str())?;
        let record = record.map(|bytes| WorkflowData::from_bytes(bytes.value().to_vec())).transpose();
        let mut data = record.map_err(broken)?;
        for change in transaction.open_table(CHANGES)?.range(all_of(id))? {
            let delta = Delta::from_bytes(change?.1.value().to_vec()).map_err(broken)?;
            data = Some(add(data, &delta).map_err(|error| corrupt(id, error.to_string()))?);
        }
        let data = data.ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
        let head = transaction.open_table(HEADS)?.get(id.as_str())?.map(|head| head.value());
        let is_whole = data.id == *id && head == Some((data.run_no, data.seq));
        if is_whole { Ok(data) } else { Err(corrupt(id, "changes of it are missing".to_owned()).into()) }
    }
}

/// The record with one more change.
fn add(data: Option<WorkflowData>, delta: &Delta) -> Result<WorkflowData, flow_runtime::state::ApplyError> {
    let Some(mut data) = data else { return WorkflowData::create(delta) };
    data.apply(delta)?;
    Ok(data)
}

fn corrupt(id: &WorkflowId, reason: String) -> StoreError {
    StoreError::Corrupt { id: id.clone(), path: None, reason }
}

/// The keys of all that is kept of a run under a number.
fn all_of(id: &WorkflowId) -> RangeInclusive<(&str, u64)> {
    (id.as_str(), 0)..=(id.as_str(), u64::MAX)
}

/// Removes all changes of a run.
fn remove_changes(changes: &mut Table<'_, (&str, u64), &[u8]>, id: &WorkflowId) -> Result<(), Failure> {
    changes.retain_in(all_of(id), |_, _| false)?;
    Ok(())
}

impl WorkflowStore for RedbStore {
    async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        let id = &data.id;
        let bytes = data.to_bytes().map_err(|error| StoreError::from_codec(id, error))?;
        self.write(|transaction| {
            transaction.open_table(HEADS)?.insert(id.as_str(), (data.run_no, data.seq))?;
            transaction.open_table(RECORDS)?.insert(id.as_str(), &*bytes)?;
            remove_changes(&mut transaction.open_table(CHANGES)?, id)
        })
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.read_record(id).map_err(told)
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        let list = || -> Result<Vec<WorkflowId>, Failure> {
            let heads = self.database.begin_read()?.open_table(HEADS)?;
            let ids = heads.iter()?.map(|head| Ok(WorkflowId::new(head?.0.value())?));
            ids.collect()
        };
        list().map(Listing::new).map_err(told)
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.write(|transaction| {
            if transaction.open_table(HEADS)?.remove(id.as_str())?.is_none() {
                return Err(StoreError::NotFound { id: id.clone() }.into());
            }
            transaction.open_table(RECORDS)?.remove(id.as_str())?;
            remove_changes(&mut transaction.open_table(CHANGES)?, id)?;
            let all = (id.as_str(), 0, 0, 0)..=(id.as_str(), u64::MAX, u128::MAX, u32::MAX);
            transaction.open_table(PARTS)?.retain_in(all, |_, _| false)?;
            transaction.open_table(REQUESTS)?.retain_in(all_of(id), |_, _| false)?;
            Ok(())
        })
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let id = &after.id;
        let bytes = delta.to_bytes().map_err(|error| StoreError::from_codec(id, error))?;
        self.write(|transaction| {
            let mut changes = transaction.open_table(CHANGES)?;
            let mut heads = transaction.open_table(HEADS)?;
            let head = heads.get(id.as_str())?.map(|head| head.value());
            let (run_no, next) = head.unwrap_or((delta.run_no, 0));
            let was_sent_before = run_no == delta.run_no
                && changes.get((id.as_str(), delta.seq))?.is_some_and(|kept| kept.value() == bytes)
                && next == delta.seq + 1;
            if was_sent_before {
                return Ok(());
            }
            if (run_no, next) != (delta.run_no, delta.seq) {
                let reason = format!("it is at change {next}, and change {} does not follow", delta.seq);
                return Err(StoreError::Conflict { id: id.clone(), reason }.into());
            }
            heads.insert(id.as_str(), (run_no, next + 1))?;
            changes.insert((id.as_str(), delta.seq), &*bytes)?;
            Ok(())
        })
    }

    fn inline_bytes(&self) -> Option<usize> {
        Some(INLINE_BYTES)
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        self.write(|transaction| {
            let place = (key.id.as_str(), key.run_no, key.payload, key.part);
            transaction.open_table(PARTS)?.insert(place, &*bytes)?;
            Ok(())
        })
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        let read = || -> Result<Option<Bytes>, Failure> {
            let parts = self.database.begin_read()?.open_table(PARTS)?;
            let part = parts.get((key.id.as_str(), key.run_no, key.payload, key.part))?;
            Ok(part.map(|bytes| Bytes::copy_from_slice(bytes.value())))
        };
        let part = read().map_err(told)?;
        part.ok_or_else(|| corrupt(&key.id, format!("part {} of an output is missing", key.part)))
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        let bytes = request.to_bytes().map_err(|error| StoreError::from_codec(run, error))?;
        self.write(|transaction| {
            let mut requests = transaction.open_table(REQUESTS)?;
            let (mut count, mut next) = (0, 0);
            for known in requests.range(all_of(run))? {
                let (key, value) = known?;
                if value.value().0 == request.id {
                    return Ok(false);
                }
                (count, next) = (count + 1, key.value().1 + 1);
            }
            if count >= MAX_REQUESTS {
                return Err(StoreError::TooManyRequests { id: run.clone(), most: MAX_REQUESTS }.into());
            }
            requests.insert((run.as_str(), next), (request.id.as_str(), &*bytes))?;
            Ok(true)
        })
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        let broken = |error| StoreError::from_codec(run, error).into();
        let read = || -> Result<Vec<Request>, Failure> {
            let requests = self.database.begin_read()?.open_table(REQUESTS)?;
            let of_run = requests.range(all_of(run))?;
            of_run.map(|entry| Request::from_bytes(entry?.1.value().1.to_vec()).map_err(broken)).collect()
        };
        read().map_err(told)
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let is_kept = |_: (&str, u64), (id, _): (&str, &[u8])| !ids.iter().any(|taken| taken == id);
            transaction.open_table(REQUESTS)?.retain_in(all_of(run), is_kept)?;
            Ok(())
        })
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        let list = || -> Result<Vec<WorkflowId>, Failure> {
            let requests = self.database.begin_read()?.open_table(REQUESTS)?;
            let runs = requests.iter()?.map(|entry| Ok(WorkflowId::new(entry?.0.value().0)?));
            runs.collect()
        };
        let mut runs = list().map_err(told)?;
        runs.dedup();
        Ok(runs)
    }
}

/// What went wrong: an error of redb's, or one that is told as it is.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn told(failure: Failure) -> StoreError {
    failure.downcast().map_or_else(StoreError::Other, |error| *error)
}
