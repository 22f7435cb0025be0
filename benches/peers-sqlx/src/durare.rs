//! durare, with its SQLite provider: code that stores what each of its steps gave.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use durare::{DurableContext, DurableEngine, SqliteProvider, WorkflowHandle, WorkflowOptions};
use harness::gate::Gate;
use harness::shape::{self, RESUMED_STEPS, TEXT_STEPS};
use harness::stored::{Resumable, Stored};
use serde::Serialize;

pub(crate) struct Durare {
    engine: DurableEngine,
    gate: Gate,
    /// Is passed when a run is about to wait.
    asked: Gate,
}

/// How long a run that is about to wait is given until it does: nobody is told of that.
const UNTIL_IT_WAITS: Duration = Duration::from_millis(10);

/// How long a run waits for its word.
const AT_MOST: Duration = Duration::from_secs(60);

async fn texts(context: DurableContext, mut text: String) -> durare::Result<String> {
    for _ in 0..TEXT_STEPS {
        text = context.step("copied", || async { Ok(text.as_str().to_owned()) }).await?;
    }
    Ok(text)
}

async fn one(context: DurableContext, x: u64) -> durare::Result<u64> {
    context.step("next", || async { Ok(shape::next(x)) }).await
}

async fn resumed(context: DurableContext, mut x: u64, gate: Gate) -> durare::Result<u64> {
    for _ in 1..RESUMED_STEPS {
        x = context.step("next", || async { Ok(shape::next(x)) }).await?;
    }
    gated(&context, x, &gate).await
}

async fn gated(context: &DurableContext, x: u64, gate: &Gate) -> durare::Result<u64> {
    let step = || async {
        gate.pass().await;
        Ok(shape::next(x))
    };
    context.step("gated", step).await
}

async fn waiting(context: DurableContext, asked: Gate, gate: Gate) -> durare::Result<u64> {
    asked.pass().await;
    let word: Option<u64> = context.recv("word", AT_MOST).await?;
    gated(&context, word.unwrap_or_default(), &gate).await
}

impl Durare {
    async fn start<I: Serialize, O>(&self, workflow: &str, id: &str, input: I) -> Result<WorkflowHandle<O>> {
        Ok(self.engine.start(workflow, input, WorkflowOptions::with_id(id)).await?)
    }
}

impl Stored for Durare {
    type Setup = ();

    /// The version is said, since durare would digest the program's file otherwise, which takes longer than all else.
    async fn open((): (), dir: &Path) -> Result<Self> {
        let path = dir.join("durare.db");
        let url = format!("sqlite://{}", path.to_str().context("the folder's name is no text")?);
        let provider = Arc::new(SqliteProvider::connect(&url).await?);
        let mut engine = DurableEngine::new_with_version(provider, "1").await?;
        let (gate, asked) = (Gate::default(), Gate::default());
        engine.register("texts", texts);
        engine.register("one", one);
        let at = gate.clone();
        engine.register("resumed", move |context, x: u64| resumed(context, x, at.clone()));
        let (before, at) = (asked.clone(), gate.clone());
        engine.register("waiting", move |context, (): ()| waiting(context, before.clone(), at.clone()));
        Ok(Self { engine, gate, asked })
    }

    async fn chain(&self, id: String, text: String) -> Result<String> {
        Ok(self.start("texts", &id, text).await?.result().await?)
    }
}

impl Resumable for Durare {
    async fn fill(&self, runs: u64) -> Result<()> {
        for run in 0..runs {
            self.start::<_, u64>("one", &format!("stored-{run}"), run).await?.result().await?;
        }
        Ok(())
    }

    async fn recover(&self) -> Result<()> {
        self.engine.recover().await?;
        Ok(())
    }

    /// What is stopped here hangs until the program ends: durare lets a run that is under way go on.
    async fn stop_before_last(self, id: &str) -> Result<()> {
        self.gate.close();
        self.start::<_, u64>("resumed", id, 0_u64).await?;
        self.gate.reached().await;
        Ok(self.engine.shutdown(Duration::ZERO).await?)
    }

    async fn go_on(self, id: &str) -> Result<Instant> {
        self.engine.recover().await?;
        let reached = self.gate.reached().await;
        let given: u64 = self.engine.retrieve_workflow(id).await?.result().await?;
        ensure!(given == RESUMED_STEPS, "the run gave {given}");
        Ok(reached)
    }

    async fn park(&self, id: &str) -> Result<()> {
        self.start::<_, u64>("waiting", id, ()).await?;
        self.asked.reached().await;
        tokio::time::sleep(UNTIL_IT_WAITS).await;
        Ok(())
    }

    async fn wake(&self, id: &str) -> Result<Instant> {
        self.engine.send(id, 7_u64, "word").await?;
        let reached = self.gate.reached().await;
        let given: u64 = self.engine.retrieve_workflow(id).await?.result().await?;
        ensure!(given == 8, "the run gave {given}");
        Ok(reached)
    }
}
