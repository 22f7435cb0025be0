//! Whole runs.

use std::collections::BTreeMap;

use bytes::Bytes;
use flatbuffers::{ForwardsUOffset, Vector, WIPOffset};

use super::event::{read_metadata, read_plan_or_find, write_metadata};
use super::names::Named;
use super::value::{
    failure_weight, output_weight, read_boxed_payload, read_failure, read_id, read_output, read_payload, read_step,
    read_text, read_wait, tag, tagged, write_boxed_payload, write_failure, write_output, write_step, write_wait,
};
use super::{Builder, CodecError, FindPlan, Plans, check_size, fb, plan, root};
use crate::state::codec::check::check_record;
use crate::state::{DataEntry, InstanceState, Payload, StepRef, StepState, UndoState, WorkflowData};

/// What stands for "nothing opened it".
const NOBODY: StepRef = StepRef::new(u32::MAX, u32::MAX);

/// What stands for the length of an output that is not there; longer ones than this are not stored in one piece.
const NO_OUTPUT: u32 = u32::MAX;

/// A run as bytes.
pub(crate) fn write_record(data: &WorkflowData, plans: Plans) -> Result<Vec<u8>, CodecError> {
    check_size(weight(data), parts(data))?;
    let mut to = Builder::with_capacity(1024);
    let notes = write_notes(&mut to, &data.steps)?;
    let outputs = write_outputs(&mut to, &data.steps);
    let steps: Vec<fb::StepState> = data.steps.iter().map(write_state).collect();
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
        cause: data.cause.map(Into::into),
        created_at: data.created_at,
        updated_at: data.updated_at,
        outputs: Some(outputs),
        notes,
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
        instances: record.instances().map(|all| all.iter().map(read_instance).collect()).unwrap_or_default(),
        steps: read_steps(bytes, record)?,
        data: read_data(bytes, record.data())?,
        outcome: record.outcome().map(Named::ours).transpose()?,
        output: record.output().map(|output| read_output(bytes, Some(output))).transpose()?,
        asked: record.asked().map(Named::ours).transpose()?,
        cause: record.cause().map(Named::ours).transpose()?,
        created_at: record.created_at(),
        updated_at: record.updated_at(),
        waiting: 0,
        scopes: 0,
        retrying: 0,
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
        to_undo: 0,
        closed: false,
    }
}

fn write_state(step: &StepState) -> fb::StepState {
    let output = step.output.as_ref();
    fb::StepState::new(
        step.started_at,
        step.ended_at,
        step.retry_at,
        output.map_or(NO_OUTPUT, |payload| payload.bytes.len() as u32),
        output.map_or(0, tag),
        step.attempts,
        step.failures,
        step.interruptions,
        step.opened,
        step.opened_len,
        step.status.into(),
    )
}

/// The step, whose output is taken from the front of the outputs.
fn read_state(step: &fb::StepState, outputs: &mut Bytes) -> Result<StepState, CodecError> {
    let output = match step.output_len() {
        NO_OUTPUT => None,
        len if len as usize > outputs.len() => {
            return Err(CodecError::broken("the outputs are shorter than they were"));
        }
        len => Some(tagged(outputs.split_to(len as usize), step.tag())?),
    };
    Ok(StepState {
        status: step.status().ours()?,
        attempts: step.attempts(),
        failures: step.failures(),
        interruptions: step.interruptions(),
        started_at: step.started_at(),
        ended_at: step.ended_at(),
        retry_at: step.retry_at(),
        output,
        error: None,
        waiting: None,
        signal: None,
        undo: None,
        copied: false,
        resets: 0,
        opened: step.opened(),
        opened_len: step.opened_len(),
        open: 0,
        held: 0,
    })
}

fn write_outputs(to: &mut Builder, steps: &[StepState]) -> WIPOffset<Vector<'static, u8>> {
    let outputs = || steps.iter().filter_map(|step| step.output.as_ref());
    let mut all = Vec::with_capacity(outputs().map(|payload| payload.bytes.len()).sum());
    outputs().for_each(|payload| all.extend_from_slice(&payload.bytes));
    to.create_vector(&all)
}

fn read_steps(all: &Bytes, record: fb::Record<'_>) -> Result<Vec<StepState>, CodecError> {
    let mut outputs = record.outputs().map(|outputs| all.slice_ref(outputs.bytes())).unwrap_or_default();
    let mut steps = Vec::with_capacity(record.steps().map_or(0, |steps| steps.len()));
    for step in record.steps().into_iter().flatten() {
        steps.push(read_state(step, &mut outputs)?);
    }
    if !outputs.is_empty() {
        return Err(CodecError::broken("there are more outputs than the steps have"));
    }
    read_notes(record.notes(), &mut steps)?;
    Ok(steps)
}

type Notes<'a> = Vector<'a, ForwardsUOffset<fb::StepNote<'a>>>;

fn write_notes(to: &mut Builder, steps: &[StepState]) -> Result<Option<WIPOffset<Notes<'static>>>, CodecError> {
    let mut notes = Vec::new();
    for (step, state) in (0..).zip(steps).filter(|(_, state)| has_note(state)) {
        let error = state.error.as_deref().map(|error| write_failure(to, error)).transpose()?;
        let wait = state.waiting.as_deref().map(|wait| write_wait(to, wait));
        let signal = state.signal.as_deref().map(|signal| to.create_string(signal));
        let undo = state.undo.as_deref().map(|undo| write_undo(to, undo));
        let (copied, resets) = (state.copied, state.resets);
        let args = fb::StepNoteArgs { step, error, wait, signal, copied, resets, undo };
        notes.push(fb::StepNote::create(to, &args));
    }
    Ok((!notes.is_empty()).then(|| to.create_vector(&notes)))
}

fn has_note(state: &StepState) -> bool {
    let is_told_of = state.error.is_some() || state.waiting.is_some() || state.signal.is_some();
    is_told_of || state.undo.is_some() || state.copied || state.resets > 0
}

fn write_undo(to: &mut Builder, undo: &UndoState) -> WIPOffset<fb::UndoState<'static>> {
    let UndoState { attempts, failures, started_at, retry_at } = *undo;
    fb::UndoState::create(to, &fb::UndoStateArgs { attempts, failures, started_at, retry_at })
}

fn read_undo(undo: fb::UndoState<'_>) -> UndoState {
    UndoState {
        attempts: undo.attempts(),
        failures: undo.failures(),
        started_at: undo.started_at(),
        retry_at: undo.retry_at(),
    }
}

fn read_notes(notes: Option<Notes<'_>>, steps: &mut [StepState]) -> Result<(), CodecError> {
    let mut next = 0;
    for note in notes.iter().flatten() {
        let step = note.step();
        let state = steps.get_mut(step as usize).filter(|_| step >= next);
        let state = state.ok_or_else(|| CodecError::broken("a note is of no step, or not in their order"))?;
        state.error = note.error().map(|error| read_failure(Some(error)).map(Box::new)).transpose()?;
        state.waiting = note.wait().map(|wait| read_wait(Some(wait)).map(Box::new)).transpose()?;
        state.signal = note.signal().map(Into::into);
        state.undo = note.undo().map(|undo| Box::new(read_undo(undo)));
        (state.copied, state.resets) = (note.copied(), note.resets());
        next = step.saturating_add(1);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b34_notes_of_no_step_or_out_of_order_are_refused() {
        let read = |of: &[u32]| {
            let mut to = Builder::new();
            let note =
                |step: &u32| fb::StepNote::create(&mut to, &fb::StepNoteArgs { step: *step, ..Default::default() });
            let notes: Vec<_> = of.iter().map(note).collect();
            let notes = Some(to.create_vector(&notes));
            let record = fb::Record::create(&mut to, &fb::RecordArgs { notes, ..Default::default() });
            to.finish_minimal(record);
            let mut steps = [StepState::PENDING; 3];
            read_notes(root::<fb::Record<'_>>(to.finished_data()).unwrap().notes(), &mut steps)
        };
        read(&[]).unwrap();
        read(&[0, 2]).unwrap();
        for refused in [&[3][..], &[u32::MAX], &[1, 0], &[1, 1]] {
            let error = read(refused).unwrap_err().to_string();
            let expected = CodecError::broken("a note is of no step, or not in their order");
            assert_eq!(error, expected.to_string(), "{refused:?}");
        }
    }
}
