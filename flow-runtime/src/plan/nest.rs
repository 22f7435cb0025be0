//! The plan of a workflow that calls others, with theirs in it.
//!
//! In: what `workflow!` knows of a workflow by itself, and the plans of those that it calls. Out: one plan in static
//! memory. Behind the workflow's own steps and regions stand those of each workflow that it calls, once for each step
//! that calls one; so numbers that the macro knows stay as they are. All of it is computed when the program is compiled.

use std::borrow::Cow;
use std::mem::{forget, replace};

use super::{Local, Plan, Policy, Region, Source, Step, StepKind, Text, Undo};

/// A workflow's own parts, and what each of its steps calls.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Its own steps.
    pub steps: &'static [Step],
    /// Its own regions.
    pub regions: &'static [Region],
    /// For each of its steps: the plan of the workflow that the step calls, if it calls one.
    pub called: &'static [Option<&'static Plan>],
}

/// How much room the parts take together, if the workflow calls others. One that does not has its own parts as they are.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// How many steps.
    pub steps: usize,
    /// How many regions.
    pub regions: usize,
    /// How many numbers the lists of what is called have.
    pub numbers: usize,
}

/// Where the parts of one called workflow stand.
#[derive(Clone, Copy)]
struct Block {
    /// The step that calls it.
    caller: Local,
    first_step: u32,
    first_region: u32,
}

impl Room {
    /// How much room a workflow with so many steps and regions takes that calls these; none if it calls no other.
    pub const fn of(own_steps: usize, own_regions: usize, mut called: &[Option<&'static Plan>]) -> Self {
        let mut room = Self { steps: own_steps, regions: own_regions, numbers: 0 };
        let mut is_flat = true;
        while let [first, rest @ ..] = called {
            if let Some(plan) = first {
                is_flat = false;
                room.steps += steps(plan).len();
                room.regions += regions(plan).len();
                room.numbers += step_numbers(steps(plan)) + region_numbers(regions(plan));
            }
            called = rest;
        }
        if is_flat { Self { steps: 0, regions: 0, numbers: 0 } } else { room }
    }
}

impl Parts {
    /// The lists of all that is called, moved: first those of the steps, then those of the regions.
    pub const fn numbers<const N: usize>(&self) -> [u32; N] {
        let mut into = [0; N];
        if N == 0 {
            return into;
        }
        let mut len = 0;
        let mut block = self.first_block();
        while let Some((at, plan)) = self.block(&mut block) {
            let mut i = 0;
            while i < steps(plan).len() {
                let step = &steps(plan)[i];
                len = moved(&mut into, len, arms(&step.kind), at.first_region);
                len = moved(&mut into, len, numbers(&step.inputs), at.first_step);
                len = moved(&mut into, len, numbers(&step.after), at.first_step);
                len = moved(&mut into, len, numbers(&step.next), at.first_step);
                i += 1;
            }
        }
        let mut block = self.first_block();
        while let Some((at, plan)) = self.block(&mut block) {
            let mut i = 0;
            while i < regions(plan).len() {
                len = moved(&mut into, len, numbers(&regions(plan)[i].tail), at.first_step);
                i += 1;
            }
        }
        into
    }

    /// All steps; `lists` is what [`numbers`](Self::numbers) gave.
    pub const fn steps<const N: usize>(&self, lists: &'static [u32]) -> [Step; N] {
        let mut into = [const { EMPTY_STEP }; N];
        if N == 0 {
            return into;
        }
        let mut block = self.first_block();
        let mut i = 0;
        while i < self.steps.len() {
            let own = &self.steps[i];
            let calls = i < self.called.len() && self.called[i].is_some();
            let body = if calls { some(self.block(&mut block)).0.first_region } else { 0 };
            let lists = [numbers(&own.inputs), numbers(&own.after), numbers(&own.next)];
            forget(replace(&mut into[i], step(own, own.region, kind(&own.kind, arms(&own.kind), body), lists)));
            i += 1;
        }
        let mut lists = lists;
        let mut block = self.first_block();
        while let Some((at, plan)) = self.block(&mut block) {
            let mut k = 0;
            while k < steps(plan).len() {
                let inner = &steps(plan)[k];
                let kind = kind(&inner.kind, taken(&mut lists, arms(&inner.kind).len()), at.first_region);
                let inputs = taken(&mut lists, numbers(&inner.inputs).len());
                let after = taken(&mut lists, numbers(&inner.after).len());
                let next = taken(&mut lists, numbers(&inner.next).len());
                let region = inner.region + at.first_region;
                forget(replace(&mut into[i], step(inner, region, kind, [inputs, after, next])));
                (i, k) = (i + 1, k + 1);
            }
        }
        into
    }

    /// All regions; `lists` is what [`numbers`](Self::numbers) gave.
    pub const fn regions<const N: usize>(&self, lists: &'static [u32]) -> [Region; N] {
        let mut into = [const { EMPTY_REGION }; N];
        if N == 0 {
            return into;
        }
        let mut i = 0;
        while i < self.regions.len() {
            let own = &self.regions[i];
            forget(replace(&mut into[i], region(own, own.parent, 0, numbers(&own.tail))));
            i += 1;
        }
        let mut lists = lists;
        let mut block = self.first_block();
        while let Some((_, plan)) = self.block(&mut block) {
            taken(&mut lists, step_numbers(steps(plan)));
        }
        let mut block = self.first_block();
        while let Some((at, plan)) = self.block(&mut block) {
            let mut k = 0;
            while k < regions(plan).len() {
                let inner = &regions(plan)[k];
                let parent = match inner.parent {
                    Some(parent) => parent + at.first_step,
                    None => at.caller,
                };
                let tail = taken(&mut lists, numbers(&inner.tail).len());
                forget(replace(&mut into[i], region(inner, Some(parent), at.first_step, tail)));
                (i, k) = (i + 1, k + 1);
            }
        }
        into
    }

    const fn first_block(&self) -> Block {
        Block { caller: 0, first_step: self.steps.len() as u32, first_region: self.regions.len() as u32 }
    }

    /// The next workflow that is called, where its parts stand; goes on behind them.
    const fn block(&self, next: &mut Block) -> Option<(Block, &'static Plan)> {
        while (next.caller as usize) < self.called.len() {
            let at = *next;
            next.caller += 1;
            if let Some(plan) = self.called[at.caller as usize] {
                next.first_step += steps(plan).len() as u32;
                next.first_region += regions(plan).len() as u32;
                return Some((at, plan));
            }
        }
        None
    }
}

const EMPTY_STEP: Step = Step {
    id: Cow::Borrowed(""),
    region: 0,
    kind: StepKind::Each { body: 0 },
    inputs: Cow::Borrowed(&[]),
    after: Cow::Borrowed(&[]),
    next: Cow::Borrowed(&[]),
    policy: Policy::DEFAULT,
    catch: false,
    undo: None,
    source: NOWHERE,
};

const EMPTY_REGION: Region =
    Region { parent: None, label: Cow::Borrowed(""), first: 0, len: 0, tail: Cow::Borrowed(&[]), value: None };

const NOWHERE: Source = Source { file: Cow::Borrowed(""), line: 0, column: 0 };

const fn some(block: Option<(Block, &Plan)>) -> (Block, &Plan) {
    match block {
        Some(block) => block,
        None => panic!("a called workflow has a block"),
    }
}

/// The next numbers of the lists; goes on behind them.
const fn taken(lists: &mut &'static [u32], len: usize) -> &'static [u32] {
    let (taken, rest) = lists.split_at(len);
    *lists = rest;
    taken
}

/// Writes these numbers behind the others, each so much more.
const fn moved<const N: usize>(into: &mut [u32; N], mut len: usize, numbers: &[u32], by: u32) -> usize {
    let mut i = 0;
    while i < numbers.len() {
        into[len] = numbers[i] + by;
        (i, len) = (i + 1, len + 1);
    }
    len
}

const fn step_numbers(steps: &'static [Step]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < steps.len() {
        let step = &steps[i];
        count += arms(&step.kind).len() + numbers(&step.inputs).len();
        count += numbers(&step.after).len() + numbers(&step.next).len();
        i += 1;
    }
    count
}

const fn region_numbers(regions: &'static [Region]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < regions.len() {
        count += numbers(&regions[i].tail).len();
        i += 1;
    }
    count
}

/// The step, in this region, with this kind and these edges.
const fn step(step: &'static Step, region: u32, kind: StepKind, lists: [&'static [u32]; 3]) -> Step {
    let [inputs, after, next] = lists;
    Step {
        id: text(&step.id),
        region,
        kind,
        inputs: Cow::Borrowed(inputs),
        after: Cow::Borrowed(after),
        next: Cow::Borrowed(next),
        policy: step.policy,
        catch: step.catch,
        undo: match &step.undo {
            Some(undo) => Some(Undo { node: text(&undo.node), policy: undo.policy }),
            None => None,
        },
        source: Source { file: text(&step.source.file), line: step.source.line, column: step.source.column },
    }
}

/// The region, opened by this step, with its steps so much further on.
const fn region(region: &'static Region, parent: Option<Local>, by: u32, tail: &'static [u32]) -> Region {
    let value = match region.value {
        Some(value) => Some(value + by),
        None => None,
    };
    Region {
        parent,
        label: text(&region.label),
        first: region.first + by,
        len: region.len,
        tail: Cow::Borrowed(tail),
        value,
    }
}

/// What the step does, with its regions so much further on.
const fn kind(kind: &'static StepKind, arms: &'static [u32], by: u32) -> StepKind {
    match kind {
        StepKind::Call { node, output, awaits } => {
            StepKind::Call { node: text(node), output: text(output), awaits: *awaits }
        }
        StepKind::Branch { .. } => StepKind::Branch { arms: Cow::Borrowed(arms) },
        StepKind::Each { body } => StepKind::Each { body: *body + by },
        StepKind::Sub { workflow, output, body } => {
            StepKind::Sub { workflow: text(workflow), output: text(output), body: *body + by }
        }
    }
}

const fn arms(kind: &'static StepKind) -> &'static [u32] {
    match kind {
        StepKind::Branch { arms } => numbers(arms),
        _ => &[],
    }
}

const fn text(text: &'static Text) -> Text {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(text) => Cow::Borrowed(text.as_str()),
    }
}

#[expect(clippy::ptr_arg, reason = "dereferencing a Cow is not const")]
const fn numbers(list: &'static Cow<'static, [u32]>) -> &'static [u32] {
    match list {
        Cow::Borrowed(list) => list,
        Cow::Owned(list) => list.as_slice(),
    }
}

const fn steps(plan: &'static Plan) -> &'static [Step] {
    match &plan.steps {
        Cow::Borrowed(steps) => steps,
        Cow::Owned(steps) => steps.as_slice(),
    }
}

const fn regions(plan: &'static Plan) -> &'static [Region] {
    match &plan.regions {
        Cow::Borrowed(regions) => regions,
        Cow::Owned(regions) => regions.as_slice(),
    }
}
