//! What a crash has done to a run, in words: where the process was killed, which steps it is about, and what is different.

use std::fmt;

use super::CrashPoint;
use crate::engine::RunError;
use crate::errors::report;
use crate::state::WaitingOn;

/// A workflow does not survive a crash. `Debug` shows what [`report`] does, the text of `Display` with the causes behind it
/// and what to do, so that `unwrap` in a test tells all.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CrashFailure {
    /// The run comes to no end even without a crash.
    ///
    /// [`E-CRASH-UNDISTURBED`](crate::errors::codes::CRASH_UNDISTURBED).
    #[error("without any crash, the run does not come to its end")]
    Undisturbed {
        /// Why.
        source: RunError,
    },
    /// The run could not be taken up, or did not come to its end.
    ///
    /// [`E-CRASH-NOT-RESUMED`](crate::errors::codes::CRASH_NOT_RESUMED).
    #[error("{at}: the next process cannot bring the run to its end")]
    NotResumed {
        /// Where the process was killed.
        at: CrashPoint,
        /// Why.
        source: RunError,
    },
    /// Nothing that was done in `when_parked` lets the run go on.
    ///
    /// [`E-CRASH-WAITS`](crate::errors::codes::CRASH_WAITS).
    #[error("{}the run waits for {}, and nothing lets it go on; say in `when_parked` what does", before(.at.as_ref()), all(.waits))]
    Waits {
        /// Where the process was killed; `None` if this happens without a crash.
        at: Option<CrashPoint>,
        /// The steps that wait, by their paths, and for what.
        waits: Vec<(String, WaitingOn)>,
    },
    /// Steps ran again although their end was durable.
    ///
    /// [`E-CRASH-RAN-AGAIN`](crate::errors::codes::CRASH_RAN_AGAIN).
    #[error("{at}: {} had ended and ran again", quoted(.steps))]
    RanAgain {
        /// Where the process was killed.
        at: CrashPoint,
        /// The steps, by their paths.
        steps: Vec<String>,
    },
    /// The run ended otherwise than without a crash.
    ///
    /// [`E-CRASH-DIFFERS`](crate::errors::codes::CRASH_DIFFERS).
    #[error("{at}: the run ended otherwise than without a crash: {}", .what.join("; "))]
    Differs {
        /// Where the process was killed.
        at: CrashPoint,
        /// What is different.
        what: Vec<String>,
    },
    /// The run ended otherwise than before, although no process was killed: its nodes do not give the same twice.
    ///
    /// [`E-CRASH-NOT-REPEATABLE`](crate::errors::codes::CRASH_NOT_REPEATABLE).
    #[error("the run ends otherwise each time, even without a crash: {}", .what.join("; "))]
    NotRepeatable {
        /// What is different.
        what: Vec<String>,
    },
    /// The process was to be killed at a step that does not run.
    ///
    /// [`E-CRASH-NO-SUCH-STEP`](crate::errors::codes::CRASH_NO_SUCH_STEP).
    #[error("no step `{step}` runs here; those that do are {}", quoted(.steps))]
    NoSuchStep {
        /// The step that was named.
        step: String,
        /// The steps that run, by their paths.
        steps: Vec<String>,
    },
}

impl fmt::Debug for CrashFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&report(self), f)
    }
}

fn before(at: Option<&CrashPoint>) -> String {
    at.map_or_else(String::new, |at| format!("{at}: "))
}

fn quoted(steps: &[String]) -> String {
    let quoted: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
    quoted.join(", ")
}

fn all(waits: &[(String, WaitingOn)]) -> String {
    if waits.is_empty() {
        return "someone to resume it".to_owned();
    }
    let waits: Vec<String> = waits.iter().map(|(step, on)| wait(step, on)).collect();
    waits.join(", ")
}

fn wait(step: &str, on: &WaitingOn) -> String {
    match on {
        WaitingOn::Timer(_) => format!("a time, in step `{step}`"),
        WaitingOn::Signal { name, .. } => format!("the signal `{}`, in step `{step}`", name.escape_debug()),
        WaitingOn::Doubt(attempt) => format!("a word on attempt {attempt} of step `{step}`"),
    }
}
