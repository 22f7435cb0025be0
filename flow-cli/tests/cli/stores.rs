//! Stores of each kind, in folders of their own, with runs that are there.

use std::fs;
use std::path::{Path, PathBuf};

use flow_runtime::engine::EngineBuilder;
use flow_runtime::state::Request;
use flow_runtime::{
    Engine, FlatBuffersStore, JsonFileStore, SqliteStore, StoreError, WorkflowData, WorkflowId, WorkflowStore,
};
use tempfile::TempDir;

/// The kinds of stores, as addresses begin.
pub(crate) const KINDS: [&str; 3] = ["sqlite", "json", "fb"];

/// A store that nobody has open.
pub(crate) struct Store {
    kind: &'static str,
    path: PathBuf,
    folder: TempDir,
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
        Self { kind, path, folder }
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

    /// Opens the store for writing.
    pub(crate) fn open(&self) -> Opened {
        Opened::open(self.kind, &self.path).expect("a store")
    }

    /// The record of a run.
    pub(crate) fn record(&self, run: &str) -> Option<WorkflowData> {
        let id = WorkflowId::new(run).expect("an id");
        self.write(async |store| match store.load(&id).await {
            Err(StoreError::NotFound { .. }) => Ok(None),
            record => record.map(Some),
        })
    }

    /// The requests that wait for a run.
    pub(crate) fn requests(&self, run: &str) -> Vec<Request> {
        let id = WorkflowId::new(run).expect("an id");
        self.write(async |store| store.requests(&id).await)
    }

    /// Turns a bit of the first byte of each place where this text stands in the files of the store.
    pub(crate) fn damage(&self, text: &str) {
        let folder = self.folder.path();
        let files = [folder.to_owned(), self.path.clone()].into_iter().filter_map(|folder| fs::read_dir(folder).ok());
        let mut found = 0;
        for file in files.flatten().map(|entry| entry.expect("a file").path()).filter(|path| path.is_file()) {
            let mut bytes = fs::read(&file).expect("a file");
            let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(text.as_bytes())).collect();
            found += places.len();
            places.iter().for_each(|&at| bytes[at] ^= 1);
            fs::write(&file, bytes).expect("a file");
        }
        assert!(found > 0, "`{text}` stands nowhere");
    }

    /// Opens the store for writing, does something with it, and closes it.
    pub(crate) fn write<T>(&self, act: impl AsyncFnOnce(&Opened) -> Result<T, StoreError>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = self.open();
        runtime.block_on(act(&store)).expect("the store takes it")
    }
}

/// A store of any kind.
pub(crate) enum Opened {
    Sqlite(SqliteStore),
    Json(JsonFileStore),
    FlatBuffers(FlatBuffersStore),
}

macro_rules! of_each {
    ($own:expr, $store:ident => $call:expr) => {
        match $own {
            Opened::Sqlite($store) => $call,
            Opened::Json($store) => $call,
            Opened::FlatBuffers($store) => $call,
        }
    };
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

    /// An engine over it.
    pub(crate) fn engine(self) -> EngineBuilder {
        of_each!(self, store => Engine::builder(store))
    }

    pub(crate) async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
        of_each!(self, store => store.save(data).await)
    }

    pub(crate) async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        of_each!(self, store => store.load(id).await)
    }

    pub(crate) async fn ask(&self, id: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        of_each!(self, store => store.ask(id, request).await)
    }

    pub(crate) async fn requests(&self, id: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        of_each!(self, store => store.requests(id).await)
    }
}
