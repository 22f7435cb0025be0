//! A plan as a Graphviz digraph: <https://graphviz.org/doc/info/lang.html>.
//!
//! Branches are diamonds, fan-outs are hexagons, and what they open stands in a cluster. Values flow along whole
//! arrows, order without values along dashed ones.

use std::fmt::Write;

use super::marks::colour;
use super::{Marks, label, regions_of};
use crate::plan::{Plan, StepKind};

/// The colour of what the run did not go into.
const PALE: &str = "#8b949e80";

pub(super) fn render(plan: &Plan, marks: Option<&Marks>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "digraph \"{}\" {{", escape(&plan.workflow));
    out.push_str("  compound=true;\n  node [shape=box];\n");
    if let Some(marks) = marks {
        let _ = writeln!(out, "  label=\"{}\";\n  labelloc=t;", escape(&marks.run));
    }
    region(plan, marks, 0, 1, &mut out);
    for local in 0..plan.steps.len() as u32 {
        for (from, is_value) in plan.edges_into(local) {
            let style = if is_value { "" } else { " [style=dashed]" };
            let _ = writeln!(out, "  s{from} -> s{local}{style};");
        }
    }
    for (index, region) in plan.regions.iter().enumerate() {
        let Some(parent) = region.parent else { continue };
        let first = if region.len > 0 { format!("s{}", region.first) } else { format!("empty_{index}") };
        let _ = writeln!(out, "  s{parent} -> {first} [lhead=cluster_{index}, style=bold];");
    }
    out.push_str("}\n");
    out
}

fn region(plan: &Plan, marks: Option<&Marks>, region: u32, depth: usize, out: &mut String) {
    let indent = depth * 2;
    for local in plan.region(region).locals() {
        let step = plan.step(local);
        let shape = match step.kind {
            StepKind::Call { .. } => "",
            StepKind::Branch { .. } => ", shape=diamond",
            StepKind::Each { .. } => ", shape=hexagon",
            StepKind::Sub { .. } => ", shape=component",
        };
        let (note, look) = marks.map(|marks| marked(plan, marks, local)).unwrap_or_default();
        let _ = writeln!(out, "{:indent$}s{local} [label=\"{}{note}\"{shape}{look}];", "", escape(&label(step)));
        for &inner in regions_of(step) {
            let title = match &step.kind {
                StepKind::Each { .. } => "each item".to_owned(),
                StepKind::Sub { workflow, .. } => escape(workflow),
                _ => escape(&plan.region(inner).label),
            };
            let _ = writeln!(out, "{:indent$}subgraph cluster_{inner} {{ label=\"{title}\";", "");
            if marks.is_some_and(|marks| marks.is_pale(inner)) {
                let _ = writeln!(out, "{:deeper$}color=\"{PALE}\"; fontcolor=\"{PALE}\";", "", deeper = indent + 2);
            }
            self::region(plan, marks, inner, depth + 1, out);
            if plan.region(inner).len == 0 {
                // A cluster is drawn around what is in it, so something must be.
                let _ = writeln!(out, "{:deeper$}empty_{inner} [shape=point];", "", deeper = indent + 2);
            }
            let _ = writeln!(out, "{:indent$}}}", "");
        }
    }
}

/// What is written under the name of a step of a run, and what it looks like.
fn marked(plan: &Plan, marks: &Marks, local: u32) -> (String, String) {
    let mark = marks.of(local);
    let note = format!("\\n{}", escape(&mark.note));
    if marks.is_pale(plan.step(local).region) {
        return (note, format!(", color=\"{PALE}\", fontcolor=\"{PALE}\""));
    }
    let colour = colour(mark.look);
    (note, format!(", style=filled, fillcolor=\"{colour}33\", color=\"{colour}\""))
}

/// Text in quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::{order_marks, order_plan};
    use crate::plan::Format;

    #[test]
    fn a_plan_is_a_digraph() {
        let expected = "\
digraph \"order\" {
  compound=true;
  node [shape=box];
  s0 [label=\"stock (reserve)\"];
  s1 [label=\"pay\"];
  s2 [label=\"parcel\", shape=diamond];
  subgraph cluster_1 { label=\"Payment::Paid(\\\"<ok>\\\")\";
    s4 [label=\"labels\", shape=hexagon];
    subgraph cluster_3 { label=\"each item\";
      s6 [label=\"print\"];
    }
  }
  subgraph cluster_2 { label=\"_\";
    s5 [label=\"cancel\"];
  }
  s3 [label=\"receipt\"];
  s1 -> s2;
  s2 -> s3;
  s0 -> s3 [style=dashed];
  s0 -> s4;
  s1 -> s5;
  s0 -> s6;
  s2 -> s4 [lhead=cluster_1, style=bold];
  s2 -> s5 [lhead=cluster_2, style=bold];
  s4 -> s6 [lhead=cluster_3, style=bold];
}
";
        assert_eq!(order_plan().render(Format::Dot), expected);
    }

    #[test]
    fn a_run_gives_the_digraph_colours() {
        let drawn = order_plan().render_marked(Format::Dot, Some(&order_marks()));
        let lines = [
            "  label=\"run order-1: running\";",
            "  s0 [label=\"stock (reserve)\\ncompleted in 1.2 s\", style=filled, fillcolor=\"#2da44e33\", color=\"#2da44e\"];",
            "  s2 [label=\"parcel\\nrunning\", shape=diamond, style=filled, fillcolor=\"#2f81f733\", color=\"#2f81f7\"];",
            "    color=\"#8b949e80\"; fontcolor=\"#8b949e80\";",
            "    s5 [label=\"cancel\\nbypassed\", color=\"#8b949e80\", fontcolor=\"#8b949e80\"];",
        ];
        for line in lines {
            assert!(drawn.lines().any(|drawn| drawn == line), "no {line} in {drawn}");
        }
    }
}
