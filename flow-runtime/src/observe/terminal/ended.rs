//! What is said of a run when it comes to its end, for good: lines that stay on the screen.
//!
//! In: a run and how it ended. Out: one line, and of a failure a block with its causes and what to type next.

use std::time::Duration;

use super::board::Run;
use super::screen::{bad, good, named, seconds, word};
use crate::observe::text::{one_line, shown};
use crate::state::{NodeFailure, RunOutcome};

/// How many failed steps are told of, and how long a message may be, in characters.
const STEPS: usize = 5;
const MESSAGE: usize = 500;

/// How a run ended, in one line.
pub(super) fn line(run: &Run, outcome: RunOutcome, failures: &[NodeFailure], took: Duration) -> String {
    let ended = match outcome {
        RunOutcome::Completed => good(&word("done")),
        RunOutcome::Cancelled => bad(&word("cancelled")),
        RunOutcome::RolledBack => bad(&word("undone")),
        RunOutcome::Failed => bad(&word("failed")),
    };
    let why = failures.first().map(|failure| format!(": {}", said_by(failure))).unwrap_or_default();
    format!("{ended} {} in {}, {}{why}", named(run), seconds(took), counted(run))
}

/// How a run failed, with causes and what to do.
pub(super) fn block(run: &Run, outcome: RunOutcome, failures: &[NodeFailure], took: Duration) -> Vec<String> {
    let mut lines = vec![line(run, outcome, &[], took)];
    for failure in failures.iter().take(STEPS) {
        lines.push(format!("{} {}", word(""), said_by(failure)));
        let causes = failure.messages().skip(1);
        lines.extend(causes.map(|cause| format!("{}   caused by: {}", word(""), cut(&one_line(cause)))));
    }
    if failures.len() > STEPS {
        lines.push(format!("{} … and {} more", word(""), failures.len() - STEPS));
    }
    if let Some(id) = &run.id {
        lines.push(format!("{} flow show {}", word("next"), quoted(id)));
        if outcome == RunOutcome::Failed {
            lines.push(format!("{} flow retry {}", word(""), quoted(id)));
        }
    }
    lines
}

/// What is said of a run that the engine has left before its end.
pub(super) fn stopped(run: &Run) -> String {
    let advice = if run.id.is_some() { "; run it again and it goes on" } else { "" };
    format!("{} {}, {}{advice}", bad(&word("stopped")), named(run), counted(run))
}

/// That there is more than is told.
pub(super) fn more(what: &str) -> String {
    format!("{} … and {what}", word(""))
}

fn counted(run: &Run) -> String {
    let mut counted = if run.done == run.known {
        match run.done {
            1 => "1 step".to_owned(),
            done => format!("{done} steps"),
        }
    } else {
        format!("{} of {} steps", run.done, run.known)
    };
    let counts = [(run.saved, "saved"), (run.failed, "failed"), (run.undone, "undone")];
    counted.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")));
    counted
}

fn said_by(failure: &NodeFailure) -> String {
    let attempt = if failure.attempt > 1 { format!(", attempt {}", failure.attempt) } else { String::new() };
    format!("{}{attempt}: {}", shown(&failure.step), cut(&one_line(&failure.message)))
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}

/// An id as a shell takes it.
fn quoted(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=,".contains(c);
    let is_option = id.starts_with('-');
    if id.chars().all(is_plain) && !is_option { id.to_owned() } else { format!("'{}'", id.replace('\'', r"'\''")) }
}
