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

/// How one run fared.
enum Copied {
    Now,
    Before,
    Different,
    /// It was deleted since it was listed, or is not there yet and has requests only.
    Gone,
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
        match copy(from, to, &id).await {
            Ok(Copied::Now) => report.copied.push(id),
            Ok(Copied::Before) => report.present.push(id),
            Ok(Copied::Different) => report.different.push(id),
            Ok(Copied::Gone) => {}
            Err(error) if is_of_the_store(&error) => return Err(error),
            Err(error) => report.failed.push((id, error)),
        }
    }
    Ok(report)
}

/// Copies what there is of a run: its record and the requests that wait for it.
async fn copy<A: WorkflowStore, B: WorkflowStore>(from: &A, to: &B, id: &WorkflowId) -> Result<Copied, StoreError> {
    let requests = from.requests(id).await?;
    let copied = match find(from, id).await? {
        Some(data) => copy_record(from, to, data).await?,
        None if !requests.is_empty() && find(to, id).await?.is_some() => Copied::Different,
        None => Copied::Gone,
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
) -> Result<Copied, StoreError> {
    let id = &data.id.clone();
    if to.inline_bytes().is_none() {
        put_inline(from, &mut data).await?;
    }
    let keys = part_keys(&data)?;
    let found = find(to, id).await?;
    let is_new = found.is_none();
    match found {
        Some(found) if found != data => return Ok(Copied::Different),
        Some(_) => {}
        None => {
            for key in &keys {
                to.put_part(key, from.part(key).await?).await?;
            }
            to.save(&data).await?;
        }
    }
    for key in &keys {
        if from.part(key).await? != to.part(key).await? {
            return if is_new { Err(unequal(id)) } else { Ok(Copied::Different) };
        }
    }
    match (is_new, find(to, id).await?) {
        (false, _) => Ok(Copied::Before),
        (true, Some(found)) if found == data => Ok(Copied::Now),
        (true, _) => Err(unequal(id)),
    }
}

fn unequal(id: &WorkflowId) -> StoreError {
    let reason = "it was copied, and did not come back equal".to_owned();
    StoreError::Corrupt { id: id.clone(), path: None, reason }
}

/// The names of all parts of a payload that is kept beside the record.
fn keys_of(data: &WorkflowData, payload: &Payload) -> Result<Vec<PartKey>, StoreError> {
    if !payload.is_reference() {
        return Ok(Vec::new());
    }
    let reference = payload.reference().ok_or_else(|| {
        let reason = "what says where a large value is kept is broken".to_owned();
        StoreError::Corrupt { id: data.id.clone(), path: None, reason }
    })?;
    let key = |part| PartKey::new(data.id.clone(), data.run_no, reference.payload, part);
    Ok((0..reference.parts).map(key).collect())
}

/// The names of all parts that a record names.
fn part_keys(data: &WorkflowData) -> Result<Vec<PartKey>, StoreError> {
    let outputs = data.steps.iter().filter_map(|step| step.output.as_ref());
    let mut keys = Vec::new();
    for payload in outputs.chain(payload_of(data.output.as_ref())) {
        keys.extend(keys_of(data, payload)?);
    }
    Ok(keys)
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
    let keys = keys_of(data, payload)?;
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

/// Whether an error would come again with every other run.
const fn is_of_the_store(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Damaged { .. }
            | StoreError::Full { .. }
            | StoreError::Busy { .. }
            | StoreError::Locked { .. }
            | StoreError::Poisoned { .. }
            | StoreError::ReadOnly { .. }
    )
}
