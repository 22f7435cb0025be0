//! Random plans, of any shape, whose parts fit each other.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{long, number, text};
use crate::plan::{Awaited, Backoff, Fingerprint, Plan, Policy, Region, Retry, Source, Step, StepKind, Undo};

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
                (true, [body]) if shape.edge % 2 == 0 => StepKind::Sub {
                    workflow: Cow::Owned(shape.texts.1),
                    output: Cow::Owned(shape.texts.2),
                    body: *body,
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
