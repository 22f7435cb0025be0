//! Our enums and those of the schema, by name. A value that the schema does not name is refused.

use super::{CodecError, fb};
use crate::state::{
    Asked, CompletedBy, FailureKind, Phase, ResetMode, RollbackCause, RunOutcome, StepStatus, WorkflowStatus,
};

/// An enum of the schema that is one of ours.
pub(super) trait Named: Copy {
    type Ours;
    fn ours(self) -> Result<Self::Ours, CodecError>;
}

/// A value of the schema that this version has no name for.
pub(super) fn unknown(what: &str, found: u8, last: u8) -> CodecError {
    CodecError::Newer { found: format!("{what} {found}"), known: format!("{what} up to {last}") }
}

/// As [`unknown`], with the name that a newer version left for us.
pub(super) fn unknown_named(what: &str, name: Option<&str>, found: u8, last: u8) -> CodecError {
    let Some(name) = name else { return unknown(what, found, last) };
    let name: String = name.escape_debug().take(64).collect();
    CodecError::Newer { found: format!("{what} (`{name}`) {found}"), known: format!("{what} up to {last}") }
}

macro_rules! same_names {
    ($ours:ident = $theirs:ident, $what:literal: $($name:ident)+) => {
        impl From<$ours> for fb::$theirs {
            fn from(value: $ours) -> Self {
                match value { $($ours::$name => Self::$name,)+ }
            }
        }

        impl Named for fb::$theirs {
            type Ours = $ours;
            fn ours(self) -> Result<$ours, CodecError> {
                match self {
                    $(Self::$name => Ok($ours::$name),)+
                    Self(other) => Err(unknown($what, other, Self::ENUM_MAX)),
                }
            }
        }
    };
}

same_names!(FailureKind = FailureKind, "failure kind": Error Panic Timeout Deadline Encode);
same_names!(Phase = Phase, "phase": Do Undo);
same_names!(ResetMode = ResetMode, "reset mode": Failed From);
same_names!(Asked = AskedKind, "request": Cancel Terminate Pause Resume);
same_names!(RollbackCause = RollbackCause, "rollback cause": Failure Cancel);
same_names!(RunOutcome = Outcome, "outcome": Completed Failed Cancelled RolledBack);
same_names!(StepStatus = StepStatus, "step status": Pending Running Waiting Completed Failed Cancelled Skipped
    Bypassed Compensated CompensationFailed);
same_names!(WorkflowStatus = RunStatus, "run status": Running Suspended Completed Failed Cancelled RollingBack
    RolledBack);

/// Who completed a step, without the signal's id.
pub(super) fn completed_by(by: &CompletedBy) -> fb::CompletedBy {
    match by {
        CompletedBy::Body => fb::CompletedBy::Body,
        CompletedBy::Signal(_) => fb::CompletedBy::Signal,
        CompletedBy::Operator => fb::CompletedBy::Operator,
        CompletedBy::Copied => fb::CompletedBy::Copied,
    }
}
