//! Plans for the tests of this folder.

use std::borrow::Cow;

use crate::plan::{Fingerprint, Plan, Policy, Region, Source, Step, StepKind};

/// A workflow with these calls, one after the other.
pub(super) fn plan(workflow: &str, steps: &[&str]) -> Plan {
    let steps: Vec<Step> = steps.iter().map(|id| call(id, 0)).collect();
    let regions = vec![region(None, 0, steps.len() as u32)];
    with(workflow, steps, regions)
}

/// A workflow with one fan-out, `items`, of one call, `work`, and a call `report` after it. The index of `work` is 2.
#[cfg(any(feature = "metrics", feature = "progress"))]
pub(super) fn fan_out(workflow: &str) -> Plan {
    let mut items = call("items", 0);
    items.kind = StepKind::Each { body: 1 };
    let steps = vec![items, call("report", 0), call("work", 1)];
    with(workflow, steps, vec![region(None, 0, 2), region(Some(0), 2, 1)])
}

fn with(workflow: &str, steps: Vec<Step>, regions: Vec<Region>) -> Plan {
    Plan {
        workflow: Cow::Owned(workflow.to_owned()),
        version: 1,
        doc: Cow::Borrowed(""),
        input: Cow::Borrowed(""),
        output: Cow::Borrowed("()"),
        steps: Cow::Owned(steps),
        regions: Cow::Owned(regions),
        source: Source::default(),
        fingerprint: Fingerprint(0),
    }
}

fn call(id: &str, region: u32) -> Step {
    let node: Cow<'static, str> = Cow::Owned(id.to_owned());
    Step {
        id: node.clone(),
        region,
        kind: StepKind::Call { node, output: Cow::Borrowed("()"), awaits: None },
        inputs: Cow::Borrowed(&[]),
        after: Cow::Borrowed(&[]),
        next: Cow::Borrowed(&[]),
        policy: Policy::DEFAULT,
        catch: false,
        undo: None,
        source: Source::default(),
    }
}

fn region(parent: Option<u32>, first: u32, len: u32) -> Region {
    Region { parent, label: Cow::Borrowed(""), first, len, tail: Cow::Borrowed(&[]), value: None }
}
