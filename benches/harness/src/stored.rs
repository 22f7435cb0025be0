//! The cases of engines that keep their runs in a folder: what such an engine must be able to do, and how that is measured.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::BoxFuture;
use tokio::task::JoinSet;

use crate::case::{Case, Class, Subject};
use crate::shape::{self, Shape};

/// An engine with a store in a folder.
pub trait Stored: Sized + Send + Sync + 'static {
    /// How it is set up.
    type Setup: Copy + Send + Sync + 'static;

    /// Opens the store, which may be new, and lets the engine be ready.
    fn open(setup: Self::Setup, dir: &Path) -> impl Future<Output = Result<Self>> + Send;

    /// Runs [`shape::TEXT_STEPS`] steps under a new id, each of which copies the text, and gives what the last one gave.
    fn chain(&self, id: String, text: String) -> impl Future<Output = Result<String>> + Send;
}

/// A [`Stored`] whose runs can be stopped and woken.
pub trait Resumable: Stored {
    /// Stores so many ended runs of one step.
    fn fill(&self, runs: u64) -> impl Future<Output = Result<()>> + Send;

    /// Takes up what is under way in the store.
    fn recover(&self) -> impl Future<Output = Result<()>> + Send;

    /// Begins a run of [`shape::RESUMED_STEPS`] steps, waits until all but the last are stored, and stops the engine.
    fn stop_before_last(self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Lets that run go on to its end, and says when its last step began.
    fn go_on(self, id: &str) -> impl Future<Output = Result<Instant>> + Send;

    /// Begins a run that waits for a word, and returns when it does.
    fn park(&self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Sends the word, lets the run go on to its end, and says when the step after the wait began.
    fn wake(&self, id: &str) -> impl Future<Output = Result<Instant>> + Send;
}

/// The chains of all lengths of payload, and many runs at once.
pub fn chains<E: Stored>(class: Class, engine: &str, setup: E::Setup) -> Vec<Case> {
    let shapes = [&shape::CHAIN_8B, &shape::CHAIN_1KIB, &shape::CHAIN_1MIB, &shape::RUNS_128];
    let case = |shape: &'static Shape| {
        Case::new(class, shape, engine, move |dir| {
            Ok(Chains::<E> { setup, shape, dir: dir.to_owned(), open: None, run: 0 })
        })
    };
    shapes.into_iter().map(case).collect()
}

/// Resume, cold start with so many stored runs, suspend and wake.
pub fn resumptions<E: Resumable>(class: Class, engine: &str, setup: E::Setup, runs: u64) -> Vec<Case> {
    let resume = move |dir: &Path| Ok(Resume::<E> { setup, dir: dir.to_owned(), run: 0 });
    let cold = move |dir: &Path| Ok(ColdStart::<E> { setup, dir: dir.to_owned(), runs, engine: PhantomData });
    let wake = move |dir: &Path| Ok(Wake::<E> { setup, dir: dir.to_owned(), open: None, run: 0 });
    vec![
        Case::new(class, &shape::RESUME, engine, resume).prepares(),
        Case::new(class, &shape::COLD_START, engine, cold).of_size(runs).prepares(),
        Case::new(class, &shape::WAKE, engine, wake).prepares(),
    ]
}

struct Chains<E: Stored> {
    setup: E::Setup,
    shape: &'static Shape,
    dir: PathBuf,
    open: Option<(Arc<E>, String)>,
    run: u64,
}

impl<E: Stored> Subject for Chains<E> {
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            if self.open.is_none() {
                let text = shape::text(self.shape.payload_bytes);
                self.open = Some((Arc::new(E::open(self.setup, &self.dir).await?), text));
            }
            let (engine, text) = self.open.as_ref().context("it was opened")?;
            let start = Instant::now();
            for _ in 0..runs {
                let first = self.run;
                self.run += self.shape.at_once;
                run_together(engine, first..self.run, text).await?;
            }
            Ok(start.elapsed())
        })
    }
}

async fn run_together<E: Stored>(engine: &Arc<E>, runs: std::ops::Range<u64>, text: &str) -> Result<()> {
    if runs.end - runs.start == 1 {
        return run_one(&**engine, runs.start, text.to_owned()).await;
    }
    let mut tasks = JoinSet::new();
    for run in runs {
        let (engine, text) = (engine.clone(), text.to_owned());
        tasks.spawn(async move { run_one(&*engine, run, text).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn run_one(engine: &impl Stored, run: u64, text: String) -> Result<()> {
    let given = engine.chain(format!("run-{run}"), text.clone()).await?;
    ensure!(given == text, "a run gave another text than it was given");
    Ok(())
}

struct Resume<E: Resumable> {
    setup: E::Setup,
    dir: PathBuf,
    run: u64,
}

impl<E: Resumable> Subject for Resume<E> {
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            let mut took = Duration::ZERO;
            for _ in 0..runs {
                let id = format!("run-{}", self.run);
                self.run += 1;
                E::open(self.setup, &self.dir).await?.stop_before_last(&id).await?;
                let start = Instant::now();
                let engine = E::open(self.setup, &self.dir).await?;
                took += engine.go_on(&id).await?.duration_since(start);
            }
            Ok(took)
        })
    }
}

struct ColdStart<E: Resumable> {
    setup: E::Setup,
    dir: PathBuf,
    /// How many are still to be stored.
    runs: u64,
    engine: PhantomData<fn() -> E>,
}

impl<E: Resumable> Subject for ColdStart<E> {
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            if self.runs > 0 {
                E::open(self.setup, &self.dir).await?.fill(std::mem::take(&mut self.runs)).await?;
            }
            let mut took = Duration::ZERO;
            for _ in 0..runs {
                let start = Instant::now();
                let engine = E::open(self.setup, &self.dir).await?;
                engine.recover().await?;
                took += start.elapsed();
            }
            Ok(took)
        })
    }
}

struct Wake<E: Resumable> {
    setup: E::Setup,
    dir: PathBuf,
    open: Option<E>,
    run: u64,
}

impl<E: Resumable> Subject for Wake<E> {
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            if self.open.is_none() {
                self.open = Some(E::open(self.setup, &self.dir).await?);
            }
            let engine = self.open.as_ref().context("it was opened")?;
            let mut took = Duration::ZERO;
            for _ in 0..runs {
                let id = format!("run-{}", self.run);
                self.run += 1;
                engine.park(&id).await?;
                let start = Instant::now();
                took += engine.wake(&id).await?.duration_since(start);
            }
            Ok(took)
        })
    }
}
