//! Random records, with regions opened at will and steps in any state.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::events::{asked, created, outcome, output, waiting};
use super::{failure, long, number, payload, text, time};
use crate::plan::StepKind;
use crate::state::{
    DataEntry, InstanceState, RollbackCause, RunOutput, StepRef, StepState, StepStatus, UndoState, WorkflowData,
    WorkflowStatus,
};

fn step_state() -> BoxedStrategy<StepState> {
    let status = prop_oneof![
        Just(StepStatus::Pending),
        Just(StepStatus::Running),
        Just(StepStatus::Waiting),
        Just(StepStatus::Completed),
        Just(StepStatus::Failed),
        Just(StepStatus::Cancelled),
        Just(StepStatus::Skipped),
        Just(StepStatus::Bypassed),
        Just(StepStatus::Compensated),
        Just(StepStatus::CompensationFailed),
    ];
    let numbers = (number(), number(), number());
    let times = (time(), time(), time());
    let undo = (number(), number(), time(), time()).prop_map(|(attempts, failures, started_at, retry_at)| {
        Box::new(UndoState { attempts, failures, started_at, retry_at })
    });
    let notes = (of(text()), of(undo), any::<bool>(), number());
    (status, numbers, times, of(payload()), of(failure()), of(waiting()), notes)
        .prop_map(
            |(
                status,
                (attempts, failures, interruptions),
                (started_at, ended_at, retry_at),
                output,
                error,
                waiting,
                (signal, undo, copied, resets),
            )| {
                StepState {
                    status,
                    attempts,
                    failures,
                    interruptions,
                    started_at,
                    ended_at,
                    retry_at,
                    output,
                    error: error.map(Box::new),
                    waiting: waiting.map(Box::new),
                    signal: signal.map(Into::into),
                    undo,
                    copied,
                    resets,
                    ..StepState::PENDING
                }
            },
        )
        .boxed()
}

/// Records with regions opened at will and steps in any state.
pub(crate) fn record() -> BoxedStrategy<WorkflowData> {
    let parts = (created(), long(), long(), vec(step_state(), 1..8), vec(0..4_u32, 1..8));
    let cause = of(prop_oneof![Just(RollbackCause::Failure), Just(RollbackCause::Cancel)]);
    let ends = (of(outcome()), of(output()), (of(asked()), cause), time(), time(), 0..7_usize);
    let data = btree_map(text(), vec((any::<prop::sample::Index>(), payload()), 0..3), 0..3);
    (parts, ends, data)
        .prop_map(|((created, run_no, seq, states, opens), ends, values)| {
            let (outcome, output, (asked, cause), created_at, updated_at, status) = ends;
            let mut data = WorkflowData::new(run_no, &created, created_at);
            open_regions(&mut data, &opens);
            for (index, state) in data.steps.iter_mut().enumerate() {
                let (opened, opened_len) = (state.opened, state.opened_len);
                *state = StepState { opened, opened_len, ..states[index % states.len()].clone() };
            }
            let steps = all_steps(&data);
            let output = output.filter(|output| !matches!(output, RunOutput::Step(_)) || !steps.is_empty());
            data.output = output.map(|output| match output {
                RunOutput::Step(_) => RunOutput::Step(steps[0]),
                other => other,
            });
            if !steps.is_empty() {
                for (key, entries) in values {
                    let entries = entries.into_iter().map(|(at, payload)| DataEntry { step: *at.get(&steps), payload });
                    data.data.insert(key, entries.collect());
                }
            }
            let statuses = [
                WorkflowStatus::Running,
                WorkflowStatus::Suspended,
                WorkflowStatus::Completed,
                WorkflowStatus::Failed,
                WorkflowStatus::Cancelled,
                WorkflowStatus::RollingBack,
                WorkflowStatus::RolledBack,
            ];
            data.status = statuses[status];
            (data.seq, data.outcome, data.asked, data.updated_at) = (seq, outcome, asked, updated_at);
            data.cause = cause;
            data.recount();
            data
        })
        .boxed()
}

fn all_steps(data: &WorkflowData) -> Vec<StepRef> {
    let of = |(index, instance): (usize, &InstanceState)| {
        data.plan.regions[instance.region as usize].locals().map(move |local| StepRef::new(index as u32, local))
    };
    data.instances.iter().enumerate().flat_map(of).collect()
}

fn open_regions(data: &mut WorkflowData, opens: &[u32]) {
    let (plan, mut index) = (data.plan.clone(), 0);
    while index < data.instances.len() && data.instances.len() < 40 {
        let region = data.instances[index].region;
        for local in plan.regions[region as usize].locals() {
            let wanted = opens[(index + local as usize) % opens.len()];
            let (region, len) = match &plan.steps[local as usize].kind {
                StepKind::Branch { arms } if wanted > 0 => (arms[wanted as usize % arms.len()], 1),
                StepKind::Each { body } => (*body, wanted),
                StepKind::Sub { body, .. } if wanted > 0 => (*body, 1),
                _ => continue,
            };
            let (step, first) = (StepRef::new(index as u32, local), data.instances.len() as u32);
            (0..len).for_each(|item| data.open_instance(Some(step), region, item));
            let at = data.index(step);
            (data.steps[at].opened, data.steps[at].opened_len) = (first, len);
        }
        index += 1;
    }
}
