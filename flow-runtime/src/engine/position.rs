//! Where a step stands in a run, as text, as a key, and in the order of the plan.
//!
//! In: a step of a record. Out: its position, which a task can keep without the record.

use std::collections::BinaryHeap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::tree::At;
use super::trees::Spot;
use crate::plan::{Plan, StepKind};
use crate::state::{StepRef, WorkflowData};

/// A step and the regions around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The step's index in the plan.
    pub(crate) local: u32,
    /// The steps that opened the regions around it with the item each stands for, the outermost first.
    around: Box<[(u32, u32)]>,
    /// The step as its tree knows it.
    pub(crate) spot: Spot,
    /// How often each of those steps, and then this one, was reset after it had completed; empty if none was.
    resets: Box<[u32]>,
}

impl Position {
    pub(crate) fn of(data: &WorkflowData, step: StepRef) -> Self {
        let (mut around, mut resets) = (Vec::new(), vec![data.step(step).resets]);
        let mut state = &data.instances[step.instance as usize];
        while let Some(opener) = state.opened_by {
            around.push((opener.local, state.item));
            resets.push(data.step(opener).resets);
            state = &data.instances[opener.instance as usize];
        }
        around.reverse();
        resets.reverse();
        resets.truncate(if resets.iter().any(|resets| *resets > 0) { resets.len() } else { 0 });
        Self { local: step.local, around: around.into(), spot: Spot::of(data, step), resets: resets.into() }
    }

    /// That of a step of the run's own workflow that was never reset: with the steps that opened the regions around it and
    /// the item that each stands for, the outermost first.
    pub(crate) fn in_regions(plan: &Plan, local: u32, around: Vec<(u32, u32)>) -> Self {
        let is_fan = |&&(opener, _): &&(u32, u32)| matches!(plan.step(opener).kind, StepKind::Each { .. });
        let spot = Spot::own(local, around.iter().filter(is_fan).map(|&(_, item)| item).collect());
        Self { local, around: around.into(), spot, resets: Box::default() }
    }

    pub(crate) fn at(&self) -> At<'_> {
        self.spot.at()
    }

    /// The path: `charge`, `parcel.ship`, `ys[17].print`.
    pub(crate) fn path(&self, plan: &Plan) -> String {
        self.written(plan, &[])
    }

    /// The path that is part of the step's key: each segment of a step that was reset after it had completed says how
    /// often, `charge#1`, `ys#2[17].print`. Its effect is to happen once more.
    pub(crate) fn path_of_key(&self, plan: &Plan) -> String {
        self.written(plan, &self.resets)
    }

    fn written(&self, plan: &Plan, resets: &[u32]) -> String {
        let mut path = String::new();
        let mut resets = resets.iter();
        let mut push_id = |path: &mut String, local: u32| {
            path.push_str(&plan.step(local).id);
            if let Some(resets) = resets.next().filter(|resets| **resets > 0) {
                // Writing into a string cannot fail.
                let _ = write!(path, "#{resets}");
            }
        };
        for &(opener, item) in &self.around {
            let step = plan.step(opener);
            push_id(&mut path, opener);
            if matches!(step.kind, StepKind::Each { .. }) {
                // Writing into a string cannot fail.
                let _ = write!(path, "[{item}]");
            }
            path.push('.');
        }
        push_id(&mut path, self.local);
        path
    }

    /// The position in the order of the plan: that of the outermost step, its item, that of the step within, and so on.
    pub(crate) fn order(&self) -> Vec<u32> {
        let around = self.around.iter().flat_map(|&(local, item)| [local, item]);
        around.chain([self.local]).collect()
    }

    /// The steps that had to end before this one could start.
    pub(crate) fn ancestors<'p>(&self, plan: &'p Plan) -> Ancestors<'p> {
        let mut ancestors = Ancestors { plan, rest: BinaryHeap::new() };
        let order = self.order();
        // Its own dependencies and those of the steps that opened the regions around it.
        (0..order.len()).step_by(2).for_each(|end| ancestors.add_dependencies(&order[..=end]));
        ancestors
    }
}

/// The steps that had to end before another one, as [`Position::order`] writes them, from the last in the order of the
/// plan to the first. For one that is a branch or a fan-out, all that ran in it had to end as well.
pub(crate) struct Ancestors<'p> {
    plan: &'p Plan,
    rest: BinaryHeap<Vec<u32>>,
}

impl Ancestors<'_> {
    /// Adds what the last step of this order depends on: steps beside it, or beside one of those around it.
    fn add_dependencies(&mut self, order: &[u32]) {
        let Some(&local) = order.last() else { return };
        let step = self.plan.step(local);
        for &dependency in step.inputs.iter().chain(step.after.iter()) {
            let around = &order[..2 * depth(self.plan, dependency)];
            self.rest.push(around.iter().copied().chain([dependency]).collect());
        }
    }
}

impl Iterator for Ancestors<'_> {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        let next = self.rest.pop()?;
        // Dependencies stand before what depends on them, so all mentions of one step come together.
        while self.rest.peek() == Some(&next) {
            self.rest.pop();
        }
        self.add_dependencies(&next);
        Some(next)
    }
}

/// How many regions are around this step, the workflow itself not counted.
fn depth(plan: &Plan, local: u32) -> usize {
    let opener = |local: &u32| plan.region(plan.step(*local).region).parent;
    std::iter::successors(opener(&local), opener).count()
}

/// The idempotency key of a step: `hex(sha256(u64le(len(id)) ‖ id ‖ path))`, the same at every attempt. The path is that
/// of [`Position::path_of_key`].
pub(crate) fn idempotency_key(id: &str, path: &str) -> String {
    let digest = Sha256::new()
        .chain_update((id.len() as u64).to_le_bytes())
        .chain_update(id.as_bytes())
        .chain_update(path.as_bytes())
        .finalize();
    digest.iter().fold(String::with_capacity(64), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Graph;

    #[test]
    fn b70_a_key_is_the_digest_of_length_id_and_path() {
        // Computed with Python's hashlib: sha256((9).to_bytes(8, "little") + b"order-123" + b"charge").
        let expected = "ea72495dc419a796b37d7661a78fdf1f69fec09d871a6c4bef4632905b40a9a7";
        assert_eq!(idempotency_key("order-123", "charge").len(), expected.len());
        assert_ne!(idempotency_key("order-12", "3charge"), idempotency_key("order-123", "charge"));
        assert_eq!(idempotency_key("order-123", "charge"), expected);
    }

    #[test]
    #[expect(clippy::many_single_char_names, reason = "the steps of a drawn graph")]
    fn ancestors_are_those_that_had_to_end_before_the_last_one_first() {
        let mut graph = Graph::<u8>::new("diamond");
        let mut step = |inputs: &[u32]| graph.step("", inputs, |_, _| Box::pin(async { Ok(0) }));
        let (a, b) = (step(&[]), step(&[]));
        let (c, d) = (step(&[a]), step(&[a, b]));
        let e = step(&[a, c]);
        let plan = graph.plan();
        let ancestors = |local| {
            let position = Position { local, ..Position::default() };
            position.ancestors(&plan).collect::<Vec<_>>()
        };
        assert_eq!(ancestors(a), Vec::<Vec<u32>>::new());
        assert_eq!(ancestors(d), [[b], [a]]);
        assert_eq!(ancestors(e), [[c], [a]]);
    }
}
