//! That a printed chain of errors tells each cause, and tells it once.
//!
//! In: every variant of every public error. A variant that is new does not compile here until it has a sample.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::DiskError;
use crate::engine::{AskError, Failures, ForkError, MigrationError, PlanChanges, RunError, StepFailure};
use crate::state::codec::CodecError;
use crate::state::{
    ApplyError, BoxError, Cause, DecodeError, EncodeError, FailureKind, InvalidId, NodeError, NodeFailure, Request,
    RequestKind, Rollback, StepStatus, WorkflowId, WorkflowStatus,
};
use crate::store::{StoreError, with_causes};

/// What is behind it all, wherever something is.
const ROOT: &str = "the root of it";

/// An error that has something behind it.
#[derive(Debug, thiserror::Error)]
#[error("in between")]
struct Between(#[source] io::Error);

fn root() -> io::Error {
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
fn failed(step: &str, is_at_hand: bool) -> StepFailure {
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
fn run_error_after(error: Option<&RunError>) -> Option<RunError> {
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

/// A sample of each public error.
fn samples() -> Vec<BoxError> {
    let mut all: Vec<BoxError> = Vec::new();
    let of_runs = std::iter::successors(run_error_after(None), |error| run_error_after(Some(error)));
    all.extend(of_runs.map(BoxError::from));
    let of_migrations = std::iter::successors(migration_error_after(None), |error| migration_error_after(Some(error)));
    all.extend(of_migrations.map(BoxError::from));
    let of_stores = std::iter::successors(store_error_after(None), |error| store_error_after(Some(error)));
    all.extend(of_stores.map(BoxError::from));
    let of_codecs = std::iter::successors(codec_error_after(None), |error| codec_error_after(Some(error)));
    all.extend(of_codecs.map(BoxError::from));
    let of_requests = std::iter::successors(ask_error_after(None), |error| ask_error_after(Some(error)));
    all.extend(of_requests.map(BoxError::from));
    let of_forks = std::iter::successors(fork_error_after(None), |error| fork_error_after(Some(error)));
    all.extend(of_forks.map(BoxError::from));
    let stored = failed("charge", false);
    all.push(stored.failure.cause.clone().unwrap().into());
    all.push(stored.failure.clone().into());
    all.push(stored.into());
    all.push(failed("charge", true).into());
    all.push(NodeError::permanent(Between(root())).into());
    all.push(NodeError::retryable(Between(root())).into());
    all.push(DiskError::of_sync("sync", path(), root()).into());
    all.push(ApplyError { event: "StepCompleted", reason: text("it has ended") }.into());
    all.extend([BoxError::from(invalid_id()), decode_error().into(), encode_error().into()]);
    all
}

#[test]
fn a_chain_tells_each_cause_once() {
    for error in &samples() {
        let chain: Vec<String> = std::iter::successors(Some(&**error as &dyn Error), |error| (*error).source())
            .map(ToString::to_string)
            .collect();
        for (place, text) in chain.iter().enumerate() {
            assert!(!text.is_empty(), "{error:?}");
            let told = chain[..place].iter().find(|before| before.contains(text));
            assert_eq!(told, None, "`{text}` is told twice by {error:?}");
        }
        assert_eq!(with_causes(&**error), chain.join(": "));
        let holds_the_root = format!("{error:?}").contains(ROOT);
        assert_eq!(chain.join(": ").contains(ROOT), holds_the_root, "a cause is lost: {error:?}");
    }
}

#[test]
fn a_failed_run_tells_all_failures_with_their_causes() {
    let error = run_error_after(None).unwrap();
    let expected = "run `r` of `order` failed: step `charge` failed at attempt 2: in between: the root of it; \
                    step `ship` failed at attempt 2: in between: the root of it; left as they are: pack";
    assert_eq!(error.to_string(), expected);
    assert!(error.source().is_none());
    // Each by itself says the same, whether the node's own error is at hand or not.
    let [here, stored] = error.failures() else { panic!("{error}") };
    assert_eq!(with_causes(here), "step `charge` failed at attempt 2: in between: the root of it");
    assert_eq!(with_causes(stored), "step `ship` failed at attempt 2: in between: the root of it");
    assert!(here.source().is_some_and(<dyn Error>::is::<Between>));
}
