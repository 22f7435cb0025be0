//! What SQLite said, as an error of ours that several can be told.
//!
//! In: an error of rusqlite, with what was tried. Out: busy, full, damaged or refused by the operating system; never
//! a text with a value in it, since the statements hold none.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// An operation on the file that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: Kind,
    action: &'static str,
    path: PathBuf,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Busy,
    Full,
    Damaged,
    Io(io::ErrorKind),
}

impl Failure {
    pub(super) fn of(action: &'static str, path: &Path, error: &Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                Kind::Busy
            }
            Some(ErrorCode::DiskFull) => Kind::Full,
            Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::TypeMismatch
                | ErrorCode::ConstraintViolation,
            ) => Kind::Damaged,
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => Kind::Io(io::ErrorKind::PermissionDenied),
            Some(_) => Kind::Io(io::ErrorKind::Other),
            // SQLite did what it was asked, and what stood there is not what we write.
            None => Kind::Damaged,
        };
        Self { kind, action, path: path.to_owned(), reason: error.to_string() }
    }

    /// Whether what stands in the file is not what belongs there.
    pub(super) fn is_damage(&self) -> bool {
        self.kind == Kind::Damaged
    }

    /// Whether only who opens the store again can tell what is in it.
    pub(super) fn poisons(&self) -> bool {
        matches!(self.kind, Kind::Io(_))
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    pub(super) fn to_error(&self) -> StoreError {
        let (action, path, reason) = (self.action, self.path.clone(), self.reason.clone());
        match self.kind {
            Kind::Busy => StoreError::Busy { path, reason: format!("waited in vain to {action} it") },
            Kind::Full => StoreError::Full { action, path, source: io::Error::new(io::ErrorKind::StorageFull, reason) },
            Kind::Damaged => StoreError::Damaged { path, reason },
            Kind::Io(kind) => StoreError::Io { action, path, source: io::Error::new(kind, reason) },
        }
    }
}

/// Why a request gave nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It does not fit; others are not concerned.
    Store(StoreError),
    /// The file cannot be worked with, and nothing of the transaction holds.
    Sql(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    pub(super) fn into_error(self, action: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sql(error) => Failure::of(action, path, &error).to_error(),
        }
    }
}
