//! The runs that were used last, up to a number of bytes.
//!
//! In: records that were read. Out: the same, unless they were changed since or had to make room. The order of use is
//! a count: the run with the lowest was used the longest ago.

use std::collections::{BTreeMap, HashMap};
use std::mem::size_of;
use std::sync::Arc;

use super::CacheStats;
use crate::state::{Payload, RunOutput, StepState, WorkflowData, WorkflowId};

/// The records, and who reads others.
pub(super) struct Recent {
    max_bytes: usize,
    bytes: usize,
    runs: HashMap<WorkflowId, Kept>,
    by_use: BTreeMap<u64, WorkflowId>,
    uses: u64,
    reading: HashMap<WorkflowId, Readers>,
    hits: u64,
    misses: u64,
}

struct Kept {
    data: Arc<WorkflowData>,
    bytes: usize,
    used: u64,
}

/// Those who read a run from the store.
#[derive(Default)]
struct Readers {
    count: usize,
    /// Whether it was changed since the first of them began, so that what they read may be old.
    changed: bool,
}

impl Recent {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            runs: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            reading: HashMap::new(),
            hits: 0,
            misses: 0,
        }
    }

    /// The record of this run; if there is none, somebody begins to read it.
    pub(super) fn get(&mut self, id: &WorkflowId) -> Option<Arc<WorkflowData>> {
        let Some(kept) = self.runs.get_mut(id) else {
            self.misses += 1;
            self.reading.entry(id.clone()).or_default().count += 1;
            return None;
        };
        self.hits += 1;
        self.by_use.remove(&kept.used);
        self.uses += 1;
        kept.used = self.uses;
        self.by_use.insert(kept.used, id.clone());
        Some(kept.data.clone())
    }

    /// Keeps what somebody has read, if nobody has changed it meanwhile and there is room.
    pub(super) fn keep(&mut self, data: &WorkflowData) {
        let bytes = size(data);
        let changed = self.reading.get(&data.id).is_none_or(|readers| readers.changed);
        if changed || bytes > self.max_bytes {
            return;
        }
        self.remove(&data.id);
        while self.bytes + bytes > self.max_bytes
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.remove(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, data.id.clone());
        self.runs.insert(data.id.clone(), Kept { data: Arc::new(data.clone()), bytes, used: self.uses });
    }

    /// Takes in that somebody who has read this run is done with that.
    pub(super) fn end_reading(&mut self, id: &WorkflowId) {
        if let Some(readers) = self.reading.get_mut(id) {
            readers.count -= 1;
            if readers.count == 0 {
                self.reading.remove(id);
            }
        }
    }

    /// Takes in that this run may be another from now on.
    pub(super) fn forget(&mut self, id: &WorkflowId) {
        self.remove(id);
        if let Some(readers) = self.reading.get_mut(id) {
            readers.changed = true;
        }
    }

    #[cfg(test)]
    pub(super) fn is_read_by_nobody(&self) -> bool {
        self.reading.is_empty()
    }

    pub(super) fn stats(&self) -> CacheStats {
        CacheStats { hits: self.hits, misses: self.misses, runs: self.runs.len(), bytes: self.bytes }
    }

    fn remove(&mut self, id: &WorkflowId) {
        if let Some(kept) = self.runs.remove(id) {
            self.bytes -= kept.bytes;
            self.by_use.remove(&kept.used);
        }
    }
}

/// About how many bytes a record takes.
fn size(data: &WorkflowData) -> usize {
    let of = |payload: &Payload| size_of::<Payload>() + payload.bytes.len();
    let step = |step: &StepState| {
        let error = step.error.as_ref().map_or(0, |error| 2 * (size_of_val(&**error) + error.message.len()));
        size_of::<StepState>() + step.output.as_ref().map_or(0, |output| output.bytes.len()) + error
    };
    let entries =
        data.data.iter().flat_map(|(key, entries)| entries.iter().map(|entry| key.len() + of(&entry.payload)));
    let metadata = data.metadata.iter().map(|(key, value)| size_of::<(String, String)>() + key.len() + value.len());
    let output = match &data.output {
        Some(RunOutput::Payload(payload)) => of(payload),
        _ => 0,
    };
    size_of::<WorkflowData>()
        + of(&data.input)
        + output
        + size_of_val(&*data.instances)
        + data.steps.iter().map(step).sum::<usize>()
        + entries.sum::<usize>()
        + metadata.sum::<usize>()
}
