//! Runs whose steps do next to nothing, so that what is counted is what a step costs. Steps that could run beside each
//! other are not among them: where those run depends on how long they take.

use std::path::Path;

use anyhow::{Context, ensure};
use flow_runtime::engine::Durability;
use flow_runtime::prelude::*;
use flow_runtime::{FlatBuffersStore, InMemoryStore};

#[node]
async fn next(x: u64) -> u64 {
    x + 1
}

#[node(retry(times = 3, backoff = "1ms..10ms"), timeout = "10s")]
async fn careful(x: u64) -> Result<u64, String> {
    Ok(x + 1)
}

workflow! {
    fn chain(x: u64) -> u64 {
        let a = next(x);
        let b = next(a);
        let c = next(b);
        let d = next(c);
        let e = next(d);
        let f = next(e);
        let g = next(f);
        next(g)
    }
}

workflow! {
    fn branches(x: u64) -> u64 {
        let a = next(x);
        let b = if a > 0 { next(a) } else { 0 };
        let c = match b {
            0 => 0,
            _ => { let d = next(b); next(d) }
        };
        next(c)
    }
}

workflow! {
    fn with_limits(x: u64) -> u64 {
        let a = careful(x);
        let b = careful(a);
        let c = careful(b);
        careful(c)
    }
}

/// A workflow on an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A chain without a record.
    Chain,
    /// Branches without a record.
    Branches,
    /// A chain without a record whose steps have time limits, so that each is a task.
    WithLimits,
    /// A chain that is recorded in memory.
    Recorded,
    /// A chain on the embedded store, with no sync for each step.
    OnDisk,
}

impl Shape {
    pub(crate) const ALL: [Self; 5] = [Self::Chain, Self::Branches, Self::WithLimits, Self::Recorded, Self::OnDisk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Branches => "branches",
            Self::WithLimits => "with-limits",
            Self::Recorded => "recorded",
            Self::OnDisk => "on-disk",
        }
    }

    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name).with_context(|| format!("there is no shape {name}"))
    }

    /// How many steps a run has.
    pub(crate) fn steps(self) -> u64 {
        match self {
            Self::Branches => 5,
            Self::WithLimits => 4,
            Self::Chain | Self::Recorded | Self::OnDisk => 8,
        }
    }

    /// Runs it so often, one after the other on one thread.
    pub(crate) fn run(self, runs: u64) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            match self {
                Self::Chain | Self::Branches | Self::WithLimits => self.run_ephemeral(runs).await,
                Self::Recorded => run_recorded(&Engine::new(InMemoryStore::default()), runs).await,
                Self::OnDisk => {
                    let dir = tempfile::tempdir()?;
                    run_recorded(&on_disk(dir.path())?, runs).await
                }
            }
        })
    }

    async fn run_ephemeral(self, runs: u64) -> anyhow::Result<()> {
        let engine = Engine::ephemeral().build();
        for run in 0..runs {
            let (given, right) = match self {
                Self::Branches => (branches(run).run_ephemeral(&engine).await?, run + 5),
                Self::WithLimits => (with_limits(run).run_ephemeral(&engine).await?, run + 4),
                _ => (chain(run).run_ephemeral(&engine).await?, run + 8),
            };
            ensure!(given == right, "a run gave {given}");
        }
        Ok(())
    }
}

fn on_disk(dir: &Path) -> anyhow::Result<Engine> {
    Ok(Engine::builder(FlatBuffersStore::open(dir)?).durability(Durability::OnSuspend).build())
}

async fn run_recorded(engine: &Engine, runs: u64) -> anyhow::Result<()> {
    for run in 0..runs {
        let given = chain(run).run(engine, format!("run-{run}")).await?;
        ensure!(given == run + 8, "a run gave {given}");
    }
    Ok(())
}
