//! Why a step failed, for JSON and in lines.

use flow_runtime::NodeFailure;
use flow_runtime::state::FailureKind;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Out;

/// Why a step failed.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) step: String,
    kind: &'static str,
    attempt: u32,
    message: String,
    causes: Vec<String>,
    permanent: bool,
}

impl From<&NodeFailure> for Failed {
    fn from(failure: &NodeFailure) -> Self {
        let mut messages = failure.messages().map(str::to_owned);
        Self {
            step: failure.step.clone(),
            kind: kind(failure.kind),
            attempt: failure.attempt,
            message: messages.next().unwrap_or_default(),
            causes: messages.collect(),
            permanent: failure.permanent,
        }
    }
}

impl Failed {
    /// Prints it: the message, and a line for each cause.
    pub(crate) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let Self { step, attempt, message, .. } = self;
        let permanent = if self.permanent { ", for good" } else { "" };
        out.line(format!("{step} failed at attempt {attempt}{permanent}: {message}"))?;
        self.causes.iter().try_for_each(|cause| out.line(format!("  caused by: {cause}")))
    }
}

const fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Error => "Error",
        FailureKind::Panic => "Panic",
        FailureKind::Timeout => "Timeout",
        FailureKind::Deadline => "Deadline",
        FailureKind::Encode => "Encode",
        _ => "Unknown",
    }
}
