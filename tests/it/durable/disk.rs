//! Disks under a durable store, and a store to which all is sent twice.
//!
//! In: how a store is opened. Out: the store, and the disks that the next process may find if this one died now.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use flow_runtime::disk::{CrashModel, SimFs};
use flow_runtime::state::Delta;
use flow_runtime::{StoreError, WorkflowData, WorkflowStore, store};
use tempfile::TempDir;

/// A disk with one store. Clones are the same disk.
pub(super) trait Disk: Clone + Send + Sync + 'static {
    type Store: WorkflowStore;

    /// An empty disk of the same kind.
    fn fresh(&self) -> Self;

    /// The store, which must not be open.
    fn open(&self) -> Self::Store;

    /// The disks that may be found if this process died now.
    fn deaths(&self) -> Vec<Self>;
}

/// A simulated disk, which loses its power: all that was not synced may be lost, or a part of it.
pub(super) struct Simulated<S> {
    fs: SimFs,
    open: fn(SimFs) -> S,
}

impl<S> Simulated<S> {
    pub(super) fn new(open: fn(SimFs) -> S) -> Self {
        Self { fs: SimFs::default(), open }
    }
}

impl<S> Clone for Simulated<S> {
    fn clone(&self) -> Self {
        Self { fs: self.fs.clone(), open: self.open }
    }
}

impl<S: WorkflowStore> Disk for Simulated<S> {
    type Store = S;

    fn fresh(&self) -> Self {
        Self::new(self.open)
    }

    fn open(&self) -> S {
        (self.open)(self.fs.clone())
    }

    fn deaths(&self) -> Vec<Self> {
        let found = CrashModel::ALL.into_iter().flat_map(|model| self.fs.after_power_loss(model));
        found.map(|fs| Self { fs, open: self.open }).collect()
    }
}

/// A folder of this machine, whose process is killed: what was written is there.
pub(super) struct Folder<S> {
    folder: Arc<TempDir>,
    open: fn(&Path) -> S,
}

impl<S> Folder<S> {
    pub(super) fn new(open: fn(&Path) -> S) -> Self {
        Self { folder: Arc::new(tempfile::tempdir().unwrap()), open }
    }
}

impl<S> Clone for Folder<S> {
    fn clone(&self) -> Self {
        Self { folder: self.folder.clone(), open: self.open }
    }
}

impl<S: WorkflowStore> Disk for Folder<S> {
    type Store = S;

    fn fresh(&self) -> Self {
        Self::new(self.open)
    }

    fn open(&self) -> S {
        (self.open)(self.folder.path())
    }

    fn deaths(&self) -> Vec<Self> {
        let found = self.fresh();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let from = entry.unwrap().path();
            // By another process: a database would lose its locks if this one opened and closed its file.
            let copied = Command::new("cp").arg("-r").arg(&from).arg(found.folder.path()).status().unwrap();
            // The store goes on meanwhile, and may have done with a file.
            assert!(copied.success() || !from.exists(), "{}", from.display());
        }
        vec![found]
    }
}

/// A store to which each commit is sent twice.
pub(super) struct Twice<S>(pub(super) S);

impl<S: WorkflowStore> WorkflowStore for Twice<S> {
    store::hand_on!(|own| &own.0; all but commit);

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        self.0.commit(after, delta).await?;
        self.0.commit(after, delta).await
    }
}
