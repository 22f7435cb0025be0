//! Plans.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use flatbuffers::{Vector, WIPOffset};

use super::names::unknown;
use super::value::read_text;
use super::{Builder, CodecError, check_size, fb, missing, root};
use crate::plan::{Awaited, Backoff, Fingerprint, Plan, Policy, Region, Retry, Source, Step, StepKind, Undo};
use crate::state::codec::check::check_plan;

/// A plan as bytes.
pub(crate) fn write_plan(plan: &Plan) -> Result<Vec<u8>, CodecError> {
    check_size(weight(plan), parts(plan))?;
    let mut to = Builder::new();
    let plan = write(&mut to, plan);
    to.finish_minimal(plan);
    Ok(to.finished_data().to_vec())
}

/// The plan that `write_plan` wrote.
pub(crate) fn read_plan(bytes: &Bytes) -> Result<Plan, CodecError> {
    read(root::<fb::Plan<'_>>(bytes)?)
}

/// Roughly the bytes that a plan takes.
pub(super) fn weight(plan: &Plan) -> usize {
    let step = |step: &Step| {
        let kind = match &step.kind {
            StepKind::Call { node, output, .. } | StepKind::Sub { workflow: node, output, .. } => {
                node.len() + output.len()
            }
            StepKind::Branch { arms } => arms.len() * 4,
            StepKind::Each { .. } => 0,
        };
        let edges = step.inputs.len() + step.after.len() + step.next.len();
        256 + step.id.len() + step.source.file.len() + kind + edges * 4
    };
    let region = |region: &Region| 64 + region.label.len() + region.tail.len() * 4;
    let texts = plan.workflow.len() + plan.doc.len() + plan.input.len() + plan.output.len() + plan.source.file.len();
    256 + texts + plan.steps.iter().map(step).sum::<usize>() + plan.regions.iter().map(region).sum::<usize>()
}

/// Roughly the tables that a plan takes, in quarters of what a step takes at most.
pub(super) fn parts(plan: &Plan) -> usize {
    plan.steps.len() + plan.regions.len()
}

pub(super) fn write(to: &mut Builder, plan: &Plan) -> WIPOffset<fb::Plan<'static>> {
    let steps: Vec<_> = plan.steps.iter().map(|step| write_step(to, step, &plan.source)).collect();
    let regions: Vec<_> = plan.regions.iter().map(|region| write_region(to, region)).collect();
    let fingerprint = write_fingerprint(plan.fingerprint);
    let args = fb::PlanArgs {
        workflow: Some(to.create_string(&plan.workflow)),
        version: plan.version,
        doc: text(to, &plan.doc),
        input: text(to, &plan.input),
        output: text(to, &plan.output),
        source: Some(write_source(to, &plan.source, true)),
        steps: Some(to.create_vector(&steps)),
        regions: Some(to.create_vector(&regions)),
        fingerprint: Some(&fingerprint),
    };
    fb::Plan::create(to, &args)
}

fn write_step(to: &mut Builder, step: &Step, around: &Source) -> WIPOffset<fb::Step<'static>> {
    let mut args = fb::StepArgs {
        id: Some(to.create_string(&step.id)),
        region: step.region,
        inputs: numbers(to, &step.inputs),
        after: numbers(to, &step.after),
        next: numbers(to, &step.next),
        policy: write_policy(to, &step.policy),
        catch: step.catch,
        source: Some(write_source(to, &step.source, step.source.file != around.file)),
        undo: step.undo.as_ref().map(|undo| to.create_string(&undo.node)),
        undo_policy: step.undo.as_ref().and_then(|undo| write_policy(to, &undo.policy)),
        ..Default::default()
    };
    match &step.kind {
        StepKind::Call { node, output, awaits } => {
            args.kind = match awaits {
                None => fb::StepKind::Call,
                Some(Awaited::Timer) => fb::StepKind::Timer,
                Some(Awaited::Signal) => fb::StepKind::Signal,
            };
            args.node = text(to, node);
            args.output = text(to, output);
        }
        StepKind::Branch { arms } => {
            args.kind = fb::StepKind::Branch;
            args.arms = numbers(to, arms);
        }
        StepKind::Each { body } => {
            args.kind = fb::StepKind::Each;
            args.body = *body;
        }
        StepKind::Sub { workflow, output, body } => {
            args.kind = fb::StepKind::Sub;
            args.node = text(to, workflow);
            args.output = text(to, output);
            args.body = *body;
        }
    }
    fb::Step::create(to, &args)
}

fn write_policy(to: &mut Builder, policy: &Policy) -> Option<WIPOffset<fb::Policy<'static>>> {
    if *policy == Policy::DEFAULT {
        return None;
    }
    let retry = policy.retry.map(|Retry { times, backoff }| {
        let (min, max) = (write_duration(backoff.min), write_duration(backoff.max));
        let Backoff { factor, jitter, .. } = backoff;
        fb::Retry::create(
            to,
            &fb::RetryArgs { times, backoff_min: Some(&min), backoff_max: Some(&max), factor, jitter },
        )
    });
    let (timeout, deadline) = (policy.timeout.map(write_duration), policy.deadline.map(write_duration));
    let args = fb::PolicyArgs {
        retry,
        timeout: timeout.as_ref(),
        deadline: deadline.as_ref(),
        pure_: policy.pure,
        blocking: policy.blocking,
        concurrency: policy.concurrency.map_or(0, NonZeroU32::get),
        at_most_once: policy.at_most_once,
    };
    Some(fb::Policy::create(to, &args))
}

fn write_region(to: &mut Builder, region: &Region) -> WIPOffset<fb::Region<'static>> {
    let args = fb::RegionArgs {
        parent: region.parent,
        label: text(to, &region.label),
        first: region.first,
        len: region.len,
        tail: numbers(to, &region.tail),
        value: region.value,
    };
    fb::Region::create(to, &args)
}

/// A place in the source; without its file where that is the workflow's.
fn write_source(to: &mut Builder, source: &Source, with_file: bool) -> WIPOffset<fb::Source<'static>> {
    let file = with_file.then(|| to.create_string(&source.file));
    fb::Source::create(to, &fb::SourceArgs { file, line: source.line, column: source.column })
}

fn text(to: &mut Builder, text: &str) -> Option<WIPOffset<&'static str>> {
    (!text.is_empty()).then(|| to.create_string(text))
}

fn numbers(to: &mut Builder, numbers: &[u32]) -> Option<WIPOffset<Vector<'static, u32>>> {
    (!numbers.is_empty()).then(|| to.create_vector(numbers))
}

fn write_duration(duration: Duration) -> fb::Duration {
    fb::Duration::new(duration.as_secs(), duration.subsec_nanos())
}

pub(super) fn write_fingerprint(Fingerprint(bits): Fingerprint) -> fb::Fingerprint {
    fb::Fingerprint::new(bits as u64, (bits >> 64) as u64)
}

pub(super) fn read_fingerprint(fingerprint: Option<&fb::Fingerprint>) -> Result<Fingerprint, CodecError> {
    let fingerprint = fingerprint.ok_or_else(|| missing("fingerprint"))?;
    Ok(Fingerprint(u128::from(fingerprint.low()) | u128::from(fingerprint.high()) << 64))
}

pub(super) fn read(plan: fb::Plan<'_>) -> Result<Plan, CodecError> {
    let source = read_source(plan.source(), "");
    let steps = plan.steps().ok_or_else(|| missing("plan's steps"))?;
    let steps = steps.iter().map(|step| read_step(step, &source.file)).collect::<Result<Vec<_>, _>>()?;
    let plan = Plan {
        workflow: Cow::Owned(read_text(plan.workflow())),
        version: plan.version(),
        doc: Cow::Owned(read_text(plan.doc())),
        input: Cow::Owned(read_text(plan.input())),
        output: Cow::Owned(read_text(plan.output())),
        steps: Cow::Owned(steps),
        regions: plan.regions().iter().flatten().map(read_region).collect(),
        source,
        fingerprint: read_fingerprint(plan.fingerprint())?,
    };
    check_plan(&plan)?;
    Ok(plan)
}

fn read_call(step: fb::Step<'_>, awaits: Option<Awaited>) -> StepKind {
    let text = |text| Cow::Owned(read_text(text));
    StepKind::Call { node: text(step.node()), output: text(step.output()), awaits }
}

fn read_step(step: fb::Step<'_>, file: &str) -> Result<Step, CodecError> {
    let kind = match step.kind() {
        fb::StepKind::Call => read_call(step, None),
        fb::StepKind::Timer => read_call(step, Some(Awaited::Timer)),
        fb::StepKind::Signal => read_call(step, Some(Awaited::Signal)),
        fb::StepKind::Branch => StepKind::Branch { arms: read_numbers(step.arms()) },
        fb::StepKind::Each => StepKind::Each { body: step.body() },
        fb::StepKind::Sub => {
            let text = |text| Cow::Owned(read_text(text));
            StepKind::Sub { workflow: text(step.node()), output: text(step.output()), body: step.body() }
        }
        fb::StepKind(other) => return Err(unknown("step kind", other, fb::StepKind::ENUM_MAX)),
    };
    Ok(Step {
        id: Cow::Owned(read_text(step.id())),
        region: step.region(),
        kind,
        inputs: read_numbers(step.inputs()),
        after: read_numbers(step.after()),
        next: read_numbers(step.next()),
        policy: step.policy().map_or(Ok(Policy::DEFAULT), read_policy)?,
        catch: step.catch(),
        undo: step.undo().map(|node| read_undo(node, step.undo_policy())).transpose()?,
        source: read_source(step.source(), file),
    })
}

fn read_undo(node: &str, policy: Option<fb::Policy<'_>>) -> Result<Undo, CodecError> {
    Ok(Undo { node: Cow::Owned(read_text(Some(node))), policy: policy.map_or(Ok(Policy::DEFAULT), read_policy)? })
}

fn read_policy(policy: fb::Policy<'_>) -> Result<Policy, CodecError> {
    let retry = |retry: fb::Retry<'_>| {
        let min = retry.backoff_min().ok_or_else(|| missing("backoff"))?;
        let max = retry.backoff_max().ok_or_else(|| missing("backoff"))?;
        let (min, max) = (read_duration(min)?, read_duration(max)?);
        let backoff = Backoff { min, max, factor: retry.factor(), jitter: retry.jitter() };
        Ok(Retry { times: retry.times(), backoff })
    };
    Ok(Policy {
        retry: policy.retry().map(retry).transpose()?,
        timeout: policy.timeout().map(read_duration).transpose()?,
        deadline: policy.deadline().map(read_duration).transpose()?,
        pure: policy.pure_(),
        blocking: policy.blocking(),
        concurrency: NonZeroU32::new(policy.concurrency()),
        at_most_once: policy.at_most_once(),
    })
}

fn read_region(region: fb::Region<'_>) -> Region {
    Region {
        parent: region.parent(),
        label: Cow::Owned(read_text(region.label())),
        first: region.first(),
        len: region.len(),
        tail: read_numbers(region.tail()),
        value: region.value(),
    }
}

fn read_source(source: Option<fb::Source<'_>>, file: &str) -> Source {
    match source {
        Some(source) => Source {
            file: Cow::Owned(source.file().unwrap_or(file).to_owned()),
            line: source.line(),
            column: source.column(),
        },
        None => Source::default(),
    }
}

fn read_numbers(numbers: Option<Vector<'_, u32>>) -> Cow<'static, [u32]> {
    Cow::Owned(numbers.iter().flatten().collect())
}

fn read_duration(duration: &fb::Duration) -> Result<Duration, CodecError> {
    if duration.nanos() >= 1_000_000_000 {
        return Err(CodecError::broken("a duration has more than a second of nanoseconds"));
    }
    Ok(Duration::new(duration.seconds(), duration.nanos()))
}
