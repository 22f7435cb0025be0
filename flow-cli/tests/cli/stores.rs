//! Stores of each kind, in folders of their own, with runs that are there.

use std::path::{Path, PathBuf};

use flow_runtime::state::Request;
use flow_runtime::{FlatBuffersStore, JsonFileStore, SqliteStore, StoreError, WorkflowData, WorkflowId, WorkflowStore};
use tempfile::TempDir;

/// The kinds of stores, as addresses begin.
pub(crate) const KINDS: [&str; 3] = ["sqlite", "json", "fb"];

/// A store that nobody has open.
pub(crate) struct Store {
    kind: &'static str,
    path: PathBuf,
    _folder: TempDir,
}

impl Store {
    /// A store with these runs.
    pub(crate) fn with(kind: &'static str, runs: &[WorkflowData]) -> Self {
        let store = Self::absent(kind);
        store.write(async |store| {
            for run in runs {
                store.save(run).await?;
            }
            Ok(())
        });
        store
    }

    /// A place where a store could be.
    pub(crate) fn absent(kind: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(if kind == "sqlite" { "flow.db" } else { "flow" });
        Self { kind, path, _folder: folder }
    }

    /// One of each kind with these runs.
    pub(crate) fn each_with(runs: &[WorkflowData]) -> [Self; 3] {
        KINDS.map(|kind| Self::with(kind, runs))
    }

    /// As `--store` takes it.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.kind, self.path.display())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the store for writing, does something with it, and closes it.
    pub(crate) fn write<T>(&self, act: impl AsyncFnOnce(&Opened) -> Result<T, StoreError>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = Opened::open(self.kind, &self.path).expect("a store");
        runtime.block_on(act(&store)).expect("the store takes it")
    }
}

/// A store of any kind.
pub(crate) enum Opened {
    Sqlite(SqliteStore),
    Json(JsonFileStore),
    FlatBuffers(FlatBuffersStore),
}

impl Opened {
    pub(crate) fn open(kind: &str, path: &Path) -> Result<Self, StoreError> {
        match kind {
            "sqlite" => SqliteStore::open(path).map(Self::Sqlite),
            "json" => JsonFileStore::open(path).map(Self::Json),
            // Short files: a debug build looks through long ones for long.
            _ => FlatBuffersStore::options().segment_bytes(64 << 10).open(path).map(Self::FlatBuffers),
        }
    }

    pub(crate) async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.save(data).await,
            Self::Json(store) => store.save(data).await,
            Self::FlatBuffers(store) => store.save(data).await,
        }
    }

    pub(crate) async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.ask(run, request).await,
            Self::Json(store) => store.ask(run, request).await,
            Self::FlatBuffers(store) => store.ask(run, request).await,
        }
    }
}
