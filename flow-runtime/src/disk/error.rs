//! What can go wrong with files.

use std::io;
use std::path::PathBuf;

/// A file operation failed.
///
/// [`E-STORE-IO`](crate::errors::codes::STORE_IO), [`E-STORE-FSYNC`](crate::errors::codes::STORE_FSYNC) or [`E-STORE-FULL`](crate::errors::codes::STORE_FULL).
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub struct DiskError {
    /// What was tried: "write", "sync".
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
    is_sync: bool,
}

impl DiskError {
    /// An operation on a file that failed.
    pub fn new(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self { action, path: path.into(), source: source.into(), is_sync: false }
    }

    /// A sync that failed, of a file or of a folder's names.
    pub fn of_sync(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self { is_sync: true, ..Self::new(action, path, source) }
    }

    /// Whether a sync failed. What is on disk is then unknown, and another sync tells nothing: who gets this must
    /// stop writing and read again from the disk.
    pub fn is_sync(&self) -> bool {
        self.is_sync
    }

    /// Whether the disk or a quota is full.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether the file is longer than what may be read or written.
    pub fn is_too_large(&self) -> bool {
        self.source.kind() == io::ErrorKind::FileTooLarge
    }

    /// Whether the file is not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}
