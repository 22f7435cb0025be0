//! What can go wrong in a store.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::disk::DiskError;
use crate::state::WorkflowId;
use crate::state::codec::CodecError;

/// A store could not do what was asked.
///
/// What the operating system or another library said is not part of the text; [`source`](std::error::Error::source)
/// gives it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no run of this id.
    ///
    /// [`E-RUN-UNKNOWN`](crate::errors::codes::RUN_UNKNOWN).
    #[error("there is no run `{id}` in this store")]
    NotFound {
        /// The id.
        id: WorkflowId,
    },
    /// What is stored of the run is broken. It is left as it is.
    ///
    /// [`E-STORE-CORRUPT`](crate::errors::codes::STORE_CORRUPT).
    #[error("the record of run `{id}` is damaged: {reason}; it was left as it is{}", at(.path.as_ref()))]
    Corrupt {
        /// The run.
        id: WorkflowId,
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// What is broken.
        reason: String,
    },
    /// The store as a whole is broken, not one run of it. It is left as it is.
    ///
    /// [`E-STORE-DAMAGED`](crate::errors::codes::STORE_DAMAGED).
    #[error("the store is damaged: {reason}; it was left as it is: {}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is broken.
        reason: String,
    },
    /// The operating system refused.
    ///
    /// [`E-STORE-IO`](crate::errors::codes::STORE_IO), or [`E-STORE-FSYNC`](crate::errors::codes::STORE_FSYNC) if it was a
    /// sync.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried: "write", "sync".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The disk, or a quota, is full. The previous state is intact; free space and run again.
    ///
    /// [`E-STORE-FULL`](crate::errors::codes::STORE_FULL).
    #[error("no space left to {action} {}; the previous state is intact, free space and run again", .path.display())]
    Full {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The run has changed since it was read: another engine drives it, or it was deleted.
    ///
    /// [`E-RUN-CONFLICT`](crate::errors::codes::RUN_CONFLICT).
    #[error("run `{id}` has changed in the store: {reason}; load it again")]
    Conflict {
        /// The run.
        id: WorkflowId,
        /// What does not fit.
        reason: String,
    },
    /// Another engine drives the run. It can be taken when that engine has ended it or is gone.
    ///
    /// [`E-RUN-HELD`](crate::errors::codes::RUN_HELD).
    #[error("run `{id}` is driven by {holder}; try again when it has ended there")]
    Held {
        /// The run.
        id: WorkflowId,
        /// Who drives it: "another engine of this process", "process 4711".
        holder: String,
    },
    /// Others kept the store busy for too long. Nothing was changed; try again.
    ///
    /// [`E-STORE-BUSY`](crate::errors::codes::STORE_BUSY).
    #[error("the store {} is kept busy by others: {reason}; nothing was changed, try again", .path.display())]
    Busy {
        /// The store's folder or file.
        path: PathBuf,
        /// What was waited for.
        reason: String,
    },
    /// Another process holds the store.
    ///
    /// [`E-STORE-LOCKED`](crate::errors::codes::STORE_LOCKED).
    #[error("the store {} is held by {holder}; close it there, or open it for reading only", .path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// Who holds it: "process 4711".
        holder: String,
    },
    /// An earlier sync failed, so what is on disk is unknown. Open the store again.
    ///
    /// [`E-STORE-FSYNC`](crate::errors::codes::STORE_FSYNC).
    #[error("the store {} stopped after a failed sync ({reason}); open it again to go on from what is on disk", .path.display())]
    Poisoned {
        /// The store's folder or file.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
    /// The record was written by a newer version.
    ///
    /// [`E-STORE-NEWER`](crate::errors::codes::STORE_NEWER).
    #[error("{what} needs a newer version of Flow: it has {found}, this version knows {known}")]
    Newer {
        /// The file or the run.
        what: String,
        /// What it has.
        found: String,
        /// What this version knows: "formats up to 1".
        known: String,
    },
    /// The library that keeps the store is too old to be trusted with it.
    ///
    /// [`E-STORE-LIBRARY`](crate::errors::codes::STORE_LIBRARY).
    #[error("this program is linked with {found}, and the store needs {needed} or newer: older ones can lose commits")]
    OldLibrary {
        /// What is linked: "SQLite 3.50.2".
        found: String,
        /// The oldest that will do.
        needed: String,
    },
    /// The handle is for reading only.
    ///
    /// [`E-STORE-READ-ONLY`](crate::errors::codes::STORE_READ_ONLY).
    #[error("the store {} was opened for reading only", .path.display())]
    ReadOnly {
        /// The store's folder.
        path: PathBuf,
    },
    /// The record cannot be written in this store's format.
    ///
    /// [`E-STORE-UNSTORABLE`](crate::errors::codes::STORE_UNSTORABLE).
    #[error("the record of run `{id}` cannot be stored: {reason}")]
    Unstorable {
        /// The run.
        id: WorkflowId,
        /// Why.
        reason: String,
    },
    /// So many requests of the run wait to be taken that no more are kept. Let an engine drive the run, or take those
    /// that are of no use, and ask again.
    ///
    /// [`E-ASK-TOO-MANY`](crate::errors::codes::ASK_TOO_MANY).
    #[error(
        "run `{id}` has {most} requests that it has not taken, and no more are kept; let an engine drive it, or take \
         requests that are of no use, and ask again"
    )]
    TooManyRequests {
        /// The run.
        id: WorkflowId,
        /// How many are kept: [`MAX_REQUESTS`](super::MAX_REQUESTS).
        most: usize,
    },
    /// A store of the user's own failed.
    ///
    /// [`E-STORE-OTHER`](crate::errors::codes::STORE_OTHER), or the code of what is behind it.
    #[error("the store failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// Whether the store as a whole has failed, so that the same is to be expected for every other run: it is damaged,
    /// full, busy, held, stopped or for reading only.
    ///
    /// ```
    /// use flow_runtime::{StoreError, WorkflowId};
    /// assert!(!StoreError::NotFound { id: WorkflowId::new("r")? }.is_of_the_store());
    /// assert!(StoreError::ReadOnly { path: "./flow".into() }.is_of_the_store());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn is_of_the_store(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. }
                | Self::Full { .. }
                | Self::Busy { .. }
                | Self::Locked { .. }
                | Self::Poisoned { .. }
                | Self::ReadOnly { .. }
        )
    }

    /// That the record of this run could not be turned into bytes, or its bytes into a record.
    ///
    /// For stores that keep what [`WorkflowData::to_bytes`](crate::WorkflowData::to_bytes) gives.
    pub fn from_codec(id: &WorkflowId, error: CodecError) -> Self {
        let id = id.clone();
        match error {
            CodecError::Broken { reason } => Self::Corrupt { id, path: None, reason },
            CodecError::Newer { found, known } => {
                Self::Newer { what: format!("the record of run `{id}`"), found, known }
            }
            CodecError::Unstorable { reason } => Self::Unstorable { id, reason },
        }
    }
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        let is_full = error.is_full();
        let DiskError { action, path, source, .. } = error;
        if is_full { Self::Full { action, path, source } } else { Self::Io { action, path, source } }
    }
}

/// A stored thing that could not be read far enough to know which run it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// What is broken.
    pub reason: String,
}

impl Damaged {
    /// A file that cannot be read, and why.
    pub fn new(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// The text of an error and those of all behind it.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let all = std::iter::successors(Some(error), |error| (*error).source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn at(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(": {}", path.display())).unwrap_or_default()
}
