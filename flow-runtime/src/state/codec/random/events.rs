//! Random events, and deltas of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::{failure, id, long, number, payload, plan, step_ref, text, time};
use crate::state::{
    Ack, Asked, CompletedBy, Delta, Event, Phase, RegionKind, ResetMode, RollbackCause, RunCreated, RunOutcome,
    RunOutput, WaitingOn,
};

pub(super) fn waiting() -> BoxedStrategy<WaitingOn> {
    prop_oneof![
        time().prop_map(WaitingOn::Timer),
        (text(), text(), of(time())).prop_map(|(name, type_name, deadline)| WaitingOn::Signal {
            name,
            type_name,
            deadline
        }),
        number().prop_map(WaitingOn::Doubt),
    ]
    .boxed()
}

pub(super) fn outcome() -> BoxedStrategy<RunOutcome> {
    prop_oneof![
        Just(RunOutcome::Completed),
        Just(RunOutcome::Failed),
        Just(RunOutcome::Cancelled),
        Just(RunOutcome::RolledBack),
    ]
    .boxed()
}

pub(super) fn output() -> BoxedStrategy<RunOutput> {
    prop_oneof![
        step_ref().prop_map(RunOutput::Step),
        payload().prop_map(RunOutput::Payload),
        vec(failure(), 0..4).prop_map(RunOutput::Errors),
    ]
    .boxed()
}

pub(super) fn asked() -> BoxedStrategy<Asked> {
    prop_oneof![Just(Asked::Cancel), Just(Asked::Terminate), Just(Asked::Pause), Just(Asked::Resume)].boxed()
}

fn phase() -> BoxedStrategy<Phase> {
    prop_oneof![Just(Phase::Do), Just(Phase::Undo)].boxed()
}

fn event() -> BoxedStrategy<Event> {
    let kind = prop_oneof![
        (number(), text()).prop_map(|(index, label)| RegionKind::Arm { index, label }),
        number().prop_map(RegionKind::Items),
        Just(RegionKind::Sub),
    ];
    let by = prop_oneof![
        Just(CompletedBy::Body),
        text().prop_map(CompletedBy::Signal),
        Just(CompletedBy::Operator),
        Just(CompletedBy::Copied),
    ];
    let mode = prop_oneof![Just(ResetMode::Failed), Just(ResetMode::From)];
    let cause = prop_oneof![Just(RollbackCause::Failure), Just(RollbackCause::Cancel)];
    let data = vec((text(), payload()), 0..3);
    prop_oneof![
        created().prop_map(|created| Event::RunCreated(Box::new(created))),
        plan().prop_map(|plan| Event::PlanAdopted { plan: Arc::new(plan) }),
        (step_ref(), payload()).prop_map(|(step, payload)| Event::StepMigrated { step, payload }),
        (step_ref(), number(), kind).prop_map(|(step, first_instance, kind)| Event::RegionOpened {
            step,
            first_instance,
            kind
        }),
        (step_ref(), number(), phase()).prop_map(|(step, attempt, phase)| Event::StepStarted { step, attempt, phase }),
        (step_ref(), number(), phase(), failure(), time()).prop_map(|(step, attempt, phase, error, retry_at)| {
            Event::AttemptFailed { step, attempt, phase, error, retry_at }
        }),
        (step_ref(), waiting()).prop_map(|(step, on)| Event::StepWaiting { step, on }),
        (step_ref(), number(), payload(), data, by).prop_map(|(step, attempt, payload, data, by)| {
            Event::StepCompleted { step, attempt, payload, data, by }
        }),
        (step_ref(), number(), failure()).prop_map(|(step, attempt, error)| Event::StepFailed { step, attempt, error }),
        (step_ref(), number()).prop_map(|(step, attempt)| Event::StepCancelled { step, attempt }),
        step_ref().prop_map(|step| Event::StepReleased { step }),
        (vec(step_ref(), 0..5), mode).prop_map(|(roots, mode)| Event::StepsReset { roots, mode }),
        asked().prop_map(|kind| Event::Asked { kind }),
        cause.prop_map(|cause| Event::RollbackStarted { cause }),
        step_ref().prop_map(|step| Event::UndoCompleted { step }),
        (step_ref(), failure()).prop_map(|(step, error)| Event::UndoFailed { step, error }),
        (outcome(), output()).prop_map(|(outcome, output)| Event::RunEnded { outcome, output }),
    ]
    .boxed()
}

fn metadata() -> BoxedStrategy<BTreeMap<String, String>> {
    btree_map(text(), text(), 0..4).boxed()
}

pub(super) fn created() -> BoxedStrategy<RunCreated> {
    (id(), plan(), payload(), metadata(), of(id()), of(id()))
        .prop_map(|(id, plan, input, metadata, parent, forked_from)| RunCreated {
            id,
            plan: Arc::new(plan),
            input,
            metadata,
            parent,
            forked_from,
        })
        .boxed()
}

/// Deltas of events that need not fit any record.
pub(crate) fn delta() -> BoxedStrategy<Delta> {
    (long(), long(), long(), time(), any::<bool>(), vec(event(), 0..6), vec(text(), 0..3))
        .prop_map(|(run_no, seq, fence, at, lazy, events, taken)| Delta {
            run_no,
            seq,
            fence,
            at,
            ack: if lazy { Ack::Lazy } else { Ack::Sync },
            events,
            taken,
        })
        .boxed()
}
