//! Which error has which code. A variant that is new does not compile here until it has one.
//!
//! An error that only carries another has the code of that, unless something else is to be done about it.

use super::{Code, code_of, codes};
use crate::disk::DiskError;
use crate::engine::{AskError, ForkError, MigrationError, RunError, StepFailure};
use crate::state::codec::CodecError;
use crate::state::{ApplyError, DecodeError, EncodeError, FailureKind, InvalidId, InvalidRequestId, NodeFailure};
use crate::store::StoreError;
#[cfg(any(test, feature = "testing"))]
use crate::testing::{CrashFailure, LockError};

impl RunError {
    /// What it is called, with a [page](crate::errors) on what to do. `Store` has the code of what the store said, `Failed`
    /// and `RolledBack` one of their own: each of the [`failures`](Self::failures) has another.
    pub fn code(&self) -> Code {
        match self {
            Self::Failed { .. } => codes::RUN_FAILED,
            Self::RolledBack { .. } => codes::RUN_ROLLED_BACK,
            Self::Cancelled { .. } => codes::RUN_CANCELLED,
            Self::Interrupted { .. } => codes::RUN_INTERRUPTED,
            Self::InvalidId(source) => source.code(),
            Self::Store { source, .. } => source.code(),
            Self::OtherWorkflow { .. } => codes::RESUME_WORKFLOW,
            Self::OtherInput { .. } => codes::RESUME_INPUT,
            Self::PlanChanged { .. } => codes::RESUME_PLAN,
            Self::HeadChanged { .. } => codes::RESUME_HEAD,
            Self::Undecodable { .. } => codes::RESUME_TYPE,
            Self::Migration { source, .. } => source.code(),
            Self::Input { source, .. } => source.code(),
            Self::Stuck { .. } => codes::RUN_STUCK,
        }
    }
}

impl FailureKind {
    /// What a failure of this kind is called, with a [page](crate::errors) on what to do.
    pub fn code(self) -> Code {
        match self {
            Self::Error => codes::STEP_FAILED,
            Self::Panic => codes::STEP_PANICKED,
            Self::Timeout => codes::STEP_TIMEOUT,
            Self::Deadline => codes::STEP_DEADLINE,
            Self::Encode => codes::STEP_OUTPUT,
        }
    }
}

impl NodeFailure {
    /// What it is called, by its [kind](Self::kind), with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        self.kind.code()
    }
}

impl StepFailure {
    /// What it is called, by the kind of its failure, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        self.failure.code()
    }
}

impl MigrationError {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        match self {
            Self::Undecodable(_) | Self::Refused(_) | Self::Panicked { .. } | Self::Unstorable { .. } => {
                codes::RESUME_MIGRATION
            }
        }
    }
}

impl AskError {
    /// What it is called, with a [page](crate::errors) on what to do. `Store` has the code of what the store said.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidId(source) => source.code(),
            Self::InvalidRequestId(source) => source.code(),
            Self::Unknown { .. } => codes::RUN_UNKNOWN,
            Self::Ended { .. } => codes::ASK_ENDED,
            Self::NotEnded { .. } => codes::ASK_NOT_ENDED,
            Self::NothingToRetry { .. } => codes::ASK_NOTHING_FAILED,
            Self::UnknownStep { .. } => codes::STEP_UNKNOWN,
            Self::NotInDoubt { .. } => codes::ASK_NOT_IN_DOUBT,
            Self::OtherOutput { .. } | Self::OtherType { .. } | Self::Unfit { .. } => codes::ASK_TYPE,
            Self::NotJson { .. } => codes::ASK_JSON,
            Self::Output { source, .. } | Self::Value { source, .. } => source.code(),
            Self::Store { source, .. } => source.code(),
        }
    }
}

impl ForkError {
    /// What it is called, with a [page](crate::errors) on what to do. `Store` has the code of what the store said.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidId(source) => source.code(),
            Self::Unknown { .. } => codes::RUN_UNKNOWN,
            Self::UnknownStep { .. } => codes::STEP_UNKNOWN,
            Self::Exists { .. } => codes::RUN_EXISTS,
            Self::Store { source, .. } => source.code(),
        }
    }
}

impl StoreError {
    /// What it is called, with a [page](crate::errors) on what to do. `Other` has the code of what is behind it, if that
    /// has one.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => codes::RUN_UNKNOWN,
            Self::Corrupt { .. } => codes::STORE_CORRUPT,
            Self::Damaged { .. } => codes::STORE_DAMAGED,
            // After a failed sync there is something else to do than after any other failure.
            Self::Io { action, .. } if action.starts_with("sync") => codes::STORE_FSYNC,
            Self::Io { .. } => codes::STORE_IO,
            Self::Full { .. } => codes::STORE_FULL,
            Self::Conflict { .. } => codes::RUN_CONFLICT,
            Self::Held { .. } => codes::RUN_HELD,
            Self::Busy { .. } => codes::STORE_BUSY,
            Self::Locked { .. } => codes::STORE_LOCKED,
            Self::Poisoned { .. } => codes::STORE_FSYNC,
            Self::Newer { .. } => codes::STORE_NEWER,
            Self::OldLibrary { .. } => codes::STORE_LIBRARY,
            Self::ReadOnly { .. } => codes::STORE_READ_ONLY,
            Self::Unstorable { .. } => codes::STORE_UNSTORABLE,
            Self::TooManyRequests { .. } => codes::ASK_TOO_MANY,
            Self::Other(source) => code_of(&**source).unwrap_or(codes::STORE_OTHER),
        }
    }
}

impl DiskError {
    /// What it is called, with a [page](crate::errors) on what to do: as the [`StoreError`] that it becomes.
    pub fn code(&self) -> Code {
        match () {
            () if self.is_full() => codes::STORE_FULL,
            () if self.is_sync() => codes::STORE_FSYNC,
            () => codes::STORE_IO,
        }
    }
}

impl CodecError {
    /// What it is called, with a [page](crate::errors) on what to do: as the [`StoreError`] that it becomes.
    pub fn code(&self) -> Code {
        match self {
            Self::Broken { .. } => codes::STORE_CORRUPT,
            Self::Newer { .. } => codes::STORE_NEWER,
            Self::Unstorable { .. } => codes::STORE_UNSTORABLE,
        }
    }
}

impl ApplyError {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        codes::RECORD_EVENT
    }
}

impl EncodeError {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        codes::VALUE_ENCODE
    }
}

impl DecodeError {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        codes::VALUE_DECODE
    }
}

impl InvalidId {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        codes::ID_WORKFLOW
    }
}

impl InvalidRequestId {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        codes::ID_REQUEST
    }
}

#[cfg(any(test, feature = "testing"))]
impl LockError {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        match self {
            Self::Changed { .. } => codes::SHAPE_CHANGED,
            Self::Missing { .. } => codes::SHAPE_MISSING,
            Self::Broken { .. } => codes::SHAPE_BROKEN,
            Self::Mode { .. } => codes::SHAPE_MODE,
            Self::Disk(_) => codes::SHAPE_FILE,
        }
    }
}

#[cfg(any(test, feature = "testing"))]
impl CrashFailure {
    /// What it is called, with a [page](crate::errors) on what to do.
    pub fn code(&self) -> Code {
        match self {
            Self::Undisturbed { .. } => codes::CRASH_UNDISTURBED,
            Self::NotResumed { .. } => codes::CRASH_NOT_RESUMED,
            Self::Waits { .. } => codes::CRASH_WAITS,
            Self::RanAgain { .. } => codes::CRASH_RAN_AGAIN,
            Self::Differs { .. } => codes::CRASH_DIFFERS,
            Self::NotRepeatable { .. } => codes::CRASH_NOT_REPEATABLE,
            Self::NoSuchStep { .. } => codes::CRASH_NO_SUCH_STEP,
        }
    }
}
