//! A plan as an indented list, a step a line. A run over it has a sign before each step, and behind it in words how it
//! stands.

use std::fmt::Write;

use flow_picture::{columns, printable};

use super::marks::sign;
use super::{Marks, label, regions_of};
use crate::plan::{Plan, StepKind};

/// Where the words behind steps begin, at most: behind a line that is longer they follow it.
const MOST_COLUMNS: usize = 60;

/// A line, with what is said of the run.
struct Line {
    sign: char,
    text: String,
    note: String,
}

struct List<'p> {
    plan: &'p Plan,
    marks: Option<&'p Marks>,
    lines: Vec<Line>,
}

pub(super) fn render(plan: &Plan, marks: Option<&Marks>) -> String {
    let mut list = List { plan, marks, lines: Vec::new() };
    list.region(0, 1);
    let head = format!("{} v{} ({}) -> {}", plan.workflow, plan.version, plan.input, plan.output);
    let mut out = printable(&head);
    out.push('\n');
    if let Some(marks) = marks {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{}", printable(&marks.run));
    }
    list.write(&mut out);
    out
}

impl List<'_> {
    fn region(&mut self, region: u32, depth: usize) {
        for local in self.plan.region(region).locals() {
            let text = self.step(local);
            let mark = self.marks.map(|marks| marks.of(local));
            let (sign, note) = mark.map_or((' ', ""), |mark| (sign(mark.look), &mark.note));
            self.add(depth, sign, &text, note);
            for &inner in regions_of(self.plan.step(local)) {
                let label = &self.plan.region(inner).label;
                let deeper = if label.is_empty() { 1 } else { 2 };
                if deeper == 2 {
                    let is_pale = self.marks.is_some_and(|marks| marks.is_pale(inner));
                    self.add(depth + 1, ' ', &format!("{label} =>"), if is_pale { "not taken" } else { "" });
                }
                self.region(inner, depth + deeper);
            }
        }
    }

    fn add(&mut self, depth: usize, sign: char, text: &str, note: &str) {
        let text = format!("{:indent$}{}", "", printable(text), indent = depth * 2);
        self.lines.push(Line { sign, text, note: printable(note) });
    }

    fn step(&self, local: u32) -> String {
        let step = self.plan.step(local);
        let kind = match step.kind {
            StepKind::Call { .. } => "",
            StepKind::Branch { .. } => "match ",
            StepKind::Each { .. } => "for each ",
            StepKind::Sub { .. } => "workflow ",
        };
        let mut text = format!("{kind}{}", label(step));
        if step.catch {
            text.push_str(" [catch]");
        }
        self.name(" <- ", &step.inputs, &mut text);
        let after: Vec<u32> = step.after.iter().copied().filter(|after| !step.inputs.contains(after)).collect();
        self.name(" after ", &after, &mut text);
        text
    }

    fn name(&self, before: &str, steps: &[u32], out: &mut String) {
        let mut separator = before;
        for &step in steps {
            out.push_str(separator);
            out.push_str(&self.plan.step(step).id);
            separator = ", ";
        }
    }

    fn write(&self, out: &mut String) {
        let widest = self.lines.iter().map(|line| columns(&line.text)).filter(|columns| *columns <= MOST_COLUMNS).max();
        let widest = widest.unwrap_or_default();
        for Line { sign, text, note } in &self.lines {
            if self.marks.is_some() {
                let space = widest.saturating_sub(columns(text));
                let line = format!("{sign} {}{:space$}  {note}", text.strip_prefix("  ").unwrap_or(text), "");
                out.push_str(line.trim_end());
            } else {
                out.push_str(text);
            }
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{order_marks, order_plan};
    use crate::plan::Format;

    #[test]
    fn a_plan_is_an_indented_list() {
        let expected = "\
order v2 (order: Order) -> Receipt
  stock (reserve)
  pay
  match parcel <- pay
    Payment::Paid(\"<ok>\") =>
      for each labels <- stock
        print <- stock
    _ =>
      cancel <- pay
  receipt <- parcel after stock
";
        assert_eq!(order_plan().to_string(), expected);
    }

    #[test]
    fn a_run_is_said_behind_its_steps() {
        let expected = "\
order v2 (order: Order) -> Receipt
run order-1: running
✓ stock (reserve)                completed in 1.2 s
✗ pay                            failed, 3 attempts
» match parcel <- pay            running
    Payment::Paid(\"<ok>\") =>
»     for each labels <- stock   running, 2 of 3 items completed
»       print <- stock           2 completed, 1 running
    _ =>                         not taken
–     cancel <- pay              bypassed
· receipt <- parcel after stock  pending
";
        assert_eq!(order_plan().render_marked(Format::Text, Some(&order_marks())), expected);
    }
}
