//! Plans, so that a run can be read without the code that it runs.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::CodecError;
use super::list::{List, Mirror};
use super::names::one_of;
use super::text::AsText;
use super::value::is_default;
use crate::plan::{self, Awaited, Backoff, Fingerprint, Source, StepKind};
use crate::state::codec::check::check_plan;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan<'a> {
    #[serde(borrow)]
    workflow: Cow<'a, str>,
    version: u32,
    fingerprint: AsText<Fingerprint>,
    #[serde(borrow)]
    doc: Cow<'a, str>,
    #[serde(borrow)]
    input: Cow<'a, str>,
    #[serde(borrow)]
    output: Cow<'a, str>,
    source: AsText<Source>,
    #[serde(borrow)]
    steps: List<Step<'a>>,
    #[serde(borrow)]
    regions: List<Region<'a>>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(plan: &'a plan::Plan) -> Self {
        Self {
            workflow: Cow::Borrowed(&plan.workflow),
            version: plan.version,
            fingerprint: AsText(plan.fingerprint),
            doc: Cow::Borrowed(&plan.doc),
            input: Cow::Borrowed(&plan.input),
            output: Cow::Borrowed(&plan.output),
            source: AsText(plan.source.clone()),
            steps: plan.steps.iter().map(Step::of).collect(),
            regions: plan.regions.iter().map(Region::of).collect(),
        }
    }
}

impl Mirror for Plan<'_> {
    type Ours = plan::Plan;

    fn ours(self) -> Result<plan::Plan, CodecError> {
        let plan = plan::Plan {
            workflow: owned(self.workflow),
            version: self.version,
            doc: owned(self.doc),
            input: owned(self.input),
            output: owned(self.output),
            steps: Cow::Owned(self.steps.ours()?),
            regions: Cow::Owned(self.regions.ours()?),
            source: self.source.0,
            fingerprint: self.fingerprint.0,
        };
        check_plan(&plan)?;
        Ok(plan)
    }
}

fn owned(text: Cow<'_, str>) -> plan::Text {
    Cow::Owned(text.into_owned())
}

/// A step of a plan. Steps are named by their places in the plan, from 0.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    region: u32,
    #[serde(borrow)]
    kind: Kind<'a>,
    #[serde(borrow)]
    inputs: Cow<'a, [u32]>,
    #[serde(borrow)]
    after: Cow<'a, [u32]>,
    #[serde(borrow)]
    next: Cow<'a, [u32]>,
    #[serde(default, skip_serializing_if = "is_default")]
    catch: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    undo: Option<Undo<'a>>,
    source: AsText<Source>,
}

/// What undoes a step.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo<'a> {
    #[serde(borrow)]
    node: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
}

one_of! {
    /// What a step does.
    Kind, "step kind":
    Call(Call<'a>)
    Timer(Call<'a>)
    Signal(Call<'a>)
    Branch(Cow<'a, [u32]>)
    Each(u32)
    Workflow(Sub<'a>)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    node: Cow<'a, str>,
    #[serde(borrow)]
    output: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sub<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    output: Cow<'a, str>,
    body: u32,
}

impl Call<'_> {
    fn ours(self, awaits: Option<Awaited>) -> StepKind {
        StepKind::Call { node: owned(self.node), output: owned(self.output), awaits }
    }
}

impl<'a> Step<'a> {
    fn of(step: &'a plan::Step) -> Self {
        Self {
            id: Cow::Borrowed(&step.id),
            region: step.region,
            kind: match &step.kind {
                StepKind::Call { node, output, awaits } => {
                    let call = Call { node: Cow::Borrowed(node), output: Cow::Borrowed(output) };
                    match awaits {
                        None => Kind::Call(call),
                        Some(Awaited::Timer) => Kind::Timer(call),
                        Some(Awaited::Signal) => Kind::Signal(call),
                    }
                }
                StepKind::Branch { arms } => Kind::Branch(Cow::Borrowed(arms)),
                StepKind::Each { body } => Kind::Each(*body),
                StepKind::Sub { workflow, output, body } => {
                    Kind::Workflow(Sub { name: Cow::Borrowed(workflow), output: Cow::Borrowed(output), body: *body })
                }
            },
            inputs: Cow::Borrowed(&step.inputs),
            after: Cow::Borrowed(&step.after),
            next: Cow::Borrowed(&step.next),
            catch: step.catch,
            policy: Policy::unless_default(&step.policy),
            undo: step
                .undo
                .as_ref()
                .map(|undo| Undo { node: Cow::Borrowed(&undo.node), policy: Policy::unless_default(&undo.policy) }),
            source: AsText(step.source.clone()),
        }
    }
}

impl Mirror for Step<'_> {
    type Ours = plan::Step;
    const ONE_LINE: bool = true;

    fn ours(self) -> Result<plan::Step, CodecError> {
        Ok(plan::Step {
            id: owned(self.id),
            region: self.region,
            kind: match self.kind {
                Kind::Call(call) => call.ours(None),
                Kind::Timer(call) => call.ours(Some(Awaited::Timer)),
                Kind::Signal(call) => call.ours(Some(Awaited::Signal)),
                Kind::Branch(arms) => StepKind::Branch { arms: numbers(arms) },
                Kind::Each(body) => StepKind::Each { body },
                Kind::Workflow(Sub { name, output, body }) => {
                    StepKind::Sub { workflow: owned(name), output: owned(output), body }
                }
                Kind::Unknown(name) => return Err(Kind::unknown(&name)),
            },
            inputs: numbers(self.inputs),
            after: numbers(self.after),
            next: numbers(self.next),
            policy: self.policy.map_or(plan::Policy::DEFAULT, Policy::ours),
            undo: self.undo.map(|undo| plan::Undo {
                node: owned(undo.node),
                policy: undo.policy.map_or(plan::Policy::DEFAULT, Policy::ours),
            }),
            catch: self.catch,
            source: self.source.0,
        })
    }
}

fn numbers(numbers: Cow<'_, [u32]>) -> Cow<'static, [u32]> {
    Cow::Owned(numbers.into_owned())
}

/// How a step is attempted, where that is not the default.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<AsText<Duration>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<AsText<Duration>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pure: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    blocking: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "is_default")]
    at_most_once: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    times: u32,
    min: AsText<Duration>,
    max: AsText<Duration>,
    factor: AsText<f64>,
    jitter: bool,
}

impl Policy {
    fn unless_default(policy: &plan::Policy) -> Option<Self> {
        (*policy != plan::Policy::DEFAULT).then(|| Self::of(policy))
    }

    fn of(policy: &plan::Policy) -> Self {
        let retry = |plan::Retry { times, backoff: Backoff { min, max, factor, jitter } }| Retry {
            times,
            min: AsText(min),
            max: AsText(max),
            factor: AsText(factor),
            jitter,
        };
        Self {
            retry: policy.retry.map(retry),
            timeout: policy.timeout.map(AsText),
            deadline: policy.deadline.map(AsText),
            pure: policy.pure,
            blocking: policy.blocking,
            concurrency: policy.concurrency,
            at_most_once: policy.at_most_once,
        }
    }

    fn ours(self) -> plan::Policy {
        let retry = |Retry { times, min, max, factor, jitter }| plan::Retry {
            times,
            backoff: Backoff { min: min.0, max: max.0, factor: factor.0, jitter },
        };
        plan::Policy {
            retry: self.retry.map(retry),
            timeout: self.timeout.map(|limit| limit.0),
            deadline: self.deadline.map(|limit| limit.0),
            pure: self.pure,
            blocking: self.blocking,
            concurrency: self.concurrency,
            at_most_once: self.at_most_once,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Region<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    #[serde(borrow)]
    label: Cow<'a, str>,
    first: u32,
    len: u32,
    #[serde(borrow)]
    tail: Cow<'a, [u32]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<u32>,
}

impl<'a> Region<'a> {
    fn of(region: &'a plan::Region) -> Self {
        Self {
            parent: region.parent,
            label: Cow::Borrowed(&region.label),
            first: region.first,
            len: region.len,
            tail: Cow::Borrowed(&region.tail),
            value: region.value,
        }
    }
}

impl Mirror for Region<'_> {
    type Ours = plan::Region;
    const ONE_LINE: bool = true;

    fn ours(self) -> Result<plan::Region, CodecError> {
        Ok(plan::Region {
            parent: self.parent,
            label: owned(self.label),
            first: self.first,
            len: self.len,
            tail: numbers(self.tail),
            value: self.value,
        })
    }
}
