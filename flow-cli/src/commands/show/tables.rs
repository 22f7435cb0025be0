//! A run and its steps as tables.

use flow_runtime::WorkflowData;
use flow_runtime::plan::{Policy, StepKind};
use flow_runtime::state::{StepRef, StepStatus, Timestamp};

use crate::output::{Cell, Table, Tone, time};
use crate::record::{Facts, Line, Wait, opened, took, value::Stored, wait_of};
use crate::words;

/// How many names of steps are listed in a row.
const NAMES: usize = 8;

/// Facts, each in a row: what it is, and what it says.
#[derive(Default)]
struct Rows(Table);

impl Rows {
    fn add(&mut self, what: &'static str, says: impl Into<Cell>) {
        self.0.row([Cell::from(what).toned(Tone::Faint), says.into()]);
    }

    fn add_some(&mut self, what: &'static str, says: Option<impl Into<Cell>>) {
        says.into_iter().for_each(|says| self.add(what, says));
    }

    fn add_steps(&mut self, what: &'static str, steps: &[String]) {
        if steps.is_empty() {
            return;
        }
        let names = steps.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
        match steps.len().saturating_sub(NAMES) {
            0 => self.add(what, names),
            rest => self.add(what, format!("{names} and {rest} more")),
        }
    }
}

/// The facts of a run.
pub(super) fn run(data: &WorkflowData, facts: &Facts, now: Timestamp) -> Table {
    let mut rows = Rows::default();
    rows.add("run", Cell::from(facts.id.as_str()).toned(Tone::Strong));
    rows.add("workflow", format!("{}, version {}", facts.workflow, facts.version));
    rows.add("status", words::run_cell(data.status));
    rows.add("created", when(data.created_at, now));
    rows.add("updated", when(data.updated_at, now));
    rows.add("fingerprint", facts.fingerprint.as_str());
    rows.add_some("parent", facts.parent.as_deref());
    rows.add_some("forked from", facts.forked_from.as_deref());
    for (key, value) in &facts.metadata {
        rows.add("metadata", format!("{key}={value}"));
    }
    rows.add("input", facts.input.in_words());
    rows.add_some("output", facts.output.as_ref().map(Stored::in_words));
    for entry in &facts.data {
        rows.add("data", format!("{} by {}: {}", entry.key, entry.step, entry.value.in_words()));
    }
    rows.add_some("asked", facts.asked);
    for request in &facts.requests {
        let name = request.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        rows.add("not taken", format!("{}{name}, {}", request.kind, request.at));
    }
    let has_ended = data.status.is_terminal();
    rows.add_some(if has_ended { "undone for" } else { "undoing for" }, facts.undoing_for);
    rows.add_steps("undone", &facts.undone.compensated);
    let failed: Vec<String> = facts.undone.failed.iter().map(|failed| failed.step.clone()).collect();
    rows.add_steps("undo failed", &failed);
    rows.add_steps("in doubt", &facts.undone.in_doubt);
    rows.add_steps("not undone", &facts.undone.left);
    rows.0
}

/// The steps, a line each.
pub(super) fn steps(data: &WorkflowData, lines: &[Line], now: Timestamp) -> Table {
    let mut table = Table::new(["STEP", "STATUS", "ATTEMPTS", "TOOK", ""]);
    for line in lines {
        match line {
            Line::Step(step) => table.row(step_row(data, *step, now)),
            Line::Items { of, counts } => {
                let counts = counts.iter().map(|(status, count)| format!("{count} {}", words::of_step(*status)));
                table.row([
                    format!("{}[..]", data.path(*of)).into(),
                    Cell::default(),
                    Cell::default(),
                    Cell::default(),
                    counts.collect::<Vec<_>>().join(", ").into(),
                ]);
            }
            Line::More { of, failed } => table.row([
                format!("{}[..]", data.path(*of)).into(),
                Cell::default(),
                Cell::default(),
                Cell::default(),
                format!("{failed} more failed; --failed or --all shows them").into(),
            ]),
        }
    }
    table
}

fn step_row(data: &WorkflowData, step: StepRef, now: Timestamp) -> [Cell; 5] {
    let state = data.step(step);
    let attempts = if state.attempts == 0 { String::new() } else { state.attempts.to_string() };
    let took = took(state).map(time::duration);
    let so_far = || match state.status {
        StepStatus::Running if state.started_at != 0 => {
            format!("{} so far", time::duration(now.saturating_sub(state.started_at).max(0)))
        }
        _ => String::new(),
    };
    [
        data.path(step).into(),
        words::step_cell(state.status),
        attempts.into(),
        took.unwrap_or_else(so_far).into(),
        note(data, step, now).into(),
    ]
}

/// What else is to be said of a step: what it waits for, why it failed, what it opened.
fn note(data: &WorkflowData, step: StepRef, now: Timestamp) -> String {
    let state = data.step(step);
    let wait = wait_of(data, step).map(|(wait, due)| wait.in_words(due, now));
    let caught = if is_caught(data, step) { " (caught)" } else { "" };
    let error = state.error.as_ref().map(|error| format!("{}{caught}", error.message));
    let copied = state.copied.then(|| "taken over by a fork".to_owned());
    let signal = state.signal.as_ref().map(|id| format!("by signal {id}"));
    let resets = (state.resets > 0).then(|| format!("reset {} times", state.resets));
    let notes = [opened(data, step), wait, error, copied, signal, resets];
    notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Whether a failure of this step is a value for others: it catches it itself, or what opened its region does.
fn is_caught(data: &WorkflowData, step: StepRef) -> bool {
    let opener = |step: &StepRef| data.instances.get(step.instance as usize).and_then(|instance| instance.opened_by);
    let mut around = std::iter::successors(opener(&step), opener);
    data.plan.step(step.local).catches_own_failure() || around.any(|opener| data.plan.step(opener.local).catch)
}

/// One step with all that is known of it.
pub(super) fn step(data: &WorkflowData, step: StepRef, now: Timestamp) -> Table {
    let (state, plan) = (data.step(step), data.plan.step(step.local));
    let mut rows = Rows::default();
    rows.add("run", data.id.as_str());
    rows.add("step", Cell::from(data.path(step)).toned(Tone::Strong));
    rows.add("status", words::step_cell(state.status));
    match &plan.kind {
        StepKind::Call { node, output, .. } => rows.add("node", format!("{node} -> {output}")),
        StepKind::Sub { workflow, output, .. } => rows.add("workflow", format!("{workflow} -> {output}")),
        _ => {}
    }
    rows.add_some("opened", opened(data, step));
    rows.add_some("attempts", matches!(plan.kind, StepKind::Call { .. }).then(|| attempts(data, step)));
    rows.add_some("started", (state.started_at != 0).then(|| when(state.started_at, now)));
    rows.add_some("ended", (state.ended_at != 0).then(|| when(state.ended_at, now)));
    rows.add_some("took", took(state).map(time::duration));
    if let Some((wait, due)) = wait_of(data, step) {
        rows.add("waits", wait.in_words(due, now));
        if let (Wait::Retry { at, .. } | Wait::UndoRetry { at, .. }, _) = (&wait, due) {
            rows.add("next attempt", at.as_str());
        }
    }
    rows.add_some("output", state.output.as_ref().map(|output| Stored::from(output).in_words()));
    rows.add_some("by signal", state.signal.as_deref());
    rows.add_some("policy", policy(&plan.policy));
    rows.add_some("undo", plan.undo.as_ref().map(|undo| undo.node.to_string()));
    rows.add_steps("uses", &names(data, &plan.inputs));
    rows.add_steps("after", &names(data, &plan.after));
    rows.add_some("copied", state.copied.then_some("taken over by a fork"));
    if plan.source.line != 0 {
        rows.add("source", format!("{}:{}:{}", plan.source.file, plan.source.line, plan.source.column));
    }
    rows.0
}

fn attempts(data: &WorkflowData, step: StepRef) -> String {
    let state = data.step(step);
    let more = [(state.failures, "failed"), (state.interruptions, "interrupted"), (state.resets, "resets")];
    let more = more.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    std::iter::once(state.attempts.to_string()).chain(more).collect::<Vec<_>>().join(", ")
}

fn names(data: &WorkflowData, steps: &[u32]) -> Vec<String> {
    steps.iter().map(|local| data.plan.step(*local).id.to_string()).collect()
}

/// A policy as it was written, if it is not the default.
fn policy(policy: &Policy) -> Option<String> {
    let limit = |limit: std::time::Duration| time::duration(i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX));
    let parts = [
        policy.retry.map(|retry| format!("retry {} times", retry.times)),
        policy.timeout.map(|timeout| format!("timeout {}", limit(timeout))),
        policy.deadline.map(|deadline| format!("deadline {}", limit(deadline))),
        policy.concurrency.map(|most| format!("concurrency {most}")),
        policy.pure.then(|| "pure".to_owned()),
        policy.blocking.then(|| "blocking".to_owned()),
        policy.at_most_once.then(|| "at most once".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn when(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", time::exact(at), time::age(at, now))
}
