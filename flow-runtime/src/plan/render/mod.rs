//! A plan as a picture in text: for terminals, Mermaid and Graphviz.
//!
//! In: a plan. Out: text. Names from outside are escaped for the format they go into.

mod dot;
mod mermaid;
mod text;

use std::fmt;

use super::{Local, Plan, Step, StepKind};

/// A way to show a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// An indented list for a terminal.
    Text,
    /// A Mermaid flowchart (<https://mermaid.js.org>).
    Mermaid,
    /// A Graphviz digraph (<https://graphviz.org>).
    Dot,
}

impl Plan {
    /// The plan as a picture in this format.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => text::render(self),
            Format::Mermaid => mermaid::render(self),
            Format::Dot => dot::render(self),
        }
    }

    /// The edges of a step: the steps it comes after, and whether it uses their values.
    fn edges_into(&self, local: Local) -> impl Iterator<Item = (Local, bool)> + '_ {
        let step = self.step(local);
        let after = step.after.iter().filter(|after| !step.inputs.contains(after));
        step.inputs.iter().map(|&from| (from, true)).chain(after.map(|&from| (from, false)))
    }
}

/// The regions a step opens, in order.
fn regions_of(step: &Step) -> &[u32] {
    match &step.kind {
        StepKind::Call { .. } => &[],
        StepKind::Branch { arms } => arms,
        StepKind::Each { body } | StepKind::Sub { body, .. } => std::slice::from_ref(body),
    }
}

/// The plan as an indented list.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Format::Text))
    }
}

/// What is written for a step: its id, and its node if that has another name.
fn label(step: &Step) -> String {
    match &step.kind {
        StepKind::Call { node, .. } | StepKind::Sub { workflow: node, .. } if *node != step.id => {
            format!("{} ({node})", step.id)
        }
        _ => step.id.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::plan::{Fingerprint, Policy, Region, Source};

    fn step(id: &'static str, region: u32, kind: StepKind, inputs: &'static [u32], after: &'static [u32]) -> Step {
        Step {
            id: Cow::Borrowed(id),
            region,
            kind,
            inputs: Cow::Borrowed(inputs),
            after: Cow::Borrowed(after),
            next: Cow::Borrowed(&[]),
            policy: Policy::DEFAULT,
            catch: false,
            undo: None,
            source: Source::default(),
        }
    }

    fn call(node: &'static str) -> StepKind {
        StepKind::Call { node: Cow::Borrowed(node), output: Cow::Borrowed("u64"), awaits: None }
    }

    fn region(parent: Option<u32>, label: &'static str, first: u32, len: u32) -> Region {
        Region { parent, label: Cow::Borrowed(label), first, len, tail: Cow::Borrowed(&[]), value: None }
    }

    /// Two calls, a branch with a fan-out in one arm, and a call behind it.
    pub(in crate::plan) fn order_plan() -> Plan {
        let steps = vec![
            step("stock", 0, call("reserve"), &[], &[]),
            step("pay", 0, call("pay"), &[], &[]),
            step("parcel", 0, StepKind::Branch { arms: Cow::Borrowed(&[1, 2]) }, &[1], &[]),
            step("receipt", 0, call("receipt"), &[2], &[0]),
            step("labels", 1, StepKind::Each { body: 3 }, &[0], &[]),
            step("cancel", 2, call("cancel"), &[1], &[]),
            step("print", 3, call("print"), &[0], &[]),
        ];
        let regions = vec![
            region(None, "", 0, 4),
            region(Some(2), "Payment::Paid(\"<ok>\")", 4, 1),
            region(Some(2), "_", 5, 1),
            region(Some(4), "", 6, 1),
        ];
        Plan {
            workflow: Cow::Borrowed("order"),
            version: 2,
            doc: Cow::Borrowed("Fulfils one order."),
            input: Cow::Borrowed("order: Order"),
            output: Cow::Borrowed("Receipt"),
            fingerprint: Fingerprint::of("order", 2, &steps, &regions),
            steps: Cow::Owned(steps),
            regions: Cow::Owned(regions),
            source: Source::default(),
        }
    }
}
