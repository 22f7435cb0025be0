//! Random plans, deltas and records, for tests of what keeps them.
//!
//! In: a source of random values. Out: values that are valid in shape and go to the extremes in everything else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use crate::plan::{Awaited, Backoff, Fingerprint, Plan, Policy, Region, Retry, Source, Step, StepKind, Undo};
use crate::state::{
    Ack, Asked, Cause, CompletedBy, DataEntry, Delta, Encoding, Event, FailureKind, InstanceState, NodeFailure,
    Payload, Phase, RegionKind, Request, RequestKind, ResetMode, RollbackCause, RunCreated, RunOutcome, RunOutput,
    StepRef, StepState, StepStatus, Timestamp, UndoState, Verdict, WaitingOn, WorkflowData, WorkflowId, WorkflowStatus,
};

fn text() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), Just("a\0ü\u{10ffff}".to_owned()), "[a-z]{1,8}", ".{0,40}"].boxed()
}

fn id() -> BoxedStrategy<WorkflowId> {
    prop_oneof![Just("ü/".repeat(80) + "x"), "[a-zA-Z0-9._ -]{1,30}"]
        .prop_filter_map("an id", |id| WorkflowId::new(id).ok())
        .boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), any::<i64>()].boxed()
}

fn number() -> BoxedStrategy<u32> {
    prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()].boxed()
}

fn long() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()].boxed()
}

fn step_ref() -> BoxedStrategy<StepRef> {
    (number(), number()).prop_map(|(instance, local)| StepRef::new(instance, local)).boxed()
}

/// JSON, and what is nearly JSON.
fn json() -> BoxedStrategy<Vec<u8>> {
    let samples = vec![
        "null",
        "-9223372036854775808",
        "18446744073709551615",
        "-0.0",
        "[1.7976931348623157e308,5e-324]",
        r#"{"a":[{"a":null,"a":"\u0000\ud800"}],"":{}}"#,
        " {}",
        "{}\n",
        "{\n  \"a\": 1\n}",
        "{",
    ];
    let any = text().prop_map(|text| serde_json::to_string(&[text]).unwrap_or_default());
    let nested = (0..300_usize).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth));
    prop_oneof![prop::sample::select(samples).prop_map(str::to_owned), any, nested].prop_map(String::into).boxed()
}

pub(crate) fn payload() -> BoxedStrategy<Payload> {
    let encoding = prop_oneof![Just(Encoding::Json), Just(Encoding::MessagePack), Just(Encoding::Raw)];
    let bytes = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 3000..3100),
        json(),
        text().prop_map(String::into)
    ];
    (encoding, any::<u8>(), any::<u8>(), bytes)
        .prop_map(|(encoding, transform, flags, bytes)| Payload {
            encoding,
            transform,
            flags,
            bytes: Bytes::from(bytes),
        })
        .boxed()
}

fn failure() -> BoxedStrategy<NodeFailure> {
    let kind = prop_oneof![
        Just(FailureKind::Error),
        Just(FailureKind::Panic),
        Just(FailureKind::Timeout),
        Just(FailureKind::Deadline),
        Just(FailureKind::Encode),
    ];
    (text(), kind, number(), text(), vec(text(), 0..20), any::<bool>())
        .prop_map(|(step, kind, attempt, message, causes, permanent)| NodeFailure {
            step,
            kind,
            attempt,
            message,
            cause: Cause::chain(causes),
            permanent,
        })
        .boxed()
}

/// A request, with the ids that stores find hardest to keep apart among its ids.
pub(crate) fn request() -> BoxedStrategy<Request> {
    let ids = prop_oneof![Just("/".to_owned()), Just("ü".repeat(128)), "[a-zA-Z0-9./ %_-]{1,30}", "[^\\pC]{1,20}"];
    let signal = (text(), text(), payload()).prop_map(|(name, type_name, payload)| RequestKind::Signal {
        name,
        type_name,
        payload,
    });
    let plain = [
        RequestKind::Cancel,
        RequestKind::Terminate,
        RequestKind::Pause,
        RequestKind::Resume,
        RequestKind::RetryFailed,
    ];
    let from = text().prop_map(|step| RequestKind::RetryFrom { step });
    let verdict =
        prop_oneof![payload().prop_map(Verdict::Done), Just(Verdict::NotDone), text().prop_map(Verdict::Failed)];
    let resolve = (text(), number(), verdict).prop_map(|(step, attempt, verdict)| RequestKind::Resolve {
        step,
        attempt,
        verdict,
    });
    let kind = prop_oneof![signal, prop::sample::select(plain.to_vec()), from, resolve];
    (ids, time(), kind).prop_filter_map("an id", |(id, at, kind)| Request::new(id, at, kind).ok()).boxed()
}

fn waiting() -> BoxedStrategy<WaitingOn> {
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

fn outcome() -> BoxedStrategy<RunOutcome> {
    prop_oneof![
        Just(RunOutcome::Completed),
        Just(RunOutcome::Failed),
        Just(RunOutcome::Cancelled),
        Just(RunOutcome::RolledBack),
    ]
    .boxed()
}

fn output() -> BoxedStrategy<RunOutput> {
    prop_oneof![
        step_ref().prop_map(RunOutput::Step),
        payload().prop_map(RunOutput::Payload),
        vec(failure(), 0..4).prop_map(RunOutput::Errors),
    ]
    .boxed()
}

fn asked() -> BoxedStrategy<Asked> {
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

fn created() -> BoxedStrategy<RunCreated> {
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

fn duration() -> BoxedStrategy<Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (long(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n))
    ]
    .boxed()
}

fn policy() -> BoxedStrategy<Policy> {
    let factor = prop_oneof![Just(2.0), Just(f64::MAX), Just(-0.0), 1.0..9.0];
    let retry = (number(), duration(), duration(), factor, any::<bool>())
        .prop_map(|(times, min, max, factor, jitter)| Retry { times, backoff: Backoff { min, max, factor, jitter } });
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let rest = (of(retry), of(duration()), of(duration()), flags, number());
    let policy = rest.prop_map(|(retry, timeout, deadline, (pure, blocking, at_most_once), concurrency)| Policy {
        retry,
        timeout,
        deadline,
        pure,
        blocking,
        concurrency: NonZeroU32::new(concurrency),
        at_most_once,
    });
    prop_oneof![Just(Policy::DEFAULT), policy].boxed()
}

fn source() -> BoxedStrategy<Source> {
    let file = prop_oneof![Just("src/main.rs".to_owned()), text()];
    (file, number(), number()).prop_map(|(file, line, column)| Source { file: Cow::Owned(file), line, column }).boxed()
}

/// What a step of a random plan is before its place is known: its text, policy, and what it opens.
#[derive(Clone, Debug)]
struct Shape {
    texts: (String, String, String),
    policy: Policy,
    undo: Option<Undo>,
    catch: bool,
    source: Source,
    /// The regions it opens: none for a call, one for a fan-out, several for a branch.
    opens: Vec<(String, Vec<Shape>)>,
    is_each: bool,
    edge: u8,
}

fn shapes() -> BoxedStrategy<Vec<Shape>> {
    let undo = (text(), policy()).prop_map(|(node, policy)| Undo { node: Cow::Owned(node), policy });
    let leaf = ((text(), text(), text()), policy(), of(undo), any::<bool>(), source(), any::<u8>()).prop_map(
        |(texts, policy, undo, catch, source, edge)| Shape {
            texts,
            policy,
            undo,
            catch,
            source,
            opens: Vec::new(),
            is_each: false,
            edge,
        },
    );
    let step = leaf.prop_recursive(2, 12, 3, |inner| {
        let regions = vec((text(), vec(inner.clone(), 0..3)), 1..3);
        (inner, regions, any::<bool>()).prop_map(|(shape, mut opens, is_each)| {
            if is_each {
                opens.truncate(1);
            }
            Shape { opens, is_each, ..shape }
        })
    });
    vec(step, 0..4).boxed()
}

/// Plans of any shape, whose parts fit each other.
pub(crate) fn plan() -> BoxedStrategy<Plan> {
    ((text(), text(), text(), text()), number(), source(), shapes(), any::<u128>())
        .prop_map(|((workflow, doc, input, output), version, source, shapes, fingerprint)| {
            let (mut steps, mut regions) = (Vec::new(), Vec::new());
            lay_out(shapes, &mut steps, &mut regions);
            Plan {
                workflow: Cow::Owned(workflow),
                version,
                doc: Cow::Owned(doc),
                input: Cow::Owned(input),
                output: Cow::Owned(output),
                steps: Cow::Owned(steps),
                regions: Cow::Owned(regions),
                source,
                fingerprint: Fingerprint(fingerprint),
            }
        })
        .boxed()
}

/// Gives steps and regions their places: those of a region behind those around it.
fn lay_out(root: Vec<Shape>, steps: &mut Vec<Step>, regions: &mut Vec<Region>) {
    let mut queue = std::collections::VecDeque::from([(None, String::new(), root)]);
    regions.push(region(None, String::new()));
    let mut index = 0;
    while let Some((_, _, shapes)) = queue.pop_front() {
        let first = steps.len() as u32;
        for (at, shape) in shapes.into_iter().enumerate() {
            let local = first + at as u32;
            let opened: Vec<u32> = shape
                .opens
                .iter()
                .map(|(label, _)| {
                    regions.push(region(Some(local), label.clone()));
                    regions.len() as u32 - 1
                })
                .collect();
            queue.extend(shape.opens.into_iter().map(|(label, inner)| (Some(local), label, inner)));
            let kind = match (shape.is_each, opened.as_slice()) {
                (_, []) => StepKind::Call {
                    node: Cow::Owned(shape.texts.1),
                    output: Cow::Owned(shape.texts.2),
                    awaits: [None, Some(Awaited::Timer), Some(Awaited::Signal)][shape.edge as usize % 3],
                },
                (true, [body, ..]) => StepKind::Each { body: *body },
                (false, arms) => StepKind::Branch { arms: Cow::Owned(arms.to_vec()) },
            };
            let before: Vec<u32> = (first..local).filter(|before| shape.edge & (1 << (before % 8)) != 0).collect();
            for &before in &before {
                steps[before as usize].next.to_mut().push(local);
            }
            steps.push(Step {
                id: Cow::Owned(shape.texts.0),
                region: index,
                kind,
                inputs: Cow::Owned(before.clone()),
                after: Cow::Owned(if shape.catch { before } else { Vec::new() }),
                next: Cow::Borrowed(&[]),
                policy: shape.policy,
                undo: shape.undo,
                catch: shape.catch,
                source: shape.source,
            });
        }
        let region = &mut regions[index as usize];
        (region.first, region.len) = (first, steps.len() as u32 - first);
        region.value = (region.len > 0).then_some(first);
        region.tail = Cow::Owned(region.value.into_iter().collect());
        index += 1;
    }
}

fn region(parent: Option<u32>, label: String) -> Region {
    Region { parent, label: Cow::Owned(label), first: 0, len: 0, tail: Cow::Borrowed(&[]), value: None }
}

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
