//! A run laid over the picture of its plan.
//!
//! In: a record. Out: for each step of the plan, what its status means and what is said of it, in words; for each region,
//! whether the run went by it. A step in a fan-out stands once in the picture and for each item in the record, so it is
//! counted by status.

use std::fmt::Write;

use super::{StepRef, StepState, StepStatus, WaitingOn, WorkflowData, WorkflowStatus};
use crate::plan::{Format, Local, Look, Mark, Marks, StepKind};

/// The statuses in the order in which they are counted: first what one would look for first.
const STATUSES: [StepStatus; 10] = [
    StepStatus::Failed,
    StepStatus::CompensationFailed,
    StepStatus::Running,
    StepStatus::Waiting,
    StepStatus::Pending,
    StepStatus::Compensated,
    StepStatus::Cancelled,
    StepStatus::Skipped,
    StepStatus::Completed,
    StepStatus::Bypassed,
];

impl WorkflowData {
    /// The run as a picture: the plan that it follows with the status of each step, how often it was attempted and how
    /// long it took. Arms that were not taken pale; steps of a fan-out are counted by status.
    ///
    /// Nothing of inputs, outputs and errors is in it. How long an unfinished step has been under way is not said, so the
    /// same record gives the same text.
    ///
    /// ```
    /// use flow_runtime::WorkflowId;
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
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::new(InMemoryStore::default());
    /// twice(1).run(&engine, "run-1").await?;
    /// let run = engine.load(&WorkflowId::new("run-1")?).await?;
    /// let text = run.render(Format::Text);
    /// assert!(text.contains("✓ once (double)           completed in "), "{text}");
    /// assert!(run.render(Format::Svg).contains(">run run-1: completed in "));
    /// # Ok(())
    /// # }
    /// ```
    pub fn render(&self, format: Format) -> String {
        self.plan.render_marked(format, Some(&self.marks()))
    }

    fn marks(&self) -> Marks {
        let mut steps: Vec<Vec<StepRef>> = vec![Vec::new(); self.plan.steps.len()];
        let mut opened = vec![false; self.plan.regions.len()];
        for (instance, state) in (0..).zip(&self.instances) {
            opened[state.region as usize] = true;
            for local in self.plan.region(state.region).locals() {
                steps[local as usize].push(StepRef::new(instance, local));
            }
        }
        let closed = self.closed(&steps, &opened);
        let mark = |(local, refs): (usize, &Vec<StepRef>)| {
            let closed = closed[self.plan.steps[local].region as usize];
            closed.map_or_else(|| self.mark(local as Local, refs), of_closed)
        };
        Marks {
            run: self.headline(),
            steps: steps.iter().enumerate().map(mark).collect(),
            pale: closed.iter().map(|status| status.is_some_and(StepStatus::has_ended)).collect(),
        }
    }

    /// For each region that no instance is of, the status that its steps have for that.
    fn closed(&self, steps: &[Vec<StepRef>], opened: &[bool]) -> Vec<Option<StepStatus>> {
        let mut closed: Vec<Option<StepStatus>> = vec![None; opened.len()];
        for (index, region) in self.plan.regions.iter().enumerate().filter(|(index, _)| !opened[*index]) {
            let status = region.parent.map_or(StepStatus::Pending, |parent| {
                let around = closed[self.plan.step(parent).region as usize];
                around.unwrap_or_else(|| self.of_unopened(parent, &steps[parent as usize]))
            });
            closed[index] = Some(status);
        }
        closed
    }

    /// The status of the steps in a region of this step that was not opened, in any instance.
    fn of_unopened(&self, parent: Local, refs: &[StepRef]) -> StepStatus {
        let states = || refs.iter().map(|step| self.step(*step));
        let is_branch = matches!(self.plan.step(parent).kind, StepKind::Branch { .. });
        let is_open = |state: &StepState| !state.status.has_ended() && state.opened_len == 0;
        if refs.is_empty() || states().any(is_open) {
            StepStatus::Pending
        } else if is_branch && states().any(|state| state.opened_len > 0) {
            StepStatus::Bypassed
        } else {
            // Without an item there is nothing that a fan-out could have done.
            let last = states().next().map_or(StepStatus::Pending, |state| state.status);
            if last == StepStatus::Completed { StepStatus::Bypassed } else { last.of_closed_arms() }
        }
    }

    fn mark(&self, local: Local, refs: &[StepRef]) -> Mark {
        match refs {
            [] => of_closed(StepStatus::Pending),
            [only] => Mark { look: self.look(*only), note: self.note(*only) },
            _ => self.mark_many(local, refs),
        }
    }

    fn look(&self, step: StepRef) -> Look {
        let state = self.step(step);
        if state.undo.is_some() { Look::Running } else { look(state.status) }
    }

    /// What is said of a step that is there once.
    fn note(&self, step: StepRef) -> String {
        let state = self.step(step);
        let mut note = word(state.status).to_owned();
        match (state.status, state.waiting.as_deref()) {
            (StepStatus::Waiting, Some(WaitingOn::Timer(_))) => note.push_str(" for a time"),
            (StepStatus::Waiting, Some(WaitingOn::Signal { name, .. })) => {
                let _ = write!(note, " for signal `{name}`");
            }
            (StepStatus::Waiting, Some(WaitingOn::Doubt(_))) => note.push_str(" for somebody's word"),
            _ => {}
        }
        if let Some(took) = took(state) {
            let _ = write!(note, " in {}", how_long(took));
        }
        if state.status == StepStatus::Failed && self.plan.step(step.local).catch {
            note.push_str(", caught");
        }
        if state.copied {
            note.push_str(", taken over");
        }
        if state.status == StepStatus::Pending && state.failures > 0 {
            let _ = write!(note, ", to be attempted again after {}", times(state.failures));
        } else if state.attempts > 1 {
            let _ = write!(note, ", {}", times(state.attempts));
        }
        if state.undo.is_some() {
            note.push_str(", being undone");
        }
        self.note_items(step, &mut note);
        note
    }

    /// How many items of a fan-out have come to their end.
    fn note_items(&self, step: StepRef, note: &mut String) {
        if !matches!(self.plan.step(step.local).kind, StepKind::Each { .. }) {
            return;
        }
        let items = self.opened_by(step).map(|item| &self.instances[item as usize]);
        let (mut all, mut failed, mut over) = (0, 0, 0);
        for item in items {
            all += 1;
            failed += u32::from(item.failed);
            over += u32::from(item.is_over() && !item.failed);
        }
        if all > 0 {
            let _ = write!(note, ", {over} of {all} items completed");
        }
        if failed > 0 {
            let _ = write!(note, ", {failed} failed");
        }
    }

    /// What is said of a step in a fan-out: how many there are of each status, and the most attempts and the longest time
    /// that one of them took.
    fn mark_many(&self, local: Local, refs: &[StepRef]) -> Mark {
        let mut counts = [0_u32; STATUSES.len()];
        let (mut attempts, mut longest) = (0, None);
        for state in refs.iter().map(|step| self.step(*step)) {
            counts[place(state.status)] += 1;
            attempts = attempts.max(state.attempts);
            longest = longest.max(took(state));
        }
        let counted = || STATUSES.iter().zip(counts).filter(|(_, count)| *count > 0);
        let words: Vec<String> = counted().map(|(status, count)| format!("{count} {}", word(*status))).collect();
        let mut note = words.join(", ");
        if let Some(longest) = longest {
            let _ = write!(note, " in up to {}", how_long(longest));
        }
        if self.plan.step(local).catch && counts[place(StepStatus::Failed)] > 0 {
            note.push_str(", caught");
        }
        if attempts > 1 {
            let _ = write!(note, ", up to {attempts} attempts");
        }
        let first = counted().next().map_or(StepStatus::Pending, |(status, _)| *status);
        // Where some are done and others have not begun, the step as a whole is under way.
        let is_begun = first == StepStatus::Pending && counts[place(StepStatus::Completed)] > 0;
        Mark { look: if is_begun { Look::Running } else { look(first) }, note }
    }

    /// Which run this is, and how it stands.
    fn headline(&self) -> String {
        let status = match self.status {
            WorkflowStatus::Running => "running",
            WorkflowStatus::Suspended => "suspended",
            WorkflowStatus::Completed => "completed",
            WorkflowStatus::Failed => "failed",
            WorkflowStatus::Cancelled => "cancelled",
            WorkflowStatus::RollingBack => "rolling back",
            WorkflowStatus::RolledBack => "rolled back",
        };
        let took = self.updated_at.saturating_sub(self.created_at);
        let is_known = self.status.is_terminal() && took >= 0;
        let took = if is_known { format!(" in {}", how_long(took)) } else { String::new() };
        format!("run {}: {status}{took}", self.id)
    }
}

fn of_closed(status: StepStatus) -> Mark {
    Mark { look: look(status), note: word(status).to_owned() }
}

/// The place of a status in [`STATUSES`].
fn place(status: StepStatus) -> usize {
    STATUSES.iter().position(|other| *other == status).unwrap_or_default()
}

fn word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "pending",
        StepStatus::Running => "running",
        StepStatus::Waiting => "waiting",
        StepStatus::Completed => "completed",
        StepStatus::Failed => "failed",
        StepStatus::Cancelled => "cancelled",
        StepStatus::Skipped => "skipped",
        StepStatus::Bypassed => "bypassed",
        StepStatus::Compensated => "compensated",
        StepStatus::CompensationFailed => "compensation failed",
    }
}

fn look(status: StepStatus) -> Look {
    match status {
        StepStatus::Pending => Look::Open,
        StepStatus::Running => Look::Running,
        StepStatus::Waiting => Look::Waiting,
        StepStatus::Completed => Look::Completed,
        StepStatus::Failed | StepStatus::CompensationFailed => Look::Failed,
        StepStatus::Cancelled | StepStatus::Skipped | StepStatus::Bypassed => Look::Stopped,
        StepStatus::Compensated => Look::Undone,
    }
}

fn times(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

/// How long a step took, in nanoseconds, from its first attempt to its end.
fn took(state: &StepState) -> Option<i64> {
    let took = state.ended_at.saturating_sub(state.started_at);
    (state.started_at > 0 && state.ended_at > 0 && took >= 0).then_some(took)
}

/// A length of time as one says it, in one or two units.
fn how_long(nanos: i64) -> String {
    let (micros, millis, seconds) = (nanos / 1_000, nanos / 1_000_000, nanos / 1_000_000_000);
    let two = |whole: i64, unit: &str, rest: i64, smaller: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {smaller}"),
    };
    match seconds {
        0 if millis == 0 => format!("{micros} µs"),
        0 => format!("{millis} ms"),
        1..=59 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..=3_599 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..=86_399 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

#[cfg(test)]
mod tests;
