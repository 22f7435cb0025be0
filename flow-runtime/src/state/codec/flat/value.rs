//! Payloads, failures, waits and a run's output.

use bytes::Bytes;
use flatbuffers::{ForwardsUOffset, Vector, WIPOffset};

use super::names::{Named, unknown};
use super::{Builder, CodecError, fb, missing};
use crate::state::{Cause, Encoding, NodeFailure, Payload, RunOutput, StepRef, WaitingOn, WorkflowId};

/// The longest chain of causes that is stored; dropping a longer one could exhaust the stack.
const MAX_CAUSES: usize = 256;

type Bytes8<'a> = Option<Vector<'a, u8>>;

pub(super) fn tag(payload: &Payload) -> u32 {
    u32::from(payload.encoding.tag()) | u32::from(payload.transform) << 8 | u32::from(payload.flags) << 16
}

/// The payload of these bytes, which are a part of `all` and are shared with it.
pub(super) fn read_payload(all: &Bytes, bytes: Bytes8<'_>, tag: u32) -> Result<Payload, CodecError> {
    let bytes = bytes.ok_or_else(|| missing("payload"))?;
    tagged(all.slice_ref(bytes.bytes()), tag)
}

/// These bytes with what their tag says of them.
pub(super) fn tagged(bytes: Bytes, tag: u32) -> Result<Payload, CodecError> {
    let [encoding, transform, flags, rest] = tag.to_le_bytes();
    if rest != 0 {
        return Err(unknown("payload tag", rest, 0));
    }
    let encoding = Encoding::from_tag(encoding).ok_or_else(|| unknown("payload encoding", encoding, 3))?;
    Ok(Payload { encoding, transform, flags, bytes })
}

pub(super) fn write_boxed_payload(to: &mut Builder, payload: &Payload) -> WIPOffset<fb::Payload<'static>> {
    let bytes = Some(to.create_vector(&payload.bytes));
    fb::Payload::create(to, &fb::PayloadArgs { bytes, tag: tag(payload) })
}

pub(super) fn read_boxed_payload(all: &Bytes, payload: Option<fb::Payload<'_>>) -> Result<Payload, CodecError> {
    let payload = payload.ok_or_else(|| missing("payload"))?;
    read_payload(all, payload.bytes(), payload.tag())
}

pub(super) fn write_step(step: StepRef) -> fb::StepRef {
    fb::StepRef::new(step.instance, step.local)
}

pub(super) fn read_step(step: Option<&fb::StepRef>) -> Result<StepRef, CodecError> {
    step.map(|step| StepRef::new(step.instance(), step.local())).ok_or_else(|| missing("step"))
}

pub(super) fn read_text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

pub(super) fn read_id(id: Option<&str>) -> Result<WorkflowId, CodecError> {
    let id = id.ok_or_else(|| missing("workflow id"))?;
    WorkflowId::new(id).map_err(|error| CodecError::broken(error.to_string()))
}

pub(super) fn write_texts(
    to: &mut Builder,
    texts: &[&str],
) -> Option<WIPOffset<Vector<'static, ForwardsUOffset<&'static str>>>> {
    if texts.is_empty() {
        return None;
    }
    let texts: Vec<_> = texts.iter().map(|text| to.create_string(text)).collect();
    Some(to.create_vector(&texts))
}

pub(super) fn write_failure(
    to: &mut Builder,
    failure: &NodeFailure,
) -> Result<WIPOffset<fb::NodeFailure<'static>>, CodecError> {
    let causes: Vec<&str> = failure.cause.iter().flat_map(Cause::messages).take(MAX_CAUSES + 1).collect();
    if causes.len() > MAX_CAUSES {
        let reason = format!("a failure has more than {MAX_CAUSES} causes");
        return Err(CodecError::Unstorable { reason });
    }
    let causes = write_texts(to, &causes);
    let (step, message) = (Some(to.create_string(&failure.step)), Some(to.create_string(&failure.message)));
    let (attempt, kind, permanent) = (failure.attempt, failure.kind.into(), failure.permanent);
    Ok(fb::NodeFailure::create(to, &fb::NodeFailureArgs { step, message, causes, attempt, kind, permanent }))
}

pub(super) fn read_failure(failure: Option<fb::NodeFailure<'_>>) -> Result<NodeFailure, CodecError> {
    let failure = failure.ok_or_else(|| missing("failure"))?;
    let causes: Vec<String> = failure.causes().iter().flatten().map(str::to_owned).collect();
    if causes.len() > MAX_CAUSES {
        return Err(CodecError::broken(format!("a failure has {} causes", causes.len())));
    }
    Ok(NodeFailure {
        step: read_text(failure.step()),
        kind: failure.kind().ours()?,
        attempt: failure.attempt(),
        message: read_text(failure.message()),
        cause: Cause::chain(causes),
        permanent: failure.permanent(),
    })
}

pub(super) fn write_wait(to: &mut Builder, on: &WaitingOn) -> WIPOffset<fb::Wait<'static>> {
    let args = match on {
        WaitingOn::Timer(due) => fb::WaitArgs { kind: fb::WaitKind::Timer, due: Some(*due), ..Default::default() },
        WaitingOn::Signal { name, type_name, deadline } => fb::WaitArgs {
            kind: fb::WaitKind::Signal,
            name: Some(to.create_string(name)),
            type_name: Some(to.create_string(type_name)),
            due: *deadline,
            ..Default::default()
        },
        WaitingOn::Doubt(attempt) => {
            fb::WaitArgs { kind: fb::WaitKind::Doubt, attempt: *attempt, ..Default::default() }
        }
    };
    fb::Wait::create(to, &args)
}

pub(super) fn read_wait(wait: Option<fb::Wait<'_>>) -> Result<WaitingOn, CodecError> {
    let wait = wait.ok_or_else(|| missing("wait"))?;
    match wait.kind() {
        fb::WaitKind::Timer => Ok(WaitingOn::Timer(wait.due().ok_or_else(|| missing("due time"))?)),
        fb::WaitKind::Signal => Ok(WaitingOn::Signal {
            name: read_text(wait.name()),
            type_name: read_text(wait.type_name()),
            deadline: wait.due(),
        }),
        fb::WaitKind::Doubt => Ok(WaitingOn::Doubt(wait.attempt())),
        fb::WaitKind(other) => Err(unknown("wait", other, fb::WaitKind::ENUM_MAX)),
    }
}

pub(super) fn write_output(
    to: &mut Builder,
    output: &RunOutput,
) -> Result<WIPOffset<fb::RunOutput<'static>>, CodecError> {
    let mut args = fb::RunOutputArgs::default();
    let step;
    match output {
        RunOutput::Step(of) => {
            step = write_step(*of);
            args.step = Some(&step);
            return Ok(fb::RunOutput::create(to, &args));
        }
        RunOutput::Payload(payload) => {
            args.kind = fb::OutputKind::Payload;
            args.payload = Some(write_boxed_payload(to, payload));
        }
        RunOutput::Errors(errors) => {
            let errors = errors.iter().map(|error| write_failure(to, error)).collect::<Result<Vec<_>, _>>()?;
            args.kind = fb::OutputKind::Errors;
            args.errors = Some(to.create_vector(&errors));
        }
    }
    Ok(fb::RunOutput::create(to, &args))
}

pub(super) fn read_output(all: &Bytes, output: Option<fb::RunOutput<'_>>) -> Result<RunOutput, CodecError> {
    let output = output.ok_or_else(|| missing("output"))?;
    match output.kind() {
        fb::OutputKind::Step => Ok(RunOutput::Step(read_step(output.step())?)),
        fb::OutputKind::Payload => Ok(RunOutput::Payload(read_boxed_payload(all, output.payload())?)),
        fb::OutputKind::Errors => {
            let errors = output.errors().into_iter().flatten().map(|error| read_failure(Some(error)));
            Ok(RunOutput::Errors(errors.collect::<Result<_, _>>()?))
        }
        fb::OutputKind(other) => Err(unknown("output", other, fb::OutputKind::ENUM_MAX)),
    }
}

/// Roughly the bytes that a failure takes.
pub(super) fn failure_weight(failure: &NodeFailure) -> usize {
    let causes: usize = failure.cause.iter().flat_map(Cause::messages).map(|text| text.len() + 8).sum();
    64 + failure.step.len() + failure.message.len() + causes
}

/// Roughly the bytes that a run's output takes.
pub(super) fn output_weight(output: &RunOutput) -> usize {
    match output {
        RunOutput::Step(_) => 32,
        RunOutput::Payload(payload) => 32 + payload.bytes.len(),
        RunOutput::Errors(errors) => 32 + errors.iter().map(failure_weight).sum::<usize>(),
    }
}
