//! A plan as a Mermaid flowchart: <https://mermaid.js.org/syntax/flowchart.html>.
//!
//! Branches are diamonds, fan-outs are hexagons, and what they open stands in a box. Values flow along whole arrows,
//! order without values along dotted ones.

use std::fmt::Write;

use flow_picture::printable;

use super::marks::LOOKS;
use super::{Marks, label, regions_of};
use crate::plan::{Plan, StepKind};

pub(super) fn render(plan: &Plan, marks: Option<&Marks>) -> String {
    let mut out = String::new();
    if let Some(marks) = marks {
        let _ = writeln!(out, "---\ntitle: \"{}: {}\"\n---", quoted(&plan.workflow), quoted(&marks.run));
    }
    out.push_str("flowchart TD\n");
    region(plan, marks, 0, 1, &mut out);
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
    if let Some(marks) = marks {
        classes(plan, marks, &mut out);
    }
    out
}

/// The classes of steps and regions, and what each looks like.
fn classes(plan: &Plan, marks: &Marks, out: &mut String) {
    let is_pale = |local: &u32| marks.is_pale(plan.step(*local).region);
    let steps = || 0..plan.steps.len() as u32;
    for (look, name, colour) in LOOKS {
        let of_look = steps().filter(|local| marks.of(*local).look == look && !is_pale(local));
        class(of_look.map(|local| format!("s{local}")), name, &format!("fill:{colour}33,stroke:{colour}"), out);
    }
    let regions = (0..plan.regions.len() as u32).filter(|region| marks.is_pale(*region));
    let pale = steps().filter(is_pale).map(|local| format!("s{local}"));
    class(pale.chain(regions.map(|region| format!("r{region}"))), "pale", "opacity:0.4", out);
}

fn class(members: impl Iterator<Item = String>, name: &str, style: &str, out: &mut String) {
    let members: Vec<String> = members.collect();
    if !members.is_empty() {
        let _ = writeln!(out, "  classDef {name} {style}\n  class {} {name}", members.join(","));
    }
}

/// Text in a quoted string of the YAML at the head.
fn quoted(text: &str) -> String {
    printable(text).replace('\\', "\\\\").replace('"', "\\\"")
}

fn region(plan: &Plan, marks: Option<&Marks>, region: u32, depth: usize, out: &mut String) {
    let indent = depth * 2;
    for local in plan.region(region).locals() {
        let step = plan.step(local);
        let mut text = escape(&label(step));
        if let Some(marks) = marks {
            let _ = write!(text, "<br/>{}", escape(&marks.of(local).note));
        }
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
            self::region(plan, marks, inner, depth + 1, out);
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
    use super::super::tests::{order_marks, order_plan};
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

    #[test]
    fn a_run_gives_the_flowchart_classes() {
        let drawn = order_plan().render_marked(Format::Mermaid, Some(&order_marks()));
        assert!(drawn.starts_with("---\ntitle: \"order: run order-1: running\"\n---\nflowchart TD\n"), "{drawn}");
        assert!(drawn.contains("  s0[\"stock (reserve)<br/>completed in 1.2 s\"]\n"), "{drawn}");
        let expected = "  s4 ==> r3
  classDef open fill:#8b949e33,stroke:#8b949e
  class s3 open
  classDef running fill:#2f81f733,stroke:#2f81f7
  class s2,s4,s6 running
  classDef completed fill:#2da44e33,stroke:#2da44e
  class s0 completed
  classDef failed fill:#e5534b33,stroke:#e5534b
  class s1 failed
  classDef pale opacity:0.4
  class s5,r2 pale
";
        assert!(drawn.ends_with(expected), "{drawn}");
    }
}
