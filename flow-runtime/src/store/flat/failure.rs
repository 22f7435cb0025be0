//! A failed write, which all who waited for it are told.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::disk::DiskError;
use crate::store::StoreError;

/// A file operation that failed, in a form that can be told several times.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    action: &'static str,
    path: PathBuf,
    errno: Option<i32>,
    kind: io::ErrorKind,
    message: String,
}

impl Failure {
    pub(super) fn of(error: &DiskError) -> Self {
        Self {
            action: error.action,
            path: error.path.clone(),
            errno: error.source.raw_os_error(),
            kind: error.source.kind(),
            message: error.source.to_string(),
        }
    }

    pub(super) fn to_error(&self) -> StoreError {
        let source = match self.errno {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::new(self.kind, self.message.clone()),
        };
        DiskError::new(self.action, &self.path, source).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.message)
    }
}
