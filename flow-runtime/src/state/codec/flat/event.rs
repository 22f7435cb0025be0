//! Events.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use flatbuffers::{ForwardsUOffset, Vector, WIPOffset};

use super::names::{Named, completed_by, unknown, unknown_named};
use super::value::{
    failure_weight, output_weight, read_boxed_payload, read_failure, read_id, read_output, read_payload, read_step,
    read_text, read_wait, tag, write_boxed_payload, write_failure, write_output, write_step, write_wait,
};
use super::{Builder, CodecError, FindPlan, Plans, fb, missing, plan};
use crate::plan::Plan;
use crate::state::{CompletedBy, Event, Payload, RegionKind, RunCreated, StepRef, WaitingOn};

type Written = WIPOffset<fb::Event<'static>>;

pub(super) fn write(to: &mut Builder, event: &Event, plans: Plans) -> Result<Written, CodecError> {
    let step = event.step().map(write_step);
    let mut args = fb::EventArgs { step: step.as_ref(), ..Default::default() };
    let fingerprint;
    let roots: Vec<fb::StepRef>;
    match event {
        Event::RunCreated(created) => {
            args.kind = fb::EventKind::RunCreated;
            args.created = Some(write_created(to, created, plans));
        }
        Event::PlanAdopted { plan } => {
            args.kind = fb::EventKind::PlanAdopted;
            fingerprint = plan::write_fingerprint(plan.fingerprint);
            args.fingerprint = Some(&fingerprint);
            args.plan = (plans == Plans::Inline).then(|| plan::write(to, plan));
            return Ok(fb::Event::create(to, &args));
        }
        Event::StepMigrated { payload, .. } => {
            (args.kind, args.tag) = (fb::EventKind::StepMigrated, tag(payload));
            args.payload = Some(to.create_vector(&payload.bytes));
            args.name = Some(to.create_string(event.name()));
        }
        Event::RegionOpened { first_instance, kind, .. } => {
            args.kind = fb::EventKind::RegionOpened;
            args.region = Some(write_region(to, *first_instance, kind));
        }
        Event::StepStarted { attempt, phase, .. } => {
            args.kind = fb::EventKind::StepStarted;
            (args.attempt, args.phase) = (*attempt, (*phase).into());
        }
        Event::AttemptFailed { attempt, phase, error, retry_at, .. } => {
            args.kind = fb::EventKind::AttemptFailed;
            (args.attempt, args.phase, args.retry_at) = (*attempt, (*phase).into(), *retry_at);
            args.error = Some(write_failure(to, error)?);
        }
        Event::StepWaiting { on, .. } => {
            args.kind = fb::EventKind::StepWaiting;
            args.wait = Some(write_wait(to, on));
        }
        Event::StepCompleted { attempt, payload, data, by, .. } => {
            args.kind = fb::EventKind::StepCompleted;
            (args.attempt, args.by, args.tag) = (*attempt, completed_by(by), tag(payload));
            args.payload = Some(to.create_vector(&payload.bytes));
            args.data = write_data(to, data);
            if let CompletedBy::Signal(id) = by {
                args.signal = Some(to.create_string(id));
            }
        }
        Event::StepFailed { attempt, error, .. } => {
            args.kind = fb::EventKind::StepFailed;
            args.attempt = *attempt;
            args.error = Some(write_failure(to, error)?);
        }
        Event::StepCancelled { attempt, .. } => {
            args.kind = fb::EventKind::StepCancelled;
            args.attempt = *attempt;
        }
        Event::StepReleased { .. } => args.kind = fb::EventKind::StepReleased,
        Event::StepsReset { roots: steps, mode } => {
            args.kind = fb::EventKind::StepsReset;
            args.reset = (*mode).into();
            roots = steps.iter().map(|step| write_step(*step)).collect();
            args.roots = Some(to.create_vector(&roots));
        }
        Event::Asked { kind } => {
            args.kind = fb::EventKind::Asked;
            args.asked = (*kind).into();
        }
        Event::RollbackStarted { cause } => {
            args.kind = fb::EventKind::RollbackStarted;
            args.cause = (*cause).into();
        }
        Event::UndoCompleted { .. } => args.kind = fb::EventKind::UndoCompleted,
        Event::UndoFailed { error, .. } => {
            args.kind = fb::EventKind::UndoFailed;
            args.error = Some(write_failure(to, error)?);
        }
        Event::RunEnded { outcome, output } => {
            args.kind = fb::EventKind::RunEnded;
            args.outcome = (*outcome).into();
            args.output = Some(write_output(to, output)?);
        }
    }
    Ok(fb::Event::create(to, &args))
}

fn write_created(to: &mut Builder, created: &RunCreated, plans: Plans) -> WIPOffset<fb::RunCreated<'static>> {
    let fingerprint = plan::write_fingerprint(created.plan.fingerprint);
    let args = fb::RunCreatedArgs {
        id: Some(to.create_string(created.id.as_str())),
        plan: (plans == Plans::Inline).then(|| plan::write(to, &created.plan)),
        fingerprint: Some(&fingerprint),
        input: Some(write_boxed_payload(to, &created.input)),
        metadata: write_metadata(to, &created.metadata),
        parent: created.parent.as_ref().map(|id| to.create_string(id.as_str())),
        forked_from: created.forked_from.as_ref().map(|id| to.create_string(id.as_str())),
        ..Default::default()
    };
    fb::RunCreated::create(to, &args)
}

fn write_region(to: &mut Builder, first_instance: u32, kind: &RegionKind) -> WIPOffset<fb::RegionOpened<'static>> {
    let mut args = fb::RegionOpenedArgs { first_instance, ..Default::default() };
    match kind {
        RegionKind::Arm { index, label } => {
            args.kind = fb::RegionKind::Arm;
            args.index = *index;
            args.label = Some(to.create_string(label));
        }
        RegionKind::Items(len) => {
            args.kind = fb::RegionKind::Items;
            args.len = *len;
        }
        RegionKind::Sub => args.kind = fb::RegionKind::Sub,
    }
    fb::RegionOpened::create(to, &args)
}

type Writes = Vector<'static, ForwardsUOffset<fb::DataWrite<'static>>>;

fn write_data(to: &mut Builder, data: &[(String, Payload)]) -> Option<WIPOffset<Writes>> {
    if data.is_empty() {
        return None;
    }
    let writes: Vec<_> = data
        .iter()
        .map(|(key, value)| {
            let (key, payload) = (Some(to.create_string(key)), Some(to.create_vector(&value.bytes)));
            fb::DataWrite::create(to, &fb::DataWriteArgs { key, payload, tag: tag(value) })
        })
        .collect();
    Some(to.create_vector(&writes))
}

type Pairs<'a> = Vector<'a, ForwardsUOffset<fb::KeyValue<'a>>>;

pub(super) fn write_metadata(
    to: &mut Builder,
    metadata: &BTreeMap<String, String>,
) -> Option<WIPOffset<Pairs<'static>>> {
    if metadata.is_empty() {
        return None;
    }
    let pairs: Vec<_> = metadata
        .iter()
        .map(|(key, value)| {
            let (key, value) = (Some(to.create_string(key)), Some(to.create_string(value)));
            fb::KeyValue::create(to, &fb::KeyValueArgs { key, value })
        })
        .collect();
    Some(to.create_vector(&pairs))
}

pub(super) fn read(all: &Bytes, event: fb::Event<'_>, plans: &dyn FindPlan) -> Result<Event, CodecError> {
    let step = || read_step(event.step());
    let attempt = event.attempt();
    Ok(match event.kind() {
        fb::EventKind::RunCreated => Event::RunCreated(Box::new(read_created(all, event.created(), plans)?)),
        fb::EventKind::PlanAdopted => {
            Event::PlanAdopted { plan: read_plan_or_find(event.plan(), event.fingerprint(), plans)? }
        }
        fb::EventKind::StepMigrated => {
            Event::StepMigrated { step: step()?, payload: read_payload(all, event.payload(), event.tag())? }
        }
        fb::EventKind::RegionOpened => {
            let (first_instance, kind) = read_region(event.region())?;
            Event::RegionOpened { step: step()?, first_instance, kind }
        }
        fb::EventKind::StepStarted => Event::StepStarted { step: step()?, attempt, phase: event.phase().ours()? },
        fb::EventKind::AttemptFailed => Event::AttemptFailed {
            step: step()?,
            attempt,
            phase: event.phase().ours()?,
            error: read_failure(event.error())?,
            retry_at: event.retry_at(),
        },
        fb::EventKind::StepWaiting => Event::StepWaiting { step: step()?, on: read_wait(event.wait())? },
        fb::EventKind::StepCompleted => Event::StepCompleted {
            step: step()?,
            attempt,
            payload: read_payload(all, event.payload(), event.tag())?,
            data: read_data(all, event)?,
            by: read_by(event)?,
        },
        fb::EventKind::StepFailed => Event::StepFailed { step: step()?, attempt, error: read_failure(event.error())? },
        fb::EventKind::StepCancelled => Event::StepCancelled { step: step()?, attempt },
        fb::EventKind::StepReleased => Event::StepReleased { step: step()? },
        fb::EventKind::StepsReset => Event::StepsReset {
            roots: event.roots().iter().flatten().map(|step| StepRef::new(step.instance(), step.local())).collect(),
            mode: event.reset().ours()?,
        },
        fb::EventKind::Asked => Event::Asked { kind: event.asked().ours()? },
        fb::EventKind::RollbackStarted => Event::RollbackStarted { cause: event.cause().ours()? },
        fb::EventKind::UndoCompleted => Event::UndoCompleted { step: step()? },
        fb::EventKind::UndoFailed => Event::UndoFailed { step: step()?, error: read_failure(event.error())? },
        fb::EventKind::RunEnded => {
            Event::RunEnded { outcome: event.outcome().ours()?, output: read_output(all, event.output())? }
        }
        fb::EventKind(other) => return Err(unknown_named("event", event.name(), other, fb::EventKind::ENUM_MAX)),
    })
}

fn read_created(
    all: &Bytes,
    created: Option<fb::RunCreated<'_>>,
    plans: &dyn FindPlan,
) -> Result<RunCreated, CodecError> {
    let created = created.ok_or_else(|| missing("creation"))?;
    Ok(RunCreated {
        id: read_id(created.id())?,
        plan: read_plan_or_find(created.plan(), created.fingerprint(), plans)?,
        input: read_boxed_payload(all, created.input())?,
        metadata: read_metadata(created.metadata())?,
        parent: created.parent().map(|id| read_id(Some(id))).transpose()?,
        forked_from: created.forked_from().map(|id| read_id(Some(id))).transpose()?,
    })
}

/// The plan that stands here, else the one that is kept beside and has this fingerprint.
pub(super) fn read_plan_or_find(
    inline: Option<fb::Plan<'_>>,
    fingerprint: Option<&fb::Fingerprint>,
    plans: &dyn FindPlan,
) -> Result<Arc<Plan>, CodecError> {
    if let Some(inline) = inline {
        return plan::read(inline).map(Arc::new);
    }
    let fingerprint = plan::read_fingerprint(fingerprint)?;
    plans.find(fingerprint).ok_or_else(|| missing(&format!("plan {fingerprint}")))
}

fn read_region(region: Option<fb::RegionOpened<'_>>) -> Result<(u32, RegionKind), CodecError> {
    let region = region.ok_or_else(|| missing("region"))?;
    let kind = match region.kind() {
        fb::RegionKind::Arm => RegionKind::Arm { index: region.index(), label: read_text(region.label()) },
        fb::RegionKind::Items => RegionKind::Items(region.len()),
        fb::RegionKind::Sub => RegionKind::Sub,
        fb::RegionKind(other) => return Err(unknown("region kind", other, fb::RegionKind::ENUM_MAX)),
    };
    Ok((region.first_instance(), kind))
}

fn read_data(all: &Bytes, event: fb::Event<'_>) -> Result<Vec<(String, Payload)>, CodecError> {
    let read = |write: fb::DataWrite<'_>| {
        let payload = read_payload(all, write.payload(), write.tag())?;
        Ok((read_text(write.key()), payload))
    };
    event.data().iter().flatten().map(read).collect()
}

fn read_by(event: fb::Event<'_>) -> Result<CompletedBy, CodecError> {
    match event.by() {
        fb::CompletedBy::Body => Ok(CompletedBy::Body),
        fb::CompletedBy::Signal => Ok(CompletedBy::Signal(read_text(event.signal()))),
        fb::CompletedBy::Operator => Ok(CompletedBy::Operator),
        fb::CompletedBy::Copied => Ok(CompletedBy::Copied),
        fb::CompletedBy(other) => Err(unknown("completion", other, fb::CompletedBy::ENUM_MAX)),
    }
}

pub(super) fn read_metadata(metadata: Option<Pairs<'_>>) -> Result<BTreeMap<String, String>, CodecError> {
    let mut all = BTreeMap::new();
    for pair in metadata.iter().flatten() {
        if all.insert(read_text(pair.key()), read_text(pair.value())).is_some() {
            return Err(CodecError::broken("a key of the metadata stands twice"));
        }
    }
    Ok(all)
}

/// Roughly the bytes that an event takes.
pub(super) fn weight(event: &Event, plans: Plans) -> usize {
    let plan = |plan: &Plan| if plans == Plans::Inline { plan::weight(plan) } else { 16 };
    let text = |text: &str| text.len() + 16;
    let more = match event {
        Event::RunCreated(created) => {
            let metadata: usize = created.metadata.iter().map(|(key, value)| text(key) + text(value)).sum();
            plan(&created.plan) + created.input.bytes.len() + metadata + 3 * 256
        }
        Event::PlanAdopted { plan: adopted } => plan(adopted),
        Event::StepMigrated { payload, .. } => payload.bytes.len() + text(event.name()),
        Event::RegionOpened { kind: RegionKind::Arm { label, .. }, .. } => label.len(),
        Event::AttemptFailed { error, .. } | Event::StepFailed { error, .. } | Event::UndoFailed { error, .. } => {
            failure_weight(error)
        }
        Event::StepWaiting { on: WaitingOn::Signal { name, type_name, .. }, .. } => name.len() + type_name.len(),
        Event::StepCompleted { payload, data, by, .. } => {
            let data: usize = data.iter().map(|(key, value)| text(key) + value.bytes.len()).sum();
            let by = if let CompletedBy::Signal(id) = by { id.len() } else { 0 };
            payload.bytes.len() + data + by
        }
        Event::StepsReset { roots, .. } => roots.len() * 8,
        Event::RunEnded { output, .. } => output_weight(output),
        _ => 0,
    };
    128 + more
}

/// Roughly the tables that an event takes.
pub(super) fn parts(event: &Event) -> usize {
    match event {
        Event::RunCreated(created) => 2 + plan::parts(&created.plan) + created.metadata.len(),
        Event::PlanAdopted { plan } => 1 + plan::parts(plan),
        Event::StepCompleted { data, .. } => 1 + data.len(),
        Event::RunEnded { output: crate::state::RunOutput::Errors(errors), .. } => 1 + errors.len(),
        _ => 1,
    }
}
