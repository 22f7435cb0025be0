//! Disks under a durable store, and a store that fails where a test says so.
//!
//! In: how a store is opened. Out: the store, and the disks that the next process may find if this one died now.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// What is wrong with a store.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The commit of this number, from 0, fails, and nothing is kept.
    Refused(u64),
    /// It fails, although everything was kept.
    Ambiguous(u64),
    /// Each commit is sent twice.
    Twice,
}

/// A store with a fault.
pub(super) struct Faulty<S> {
    store: S,
    fault: Fault,
    commits: AtomicU64,
}

impl<S> Faulty<S> {
    pub(super) fn new(store: S, fault: Fault) -> Self {
        Self { store, fault, commits: AtomicU64::new(0) }
    }
}

impl<S: WorkflowStore> WorkflowStore for Faulty<S> {
    store::hand_on!(|own| &own.store; all but commit);

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        let gone = || Err(StoreError::Other("the disk is gone".into()));
        match self.fault {
            Fault::Refused(at) if at == number => gone(),
            Fault::Ambiguous(at) if at == number => {
                self.store.commit(after, delta).await?;
                gone()
            }
            Fault::Twice => {
                self.store.commit(after, delta).await?;
                self.store.commit(after, delta).await
            }
            _ => self.store.commit(after, delta).await,
        }
    }
}
