//! The text of `flow.lock`: a block for each version of a workflow, a line for each step.
//!
//! In: plans, or the bytes of the file. Out: entries that can be compared, and the text again. Each block has a checksum,
//! by which it is known that nobody has edited it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::error::{LockError, ShapeChanges};
use crate::engine::path_in_plan;
use crate::plan::{Awaited, Plan, StepKind};

/// How the file begins. The number is that of its format.
const HEAD: &str =
    "# flow.lock 1: the shapes that stored runs follow. Made by `flow_runtime::testing::lock!`, not by hand.";

/// What the file says.
#[derive(Default)]
pub(super) struct Locked {
    entries: BTreeMap<(String, u32), Entry>,
}

/// The shape of one version of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) workflow: String,
    pub(super) version: u32,
    fingerprint: String,
    lines: Vec<String>,
}

impl Locked {
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, LockError> {
        let broken = |line: usize, reason: &str| LockError::broken(path, line, reason);
        let text = std::str::from_utf8(bytes).map_err(|_| broken(1, "it is no text"))?;
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(broken(1, "it does not begin as this version of Flow writes it"));
        }
        let mut locked = Self::default();
        while let Some((number, line)) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let (mut entry, sum) =
                Entry::parse_head(line).ok_or_else(|| broken(number, "a line `workflow ..` is expected here"))?;
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("  ")) {
                entry.lines.push(line[2..].to_owned());
            }
            if entry.sum() != sum {
                return Err(broken(number, "the lines from here on were edited, or are not complete"));
            }
            if locked.find(&entry).is_some() {
                return Err(broken(number, "the workflow stands there twice"));
            }
            locked.put(entry);
        }
        Ok(locked)
    }

    /// What the file says of the same version of the same workflow.
    pub(super) fn find(&self, entry: &Entry) -> Option<&Entry> {
        self.entries.get(&(entry.workflow.clone(), entry.version))
    }

    pub(super) fn put(&mut self, entry: Entry) {
        self.entries.insert((entry.workflow.clone(), entry.version), entry);
    }
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        for entry in self.entries.values() {
            writeln!(f, "\n{} sum {}", entry.head(), entry.sum())?;
            entry.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

impl Entry {
    /// The shape of a plan, with its steps in the order in which records number them.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut lines = vec![format!("input = ({})", one_line(&plan.input))];
        lines.extend((0..plan.steps.len() as u32).map(|local| step(plan, local)));
        lines.push(format!("output = {} -> {}", steps(plan, &plan.region(0).tail), one_line(&plan.output)));
        Self {
            workflow: plan.workflow.to_string(),
            version: plan.version,
            fingerprint: format!("{:032x}", plan.fingerprint.0),
            lines,
        }
    }

    fn parse_head(line: &str) -> Option<(Self, String)> {
        let mut words = line.split(' ');
        let mut after = |name: &str| (words.next()? == name).then(|| words.next()).flatten();
        let workflow = after("workflow")?.to_owned();
        let version = after("version")?.parse().ok()?;
        let fingerprint = after("fingerprint")?.to_owned();
        let sum = after("sum")?.to_owned();
        let entry = Self { workflow, version, fingerprint, lines: Vec::new() };
        words.next().is_none().then_some((entry, sum))
    }

    fn head(&self) -> String {
        format!("workflow {} version {} fingerprint {}", self.workflow, self.version, self.fingerprint)
    }

    fn sum(&self) -> String {
        let lines = self.lines.iter().flat_map(|line| [line.as_str(), "\n"]);
        let sum =
            lines.fold(crc32c::crc32c(self.head().as_bytes()), |sum, part| crc32c::crc32c_append(sum, part.as_bytes()));
        format!("{sum:08x}")
    }

    /// What is different in another shape.
    pub(super) fn changes_to(&self, now: &Self) -> ShapeChanges {
        let (before, after) = (self.parts(), now.parts());
        let mut changes = ShapeChanges::default();
        for (step, (shape, output)) in &after {
            match before.iter().find(|(other, _)| other == step) {
                None => changes.added.push(step.clone()),
                Some((_, (old, _))) if old != shape => changes.rewired.push(step.clone()),
                Some((_, (_, old))) if old != output => {
                    changes.retyped.push((step.clone(), old.clone(), output.clone()));
                }
                Some(_) => {}
            }
        }
        let is_gone = |step: &String| !after.iter().any(|(other, _)| other == step);
        changes.removed.extend(before.iter().map(|(step, _)| step).filter(|step| is_gone(step)).cloned());
        changes
    }

    /// Each step with its shape and the type of its output.
    fn parts(&self) -> Vec<(String, (String, String))> {
        let parts = self.lines.iter().filter_map(|line| line.split_once(" = "));
        let parts = parts.map(|(step, rest)| match (step, rest.rsplit_once(" -> ")) {
            ("input", _) => (step, (String::new(), rest.to_owned())),
            (_, Some((shape, output))) => (step, (shape.to_owned(), output.to_owned())),
            (_, None) => (step, (rest.to_owned(), String::new())),
        });
        parts.map(|(step, part)| (step.trim_start_matches("step ").to_owned(), part)).collect()
    }
}

fn step(plan: &Plan, local: u32) -> String {
    let step = plan.step(local);
    let uses = steps(plan, &step.inputs);
    let value = |region: u32| steps(plan, &plan.region(region).tail);
    let (does, output) = match &step.kind {
        StepKind::Call { node, output, awaits: None } => (format!("{node}({uses})"), Some(output)),
        StepKind::Call { node, output, awaits: Some(Awaited::Timer) } => {
            (format!("timer {node}({uses})"), Some(output))
        }
        StepKind::Call { node, output, .. } => (format!("wait {node}({uses})"), Some(output)),
        StepKind::Branch { arms } => {
            let arm = |&arm: &u32| format!("{} => {}", one_line(&plan.region(arm).label), value(arm));
            let arms: Vec<String> = arms.iter().map(arm).collect();
            (format!("match({uses}) {{ {} }}", arms.join(", ")), None)
        }
        StepKind::Each { body } => (format!("for({uses}) {{ {} }}", value(*body)), None),
        StepKind::Sub { workflow, output, body } => {
            (format!("workflow {workflow}({uses}) {{ {} }}", value(*body)), Some(output))
        }
    };
    let path = path_in_plan(plan, local);
    let label = one_line(&plan.region(step.region).label);
    let place = if label.is_empty() { String::new() } else { format!(" in {label}") };
    let after = if step.after.is_empty() { String::new() } else { format!(" after {}", steps(plan, &step.after)) };
    let catch = if step.catch { " catch" } else { "" };
    let output = output.map_or_else(String::new, |output| format!(" -> {}", one_line(output)));
    format!("step {path} = {does}{place}{after}{catch}{output}")
}

/// The paths of these steps. In which order they stand means nothing.
fn steps(plan: &Plan, steps: &[u32]) -> String {
    let mut paths: Vec<String> = steps.iter().map(|&step| path_in_plan(plan, step)).collect();
    paths.sort();
    paths.join(", ")
}

/// A text as the author wrote it, on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
