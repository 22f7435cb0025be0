//! Writing runs to a file.
//!
//! In: runs of a store. Out: their lines, each run whole: the parts of its large values, then its record with what was
//! asked of it.

use std::io::Write;

use flow_runtime::store::PartKey;
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};

use super::FORMAT;
use super::line::{Base64, Body, Counts};
use crate::failure::Failure;
use crate::store::AnyStore;

/// Writes runs.
pub(crate) struct Writer<W> {
    into: W,
    counts: Counts,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    pub(crate) fn begin(into: W) -> Result<Self, Failure> {
        let mut writer = Self { into, counts: Counts::default() };
        writer.write(&Body::FlowExport { format: FORMAT })?;
        Ok(writer)
    }

    /// Writes what there is of a run; says whether there was anything.
    pub(crate) async fn run(&mut self, store: &AnyStore, id: &WorkflowId) -> Result<bool, Failure> {
        let requests = store.requests(id).await?;
        let record = match store.load(id).await {
            Ok(record) => Some(record),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if record.is_none() && requests.is_empty() {
            return Ok(false);
        }
        let unstorable = |error| StoreError::from_codec(id, error);
        for key in record.as_ref().map(PartKey::of_record).transpose()?.unwrap_or_default() {
            let bytes = store.part(&key).await?;
            self.write(&Body::part(&key, &bytes))?;
        }
        let record = record.map(|record| record.to_bytes().map(Base64)).transpose().map_err(unstorable)?;
        let requests = requests.iter().map(|request| request.to_bytes().map(Base64)).collect::<Result<_, _>>();
        self.write(&Body::Run { run: id.to_string(), record, requests: requests.map_err(unstorable)? })?;
        Ok(true)
    }

    /// Ends the file; gives what it was written into, and how much.
    pub(crate) fn end(mut self) -> Result<(W, Counts), Failure> {
        self.write(&Body::End(self.counts))?;
        self.into.flush()?;
        Ok((self.into, self.counts))
    }

    fn write(&mut self, body: &Body) -> Result<(), Failure> {
        match body {
            Body::Run { .. } => self.counts.runs += 1,
            Body::Part { .. } => self.counts.parts += 1,
            Body::FlowExport { .. } | Body::End(_) => {}
        }
        let line = body.to_line().map_err(std::io::Error::from)?;
        Ok(self.into.write_all(&line)?)
    }
}
