//! A plan as a picture: for terminals, Mermaid, Graphviz, and as SVG; alone, or with a run laid over it.
//!
//! In: a plan, and how the steps of a run stand. Out: text. Names from outside are escaped for the format they go into.

mod dot;
mod marks;
mod mermaid;
mod picture;
mod text;

use std::fmt;

pub(crate) use marks::{Look, Mark, Marks};

use super::{Local, Plan, Step, StepKind};

/// A way to show a plan, or a run with its plan ([`WorkflowData::render`](crate::WorkflowData::render)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// An indented list for a terminal.
    Text,
    /// A Mermaid flowchart (<https://mermaid.js.org>).
    Mermaid,
    /// A Graphviz digraph (<https://graphviz.org>).
    Dot,
    /// A drawing, <https://www.w3.org/TR/SVG2>: a file of its own that needs no other, for light and dark pages. It is
    /// laid out here, with no program beside.
    Svg,
}

impl Plan {
    /// The plan as a picture in this format. The same plan gives the same text, whichever machine draws it.
    ///
    /// [`WorkflowData::render`](crate::WorkflowData::render) draws a run. Names are as in the plan, but characters that
    /// are not printed are marked; in a drawing long ones are cut.
    ///
    /// ```
    /// use flow_runtime::plan::Format;
    /// use flow_runtime::prelude::*;
    ///
    /// #[node]
    /// async fn double(x: u64) -> u64 { x * 2 }
    ///
    /// workflow! {
    ///     fn twice(x: u64) -> u64 {
    ///         let once = double(x);
    ///         #[id = "again"]
    ///         double(once)
    ///     }
    /// }
    ///
    /// let plan = twice::plan();
    /// assert_eq!(plan.render(Format::Text), "\
    /// twice v1 (x: u64) -> u64
    ///   once (double)
    ///   again (double) <- once
    /// ");
    /// assert!(plan.render(Format::Mermaid).contains("s0 --> s1"));
    /// assert!(plan.render(Format::Dot).starts_with("digraph"));
    /// assert!(plan.render(Format::Svg).starts_with("<svg "));
    /// ```
    pub fn render(&self, format: Format) -> String {
        self.render_marked(format, None)
    }

    /// The plan as a picture, with a run laid over it.
    pub(crate) fn render_marked(&self, format: Format, marks: Option<&Marks>) -> String {
        match format {
            Format::Text => text::render(self, marks),
            Format::Mermaid => mermaid::render(self, marks),
            Format::Dot => dot::render(self, marks),
            Format::Svg => picture::render(self, marks),
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
pub(crate) mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

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
    pub(crate) fn order_plan() -> Plan {
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

    /// A run of that plan: the first arm was taken, two of three items are done.
    pub(super) fn order_marks() -> Marks {
        let mark = |look, note: &str| Mark { look, note: note.to_owned() };
        Marks {
            run: "run order-1: running".to_owned(),
            steps: vec![
                mark(Look::Completed, "completed in 1.2 s"),
                mark(Look::Failed, "failed, 3 attempts"),
                mark(Look::Running, "running"),
                mark(Look::Open, "pending"),
                mark(Look::Running, "running, 2 of 3 items completed"),
                mark(Look::Stopped, "bypassed"),
                mark(Look::Running, "2 completed, 1 running"),
            ],
            pale: vec![false, false, true, false],
        }
    }

    const FORMATS: [Format; 4] = [Format::Text, Format::Mermaid, Format::Dot, Format::Svg];

    /// That nothing in a picture is more than text: no control character but the end of a line, and XML as it must be.
    fn is_harmless(picture: &str, format: Format) {
        assert!(!picture.chars().any(|c| c.is_control() && c != '\n'), "{picture:?}");
        if format == Format::Svg {
            let document = roxmltree::Document::parse(picture).unwrap();
            let names = document.descendants().filter(roxmltree::Node::is_element).map(|node| node.tag_name().name());
            let known = ["svg", "title", "style", "rect", "text", "tspan", "g", "path", "circle"];
            assert!(names.into_iter().all(|name| known.contains(&name)), "{picture}");
        }
    }

    #[test]
    fn names_from_outside_stay_text() {
        let hostile = [
            "</text></svg><script>alert(1)</script>",
            "\"]; s9[\"",
            "\\\" ]",
            "a\u{1b}[31mb\r\n\0",
            "\u{202e}gpj.exe\u{ffff}",
            "]]>--><![CDATA[&amp;",
            &"x".repeat(10_000),
        ];
        for name in hostile {
            let mut plan = order_plan();
            plan.workflow = Cow::Owned(name.to_owned());
            plan.input = Cow::Owned(name.to_owned());
            for step in plan.steps.to_mut() {
                step.id = Cow::Owned(name.to_owned());
                step.source = Source { file: Cow::Owned(name.to_owned()), line: 1, column: 1 };
            }
            plan.regions.to_mut()[1].label = Cow::Owned(name.to_owned());
            let mut marks = order_marks();
            marks.run = name.to_owned();
            marks.steps[0].note = name.to_owned();
            for format in FORMATS {
                is_harmless(&plan.render(format), format);
                is_harmless(&plan.render_marked(format, Some(&marks)), format);
            }
            assert!(plan.render(Format::Svg).len() < 20_000, "long names are cut");
        }
    }

    proptest! {
        #[test]
        fn any_plan_can_be_drawn(plan in crate::state::codec::random::plan()) {
            for format in FORMATS {
                is_harmless(&plan.render(format), format);
            }
        }
    }
}
