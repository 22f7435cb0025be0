//! What the macros may name. Not for use by hand: nothing here is covered by semantic versioning.
//!
//! In: calls that generated code makes. Out: constants of a plan, and the seams of `engine::tree`. Logic that
//! generated code would repeat stands here as a function, so that expansions stay short.

use std::borrow::Cow;

// Generated code works without the prelude of Rust, so it finds here what it needs of it.
pub use core::clone::Clone;
pub use core::default::Default;
pub use core::file;
pub use core::fmt::Debug;
pub use core::marker::{Copy, Send, Sync};
pub use core::option::Option::{self, None, Some};
pub use core::result::Result::{self, Err, Ok};
pub use core::stringify;
pub use std::string::String;
pub use std::sync::Arc;
pub use std::vec::Vec;

pub use bytes::Bytes;

pub use crate::engine::body::{Body, Probe, run_fallible};
pub use crate::engine::migration::{Infallible, Migrates, Migration, MigrationError, Returned, carried, migrate_from};
pub use crate::engine::place::{
    CatchSlot, CatchTail, Failure, Items, Opened, Place, arm, count, item, len, no_match, no_such_place, open_arm, own,
    place, take,
};
pub use crate::engine::tree::{At, BodyError, Called, Choice, Slot, TailSlot, Tree, Value, Workflow};
pub use crate::engine::{Approval, Invocation, NodeContext, Signal};
pub use crate::plan::{
    Backoff, Fingerprint, Node, Parts, Plan, Policy, Provide, Providers, Region, Requires, Retry, Room, Source, Step,
    StepKind, Undo,
};
pub use crate::state::{
    DecodeError, EncodeError, Encoding, FailureKind, NodeError, NodeFailure, Output, Payload, decode, encode,
};

/// The plan of a workflow.
pub const fn plan_of<W: Workflow>() -> &'static Plan {
    W::PLAN
}

/// The lists of all that a workflow calls.
pub const fn lists<W: Workflow, const N: usize>() -> [u32; N] {
    W::PARTS.numbers()
}

/// All steps of a workflow that calls others.
pub const fn steps<W: Workflow, const N: usize>() -> [Step; N] {
    W::PARTS.steps(W::LISTS)
}

/// All regions of a workflow that calls others.
pub const fn regions<W: Workflow, const N: usize>() -> [Region; N] {
    W::PARTS.regions(W::LISTS)
}

/// A plan whose parts stand in static memory: its own, or if it calls other workflows all of these steps and regions.
pub const fn plan<W: Workflow>(
    workflow: &'static str,
    version: u32,
    doc: &'static str,
    input: &'static str,
    output: &'static str,
    source: Source,
) -> Plan {
    let Parts { steps, regions, .. } = W::PARTS;
    let (steps, regions) = if W::STEPS.is_empty() { (steps, regions) } else { (W::STEPS, W::REGIONS) };
    Plan {
        workflow: Cow::Borrowed(workflow),
        version,
        doc: Cow::Borrowed(doc),
        input: Cow::Borrowed(input),
        output: Cow::Borrowed(output),
        source,
        steps: Cow::Borrowed(steps),
        regions: Cow::Borrowed(regions),
        fingerprint: Fingerprint::of(workflow, version, steps, regions),
    }
}

/// A step of a plan in static memory. Edges: the steps it uses, those it comes after, and its successors in its region.
/// It is written in this file, at this line and column.
#[allow(clippy::too_many_arguments)]
pub const fn step(
    id: &'static str,
    region: u32,
    kind: StepKind,
    policy: Policy,
    undo: Option<Undo>,
    edges: [&'static [u32]; 3],
    catch: bool,
    file: &'static str,
    place: [u32; 2],
) -> Step {
    let ([inputs, after, next], [line, column]) = (edges, place);
    Step {
        id: Cow::Borrowed(id),
        region,
        kind,
        inputs: Cow::Borrowed(inputs),
        after: Cow::Borrowed(after),
        next: Cow::Borrowed(next),
        policy,
        undo,
        catch,
        source: Source { file: Cow::Borrowed(file), line, column },
    }
}

/// A step that calls this node and says nothing else: it is attempted and undone as the node says, and its failure is
/// not caught. Edges: the steps it uses, and its successors.
pub const fn plain_step<N: Node>(
    id: &'static str,
    region: u32,
    edges: [&'static [u32]; 2],
    file: &'static str,
    place: [u32; 2],
) -> Step {
    let [inputs, next] = edges;
    step(id, region, call::<N>(), N::POLICY, N::UNDO, [inputs, &[], next], false, file, place)
}

/// A call of this node, or of this workflow, whose region is found when the plan is put together.
pub const fn call<N: Node>() -> StepKind {
    match N::PLAN {
        Some(_) => StepKind::Sub { workflow: Cow::Borrowed(N::NAME), output: Cow::Borrowed(N::OUTPUT), body: 0 },
        None => StepKind::Call { node: Cow::Borrowed(N::NAME), output: Cow::Borrowed(N::OUTPUT), awaits: N::AWAITS },
    }
}

/// A call of this node, which waits for a signal with a value of this type.
pub const fn wait<N: Node>(output: &'static str) -> StepKind {
    StepKind::Call { node: Cow::Borrowed(N::NAME), output: Cow::Borrowed(output), awaits: N::AWAITS }
}

/// What undoes a step: this node.
pub const fn undo_by<N: Node>() -> Option<Undo> {
    Some(Undo { node: Cow::Borrowed(N::NAME), policy: N::POLICY })
}

/// A branch over these regions.
pub const fn branch(arms: &'static [u32]) -> StepKind {
    StepKind::Branch { arms: Cow::Borrowed(arms) }
}

/// A fan-out of this region.
pub const fn each(body: u32) -> StepKind {
    StepKind::Each { body }
}

/// A region of a plan in static memory.
pub const fn region(
    parent: Option<u32>,
    label: &'static str,
    first: u32,
    len: u32,
    tail: &'static [u32],
    value: Option<u32>,
) -> Region {
    Region { parent, label: Cow::Borrowed(label), first, len, tail: Cow::Borrowed(tail), value }
}

/// A body whose arguments live inside it.
pub fn later<'a>(body: impl Future<Output = Result<Value, BodyError>> + Send + 'a) -> Body<'a> {
    Body::new(body)
}

/// How deep workflows nest in one that calls these. Of workflows that call each other in a circle it has no value, which
/// is what the compiler says of them.
pub const fn depth<const N: usize>(called: [u32; N]) -> u32 {
    let (mut deepest, mut i) = (0, 0);
    while i < N {
        if called[i] > deepest {
            deepest = called[i];
        }
        i += 1;
    }
    deepest + 1
}

/// What a step says that calls a workflow: the workflow, with its input.
pub fn enter<'a, W: Workflow>(input: W::Input) -> Body<'a> {
    Body::new(std::future::ready(Err(BodyError::Calls(Called(W::tree(input))))))
}

/// What a called workflow takes of an argument: a clone, since its input is its own.
pub trait Given<'c>: Sized {
    /// The clone.
    #[must_use]
    fn given(&self) -> Self;
}

impl<T: Clone> Given<'_> for T {
    fn given(&self) -> T {
        self.clone()
    }
}

/// Moves a workflow's output to where it is wanted.
pub fn give<W: Workflow>(value: W::Output, into: &dyn Place) {
    crate::engine::body::put(value, into);
}

/// A workflow's input as a payload.
///
/// # Errors
/// If serde refuses the input.
pub fn encode_input<W: Workflow>(input: &W::Input, encoding: Encoding) -> Result<Payload, EncodeError> {
    crate::engine::tree::Input::encode(input, encoding)
}
