//! Whole runs.

use std::collections::BTreeMap;

use bytes::Bytes;
use flatbuffers::{ForwardsUOffset, Vector, WIPOffset};

use super::event::{read_metadata, read_plan_or_find, write_metadata};
use super::names::Named;
use super::value::{
    Bytes8, failure_weight, output_weight, read_boxed_payload, read_failure, read_id, read_output, read_payload,
    read_step, read_text, read_wait, tag, write_boxed_payload, write_failure, write_output, write_step, write_wait,
};
use super::{Builder, CodecError, FindPlan, Plans, check_size, fb, plan, root};
use crate::state::codec::check::check_record;
use crate::state::{DataEntry, InstanceState, Payload, StepRef, StepState, WorkflowData};

/// What stands for "nothing opened it".
const NOBODY: StepRef = StepRef::new(u32::MAX, u32::MAX);

/// A run as bytes.
pub(crate) fn write_record(data: &WorkflowData, plans: Plans) -> Result<Vec<u8>, CodecError> {
    check_size(weight(data), parts(data))?;
    let mut to = Builder::with_capacity(1024);
    let steps = data.steps.iter().map(|step| write_state(&mut to, step)).collect::<Result<Vec<_>, _>>()?;
    let instances: Vec<fb::Instance> = data.instances.iter().map(write_instance).collect();
    let fingerprint = plan::write_fingerprint(data.plan.fingerprint);
    let output = data.output.as_ref().map(|output| write_output(&mut to, output)).transpose()?;
    let args = fb::RecordArgs {
        format: data.format,
        id: Some(to.create_string(data.id.as_str())),
        run_no: data.run_no,
        seq: data.seq,
        plan: (plans == Plans::Inline).then(|| plan::write(&mut to, &data.plan)),
        fingerprint: Some(&fingerprint),
        input: Some(write_boxed_payload(&mut to, &data.input)),
        metadata: write_metadata(&mut to, &data.metadata),
        parent: data.parent.as_ref().map(|id| to.create_string(id.as_str())),
        forked_from: data.forked_from.as_ref().map(|id| to.create_string(id.as_str())),
        status: data.status.into(),
        instances: Some(to.create_vector(&instances)),
        steps: Some(to.create_vector(&steps)),
        data: write_data(&mut to, &data.data),
        outcome: data.outcome.map(Into::into),
        output,
        asked: data.asked.map(Into::into),
        created_at: data.created_at,
        updated_at: data.updated_at,
        ..Default::default()
    };
    let record = fb::Record::create(&mut to, &args);
    to.finish_minimal(record);
    Ok(to.finished_data().to_vec())
}

/// The run that `write_record` wrote.
pub(crate) fn read_record(bytes: &Bytes, plans: &dyn FindPlan) -> Result<WorkflowData, CodecError> {
    let record = root::<fb::Record<'_>>(bytes)?;
    if record.format() != WorkflowData::FORMAT {
        return Err(CodecError::Newer {
            found: format!("a record of structure {}", record.format()),
            known: format!("structure {}", WorkflowData::FORMAT),
        });
    }
    let mut data = WorkflowData {
        format: record.format(),
        id: read_id(record.id())?,
        run_no: record.run_no(),
        seq: record.seq(),
        plan: read_plan_or_find(record.plan(), record.fingerprint(), plans)?,
        input: read_boxed_payload(bytes, record.input())?,
        metadata: read_metadata(record.metadata())?,
        parent: record.parent().map(|id| read_id(Some(id))).transpose()?,
        forked_from: record.forked_from().map(|id| read_id(Some(id))).transpose()?,
        status: record.status().ours()?,
        instances: record.instances().iter().flatten().map(read_instance).collect(),
        steps: record.steps().iter().flatten().map(|step| read_state(bytes, step)).collect::<Result<_, _>>()?,
        data: read_data(bytes, record.data())?,
        outcome: record.outcome().map(Named::ours).transpose()?,
        output: record.output().map(|output| read_output(bytes, Some(output))).transpose()?,
        asked: record.asked().map(Named::ours).transpose()?,
        created_at: record.created_at(),
        updated_at: record.updated_at(),
    };
    check_record(&data)?;
    data.recount();
    Ok(data)
}

fn write_instance(instance: &InstanceState) -> fb::Instance {
    let opened_by = write_step(instance.opened_by.unwrap_or(NOBODY));
    fb::Instance::new(&opened_by, instance.region, instance.item, instance.first)
}

fn read_instance(instance: &fb::Instance) -> InstanceState {
    let opened_by = StepRef::new(instance.opened_by().instance(), instance.opened_by().local());
    InstanceState {
        opened_by: (opened_by != NOBODY).then_some(opened_by),
        region: instance.region(),
        item: instance.item(),
        first: instance.first(),
        open: 0,
        held: 0,
        active: 0,
        failed: false,
        closed: false,
    }
}

fn write_state(to: &mut Builder, step: &StepState) -> Result<WIPOffset<fb::StepState<'static>>, CodecError> {
    let args = fb::StepStateArgs {
        payload: step.output.as_ref().map(|payload| to.create_vector(&payload.bytes)),
        tag: step.output.as_ref().map_or(2, tag),
        started_at: step.started_at,
        ended_at: step.ended_at,
        status: step.status.into(),
        attempts: step.attempts,
        error: step.error.as_deref().map(|error| write_failure(to, error)).transpose()?,
        failures: step.failures,
        interruptions: step.interruptions,
        retry_at: step.retry_at,
        wait: step.waiting.as_deref().map(|wait| write_wait(to, wait)),
        opened: step.opened,
        opened_len: step.opened_len,
    };
    Ok(fb::StepState::create(to, &args))
}

fn read_state(all: &Bytes, step: fb::StepState<'_>) -> Result<StepState, CodecError> {
    let payload: Bytes8<'_> = step.payload();
    Ok(StepState {
        status: step.status().ours()?,
        attempts: step.attempts(),
        failures: step.failures(),
        interruptions: step.interruptions(),
        started_at: step.started_at(),
        ended_at: step.ended_at(),
        retry_at: step.retry_at(),
        output: payload.map(|bytes| read_payload(all, Some(bytes), step.tag())).transpose()?,
        error: step.error().map(|error| read_failure(Some(error)).map(Box::new)).transpose()?,
        waiting: step.wait().map(|wait| read_wait(Some(wait)).map(Box::new)).transpose()?,
        opened: step.opened(),
        opened_len: step.opened_len(),
        open: 0,
        held: 0,
    })
}

type Keys<'a> = Vector<'a, ForwardsUOffset<fb::DataKey<'a>>>;

fn write_data(to: &mut Builder, data: &BTreeMap<String, Vec<DataEntry>>) -> Option<WIPOffset<Keys<'static>>> {
    if data.is_empty() {
        return None;
    }
    let keys: Vec<_> = data
        .iter()
        .map(|(key, entries)| {
            let entries: Vec<_> = entries.iter().map(|entry| write_entry(to, entry.step, &entry.payload)).collect();
            let (key, entries) = (Some(to.create_string(key)), Some(to.create_vector(&entries)));
            fb::DataKey::create(to, &fb::DataKeyArgs { key, entries })
        })
        .collect();
    Some(to.create_vector(&keys))
}

fn write_entry(to: &mut Builder, step: StepRef, payload: &Payload) -> WIPOffset<fb::DataEntry<'static>> {
    let bytes = Some(to.create_vector(&payload.bytes));
    fb::DataEntry::create(to, &fb::DataEntryArgs { step: Some(&write_step(step)), payload: bytes, tag: tag(payload) })
}

fn read_data(all: &Bytes, keys: Option<Keys<'_>>) -> Result<BTreeMap<String, Vec<DataEntry>>, CodecError> {
    let mut data = BTreeMap::new();
    for key in keys.iter().flatten() {
        let entries = key.entries().into_iter().flatten().map(|entry| {
            let payload = read_payload(all, entry.payload(), entry.tag())?;
            Ok(DataEntry { step: read_step(entry.step())?, payload })
        });
        let entries = entries.collect::<Result<Vec<_>, CodecError>>()?;
        if data.insert(read_text(key.key()), entries).is_some() {
            return Err(CodecError::broken("a key of the run's data stands twice"));
        }
    }
    Ok(data)
}

fn weight(data: &WorkflowData) -> usize {
    let step = |step: &StepState| {
        let output = step.output.as_ref().map_or(0, |payload| payload.bytes.len());
        128 + output + step.error.as_deref().map_or(0, failure_weight)
    };
    let values: usize = data.data.values().flatten().map(|entry| 64 + entry.payload.bytes.len()).sum();
    let keys: usize = data.data.keys().map(|key| 32 + key.len()).sum();
    let metadata: usize = data.metadata.iter().map(|(key, value)| 32 + key.len() + value.len()).sum();
    let steps: usize = data.steps.iter().map(step).sum();
    let output = data.output.as_ref().map_or(0, output_weight);
    1024 + plan::weight(&data.plan)
        + data.input.bytes.len()
        + data.instances.len() * 24
        + steps
        + values
        + keys
        + metadata
        + output
}

fn parts(data: &WorkflowData) -> usize {
    let values: usize = data.data.values().map(|entries| 1 + entries.len()).sum();
    plan::parts(&data.plan) + data.steps.len() + values + data.metadata.len()
}
