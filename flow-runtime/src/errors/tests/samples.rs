//! A sample of every variant of every public error. A variant that is new does not compile here until it has one.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::DiskError;
use crate::engine::{AskError, Failures, ForkError, MigrationError, PlanChanges, RunError, StepFailure};
use crate::errors::Code;
use crate::state::codec::CodecError;
use crate::state::{
    ApplyError, BoxError, Cause, DecodeError, EncodeError, FailureKind, InvalidId, InvalidRequestId, NodeFailure,
    Request, RequestKind, Rollback, StepStatus, WorkflowId, WorkflowStatus,
};
use crate::store::StoreError;
use crate::testing::{CrashFailure, CrashPoint, LockError, ShapeChanges};

/// An error, with its own word for its code.
pub(super) struct Sample {
    /// `StoreError::Locked`; the type alone if it has no variants.
    pub(super) variant: String,
    pub(super) code: Code,
    pub(super) error: BoxError,
}

/// What is behind it all, wherever something is.
pub(super) const ROOT: &str = "the root of it";

/// An error that has something behind it.
#[derive(Debug, thiserror::Error)]
#[error("in between")]
pub(super) struct Between(#[source] pub(super) io::Error);

pub(super) fn root() -> io::Error {
    io::Error::other(ROOT)
}

fn id() -> WorkflowId {
    WorkflowId::new("r").unwrap()
}

fn path() -> PathBuf {
    PathBuf::from("/store/file")
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn decode_error() -> DecodeError {
    DecodeError { expected: "Order", reason: text(ROOT) }
}

fn encode_error() -> EncodeError {
    EncodeError { type_name: "Order", reason: text(ROOT) }
}

fn invalid_id() -> InvalidId {
    WorkflowId::new("").unwrap_err()
}

/// A step that failed with [`Between`], as it is told in the process where it did, and after that.
pub(super) fn failed(step: &str, is_at_hand: bool) -> StepFailure {
    let cause = Cause::chain(vec![text(ROOT)]);
    let failure = NodeFailure {
        step: text(step),
        kind: FailureKind::Error,
        attempt: 2,
        message: text("in between"),
        cause,
        permanent: false,
    };
    let error: Option<Arc<dyn Error + Send + Sync>> = is_at_hand.then(|| Arc::new(Between(root())) as _);
    StepFailure { failure, error }
}

/// A sample of each variant: that of the variant after this one.
pub(super) fn run_error_after(error: Option<&RunError>) -> Option<RunError> {
    let (workflow, id, step) = (text("order"), id(), text("charge"));
    let failures = Failures::new(vec![failed("charge", true), failed("ship", false)]);
    let rollback = Arc::new(Rollback { left: vec![text("pack")], ..Rollback::default() });
    let next = match error {
        None => RunError::Failed { workflow, id: Some(id), failures, rollback },
        Some(RunError::Failed { .. }) => RunError::RolledBack { workflow, id: None, failures, rollback },
        Some(RunError::RolledBack { .. }) => RunError::Cancelled { workflow, id, rollback },
        Some(RunError::Cancelled { .. }) => RunError::Interrupted { workflow, id: None },
        Some(RunError::Interrupted { .. }) => RunError::InvalidId(invalid_id()),
        Some(RunError::InvalidId(_)) => {
            let source = StoreError::from(DiskError::new("write", path(), root()));
            RunError::Store { workflow, id, source: Arc::new(source) }
        }
        Some(RunError::Store { .. }) => RunError::OtherWorkflow { id, stored: workflow, asked: text("another") },
        Some(RunError::OtherWorkflow { .. }) => RunError::OtherInput { workflow, id },
        Some(RunError::OtherInput { .. }) => {
            RunError::PlanChanged { workflow, id, changes: PlanChanges::default(), reason: text("it has ended") }
        }
        Some(RunError::PlanChanged { .. }) => {
            RunError::HeadChanged { workflow, id, step, recorded: text("3 items"), now: text("4 items") }
        }
        Some(RunError::HeadChanged { .. }) => {
            let (stored, expected) = (text("Parcel"), text("Order"));
            RunError::Undecodable { workflow, id, step, stored, expected, source: decode_error() }
        }
        Some(RunError::Undecodable { .. }) => {
            let (stored, expected) = (text("Parcel"), text("Order"));
            let source = MigrationError::Refused(Arc::new(Between(root())));
            RunError::Migration { workflow, id, step, from: 1, stored, expected, source }
        }
        Some(RunError::Migration { .. }) => RunError::Input { workflow, source: encode_error() },
        Some(RunError::Input { .. }) => RunError::Stuck { workflow, id: None, reason: text("steps are left") },
        Some(RunError::Stuck { .. }) => return None,
    };
    Some(next)
}

fn store_error_after(error: Option<&StoreError>) -> Option<StoreError> {
    let (id, path, reason, holder, action) = (id(), path(), text("a reason"), text("process 7"), "write");
    let next = match error {
        None => StoreError::NotFound { id },
        Some(StoreError::NotFound { .. }) => StoreError::Corrupt { id, path: Some(path), reason },
        Some(StoreError::Corrupt { .. }) => StoreError::Damaged { path, reason },
        Some(StoreError::Damaged { .. }) => StoreError::Io { action, path, source: root() },
        Some(StoreError::Io { .. }) => StoreError::Full { action, path, source: root() },
        Some(StoreError::Full { .. }) => StoreError::Conflict { id, reason },
        Some(StoreError::Conflict { .. }) => StoreError::Held { id, holder },
        Some(StoreError::Held { .. }) => StoreError::Busy { path, reason },
        Some(StoreError::Busy { .. }) => StoreError::Locked { path, holder },
        Some(StoreError::Locked { .. }) => StoreError::Poisoned { path, reason },
        Some(StoreError::Poisoned { .. }) => {
            StoreError::Newer { what: text("it"), found: text("format 9"), known: text("formats up to 1") }
        }
        Some(StoreError::Newer { .. }) => StoreError::ReadOnly { path },
        Some(StoreError::ReadOnly { .. }) => StoreError::Unstorable { id, reason },
        Some(StoreError::Unstorable { .. }) => StoreError::TooManyRequests { id, most: 10_000 },
        Some(StoreError::TooManyRequests { .. }) => {
            StoreError::OldLibrary { found: text("SQLite 3.51.2"), needed: text("3.51.3") }
        }
        Some(StoreError::OldLibrary { .. }) => StoreError::Other(Box::new(Between(root()))),
        Some(StoreError::Other(_)) => return None,
    };
    Some(next)
}

fn ask_error_after(error: Option<&AskError>) -> Option<AskError> {
    let (id, workflow, name, step) = (id(), text("order"), text("manager"), text("charge"));
    Some(match error {
        None => AskError::InvalidId(invalid_id()),
        Some(AskError::InvalidId(_)) => {
            AskError::InvalidRequestId(Request::new("", 0, RequestKind::Cancel).unwrap_err())
        }
        Some(AskError::InvalidRequestId(_)) => AskError::Unknown { id },
        Some(AskError::Unknown { .. }) => {
            AskError::Ended { id, workflow, status: WorkflowStatus::Failed, what: "Signal" }
        }
        Some(AskError::Ended { .. }) => {
            AskError::NotEnded { id, workflow, status: WorkflowStatus::Running, what: "RetryFailed" }
        }
        Some(AskError::NotEnded { .. }) => AskError::NothingToRetry { id, workflow },
        Some(AskError::NothingToRetry { .. }) => AskError::UnknownStep { id, workflow, step },
        Some(AskError::UnknownStep { .. }) => AskError::NotInDoubt { id, step, status: StepStatus::Running },
        Some(AskError::NotInDoubt { .. }) => {
            AskError::OtherOutput { id, step, expected: text("Receipt"), sent: text("bool") }
        }
        Some(AskError::OtherOutput { .. }) => AskError::Output { id, step, source: encode_error() },
        Some(AskError::Output { .. }) => {
            AskError::OtherType { id, name, expected: text("Approval"), sent: text("bool") }
        }
        Some(AskError::OtherType { .. }) => AskError::NotJson { id, reason: text("a reason") },
        Some(AskError::NotJson { .. }) => {
            AskError::Unfit { id, what: name, expected: text("bool"), reason: text("a reason") }
        }
        Some(AskError::Unfit { .. }) => AskError::Value { id, name, source: encode_error() },
        Some(AskError::Value { .. }) => {
            let source = StoreError::Io { action: "write", path: path(), source: root() };
            AskError::Store { id, source: Arc::new(source) }
        }
        Some(AskError::Store { .. }) => return None,
    })
}

fn fork_error_after(error: Option<&ForkError>) -> Option<ForkError> {
    let (id, workflow, step) = (id(), text("order"), text("charge"));
    Some(match error {
        None => ForkError::InvalidId(invalid_id()),
        Some(ForkError::InvalidId(_)) => ForkError::Unknown { id },
        Some(ForkError::Unknown { .. }) => ForkError::UnknownStep { id, workflow, step },
        Some(ForkError::UnknownStep { .. }) => ForkError::Exists { id },
        Some(ForkError::Exists { .. }) => {
            let source = StoreError::Io { action: "write", path: path(), source: root() };
            ForkError::Store { id, source: Arc::new(source) }
        }
        Some(ForkError::Store { .. }) => return None,
    })
}

fn codec_error_after(error: Option<&CodecError>) -> Option<CodecError> {
    let reason = text("a reason");
    Some(match error {
        None => CodecError::Broken { reason },
        Some(CodecError::Broken { .. }) => CodecError::Newer { found: text("format 9"), known: text("up to 1") },
        Some(CodecError::Newer { .. }) => CodecError::Unstorable { reason },
        Some(CodecError::Unstorable { .. }) => return None,
    })
}

fn migration_error_after(error: Option<&MigrationError>) -> Option<MigrationError> {
    Some(match error {
        None => MigrationError::Undecodable(decode_error()),
        Some(MigrationError::Undecodable(_)) => MigrationError::Refused(Arc::new(Between(root()))),
        Some(MigrationError::Refused(_)) => MigrationError::Panicked { message: text(ROOT) },
        Some(MigrationError::Panicked { .. }) => MigrationError::Unstorable { reason: text(ROOT) },
        Some(MigrationError::Unstorable { .. }) => return None,
    })
}

fn lock_error_after(error: Option<&LockError>) -> Option<LockError> {
    let (path, workflow, version, reason) = (path(), text("order"), 2, text("a reason"));
    Some(match error {
        None => LockError::Changed { path, workflow, version, changes: ShapeChanges::default() },
        Some(LockError::Changed { .. }) => LockError::Missing { path, workflow, version },
        Some(LockError::Missing { .. }) => LockError::Broken { path, line: 3, reason },
        Some(LockError::Broken { .. }) => LockError::Mode { value: text("sometimes") },
        Some(LockError::Mode { .. }) => LockError::Disk(DiskError::new("write", path, root())),
        Some(LockError::Disk(_)) => return None,
    })
}

fn crash_failure_after(error: Option<&CrashFailure>) -> Option<CrashFailure> {
    let at = CrashPoint { commit: 3, events: vec![text("StepCompleted charge")], is_durable: true };
    let (steps, what) = (vec![text("charge")], vec![text("the output is another")]);
    let source = RunError::InvalidId(invalid_id());
    Some(match error {
        None => CrashFailure::Undisturbed { source },
        Some(CrashFailure::Undisturbed { .. }) => CrashFailure::NotResumed { at, source },
        Some(CrashFailure::NotResumed { .. }) => CrashFailure::Waits { at: Some(at), waits: Vec::new() },
        Some(CrashFailure::Waits { .. }) => CrashFailure::RanAgain { at, steps },
        Some(CrashFailure::RanAgain { .. }) => CrashFailure::Differs { at, what },
        Some(CrashFailure::Differs { .. }) => CrashFailure::NotRepeatable { what },
        Some(CrashFailure::NotRepeatable { .. }) => CrashFailure::NoSuchStep { step: text("ship"), steps },
        Some(CrashFailure::NoSuchStep { .. }) => return None,
    })
}

fn failure_kind_after(kind: Option<FailureKind>) -> Option<FailureKind> {
    Some(match kind {
        None => FailureKind::Error,
        Some(FailureKind::Error) => FailureKind::Panic,
        Some(FailureKind::Panic) => FailureKind::Timeout,
        Some(FailureKind::Timeout) => FailureKind::Deadline,
        Some(FailureKind::Deadline) => FailureKind::Encode,
        Some(FailureKind::Encode) => return None,
    })
}

/// The samples of an error: each is made of the one before it.
macro_rules! of_enum {
    ($type:ident, $after:ident) => {
        std::iter::successors($after(None), |error| $after(Some(error))).map(|error| {
            let shown = format!("{error:?}");
            let variant = shown.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            Sample { variant: format!("{}::{variant}", stringify!($type)), code: error.code(), error: error.into() }
        })
    };
}

macro_rules! of_struct {
    ($type:ident, $error:expr) => {{
        let error: $type = $error;
        Sample { variant: stringify!($type).to_owned(), code: error.code(), error: error.into() }
    }};
}

fn crash_failures() -> impl Iterator<Item = Sample> {
    let names = ["Undisturbed", "NotResumed", "Waits", "RanAgain", "Differs", "NotRepeatable", "NoSuchStep"];
    let errors = std::iter::successors(crash_failure_after(None), |error| crash_failure_after(Some(error)));
    names.into_iter().zip(errors).map(|(name, error)| Sample {
        variant: format!("CrashFailure::{name}"),
        code: error.code(),
        error: error.into(),
    })
}

fn failures() -> impl Iterator<Item = Sample> {
    let kinds = std::iter::successors(failure_kind_after(None), |kind| failure_kind_after(Some(*kind)));
    kinds.map(|kind| {
        let failure = NodeFailure { kind, ..failed("charge", false).failure };
        Sample { variant: format!("FailureKind::{kind:?}"), code: failure.code(), error: failure.into() }
    })
}

/// A sample of each public error that has a code.
pub(super) fn samples() -> Vec<Sample> {
    let mut all: Vec<Sample> = Vec::new();
    all.extend(of_enum!(RunError, run_error_after));
    all.extend(of_enum!(MigrationError, migration_error_after));
    all.extend(of_enum!(StoreError, store_error_after));
    all.extend(of_enum!(CodecError, codec_error_after));
    all.extend(of_enum!(AskError, ask_error_after));
    all.extend(of_enum!(ForkError, fork_error_after));
    all.extend(of_enum!(LockError, lock_error_after));
    all.extend(crash_failures());
    all.extend(failures());
    all.push(of_struct!(StepFailure, failed("charge", false)));
    all.push(of_struct!(StepFailure, failed("charge", true)));
    all.push(of_struct!(DiskError, DiskError::new("write", path(), root())));
    all.push(of_struct!(DiskError, DiskError::of_sync("sync", path(), root())));
    all.push(of_struct!(DiskError, DiskError::new("write", path(), io::ErrorKind::StorageFull)));
    let sync = StoreError::from(DiskError::of_sync("sync the folder", path(), root()));
    all.push(Sample { variant: text("StoreError::Io"), code: sync.code(), error: sync.into() });
    all.push(of_struct!(ApplyError, ApplyError { event: "StepCompleted", reason: text("it has ended") }));
    all.push(of_struct!(InvalidId, invalid_id()));
    all.push(of_struct!(InvalidRequestId, Request::new("", 0, RequestKind::Cancel).unwrap_err()));
    all.push(of_struct!(DecodeError, decode_error()));
    all.push(of_struct!(EncodeError, encode_error()));
    all
}
