//! Progress as plain lines: one fact, one line.

use std::fmt::{self, Display};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::text::{one_line, shown};
use super::{Notice, Observer, What};
use crate::state::{Asked, NodeFailure, RegionKind, ResetMode, RunOutcome, WaitingOn};

/// Writes one line for each fact, by default to standard error.
///
/// ```
/// use flow_runtime::observe::LineProgress;
/// use flow_runtime::{Engine, InMemoryStore};
/// let engine = Engine::builder(InMemoryStore::default()).observe(LineProgress::stderr()).build();
/// ```
pub struct LineProgress<W = std::io::Stderr> {
    out: Mutex<W>,
}

impl LineProgress {
    /// Progress on standard error.
    pub fn stderr() -> Self {
        Self::new(std::io::stderr())
    }
}

impl<W: Write + Send + 'static> LineProgress<W> {
    /// Progress on this writer. What cannot be written is left out: progress is no reason to stop.
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out) }
    }
}

impl<W: Write + Send + 'static> Observer for LineProgress<W> {
    fn observe(&self, notice: &Notice<'_>) {
        if matches!(
            notice.what,
            What::StepStarted { attempt: 1 } | What::UndoStarted { attempt: 1 } | What::RegionOpened(RegionKind::Sub)
        ) {
            return;
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(out, "{}", Line(notice));
    }
}

struct Line<'a>(&'a Notice<'a>);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Notice { workflow, id, step, what, .. } = self.0;
        match id {
            Some(id) => write!(f, "{} {}", shown(workflow), shown(id.as_str()))?,
            None => write!(f, "{}", shown(workflow))?,
        }
        if let Some(step) = step {
            write!(f, " {}", shown(step))?;
        }
        f.write_str(": ")?;
        match what {
            What::RunCreated => f.write_str("begins"),
            What::RunResumed { saved: 1, .. } => f.write_str("goes on, 1 step is saved"),
            What::RunResumed { saved, .. } => write!(f, "goes on, {saved} steps are saved"),
            What::StepsReset(ResetMode::Failed) => f.write_str("runs again what failed"),
            What::StepsReset(ResetMode::From) => f.write_str("runs again from a step that was named"),
            What::Asked(Asked::Cancel) => f.write_str("is to be cancelled"),
            What::Asked(Asked::Terminate) => f.write_str("is to be terminated"),
            What::Asked(Asked::Pause) => f.write_str("is paused"),
            What::Asked(Asked::Resume) => f.write_str("is resumed"),
            What::RegionOpened(RegionKind::Arm { label, .. }) => write!(f, "takes `{}`", shown(label)),
            What::RegionOpened(RegionKind::Items(len)) => write!(f, "{len} items"),
            What::RegionOpened(RegionKind::Sub) => f.write_str("begins"),
            What::StepStarted { attempt } => write!(f, "attempt {attempt}"),
            What::StepWaits(WaitingOn::Timer(_)) => f.write_str("waits"),
            What::StepWaits(WaitingOn::Signal { name, .. }) => write!(f, "waits for signal `{}`", shown(name)),
            What::StepWaits(WaitingOn::Doubt(attempt)) => {
                write!(f, "attempt {attempt} may or may not have happened: waits for somebody's word")
            }
            What::AttemptFailed { attempt, failure, retry_in } => {
                write!(f, "attempt {attempt} failed ({}), again in {retry_in:?}", why(failure))
            }
            What::StepCompleted { took, .. } => write!(f, "done in {took:?}"),
            What::StepFailed { failure, .. } => write!(f, "failed: {}", why(failure)),
            What::StepCancelled => f.write_str("cancelled"),
            What::StepReleased => f.write_str("given back"),
            What::Progress { fraction, message } => write!(f, "{:.0} % {}", fraction * 100.0, one_line(message)),
            What::RollbackStarted(_) => f.write_str("is undone"),
            What::UndoStarted { attempt } => write!(f, "attempt {attempt} to undo"),
            What::UndoAttemptFailed { attempt, failure, retry_in } => {
                write!(f, "attempt {attempt} to undo failed ({}), again in {retry_in:?}", why(failure))
            }
            What::UndoCompleted => f.write_str("undone"),
            What::UndoFailed { failure } => write!(f, "could not be undone: {}", why(failure)),
            What::RunEnded { outcome: RunOutcome::Completed, .. } => f.write_str("completed"),
            What::RunEnded { outcome: RunOutcome::Failed, .. } => f.write_str("failed"),
            What::RunEnded { outcome: RunOutcome::Cancelled, .. } => f.write_str("cancelled"),
            What::RunEnded { outcome: RunOutcome::RolledBack, .. } => f.write_str("failed, and undone"),
        }
    }
}

/// The messages of a failure and its causes on one line, whatever is in them.
fn why(failure: &NodeFailure) -> String {
    let messages: Vec<&str> = failure.messages().collect();
    one_line(&messages.join(": "))
}

impl<W> fmt::Debug for LineProgress<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineProgress").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sample;
    use super::*;
    use crate::state::{Cause, FailureKind};

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let failure = NodeFailure {
            step: "report".to_owned(),
            kind: FailureKind::Error,
            attempt: 1,
            message: "cannot write a.md".to_owned(),
            cause: Cause::chain(vec!["the disk said:\n  full\u{1b}[2J".to_owned()]),
            permanent: false,
        };
        let progress = LineProgress::new(Vec::new());
        let what = What::StepFailed { attempt: 1, failure: &failure, took: Duration::ZERO };
        let plan = sample::plan("audit", &["report"]);
        progress.observe(&Notice::new(&plan, None, Some((0, "report")), what));
        let written = progress.out.into_inner().unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "audit report: failed: cannot write a.md: the disk said: full\\u{1b}[2J\n"
        );
    }
}
