//! Parts of payloads that are too large for a record.

use std::fmt;

use super::StoreError;
use crate::state::{Payload, Reference, RunOutput, WorkflowData, WorkflowId};

/// The name of one part of a large payload: whose it is, and which.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PartKey {
    /// The run it belongs to.
    pub id: WorkflowId,
    /// The number of that run, so that parts of a deleted run are not taken for those of a later one.
    pub run_no: u64,
    /// What tells the payload from others of the run.
    pub payload: u128,
    /// Which part it is, from 0.
    pub part: u32,
}

impl PartKey {
    /// The most bytes of a part: 16 MiB.
    pub const MAX_BYTES: usize = Reference::PART;

    /// The name of this part of this payload of this run.
    pub fn new(id: WorkflowId, run_no: u64, payload: u128, part: u32) -> Self {
        Self { id, run_no, payload, part }
    }

    /// The names of all parts that a record names, in the order of its values.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use flow_runtime::prelude::*;
    /// use flow_runtime::WorkflowStore;
    /// use flow_runtime::store::PartKey;
    ///
    /// #[node]
    /// async fn read() -> Vec<u8> { vec![7; 1 << 20] }
    /// workflow! { fn reads() -> Vec<u8> { read() } }
    ///
    /// let store = JsonFileStore::open(dir.path())?;
    /// reads().run(&Engine::new(store.clone()), "r").await?;
    /// let record = store.load(&flow_runtime::WorkflowId::new("r")?).await?;
    /// let keys = PartKey::of_record(&record)?;
    /// assert_eq!(keys.len(), 1);
    /// assert_eq!(store.part(&keys[0]).await?.len(), 1 << 20);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a payload is kept beside the record and what says where is broken.
    pub fn of_record(record: &WorkflowData) -> Result<Vec<Self>, StoreError> {
        let outputs = record.steps.iter().filter_map(|step| step.output.as_ref());
        let own = match &record.output {
            Some(RunOutput::Payload(payload)) => Some(payload),
            _ => None,
        };
        let keys = outputs.chain(own).map(|payload| Self::of_payload(record, payload));
        Ok(keys.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The names of all parts of a payload that is kept beside the record.
    pub(super) fn of_payload(record: &WorkflowData, payload: &Payload) -> Result<Vec<Self>, StoreError> {
        if !payload.is_reference() {
            return Ok(Vec::new());
        }
        let reference = payload.reference().ok_or_else(|| {
            let reason = "what says where a large value is kept is broken".to_owned();
            StoreError::Corrupt { id: record.id.clone(), path: None, reason }
        })?;
        let key = |part| Self::new(record.id.clone(), record.run_no, reference.payload, part);
        Ok((0..reference.parts).map(key).collect())
    }
}

impl fmt::Debug for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{} {:032x}[{}]", self.id, self.run_no, self.payload, self.part)
    }
}
