//! A plan as a Mermaid flowchart: <https://mermaid.js.org/syntax/flowchart.html>.
//!
//! Branches are diamonds, fan-outs are hexagons, and what they open stands in a box. Values flow along whole arrows,
//! order without values along dotted ones.

use std::fmt::Write;

use super::{label, regions_of};
use crate::plan::{Plan, StepKind};

pub(super) fn render(plan: &Plan) -> String {
    let mut out = String::from("flowchart TD\n");
    region(plan, 0, 1, &mut out);
    for local in 0..plan.steps.len() as u32 {
        for (from, is_value) in plan.edges_into(local) {
            let arrow = if is_value { "-->" } else { "-.->" };
            let _ = writeln!(out, "  s{from} {arrow} s{local}");
        }
    }
    for (index, region) in plan.regions.iter().enumerate() {
        if let Some(parent) = region.parent {
            let _ = writeln!(out, "  s{parent} ==> r{index}");
        }
    }
    out
}

fn region(plan: &Plan, region: u32, depth: usize, out: &mut String) {
    let indent = depth * 2;
    for local in plan.region(region).locals() {
        let step = plan.step(local);
        let text = escape(&label(step));
        let (open, close) = match step.kind {
            StepKind::Call { .. } => ("[", "]"),
            StepKind::Branch { .. } => ("{", "}"),
            StepKind::Each { .. } => ("{{", "}}"),
            StepKind::Sub { .. } => ("[[", "]]"),
        };
        let _ = writeln!(out, "{:indent$}s{local}{open}\"{text}\"{close}", "");
        for &inner in regions_of(step) {
            let title = match &step.kind {
                StepKind::Each { .. } => "each item".to_owned(),
                StepKind::Sub { workflow, .. } => escape(workflow),
                _ => escape(&plan.region(inner).label),
            };
            let _ = writeln!(out, "{:indent$}subgraph r{inner} [\"{title}\"]", "");
            self::region(plan, inner, depth + 1, out);
            if plan.region(inner).len == 0 {
                // A subgraph is drawn around what is in it, so something must be.
                let _ = writeln!(out, "{:deeper$}empty{inner}((\" \"))", "", deeper = indent + 2);
            }
            let _ = writeln!(out, "{:indent$}end", "");
        }
    }
}

/// Text in quotes: what Mermaid would read as its own is written as an entity.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
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
    fn a_plan_is_a_flowchart() {
        let expected = "\
flowchart TD
  s0[\"stock (reserve)\"]
  s1[\"pay\"]
  s2{\"parcel\"}
  subgraph r1 [\"Payment::Paid(#quot;#lt;ok#gt;#quot;)\"]
    s4{{\"labels\"}}
    subgraph r3 [\"each item\"]
      s6[\"print\"]
    end
  end
  subgraph r2 [\"_\"]
    s5[\"cancel\"]
  end
  s3[\"receipt\"]
  s1 --> s2
  s2 --> s3
  s0 -.-> s3
  s0 --> s4
  s1 --> s5
  s0 --> s6
  s2 ==> r1
  s2 ==> r2
  s4 ==> r3
";
        assert_eq!(order_plan().render(Format::Mermaid), expected);
    }
}
