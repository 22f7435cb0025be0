//! Moving runs from one store to another.
//!
//! In: two stores of any kind. Out: every run of the first in the second, read back and found equal, with the requests
//! that wait for it, and a report of what was copied, what was there already, and what could not be copied.

use super::{Damaged, PartKey, StoreError, WorkflowStore};
use crate::state::{Payload, RunOutput, WorkflowData, WorkflowId};

/// What [`copy_all`] did. Every run of the source stands in one of its lists.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it says what was not copied"]
pub struct CopyReport {
    /// The runs that were copied, and were read back from the target as they are in the source; sorted.
    pub copied: Vec<WorkflowId>,
    /// The runs that were in the target already, equal to those of the source; sorted.
    pub present: Vec<WorkflowId>,
    /// The runs of which the target has another record, which was left as it is; sorted.
    pub different: Vec<WorkflowId>,
    /// The runs that could not be read, written or read back, and why; sorted by id.
    pub failed: Vec<(WorkflowId, StoreError)>,
    /// What the source could not read far enough to know which run it is.
    pub damaged: Vec<Damaged>,
}

impl CopyReport {
    /// Whether the target has every run of the source now.
    pub fn is_complete(&self) -> bool {
        self.different.is_empty() && self.failed.is_empty() && self.damaged.is_empty()
    }
}

/// What became of a run that [`copy_run`] or [`replace_run`] was to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Copied {
    /// It was not in the target, and is there now.
    New,
    /// The target had an equal record already.
    Present,
    /// The target had another record, which was left as it is.
    Different,
    /// The target had another record, or a damaged one, and has this one in place of it now.
    Replaced,
    /// The source has no record of it: it was deleted, or is to come and has requests only, which are in the target now.
    Absent,
}

/// Copies every run of one store to another, of any kind, and reads each back.
///
/// A run of which the target has an equal record already is left alone, so a copy that was broken off goes on when it
/// is started again. One of which it has another record is reported and not overwritten; damaged ones are reported and
/// hold up no other. Records keep all they have, [`run_no`](WorkflowData::run_no) too: a run goes on in the target as
/// the same run. No engine should drive runs in either store meanwhile: what it does in the source after its run was
/// copied is not in the target.
///
/// Records are saved whole, and values keep the encoding that they have. Values that are kept beside their record, in
/// parts, are copied part by part; a target that keeps no parts gets them in the record. Requests that wait are copied in
/// their order, also those for runs that are not there yet; where the target has a run of such an id it is reported among
/// those that differ. A run whose requests the target cannot keep is reported as failed.
///
/// # Errors
/// If the source cannot list its runs, or a store fails as a whole: it is full, stopped or read-only. What was copied
/// by then is copied.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// use flow_runtime::store::copy_all;
/// use flow_runtime::{FlatBuffersStore, JsonFileStore};
///
/// let from = JsonFileStore::open(dir.path().join("files"))?;
/// let to = FlatBuffersStore::open(dir.path().join("log"))?;
/// let report = copy_all(&from, &to).await?;
/// assert!(report.is_complete(), "{report:?}");
/// # Ok(())
/// # }
/// ```
pub async fn copy_all<A: WorkflowStore, B: WorkflowStore>(from: &A, to: &B) -> Result<CopyReport, StoreError> {
    let (listing, asked) = (from.list_workflows().await?, from.asked().await?);
    let mut report = CopyReport { damaged: listing.damaged, ..CopyReport::default() };
    let to_come = asked.into_iter().filter(|id| listing.workflows.binary_search(id).is_err());
    for id in listing.workflows.iter().cloned().chain(to_come) {
        match copy_run(from, to, &id).await {
            Ok(Copied::New | Copied::Replaced) => report.copied.push(id),
            Ok(Copied::Present) => report.present.push(id),
            Ok(Copied::Different) => report.different.push(id),
            Ok(Copied::Absent) => {}
            Err(error) if error.is_of_the_store() => return Err(error),
            Err(error) => report.failed.push((id, error)),
        }
    }
    Ok(report)
}

/// Copies what there is of one run, its record and the requests that wait for it, as [`copy_all`] does with all.
///
/// # Errors
/// If the run cannot be read, written or read back.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flow_runtime::prelude::*;
/// use flow_runtime::store::{Copied, copy_run};
///
/// #[node]
/// async fn greet(name: &str) -> String { format!("Hello, {name}") }
/// workflow! { fn greets(name: String) -> String { greet(name) } }
///
/// let (from, to) = (InMemoryStore::default(), InMemoryStore::default());
/// greets("Ada".to_owned()).run(&Engine::new(from.clone()), "r").await?;
/// let id = flow_runtime::WorkflowId::new("r")?;
/// assert_eq!(copy_run(&from, &to, &id).await?, Copied::New);
/// assert_eq!(copy_run(&from, &to, &id).await?, Copied::Present);
/// # Ok(())
/// # }
/// ```
pub async fn copy_run<A: WorkflowStore, B: WorkflowStore>(
    from: &A,
    to: &B,
    id: &WorkflowId,
) -> Result<Copied, StoreError> {
    copy(from, to, id, false).await
}

/// Copies what there is of one run as [`copy_run`] does, and in place of another record, or a damaged one, that the
/// target has of it. Requests that wait in the target stay there, before those that come.
///
/// # Errors
/// As those of `copy_run`. A run that an engine drives in the target is not replaced.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flow_runtime::prelude::*;
/// use flow_runtime::store::{Copied, copy_run, replace_run};
///
/// #[node]
/// async fn greet(name: &str) -> String { format!("Hello, {name}") }
/// workflow! { fn greets(name: String) -> String { greet(name) } }
///
/// let (from, to) = (InMemoryStore::default(), InMemoryStore::default());
/// greets("Ada".to_owned()).run(&Engine::new(from.clone()), "r").await?;
/// greets("Grace".to_owned()).run(&Engine::new(to.clone()), "r").await?;
/// let id = flow_runtime::WorkflowId::new("r")?;
/// assert_eq!(copy_run(&from, &to, &id).await?, Copied::Different);
/// assert_eq!(replace_run(&from, &to, &id).await?, Copied::Replaced);
/// assert_eq!(greets("Ada".to_owned()).run(&Engine::new(to), "r").await?, "Hello, Ada");
/// # Ok(())
/// # }
/// ```
pub async fn replace_run<A: WorkflowStore, B: WorkflowStore>(
    from: &A,
    to: &B,
    id: &WorkflowId,
) -> Result<Copied, StoreError> {
    copy(from, to, id, true).await
}

async fn copy<A: WorkflowStore, B: WorkflowStore>(
    from: &A,
    to: &B,
    id: &WorkflowId,
    replaces: bool,
) -> Result<Copied, StoreError> {
    let requests = from.requests(id).await?;
    let copied = match find(from, id).await? {
        Some(data) => copy_record(from, to, data, replaces).await?,
        None if !requests.is_empty() && !replaces && find(to, id).await?.is_some() => Copied::Different,
        None => Copied::Absent,
    };
    if !matches!(copied, Copied::Different) {
        for request in &requests {
            // One that is there already was copied before.
            to.ask(id, request).await?;
        }
    }
    Ok(copied)
}

async fn copy_record<A: WorkflowStore, B: WorkflowStore>(
    from: &A,
    to: &B,
    mut data: WorkflowData,
    replaces: bool,
) -> Result<Copied, StoreError> {
    let id = &data.id.clone();
    if to.inline_bytes().is_none() {
        put_inline(from, &mut data).await?;
    }
    let keys = PartKey::of_record(&data)?;
    let found = match find(to, id).await {
        Ok(None) => Copied::New,
        Ok(Some(found)) if found == data && has_same_parts(from, to, &keys, replaces).await? => {
            return Ok(Copied::Present);
        }
        Ok(Some(_)) | Err(StoreError::Corrupt { .. }) if replaces => Copied::Replaced,
        Ok(Some(_)) => return Ok(Copied::Different),
        Err(error) => return Err(error),
    };
    for key in &keys {
        to.put_part(key, from.part(key).await?).await?;
    }
    to.save(&data).await?;
    let is_there = has_same_parts(from, to, &keys, false).await? && find(to, id).await?.as_ref() == Some(&data);
    if is_there { Ok(found) } else { Err(unequal(id)) }
}

/// Whether the target has these parts as the source has them. Damaged ones are others if they are to be replaced.
async fn has_same_parts<A: WorkflowStore, B: WorkflowStore>(
    from: &A,
    to: &B,
    keys: &[PartKey],
    replaces: bool,
) -> Result<bool, StoreError> {
    for key in keys {
        match to.part(key).await {
            Ok(found) if from.part(key).await? == found => {}
            Ok(_) => return Ok(false),
            Err(StoreError::Corrupt { .. }) if replaces => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn unequal(id: &WorkflowId) -> StoreError {
    let reason = "it was copied, and did not come back equal".to_owned();
    StoreError::Corrupt { id: id.clone(), path: None, reason }
}

fn payload_of(output: Option<&RunOutput>) -> Option<&Payload> {
    match output {
        Some(RunOutput::Payload(payload)) => Some(payload),
        _ => None,
    }
}

/// Puts large values into the record, for a store that keeps nothing beside it.
async fn put_inline<S: WorkflowStore>(from: &S, data: &mut WorkflowData) -> Result<(), StoreError> {
    for step in 0..data.steps.len() {
        if let Some(payload) = &data.steps[step].output {
            data.steps[step].output = Some(whole(from, data, payload).await?);
        }
    }
    if let Some(payload) = payload_of(data.output.as_ref()) {
        data.output = Some(RunOutput::Payload(whole(from, data, payload).await?));
    }
    Ok(())
}

/// A payload with its bytes in it.
async fn whole<S: WorkflowStore>(from: &S, data: &WorkflowData, payload: &Payload) -> Result<Payload, StoreError> {
    let keys = PartKey::of_payload(data, payload)?;
    if keys.is_empty() {
        return Ok(payload.clone());
    }
    let mut bytes = Vec::new();
    for key in &keys {
        bytes.extend_from_slice(&from.part(key).await?);
    }
    Ok(payload.with_bytes(bytes.into()))
}

async fn find<S: WorkflowStore>(store: &S, id: &WorkflowId) -> Result<Option<WorkflowData>, StoreError> {
    match store.load(id).await {
        Ok(data) => Ok(Some(data)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
