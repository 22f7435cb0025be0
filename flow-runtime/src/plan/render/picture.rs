//! A plan as SVG. `flow_picture` lays it out and draws it; here is what is written.

use flow_picture::{Edge, Kind, Picture, Region, Step as Drawn};

use super::Marks;
use crate::plan::{Awaited, Local, Plan, Step, StepKind};

pub(super) fn render(plan: &Plan, marks: Option<&Marks>) -> String {
    let types = || format!("({}) -> {}", plan.input, plan.output);
    let is_pale = |region: usize| marks.is_some_and(|marks| marks.is_pale(region as u32));
    let region = |(index, region): (usize, &crate::plan::Region)| Region {
        parent: region.parent.map(|parent| parent as usize),
        label: region.label.to_string(),
        is_pale: is_pale(index),
    };
    let picture = Picture {
        title: plan.workflow.to_string(),
        note: marks.map_or_else(types, |marks| marks.run.clone()),
        steps: (0..plan.steps.len() as u32).map(|local| step(plan, local, marks)).collect(),
        regions: plan.regions.iter().enumerate().map(region).collect(),
    };
    picture.svg()
}

fn step(plan: &Plan, local: Local, marks: Option<&Marks>) -> Drawn {
    let step = plan.step(local);
    let edge = |(from, is_value): (Local, bool)| Edge { from: from as usize, is_value };
    Drawn {
        id: step.id.to_string(),
        region: step.region as usize,
        kind: kind(&step.kind),
        details: details(step),
        about: about(plan, local),
        edges: plan.edges_into(local).map(edge).collect(),
        mark: marks.map(|marks| marks.of(local).clone()),
    }
}

fn kind(kind: &StepKind) -> Kind {
    match kind {
        StepKind::Call { awaits: None, .. } => Kind::Call,
        StepKind::Call { awaits: Some(_), .. } => Kind::Wait,
        StepKind::Branch { .. } => Kind::Branch,
        StepKind::Each { .. } => Kind::Each,
        StepKind::Sub { .. } => Kind::Sub,
    }
}

/// What is written under the step's name: its node, and in what it is not a plain call.
fn details(step: &Step) -> Vec<String> {
    let mut details = Vec::new();
    details.extend(node(step).filter(|node| *node != step.id).map(str::to_owned));
    match step.kind {
        StepKind::Call { awaits: Some(Awaited::Timer), .. } => details.push("timer".to_owned()),
        StepKind::Call { awaits: Some(Awaited::Signal), .. } => details.push("signal".to_owned()),
        _ => {}
    }
    if step.catch {
        details.push("catch".to_owned());
    }
    details.extend(step.undo.as_ref().map(|undo| format!("undo {}", undo.node)));
    details
}

fn node(step: &Step) -> Option<&str> {
    match &step.kind {
        StepKind::Call { node, .. } | StepKind::Sub { workflow: node, .. } => Some(node),
        StepKind::Branch { .. } | StepKind::Each { .. } => None,
    }
}

/// What is told of the step to who points at it: its node, where it is written, what it comes after.
fn about(plan: &Plan, local: Local) -> String {
    let step = plan.step(local);
    let mut about = step.id.to_string();
    let mut tell = |words: &str, what: &str| {
        about.push_str(words);
        about.push_str(what);
    };
    if let Some(node) = node(step) {
        tell(", node ", node);
    }
    if step.source.line > 0 {
        tell(", ", &format!("{}:{}", step.source.file, step.source.line));
    }
    for (from, is_value) in plan.edges_into(local) {
        tell(if is_value { ", uses " } else { ", after " }, &plan.step(from).id);
    }
    about
}

#[cfg(test)]
mod tests {
    use super::super::tests::{order_marks, order_plan};
    use crate::plan::Format;

    /// The texts of a picture, in the order in which they are drawn.
    fn texts(svg: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(svg).unwrap();
        let is_text = |node: &roxmltree::Node<'_, '_>| node.has_tag_name("text");
        let text = |node: roxmltree::Node<'_, '_>| {
            node.descendants()
                .filter(roxmltree::Node::is_text)
                .filter_map(|node| node.text().map(str::to_owned))
                .collect()
        };
        document.descendants().filter(is_text).map(text).collect()
    }

    #[test]
    fn a_plan_is_a_drawing() {
        let svg = order_plan().render(Format::Svg);
        let expected = [
            "order(order: Order) -> Receipt",
            "stock",
            "reserve",
            "pay",
            "match parcel",
            "receipt",
            "Payment::Paid(\"<ok>\")",
            "for each labels",
            "_",
            "cancel",
            "print",
        ];
        assert_eq!(texts(&svg), expected);
        assert!(svg.contains("<title>receipt, node receipt, uses parcel, after stock</title>"), "{svg}");
        assert_eq!(svg.matches("class=\"arm\"").count(), 2);
        assert_eq!(svg.matches("class=\"line after\"").count(), 1, "from stock to receipt");
        assert_eq!(svg, order_plan().render(Format::Svg), "each time the same");
    }

    #[test]
    fn a_run_lies_over_the_drawing() {
        let svg = order_plan().render_marked(Format::Svg, Some(&order_marks()));
        let texts = texts(&svg);
        assert_eq!(texts[0], "orderrun order-1: running");
        for note in ["completed in 1.2 s", "failed, 3 attempts", "running, 2 of 3 items completed", "bypassed"] {
            assert!(texts.iter().any(|text| text == note), "no `{note}` in {texts:?}");
        }
        for class in ["box completed", "box failed", "box stopped", "box open", "<circle class=\"running\""] {
            assert!(svg.contains(class), "no {class} in {svg}");
        }
        let pale = svg.split("<g class=\"pale\">").nth(1).expect("an arm that was not taken");
        assert!(pale.contains(">cancel</text>") && !pale.split("</g>\n</g>").next().unwrap().contains(">print<"));
    }
}
