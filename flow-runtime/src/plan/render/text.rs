//! A plan as an indented list, a step a line.

use std::fmt::Write;

use super::{label, regions_of};
use crate::plan::{Plan, StepKind};

pub(super) fn render(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{} v{} ({}) -> {}", plan.workflow, plan.version, plan.input, plan.output);
    region(plan, 0, 1, &mut out);
    out
}

fn region(plan: &Plan, region: u32, depth: usize, out: &mut String) {
    for local in plan.region(region).locals() {
        let step = plan.step(local);
        let kind = match step.kind {
            StepKind::Call { .. } => "",
            StepKind::Branch { .. } => "match ",
            StepKind::Each { .. } => "for each ",
            StepKind::Sub { .. } => "workflow ",
        };
        let _ = write!(out, "{:indent$}{kind}{}", "", label(step), indent = depth * 2);
        if step.catch {
            out.push_str(" [catch]");
        }
        list(plan, " <- ", &step.inputs, out);
        let after: Vec<u32> = step.after.iter().copied().filter(|after| !step.inputs.contains(after)).collect();
        list(plan, " after ", &after, out);
        out.push('\n');
        for &inner in regions_of(step) {
            let label = &plan.region(inner).label;
            let deeper = if label.is_empty() { 1 } else { 2 };
            if deeper == 2 {
                let _ = writeln!(out, "{:indent$}{label} =>", "", indent = (depth + 1) * 2);
            }
            self::region(plan, inner, depth + deeper, out);
        }
    }
}

fn list(plan: &Plan, before: &str, steps: &[u32], out: &mut String) {
    let mut separator = before;
    for &step in steps {
        out.push_str(separator);
        out.push_str(&plan.step(step).id);
        separator = ", ";
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::order_plan;

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
}
