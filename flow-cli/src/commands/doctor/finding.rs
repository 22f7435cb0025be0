//! What keeps a run from going on.
//!
//! In: a record, what was asked of it, and who drives it. Out: findings, those first that say most.

use flow_runtime::WorkflowData;
use flow_runtime::plan::StepKind;
use flow_runtime::state::{Asked, Request, StepRef, StepStatus, Timestamp, WorkflowStatus};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::time;
use crate::record::{Wait, steps_in, wait_of};
use crate::session::Session;

/// How many findings of a kind are told.
const EACH: usize = 10;
/// For how long who drives a run may leave it waiting beyond its time.
const GRACE: Timestamp = 5_000_000_000;

/// One thing that is to be known, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<String>,
    pub(super) what: String,
    /// The same without what is of this run alone, so that runs can be counted by it.
    #[serde(skip)]
    pub(super) group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
    /// Commands to paste; in `<..>` what is to be filled in.
    pub(super) commands: Vec<String>,
}

/// A run that is looked at.
pub(super) struct Patient<'a> {
    pub(super) data: &'a WorkflowData,
    pub(super) requests: &'a [Request],
    pub(super) holder: Option<&'a str>,
    pub(super) session: &'a Session,
}

impl Finding {
    fn new(kind: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { kind, step: None, group: what.clone(), what, help: None, commands: Vec::new() }
    }

    fn of_step(kind: &'static str, path: String, what: String) -> Self {
        let group = what.clone();
        Self { kind, what: format!("{path}: {what}"), step: Some(path), group, help: None, commands: Vec::new() }
    }

    fn grouped(self, group: impl Into<String>) -> Self {
        Self { group: group.into(), ..self }
    }

    fn helped(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    fn with(mut self, command: String) -> Self {
        self.commands.push(command);
        self
    }

    /// Prints it: what it is, and below what to do.
    pub(super) fn print(&self, session: &mut Session) -> Result<(), Failure> {
        session.out.line(format!("- {}", self.what))?;
        if let Some(help) = &self.help {
            session.out.line(format!("  {help}"))?;
        }
        self.commands.iter().try_for_each(|command| session.out.line(format!("    {command}")))
    }
}

/// What was asked of a run and was not taken.
pub(super) fn of_requests(requests: &[Request], holder: Option<&str>) -> Finding {
    let mut kinds: Vec<&str> = requests.iter().map(|request| request.kind.name()).collect();
    kinds.dedup();
    let (count, kinds) = (requests.len(), kinds.join(", "));
    let what = match count {
        1 => format!("1 request has not been taken: {kinds}"),
        _ => format!("{count} requests have not been taken: {kinds}"),
    };
    let help = match holder {
        Some(holder) => {
            format!("{holder} takes them at its next look, within a second; if it does not, look at its log")
        }
        None => "they are taken when the application runs, and knows the workflow: start it".to_owned(),
    };
    Finding::new("requests", what).grouped("has requests that nobody has taken").helped(help)
}

impl Patient<'_> {
    /// All that is found, with the first of many of a kind.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut found = match self.data.status {
            WorkflowStatus::Completed => {
                vec![Finding::new("completed", "it has completed: there is nothing to wait for")]
            }
            WorkflowStatus::Failed | WorkflowStatus::RolledBack => self.failed(),
            WorkflowStatus::Cancelled => vec![self.cancelled()],
            _ => self.under_way(),
        };
        if !self.requests.is_empty() {
            found.push(of_requests(self.requests, self.holder));
        }
        found.extend(self.effects());
        few_of_each(found)
    }

    fn command(&self, words: &[&str], more: &[&str]) -> String {
        let places: Vec<&str> = std::iter::once(self.data.id.as_str()).chain(more.iter().copied()).collect();
        self.session.command(words, &places)
    }

    fn failed(&self) -> Vec<Finding> {
        let failures = self.data.failures().into_iter().map(|failure| {
            let messages: Vec<&str> = failure.messages().collect();
            let what = format!("failed at attempt {}: {}", failure.attempt, messages.join("; caused by: "));
            Finding::of_step("failed", failure.step.clone(), what).grouped(format!("failed at {}", failure.step))
        });
        let mut found: Vec<Finding> = failures.collect();
        let undone = if self.data.status == WorkflowStatus::RolledBack { ", and what could be undone was" } else { "" };
        let retry = Finding::new("failed", format!("it has failed{undone}"))
            .helped("when the cause is gone, run again what failed and what follows")
            .with(self.command(&["retry"], &[]));
        found.push(retry);
        found
    }

    fn cancelled(&self) -> Finding {
        Finding::new("cancelled", "it was cancelled: it goes on only if a step is run again")
            .with(self.command(&["retry"], &[]))
    }

    /// Effects of which nobody knows, or that stayed.
    fn effects(&self) -> Vec<Finding> {
        use WorkflowStatus::{Cancelled, Failed, RolledBack};
        if !matches!(self.data.status, Failed | RolledBack | Cancelled) {
            return Vec::new();
        }
        let rollback = self.data.rollback();
        let doubt = rollback.in_doubt.into_iter().map(|path| {
            let what = "was in flight when the run stopped, or ran out of time: whether it had its effect is not known";
            Finding::of_step("effect_unknown", path, what.to_owned())
        });
        let failed = rollback.failed.iter().map(|failure| {
            let what = format!("could not be undone: {}", failure.message);
            Finding::of_step("undo_failed", failure.step.clone(), what).helped("its effect is there; undo it by hand")
        });
        let left = rollback
            .left
            .into_iter()
            .map(|path| Finding::of_step("not_undone", path, "has its effect, which was not undone".to_owned()));
        doubt.chain(failed).chain(left).collect()
    }

    fn under_way(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.data.asked == Some(Asked::Pause) {
            found.push(Finding::new("paused", "it is paused").with(self.command(&["resume"], &[])));
        }
        let waits: Vec<Finding> = steps_in(self.data).filter_map(|step| self.wait(step)).collect();
        let running: Vec<Finding> = steps_in(self.data).filter_map(|step| self.running(step)).collect();
        let failures = self.data.failures();
        if let Some(first) = failures.first() {
            let what = format!("{} of its steps failed, such as {}: {}", failures.len(), first.step, first.message);
            found.push(
                Finding::new("failing", what)
                    .grouped(format!("is failing at {}", first.step))
                    .helped("it ends when what runs has ended"),
            );
        }
        if self.data.status == WorkflowStatus::RollingBack {
            found.push(Finding::new("undoing", "what has completed is being undone"));
        }
        let rests = self.data.status == WorkflowStatus::Suspended && waits.iter().all(|wait| wait.kind != "overdue");
        match self.holder {
            None if rests => {
                found.extend(waits);
                found.push(self.not_driven());
            }
            None => {
                found.insert(0, self.not_driven());
                found.extend(running.into_iter().chain(waits));
            }
            Some(holder) => {
                let nothing_waits = running.is_empty() && waits.is_empty();
                found.extend(waits.into_iter().chain(running));
                if nothing_waits && found.is_empty() {
                    found.push(Finding::new(
                        "between_steps",
                        "nothing runs in it and nothing waits: it is between two steps",
                    ));
                }
                found.push(Finding::new("driven", format!("{holder} {}", self.has_it())));
            }
        }
        found
    }

    /// What a holder is known of: SQLite keeps who drives each run, a folder who has it open.
    fn has_it(&self) -> &'static str {
        if self.session.is_folder() { "has the store open" } else { "drives it" }
    }

    fn not_driven(&self) -> Finding {
        let what = if self.session.is_folder() {
            "nobody drives it: no process has the store open for writing"
        } else {
            "nobody drives it: no engine that is alive has claimed it"
        };
        Finding::new("not_driven", what)
            .grouped("nobody drives it")
            .helped("start the application; `engine.recover()` takes up the runs of the workflows that it registers")
    }

    fn wait(&self, step: StepRef) -> Option<Finding> {
        let (wait, due) = wait_of(self.data, step)?;
        let (path, now) = (self.data.path(step), self.session.now);
        let words = wait.in_words(due, now);
        let is_overdue =
            due.is_some_and(|due| now.saturating_sub(due) > GRACE) && self.data.asked != Some(Asked::Pause);
        let of_step = |kind| Finding::of_step(if is_overdue { "overdue" } else { kind }, path.clone(), words.clone());
        let finding = match &wait {
            Wait::Timer { until } => of_step("timer").helped(format!("until {until}")).grouped("waits for a time"),
            Wait::Signal { name, type_name, until } => {
                let send = self.command(&["signal"], &[name, "<json>"]);
                let gives_up = until.as_ref().map(|until| format!("; it gives up at {until}")).unwrap_or_default();
                of_step("signal")
                    .grouped(format!("waits for signal `{name}`"))
                    .helped(format!("its value is a {type_name}{gives_up}"))
                    .with(send)
            }
            Wait::Word { .. } => {
                let resolve = |verdict: &[&str]| self.command(&[&["resolve"], verdict].concat(), &[&path]);
                of_step("doubt")
                    .grouped("waits for an operator's word")
                    .helped("look whether it had its effect, and say which it was")
                    .with(resolve(&["--done", "<json>"]))
                    .with(resolve(&["--not-done"]))
                    .with(resolve(&["--failed", "<why>"]))
            }
            Wait::Retry { at, .. } | Wait::UndoRetry { at, .. } => {
                let message = self.data.step(step).error.as_ref().map(|error| format!(" ({})", error.message));
                of_step("retry")
                    .grouped("waits for its next attempt")
                    .helped(format!("at {at}{}", message.unwrap_or_default()))
            }
        };
        Some(if is_overdue {
            finding.helped(self.not_woken()).grouped("is overdue: nobody has woken it")
        } else {
            finding
        })
    }

    /// Why nobody has gone on with what is due.
    fn not_woken(&self) -> String {
        match self.holder {
            None => "nobody has woken it: start the application".to_owned(),
            Some(holder) => format!(
                "{holder} {}, and has not woken it: has it called `engine.recover()`, and does it register the workflow?",
                self.has_it()
            ),
        }
    }

    fn running(&self, step: StepRef) -> Option<Finding> {
        let (state, plan) = (self.data.step(step), self.data.plan.step(step.local));
        if state.status != StepStatus::Running || !matches!(plan.kind, StepKind::Call { .. }) {
            return None;
        }
        let took = self.session.now.saturating_sub(state.started_at).max(0);
        let what = format!("runs for {}, attempt {}", time::duration(took), state.attempts);
        let limit = plan.policy.timeout.and_then(|timeout| Timestamp::try_from(timeout.as_nanos()).ok());
        let found = Finding::of_step("running", self.data.path(step), what).grouped("has a step that runs");
        Some(match limit.filter(|limit| *limit < took) {
            Some(limit) => found.helped(format!(
                "an attempt may take {}: if it is the first, its process is gone",
                time::duration(limit)
            )),
            None => found,
        })
    }
}

/// The first findings of each kind, with how many more there are.
fn few_of_each(found: Vec<Finding>) -> Vec<Finding> {
    let mut few: Vec<Finding> = Vec::new();
    let mut more: Vec<(&'static str, usize)> = Vec::new();
    for finding in found {
        let kind = finding.kind;
        if few.iter().filter(|kept| kept.kind == kind).count() < EACH {
            few.push(finding);
            continue;
        }
        match more.iter_mut().find(|(counted, _)| *counted == kind) {
            Some((_, count)) => *count += 1,
            None => more.push((kind, 1)),
        }
    }
    few.extend(more.into_iter().map(|(kind, count)| Finding::new(kind, format!("and {count} more: {kind}"))));
    few
}
