//! Flow with a store in a folder.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use flow_runtime::engine::Progress;
use flow_runtime::{Durability, Engine, FlatBuffersStore, SqliteStore};
use harness::case::{Case, Class};
use harness::gate::Gate;
use harness::shape;
use harness::stored::{Resumable, Stored, chains, resumptions};
use tokio::sync::Semaphore;

use super::workflows::{one, resumed_100, texts_10, waiting};

/// How an engine is set up.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    store: Store,
    durability: Durability,
}

#[derive(Clone, Copy)]
enum Store {
    FlatBuffers,
    Sqlite,
}

/// How many runs are made at the same time when a store is filled.
const FILLING: u32 = 256;

/// The cases on disk. In class `kill` no step waits for a sync, and the store writes what waits every 50 ms, so a kill
/// takes the steps of the last 50 ms; what is as durable as in class `power-loss` stands there too.
pub(crate) fn stored(runs: u64) -> Vec<Case> {
    let set_up = |store, durability| Setup { store, durability };
    let strict = [("flow: log", Store::FlatBuffers), ("flow: SQLite", Store::Sqlite)];
    let mut cases = Vec::new();
    for (name, store) in strict {
        let setup = set_up(store, Durability::Strict);
        cases.extend(chains::<Flow>(Class::PowerLoss, name, setup));
        cases.extend(resumptions::<Flow>(Class::PowerLoss, name, setup, runs));
    }
    let lazy = [("flow: log, OnSuspend", Store::FlatBuffers), ("flow: SQLite, OnSuspend", Store::Sqlite)];
    for (name, store) in lazy {
        cases.extend(chains::<Flow>(Class::Kill, name, set_up(store, Durability::OnSuspend)));
    }
    for (name, store) in strict {
        let (name, setup) = (format!("{name}, Strict"), set_up(store, Durability::Strict));
        cases.extend(chains::<Flow>(Class::Kill, &name, setup));
        cases.extend(resumptions::<Flow>(Class::Kill, &name, setup, runs));
    }
    cases
}

/// An engine, and the gate that its workflows may come to.
struct Flow {
    engine: Engine<Gate>,
    gate: Gate,
}

impl Flow {
    /// An engine on whichever store, with an empty gate.
    fn begin(setup: Setup, dir: &Path) -> Result<Self> {
        let builder = match setup.store {
            Store::FlatBuffers => Engine::builder(FlatBuffersStore::open(dir.join("log"))?),
            Store::Sqlite => Engine::builder(SqliteStore::open(dir.join("runs.db"))?),
        };
        let gate = Gate::default();
        let builder = builder.state(gate.clone()).durability(setup.durability);
        let engine = builder.register::<one>().register::<resumed_100>().register::<waiting>().build();
        Ok(Self { engine, gate })
    }
}

impl Stored for Flow {
    type Setup = Setup;

    async fn open(setup: Setup, dir: &Path) -> Result<Self> {
        Self::begin(setup, dir)
    }

    async fn chain(&self, id: String, text: String) -> Result<String> {
        Ok(texts_10(text).run(&self.engine, id).await?)
    }
}

impl Resumable for Flow {
    /// Nobody waits for the disk here, so runs are stored many at a time.
    async fn fill(&self, runs: u64) -> Result<()> {
        let room = Arc::new(Semaphore::new(FILLING as usize));
        for run in 0..runs {
            let permit = room.clone().acquire_owned().await?;
            let run = one(run).durability(Durability::OnSuspend).start(&self.engine, format!("stored-{run}"))?;
            tokio::spawn(async move {
                let ended = run.result().await;
                drop(permit);
                ended
            });
        }
        drop(room.acquire_many(FILLING).await?);
        self.engine.shutdown(Duration::from_secs(60)).await;
        Ok(())
    }

    async fn recover(&self) -> Result<()> {
        self.engine.recover().await?;
        Ok(())
    }

    async fn stop_before_last(self, id: &str) -> Result<()> {
        self.gate.close();
        let run = resumed_100(0).start(&self.engine, id)?;
        self.gate.reached().await;
        self.engine.shutdown(Duration::ZERO).await;
        ensure!(run.result().await.is_err(), "the run was to be stopped");
        Ok(())
    }

    async fn go_on(self, id: &str) -> Result<Instant> {
        let run = resumed_100(0).start(&self.engine, id)?;
        let reached = self.gate.reached().await;
        let given = run.result().await?;
        ensure!(given == shape::RESUMED_STEPS, "the run gave {given}");
        Ok(reached)
    }

    async fn park(&self, id: &str) -> Result<()> {
        match waiting().run_until_parked(&self.engine, id).await? {
            Progress::Parked(_) => Ok(()),
            other => Err(anyhow!("the run was to wait: {other:?}")),
        }
    }

    async fn wake(&self, id: &str) -> Result<Instant> {
        self.engine.signal(id, "word", &7_u64).await?;
        let reached = self.gate.reached().await;
        let given = waiting().run(&self.engine, id).await?;
        ensure!(given == 8, "the run gave {given}");
        Ok(reached)
    }
}
