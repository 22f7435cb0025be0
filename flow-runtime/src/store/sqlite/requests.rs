//! What was asked of runs from outside, until they take it.
//!
//! In: requests, from whoever has the file open. Out: the same, in the order in which they came. A run's requests go in
//! the transaction that deletes it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::failure::Refusal;
use crate::state::{Request, WorkflowId};
use crate::store::{MAX_REQUESTS, StoreError};

/// Keeps a request. `false` if there is one of its id for this run already.
pub(super) fn put(db: &Connection, run: &WorkflowId, request: &str, body: &[u8]) -> Result<bool, Refusal> {
    let mut there = db.prepare_cached("SELECT 1 FROM requests WHERE id = ?1 AND request = ?2")?;
    if there.query_row([run.as_str(), request], |_| Ok(())).optional()?.is_some() {
        return Ok(false);
    }
    let mut count = db.prepare_cached("SELECT count(*) FROM requests WHERE id = ?1")?;
    let waiting: i64 = count.query_row([run.as_str()], |row| row.get(0))?;
    if usize::try_from(waiting).is_ok_and(|waiting| waiting >= MAX_REQUESTS) {
        return Err(StoreError::TooManyRequests { id: run.clone(), most: MAX_REQUESTS }.into());
    }
    db.prepare_cached("INSERT INTO requests (id, request, body) VALUES (?1, ?2, ?3)")?.execute(rusqlite::params![
        run.as_str(),
        request,
        body
    ])?;
    Ok(true)
}

/// Forgets these requests of a run.
pub(super) fn take(db: &Connection, run: &WorkflowId, ids: &[String]) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM requests WHERE id = ?1 AND request = ?2")?;
    ids.iter().try_for_each(|request| delete.execute([run.as_str(), request]).map(drop))
}

/// Forgets all requests of a run.
pub(super) fn delete(db: &Connection, run: &WorkflowId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM requests WHERE id = ?1")?.execute([run.as_str()]).map(drop)
}

/// The requests of a run, in the order in which they came.
pub(super) fn of_run(db: &Connection, path: &Path, run: &WorkflowId) -> Result<Vec<Request>, Refusal> {
    let mut select = db.prepare_cached("SELECT request, body FROM requests WHERE id = ?1 ORDER BY row")?;
    let rows = select.query_map([run.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut requests = Vec::new();
    for row in rows {
        let (name, body) = row?;
        let corrupt = |reason: String| {
            let reason = format!("its request `{}` cannot be read: {reason}", name.escape_debug());
            StoreError::Corrupt { id: run.clone(), path: Some(path.to_owned()), reason }
        };
        let request = Request::from_bytes(body).map_err(|error| corrupt(error.to_string()))?;
        if request.id != name {
            return Err(corrupt("it is another one".to_owned()).into());
        }
        requests.push(request);
    }
    Ok(requests)
}

/// The runs that have requests, sorted.
pub(super) fn asked(db: &Connection, path: &Path) -> Result<Vec<WorkflowId>, Refusal> {
    let mut select = db.prepare_cached("SELECT DISTINCT id FROM requests")?;
    let ids = select.query_map([], |row| row.get::<_, String>(0))?;
    let mut runs = Vec::new();
    for id in ids {
        let reason = |error| format!("a request is of no run: {error}");
        let damaged = |error| StoreError::Damaged { path: path.to_owned(), reason: reason(error) };
        runs.push(WorkflowId::new(id?).map_err(damaged)?);
    }
    runs.sort();
    Ok(runs)
}
