//! What the author wrote: the static DAG of a workflow as plain data.
//!
//! In: what `workflow!` emits as constants, or what a run-time builder puts together. Out: the one description
//! of a workflow that the engine runs, the stores keep and the tools draw. Nothing here runs, waits or serializes.

mod fingerprint;
mod nest;
mod node;
mod policy;
mod render;

use std::borrow::Cow;

pub use fingerprint::Fingerprint;
#[doc(hidden)]
pub use nest::{Parts, Room};
pub use node::{Node, Provide, Providers, Requires};
pub use policy::{Backoff, Policy, Retry};
pub use render::Format;
#[cfg(test)]
pub(crate) use render::tests::order_plan;
pub(crate) use render::{Look, Mark, Marks};

/// Text of a plan: borrowed from the program where the macro wrote it, owned where a store loaded it.
pub type Text = Cow<'static, str>;

/// The index of a step in [`Plan::steps`].
pub type Local = u32;

/// The static DAG of one workflow: its steps, edges, regions, policies and source locations.
///
/// Steps and regions stand in flat tables. The steps of one region are neighbours, in source order, and the steps of
/// a region stand behind those of the region around it; so region 0, the workflow itself, comes first. Those of
/// workflows that it calls come last, in the order of the steps that call them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The workflow's name: its function name in `workflow!`.
    pub workflow: Text,
    /// The version of the workflow's shape, 1 unless `#[version]` says otherwise.
    pub version: u32,
    /// The doc comment of the workflow, one line per line, without the leading space.
    pub doc: Text,
    /// The parameters as written, `order: Order, limit: u32`.
    pub input: Text,
    /// The return type as written.
    pub output: Text,
    /// All steps of all regions.
    pub steps: Cow<'static, [Step]>,
    /// All regions; the first is the workflow itself.
    pub regions: Cow<'static, [Region]>,
    /// Where the workflow is declared.
    pub source: Source,
    /// The identity of the shape: see [`Fingerprint`].
    pub fingerprint: Fingerprint,
}

/// One use of a node or of another workflow, or one branch or fan-out, in a workflow.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The stored name, unique in its region and across the arms of one branch.
    pub id: Text,
    /// The region this step stands in.
    pub region: u32,
    /// What the step does.
    pub kind: StepKind,
    /// The steps whose values this one uses in its arguments or its head, each once. They may stand in regions around
    /// it.
    pub inputs: Cow<'static, [Local]>,
    /// The steps that must have ended before this one starts, without using their values (`#[after]`).
    pub after: Cow<'static, [Local]>,
    /// The steps of the same region that name this one in `inputs` or `after`, each once.
    pub next: Cow<'static, [Local]>,
    /// How the step is attempted: the node's policy with what `#[with]` overrides.
    pub policy: Policy,
    /// Whether a failure becomes a value (`#[catch]`).
    pub catch: bool,
    /// What undoes the step, if anything does.
    pub undo: Option<Undo>,
    /// Where the step is written.
    pub source: Source,
}

/// What undoes a step after it has completed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Undo {
    /// The name of the node that does it.
    pub node: Text,
    /// How that is attempted: the policy of that node.
    pub policy: Policy,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StepKind {
    /// Calls a node.
    Call {
        /// The node's name.
        node: Text,
        /// The node's output type as written at the node.
        output: Text,
        /// What gives the output if the node has no body that does: something outside that is waited for.
        awaits: Option<Awaited>,
    },
    /// Takes exactly one of these regions (`match`, `if`).
    Branch {
        /// The regions, in the order of the arms; neighbours in [`Plan::regions`].
        arms: Cow<'static, [u32]>,
    },
    /// Runs this region once for each item (`for`).
    Each {
        /// The region of the body.
        body: u32,
    },
    /// Calls a workflow, which runs as a part of this run.
    Sub {
        /// The workflow's name.
        workflow: Text,
        /// The workflow's return type as written.
        output: Text,
        /// The region that the workflow is here.
        body: u32,
    },
}

/// What a step waits for that has no body of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Awaited {
    /// A point in time.
    Timer,
    /// A signal.
    Signal,
}

/// A nested plan with values of its own: the workflow itself, an arm of a branch, the body of a fan-out, or a workflow
/// that is called.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Region {
    /// The step that opens this region; `None` for the workflow itself.
    pub parent: Option<Local>,
    /// An arm's pattern as written, or its `#[id]`; empty for a body and for the workflow itself.
    pub label: Text,
    /// The index of the region's first step in [`Plan::steps`].
    pub first: Local,
    /// How many steps the region has.
    pub len: u32,
    /// The steps whose values the region's own value uses; they may stand in regions around it.
    pub tail: Cow<'static, [Local]>,
    /// The step that is the region's value as it is, if it is one.
    pub value: Option<Local>,
}

/// A place in the user's source, with its file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Source {
    /// The file as `file!()` gives it; empty when unknown.
    pub file: Text,
    /// The line, from 1; 0 when unknown.
    pub line: u32,
    /// The column, from 1; 0 when unknown.
    pub column: u32,
}

impl Source {
    /// A place in a file of this program.
    pub const fn new(file: &'static str, line: u32, column: u32) -> Self {
        Self { file: Cow::Borrowed(file), line, column }
    }
}

impl Plan {
    /// The steps of one region, in source order.
    pub fn steps_of(&self, region: u32) -> &[Step] {
        let region = &self.regions[region as usize];
        &self.steps[region.first as usize..(region.first + region.len) as usize]
    }

    /// The step at this index.
    ///
    /// # Panics
    /// If the plan has no such step.
    pub fn step(&self, local: Local) -> &Step {
        &self.steps[local as usize]
    }

    /// The region at this index.
    ///
    /// # Panics
    /// If the plan has no such region.
    pub fn region(&self, region: u32) -> &Region {
        &self.regions[region as usize]
    }
}

impl Step {
    /// Whether the step's own failure is its value. A fan-out under `#[catch]` catches those of its items; that its
    /// head fails has no place in its value.
    pub fn catches_own_failure(&self) -> bool {
        self.catch && !matches!(self.kind, StepKind::Each { .. })
    }
}

impl Region {
    /// The indices of the region's steps.
    pub fn locals(&self) -> std::ops::Range<Local> {
        self.first..self.first + self.len
    }
}
