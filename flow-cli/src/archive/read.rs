//! Reading an export: a store that can only be read, as good as its lines are.
//!
//! In: a file, or standard input. Out: a [`WorkflowStore`] of what is whole in it, and what is broken, line by line. The
//! file is read once from end to end; what is in it is read again where it is asked for, so that it may be larger than
//! the memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flow_runtime::state::Request;
use flow_runtime::store::{Listing, PartKey};
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};
use serde::Serialize;

use super::FORMAT;
use super::line::{Body, Counts};
use crate::failure::Failure;

/// The longest line that is looked at: no record is as long.
const LONGEST: u64 = 2 << 30;

/// What an export has.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    file: File,
    runs: BTreeMap<WorkflowId, Run>,
    parts: BTreeMap<PartKey, Place>,
    broken: Vec<Broken>,
}

/// A line that cannot be used.
#[derive(Debug, Serialize)]
pub(crate) struct Broken {
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) reason: String,
}

/// Where a run stands, and what there is of it.
#[derive(Debug)]
struct Run {
    place: Place,
    has_record: bool,
    has_requests: bool,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    len: usize,
}

/// What has been read so far.
#[derive(Default)]
struct Scan {
    runs: BTreeMap<WorkflowId, Run>,
    parts: BTreeMap<PartKey, Place>,
    broken: Vec<Broken>,
    /// What there was since the latest header that is whole, and how many lines are not.
    counts: Counts,
    broken_lines: u64,
    /// Whether the latest of the lines that are whole was an end.
    has_ended: bool,
    line: u64,
}

impl Archive {
    /// The export in this file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let read = |source| Failure::Read { from: path.display().to_string(), source };
        let file = if path == Path::new("-") {
            spooled(io::stdin().lock()).map_err(read)?
        } else {
            let file = File::open(path).map_err(read)?;
            // What is no file on a disk, such as a pipe, can be read once only.
            if file.metadata().map_err(read)?.is_file() { file } else { spooled(file).map_err(read)? }
        };
        let mut scan = Scan::default();
        scan.read(BufReader::new(&file)).map_err(read)?;
        scan.end(path).map(|Scan { runs, parts, broken, .. }| Self { path: path.to_owned(), file, runs, parts, broken })
    }

    /// What cannot be used.
    pub(crate) fn take_broken(&mut self) -> Vec<Broken> {
        std::mem::take(&mut self.broken)
    }

    fn body(&self, place: Place) -> Result<Body, StoreError> {
        let mut line = vec![0; place.len];
        let io = |source| StoreError::Io { action: "read", path: self.path.clone(), source };
        self.file.read_exact_at(&mut line, place.at).map_err(io)?;
        let damaged = |reason| StoreError::Damaged { path: self.path.clone(), reason };
        Body::of_line(&line).map_err(|reason| damaged(format!("a line has changed since it was read: {reason}")))
    }

    fn run(&self, id: &WorkflowId) -> Result<(Option<WorkflowData>, Vec<Request>), StoreError> {
        let Some(run) = self.runs.get(id) else { return Ok((None, Vec::new())) };
        contents(id, self.body(run.place)?).map_err(|reason| self.corrupt(id, reason))
    }

    fn corrupt(&self, id: &WorkflowId, reason: String) -> StoreError {
        StoreError::Corrupt { id: id.clone(), path: Some(self.path.clone()), reason }
    }

    fn read_only(&self) -> StoreError {
        StoreError::ReadOnly { path: self.path.clone() }
    }
}

impl WorkflowStore for Archive {
    async fn save(&self, _: &WorkflowData) -> Result<(), StoreError> {
        Err(self.read_only())
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.run(id)?.0.ok_or_else(|| StoreError::NotFound { id: id.clone() })
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        let with_record = self.runs.iter().filter(|(_, run)| run.has_record);
        Ok(Listing::new(with_record.map(|(id, _)| id.clone()).collect()))
    }

    async fn delete(&self, _: &WorkflowId) -> Result<(), StoreError> {
        Err(self.read_only())
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        let missing = || self.corrupt(&key.id, format!("part {} of a large value is missing", key.part));
        match self.body(*self.parts.get(key).ok_or_else(missing)?)? {
            Body::Part { bytes, .. } => Ok(bytes.0.into()),
            _ => Err(missing()),
        }
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        Ok(self.run(run)?.1)
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        let with_requests = self.runs.iter().filter(|(_, run)| run.has_requests);
        Ok(with_requests.map(|(id, _)| id.clone()).collect())
    }
}

impl Scan {
    fn read(&mut self, mut file: BufReader<&File>) -> io::Result<()> {
        let (mut at, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let mut len = file.by_ref().take(LONGEST).read_until(b'\n', &mut line)? as u64;
            if len == 0 {
                return Ok(());
            }
            self.line += 1;
            if len == LONGEST && line.last() != Some(&b'\n') {
                len += file.skip_until(b'\n')? as u64;
                self.breaks("it is longer than any line of an export".to_owned());
            } else if let Err(reason) = self.take(&line, at) {
                self.breaks(reason);
            }
            at += len;
        }
    }

    fn breaks(&mut self, reason: String) {
        self.broken_lines += 1;
        self.broken.push(Broken { line: self.line, reason });
    }

    /// Takes in a line; else says what is wrong with it.
    fn take(&mut self, line: &[u8], at: u64) -> Result<(), String> {
        let place = Place { at, len: line.len() };
        let body = Body::of_line(line)?;
        self.has_ended = false;
        match body {
            Body::FlowExport { format } if format > FORMAT => {
                return Err(format!(
                    "a newer version of flow has written this: format {format}, and {FORMAT} is known"
                ));
            }
            Body::FlowExport { .. } => (self.counts, self.broken_lines) = (Counts::default(), 0),
            Body::Part { run, run_no, payload, part, .. } => {
                self.parts.insert(PartKey::new(id(&run)?, run_no.0, payload.0, part), place);
                self.counts.parts += 1;
            }
            Body::Run { ref run, .. } => {
                let id = id(run)?;
                let (record, requests) = contents(&id, body)?;
                if self.runs.contains_key(&id) {
                    return Err(format!("run `{id}` is there twice, and the first is taken"));
                }
                let run = Run { place, has_record: record.is_some(), has_requests: !requests.is_empty() };
                self.runs.insert(id, run);
                self.counts.runs += 1;
            }
            Body::End(Counts { runs, parts }) => {
                self.has_ended = true;
                let found = self.counts.runs + self.counts.parts + self.broken_lines;
                if found < runs.saturating_add(parts) {
                    return Err(format!("lines are missing before it: there were {runs} runs and {parts} parts"));
                }
            }
        }
        Ok(())
    }

    /// That this was an export, and all of it.
    fn end(mut self, path: &Path) -> Result<Self, Failure> {
        if self.line == self.broken.len() as u64 {
            return Err(Failure::NoExport { path: path.to_owned() });
        }
        let last_is_whole = self.broken.last().is_none_or(|broken| broken.line != self.line);
        if !self.has_ended && last_is_whole {
            self.line += 1;
            self.breaks("the end is missing: the file was cut off".to_owned());
        }
        Ok(self)
    }
}

fn id(run: &str) -> Result<WorkflowId, String> {
    WorkflowId::new(run).map_err(|error| error.to_string())
}

/// The record and the requests that the line of a run has.
fn contents(id: &WorkflowId, body: Body) -> Result<(Option<WorkflowData>, Vec<Request>), String> {
    let Body::Run { record, requests, .. } = body else { return Err("it is no run".to_owned()) };
    let record =
        record.map(|bytes| WorkflowData::from_bytes(bytes.0)).transpose().map_err(|error| error.to_string())?;
    if record.as_ref().is_some_and(|record| record.id != *id) {
        return Err(format!("the record is that of another run than `{id}`"));
    }
    let requests = requests.into_iter().map(|bytes| Request::from_bytes(bytes.0)).collect::<Result<_, _>>();
    Ok((record, requests.map_err(|error| error.to_string())?))
}

/// All that can be read, in a file without a name.
fn spooled(mut from: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut from, &mut file)?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}
