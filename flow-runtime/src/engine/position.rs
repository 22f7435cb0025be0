//! Where a step stands in a run, as text, as a key, and in the order of the plan.
//!
//! In: a step of a record. Out: its position, which a task can keep without the record.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::tree::At;
use crate::plan::{Plan, StepKind};
use crate::state::{StepRef, WorkflowData};

/// A step and the regions around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The step's index in the plan.
    pub(crate) local: u32,
    /// The steps that opened the regions around it with the item each stands for, the outermost first.
    around: Box<[(u32, u32)]>,
    /// The items of the fan-outs among them.
    items: Box<[u32]>,
}

impl Position {
    pub(crate) fn of(data: &WorkflowData, step: StepRef) -> Self {
        let mut around = Vec::new();
        let mut state = &data.instances[step.instance as usize];
        while let Some(opener) = state.opened_by {
            around.push((opener.local, state.item));
            state = &data.instances[opener.instance as usize];
        }
        around.reverse();
        let items = super::values::items(data, step.instance);
        Self { local: step.local, around: around.into(), items: items.into() }
    }

    pub(crate) fn at(&self) -> At<'_> {
        At { step: self.local, items: &self.items }
    }

    /// The path: `charge`, `parcel.ship`, `ys[17].print`.
    pub(crate) fn path(&self, plan: &Plan) -> String {
        let mut path = String::new();
        for &(opener, item) in &self.around {
            let step = plan.step(opener);
            path.push_str(&step.id);
            if matches!(step.kind, StepKind::Each { .. }) {
                // Writing into a string cannot fail.
                let _ = write!(path, "[{item}]");
            }
            path.push('.');
        }
        path.push_str(&plan.step(self.local).id);
        path
    }

    /// The position in the order of the plan: that of the outermost step, its item, that of the step within, and so on.
    pub(crate) fn order(&self) -> Vec<u32> {
        let around = self.around.iter().flat_map(|&(local, item)| [local, item]);
        around.chain([self.local]).collect()
    }

    /// The step `local`, which stands in one of the regions around this position or beside it.
    fn outer(&self, plan: &Plan, local: u32) -> Self {
        let mut depth = 0;
        let mut region = plan.region(plan.step(local).region);
        while let Some(parent) = region.parent {
            depth += 1;
            region = plan.region(plan.step(parent).region);
        }
        Self { local, around: self.around[..depth].into(), items: Box::default() }
    }

    /// The step that opened the region around this one.
    fn opener(&self) -> Option<Self> {
        let (&(local, _), around) = self.around.split_last()?;
        Some(Self { local, around: around.into(), items: Box::default() })
    }

    fn same_step(&self, other: &Self) -> bool {
        self.local == other.local && self.around == other.around
    }

    /// Whether `self` had to end before `later` could start.
    pub(crate) fn is_ancestor_of(&self, later: &Self, plan: &Plan) -> bool {
        let mut seen: Vec<Self> = Vec::new();
        let mut rest = vec![later.clone()];
        while let Some(position) = rest.pop() {
            let step = plan.step(position.local);
            for &dependency in step.inputs.iter().chain(step.after.iter()) {
                let dependency = position.outer(plan, dependency);
                if self.is_or_is_within(&dependency) {
                    return true;
                }
                if !seen.iter().any(|seen| seen.same_step(&dependency)) {
                    seen.push(dependency.clone());
                    rest.push(dependency);
                }
            }
            rest.extend(position.opener());
        }
        false
    }

    fn is_or_is_within(&self, step: &Self) -> bool {
        let mut position = Some(self.clone());
        while let Some(inner) = position {
            if inner.same_step(step) {
                return true;
            }
            position = inner.opener();
        }
        false
    }
}

/// The idempotency key of a step: `hex(sha256(u64le(len(id)) ‖ id ‖ path))`, the same at every attempt.
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

    fn at_root(local: u32) -> Position {
        Position { local, around: Box::default(), items: Box::default() }
    }

    #[test]
    fn b70_a_key_is_the_digest_of_length_id_and_path() {
        // Computed with Python's hashlib: sha256((9).to_bytes(8, "little") + b"order-123" + b"charge").
        let expected = "ea72495dc419a796b37d7661a78fdf1f69fec09d871a6c4bef4632905b40a9a7";
        assert_eq!(idempotency_key("order-123", "charge").len(), expected.len());
        assert_ne!(idempotency_key("order-12", "3charge"), idempotency_key("order-123", "charge"));
        assert_eq!(idempotency_key("order-123", "charge"), expected);
    }

    #[test]
    fn ancestors_are_those_that_had_to_end_before() {
        let mut graph = Graph::<u8>::new("diamond");
        let a = graph.step("a", &[], |_, _| Box::pin(async { Ok(0) }));
        let b = graph.step("b", &[a], |_, _| Box::pin(async { Ok(0) }));
        let c = graph.step("c", &[a], |_, _| Box::pin(async { Ok(0) }));
        let d = graph.step("d", &[b], |_, _| Box::pin(async { Ok(0) }));
        let plan = graph.plan();
        assert!(at_root(a).is_ancestor_of(&at_root(d), &plan));
        assert!(at_root(b).is_ancestor_of(&at_root(d), &plan));
        assert!(!at_root(c).is_ancestor_of(&at_root(d), &plan));
        assert!(!at_root(d).is_ancestor_of(&at_root(a), &plan));
        assert!(!at_root(d).is_ancestor_of(&at_root(d), &plan));
    }
}
