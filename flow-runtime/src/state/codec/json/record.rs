//! Whole runs.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::header::{self, Header, MIN_READER, MIN_WRITER};
use super::list::{List, Map, Mirror};
use super::names::Name;
use super::payload::Payload;
use super::plan::Plan;
use super::text::{AsText, Checksum};
use super::value::{Failure, MAX_CAUSES, Output, Wait, is_default};
use super::{CodecError, MAX_BYTES, MAX_ITEMS, MAX_NAMES};
use crate::state::codec::check::{check_plan, check_record};
use crate::state::{
    Asked, Cause, DataEntry, InstanceState, NodeFailure, RollbackCause, RunOutcome, RunOutput, StepRef, StepState,
    StepStatus, Timestamp, UndoState, WorkflowData, WorkflowId, WorkflowStatus,
};

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) data: WorkflowData,
    /// The checksum of the change that led to this, if it was kept as a change: whoever sends it again is told so.
    pub(crate) last_change: Option<u32>,
}

/// A run as the bytes of a file.
pub(crate) fn write_record(data: &WorkflowData, last_change: Option<u32>) -> Result<Vec<u8>, CodecError> {
    let unstorable = |reason: String| CodecError::Unstorable { reason };
    // Only what holds together can be read again, and steps have paths only in what holds together.
    check_plan(&data.plan).and_then(|()| check_record(data)).map_err(|error| unstorable(error.to_string()))?;
    check_size(data).map_err(unstorable)?;
    let mut document = Bounded(Vec::new());
    let record = Record::of(data, last_change);
    serde_json::to_writer_pretty(&mut document, &record).map_err(|error| unstorable(error.to_string()))?;
    document.0.push(b'\n');
    let members = document.0.strip_prefix(b"{\n").unwrap_or_default();
    Ok(header::seal(members, MIN_READER, MIN_WRITER))
}

/// The run of a file, whatever its bytes are.
pub(crate) fn read_record(bytes: &[u8]) -> Result<Stored, CodecError> {
    Header::read(bytes)?;
    let record: Record<'_> = serde_json::from_slice(bytes).map_err(|error| CodecError::broken(error.to_string()))?;
    let last_change = record.last_change.as_ref().map(|AsText(Checksum(crc))| *crc);
    Ok(Stored { data: record.ours()?, last_change })
}

/// Refuses what a reader would refuse for its size.
fn check_size(data: &WorkflowData) -> Result<(), String> {
    let errors = match &data.output {
        Some(RunOutput::Errors(errors)) => errors.as_slice(),
        _ => &[],
    };
    let lists = [data.steps.len(), data.instances.len(), data.plan.steps.len(), data.plan.regions.len(), errors.len()];
    let values = data.data.values().map(Vec::len);
    if let Some(len) = lists.into_iter().chain(values).find(|&len| len > MAX_ITEMS) {
        return Err(format!("it has a list of {len}, and at most {MAX_ITEMS} are stored in one file"));
    }
    if let Some(len) = [data.metadata.len(), data.data.len()].into_iter().find(|&len| len > MAX_NAMES) {
        return Err(format!("it has {len} keys, and at most {MAX_NAMES} are stored in one file"));
    }
    let failures = data.steps.iter().filter_map(|step| step.error.as_deref()).chain(errors);
    if failures.map(causes).any(|causes| causes > MAX_CAUSES) {
        return Err(format!("a failure has more than {MAX_CAUSES} causes"));
    }
    Ok(())
}

fn causes(failure: &NodeFailure) -> usize {
    failure.cause.iter().flat_map(Cause::messages).take(MAX_CAUSES + 1).count()
}

/// What is written, up to the size of a file.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(io::Error::other(format!("it has more than {MAX_BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A whole file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    // The header, which `Header` has read; it stands here so that nothing of its names follows it.
    #[serde(skip_serializing, rename = "flow")]
    _flow: IgnoredAny,
    #[serde(skip_serializing, rename = "min_reader")]
    _min_reader: IgnoredAny,
    #[serde(skip_serializing, rename = "min_writer")]
    _min_writer: IgnoredAny,
    #[serde(skip_serializing, rename = "bytes")]
    _bytes: IgnoredAny,
    #[serde(skip_serializing, rename = "crc32c")]
    _crc: IgnoredAny,

    format: u16,
    #[serde(borrow)]
    id: Cow<'a, str>,
    status: Name<WorkflowStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Name<Asked>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Name<RollbackCause>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Name<RunOutcome>>,
    created_at: AsText<Timestamp>,
    updated_at: AsText<Timestamp>,
    run_no: u64,
    seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_change: Option<AsText<Checksum>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forked_from: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Map::is_empty")]
    metadata: Map<'a, Cow<'a, str>>,
    #[serde(borrow)]
    input: Payload<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    output: Option<Output<'a>>,
    #[serde(borrow)]
    steps: List<Step<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Map::is_empty")]
    data: Map<'a, List<Entry<'a>>>,
    #[serde(borrow)]
    plan: Plan<'a>,
    instances: List<Instance>,
}

impl<'a> Record<'a> {
    fn of(data: &'a WorkflowData, last_change: Option<u32>) -> Self {
        let id = |id: &'a WorkflowId| Cow::Borrowed(id.as_str());
        let entries = |entries: &'a Vec<DataEntry>| entries.iter().map(Entry::of).collect();
        Self {
            _flow: IgnoredAny,
            _min_reader: IgnoredAny,
            _min_writer: IgnoredAny,
            _bytes: IgnoredAny,
            _crc: IgnoredAny,
            format: data.format,
            id: id(&data.id),
            status: Name::of(data.status),
            asked: data.asked.map(Name::of),
            cause: data.cause.map(Name::of),
            outcome: data.outcome.map(Name::of),
            created_at: AsText(data.created_at),
            updated_at: AsText(data.updated_at),
            run_no: data.run_no,
            seq: data.seq,
            last_change: last_change.map(|crc| AsText(Checksum(crc))),
            parent: data.parent.as_ref().map(id),
            forked_from: data.forked_from.as_ref().map(id),
            metadata: Map(data.metadata.iter().map(|(key, value)| (key.into(), value.into())).collect()),
            input: Payload::of(&data.input),
            output: data.output.as_ref().map(Output::of),
            steps: steps(data).map(|(step, state)| Step::of(data, step, state)).collect(),
            data: Map(data.data.iter().map(|(key, values)| (key.into(), entries(values))).collect()),
            plan: Plan::of(&data.plan),
            instances: data.instances.iter().map(Instance::of).collect(),
        }
    }

    fn ours(self) -> Result<WorkflowData, CodecError> {
        check_structure(self.format)?;
        let values = self.data.0.into_iter().map(|(key, values)| Ok((key.into_owned(), values.ours()?)));
        let mut data = WorkflowData {
            format: self.format,
            id: id(self.id)?,
            run_no: self.run_no,
            seq: self.seq,
            plan: Arc::new(self.plan.ours()?),
            input: self.input.ours()?,
            metadata: self.metadata.ours(),
            parent: self.parent.map(id).transpose()?,
            forked_from: self.forked_from.map(id).transpose()?,
            status: self.status.known()?,
            instances: self.instances.ours()?,
            steps: self.steps.ours()?,
            data: values.collect::<Result<_, CodecError>>()?,
            outcome: self.outcome.map(Name::known).transpose()?,
            output: self.output.map(Output::ours).transpose()?,
            asked: self.asked.map(Name::known).transpose()?,
            cause: self.cause.map(Name::known).transpose()?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            waiting: 0,
            scopes: 0,
            retrying: 0,
        };
        place(&mut data)?;
        check_record(&data)?;
        data.recount();
        Ok(data)
    }
}

/// Refuses a record whose fields mean what this version does not know.
pub(super) fn check_structure(format: u16) -> Result<(), CodecError> {
    if format == WorkflowData::FORMAT {
        return Ok(());
    }
    let (found, known) = (format!("a record of structure {format}"), format!("structure {}", WorkflowData::FORMAT));
    Err(CodecError::Newer { found, known })
}

pub(super) fn id(id: Cow<'_, str>) -> Result<WorkflowId, CodecError> {
    WorkflowId::new(id).map_err(|error| CodecError::broken(error.to_string()))
}

/// All steps of a run that holds together, in their order.
fn steps(data: &WorkflowData) -> impl Iterator<Item = (StepRef, &StepState)> {
    let of = |(instance, state): (usize, &InstanceState)| {
        data.plan.region(state.region).locals().map(move |local| StepRef::new(instance as u32, local))
    };
    data.instances.iter().enumerate().flat_map(of).zip(&data.steps)
}

/// Says of each instance where its steps begin, which is where those of the one before it end.
fn place(data: &mut WorkflowData) -> Result<(), CodecError> {
    let mut next = 0_u32;
    for instance in &mut data.instances {
        instance.first = next;
        let len = data.plan.regions.get(instance.region as usize).map_or(0, |region| region.len);
        next = next.checked_add(len).ok_or_else(|| CodecError::broken("the instances have too many steps"))?;
    }
    Ok(())
}

/// A step of the run. Its path and place are for people: they follow from the plan, the instances and the order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    at: AsText<StepRef>,
    status: Name<StepStatus>,
    #[serde(default, skip_serializing_if = "is_default")]
    attempts: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    failures: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    interruptions: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    started_at: AsText<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    ended_at: AsText<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    retry_at: AsText<Timestamp>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Wait<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    signal: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<Undo>,
    #[serde(default, skip_serializing_if = "is_default")]
    copied: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    resets: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    output: Option<Payload<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    opened: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    opened_len: u32,
}

/// How far the attempts to undo a step have come.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    #[serde(default, skip_serializing_if = "is_default")]
    attempts: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    failures: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    started_at: AsText<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    retry_at: AsText<Timestamp>,
}

impl Undo {
    fn of(undo: &UndoState) -> Self {
        let UndoState { attempts, failures, started_at, retry_at } = *undo;
        Self { attempts, failures, started_at: AsText(started_at), retry_at: AsText(retry_at) }
    }

    fn ours(self) -> UndoState {
        let Self { attempts, failures, started_at: AsText(started_at), retry_at: AsText(retry_at) } = self;
        UndoState { attempts, failures, started_at, retry_at }
    }
}

impl<'a> Step<'a> {
    fn of(data: &WorkflowData, step: StepRef, state: &'a StepState) -> Self {
        Self {
            path: Cow::Owned(data.path(step)),
            at: AsText(step),
            status: Name::of(state.status),
            attempts: state.attempts,
            failures: state.failures,
            interruptions: state.interruptions,
            started_at: AsText(state.started_at),
            ended_at: AsText(state.ended_at),
            retry_at: AsText(state.retry_at),
            waiting: state.waiting.as_deref().map(Wait::of),
            signal: state.signal.as_deref().map(Cow::Borrowed),
            error: state.error.as_deref().map(Failure::of),
            undo: state.undo.as_deref().map(Undo::of),
            copied: state.copied,
            resets: state.resets,
            output: state.output.as_ref().map(Payload::of),
            opened: state.opened,
            opened_len: state.opened_len,
        }
    }
}

impl Mirror for Step<'_> {
    type Ours = StepState;

    fn ours(self) -> Result<StepState, CodecError> {
        Ok(StepState {
            status: self.status.known()?,
            attempts: self.attempts,
            failures: self.failures,
            interruptions: self.interruptions,
            started_at: self.started_at.0,
            ended_at: self.ended_at.0,
            retry_at: self.retry_at.0,
            output: self.output.map(Payload::ours).transpose()?,
            error: self.error.map(|error| error.ours().map(Box::new)).transpose()?,
            waiting: self.waiting.map(|wait| wait.ours().map(Box::new)).transpose()?,
            signal: self.signal.map(|signal| signal.into_owned().into()),
            undo: self.undo.map(|undo| Box::new(undo.ours())),
            copied: self.copied,
            resets: self.resets,
            opened: self.opened,
            opened_len: self.opened_len,
            ..StepState::PENDING
        })
    }
}

/// A value in the run's key-value data.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    at: AsText<StepRef>,
    #[serde(borrow)]
    value: Payload<'a>,
}

impl<'a> Entry<'a> {
    fn of(entry: &'a DataEntry) -> Self {
        Self { at: AsText(entry.step), value: Payload::of(&entry.payload) }
    }
}

impl Mirror for Entry<'_> {
    type Ours = DataEntry;

    fn ours(self) -> Result<DataEntry, CodecError> {
        Ok(DataEntry { step: self.at.0, payload: self.value.ours()? })
    }
}

/// A region that was opened.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instance {
    region: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened_by: Option<AsText<StepRef>>,
    item: u32,
}

impl Instance {
    fn of(instance: &InstanceState) -> Self {
        Self { region: instance.region, opened_by: instance.opened_by.map(AsText), item: instance.item }
    }
}

impl Mirror for Instance {
    type Ours = InstanceState;
    const ONE_LINE: bool = true;

    fn ours(self) -> Result<InstanceState, CodecError> {
        Ok(InstanceState {
            opened_by: self.opened_by.map(|step| step.0),
            region: self.region,
            item: self.item,
            first: 0,
            open: 0,
            held: 0,
            active: 0,
            failed: false,
            to_undo: 0,
            closed: false,
        })
    }
}
