//! A plan as a Graphviz digraph: <https://graphviz.org/doc/info/lang.html>.
//!
//! Branches are diamonds, fan-outs are hexagons, and what they open stands in a cluster. Values flow along whole
//! arrows, order without values along dashed ones.

use std::fmt::Write;

use super::{label, regions_of};
use crate::plan::{Plan, StepKind};

pub(super) fn render(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "digraph \"{}\" {{", escape(&plan.workflow));
    out.push_str("  compound=true;\n  node [shape=box];\n");
    region(plan, 0, 1, &mut out);
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

fn region(plan: &Plan, region: u32, depth: usize, out: &mut String) {
    let indent = depth * 2;
    for local in plan.region(region).locals() {
        let step = plan.step(local);
        let shape = match step.kind {
            StepKind::Call { .. } => "",
            StepKind::Branch { .. } => ", shape=diamond",
            StepKind::Each { .. } => ", shape=hexagon",
            StepKind::Sub { .. } => ", shape=component",
        };
        let _ = writeln!(out, "{:indent$}s{local} [label=\"{}\"{shape}];", "", escape(&label(step)));
        for &inner in regions_of(step) {
            let title = match &step.kind {
                StepKind::Each { .. } => "each item".to_owned(),
                StepKind::Sub { workflow, .. } => escape(workflow),
                _ => escape(&plan.region(inner).label),
            };
            let _ = writeln!(out, "{:indent$}subgraph cluster_{inner} {{ label=\"{title}\";", "");
            self::region(plan, inner, depth + 1, out);
            if plan.region(inner).len == 0 {
                // A cluster is drawn around what is in it, so something must be.
                let _ = writeln!(out, "{:deeper$}empty_{inner} [shape=point];", "", deeper = indent + 2);
            }
            let _ = writeln!(out, "{:indent$}}}", "");
        }
    }
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
    use super::super::tests::order_plan;
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
}
