//! A case: one engine that runs one shape. In: what the engine does. Out: how long it took.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// What a run survives. Figures of different classes are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing: the run is in memory alone.
    None,
    /// That its process is killed, but no loss of power: completed steps may be in the system's cache only.
    Kill,
    /// A loss of power: a completed step is on the disk.
    PowerLoss,
}

/// Who runs a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No engine.
    ByHand,
    /// Flow.
    Flow,
    /// Another engine.
    Peer,
}

/// What a case is, without what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What the run survives.
    pub class: Class,
    /// What is run.
    pub shape: String,
    /// Who runs it, and how, where an engine has several ways.
    pub engine: String,
    /// What kind of engine that is.
    pub kind: Kind,
    /// By how many the time of a run is divided.
    pub steps: u64,
    /// How many bytes the output of a step has; 8 unless the shape says otherwise.
    pub payload_bytes: u64,
    /// Threads of the tokio runtime: 2 workers, or 1 for `current_thread`.
    pub threads: u8,
    /// Whether the graph is built in the time that is measured.
    pub build_in_run: bool,
    /// Whether a sample has preparations that its time leaves out, so that nothing but time can be told of it.
    pub prepares: bool,
    /// Whether it is the plainest program that does the shape's work, to which others are compared.
    pub is_limit: bool,
}

/// Something that is ready to run a shape again and again.
pub trait Subject: Send {
    /// Runs it so many times, and gives how long that took. Preparations may be left out of it.
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>>;
}

type Make = Arc<dyn Fn(&Path) -> Result<Box<dyn Subject>> + Send + Sync>;

/// An engine that runs a shape.
#[derive(Clone)]
pub struct Case {
    /// What it is.
    pub entry: Entry,
    make: Make,
}

impl Case {
    /// A case whose subject is made when it is first wanted, inside of a runtime, with an empty folder of its own.
    pub fn new<S: Subject + 'static>(
        class: Class,
        shape: &Shape,
        engine: &str,
        make: impl Fn(&Path) -> Result<S> + Send + Sync + 'static,
    ) -> Self {
        let entry = Entry {
            class,
            shape: shape.name.to_owned(),
            engine: engine.to_owned(),
            kind: Kind::Peer,
            steps: shape.steps,
            payload_bytes: shape.payload_bytes,
            threads: 2,
            build_in_run: false,
            prepares: false,
            is_limit: false,
        };
        Self { entry, make: Arc::new(move |dir| Ok(Box::new(make(dir)?))) }
    }

    /// A case in memory, of which the whole of a run is measured, and whose every run must give what the shape gives.
    pub fn in_memory<F, R>(shape: &Shape, engine: &str, run: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<u64>> + Send + 'static,
    {
        let (run, expected) = (Arc::new(run), shape.gives);
        Self::new(Class::None, shape, engine, move |_| Ok(Whole { run: run.clone(), expected }))
    }

    /// It is no engine, or it is Flow.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.entry.kind = kind;
        self
    }

    /// Others are compared to this.
    #[must_use]
    pub fn limit(mut self) -> Self {
        self.entry.is_limit = true;
        self
    }

    /// The graph is built in the time that is measured.
    #[must_use]
    pub fn builds_in_run(mut self) -> Self {
        self.entry.build_in_run = true;
        self
    }

    /// A sample prepares what it measures.
    #[must_use]
    pub fn prepares(mut self) -> Self {
        self.entry.prepares = true;
        self
    }

    /// The shape has a size that was said when the program began.
    #[must_use]
    pub fn of_size(mut self, size: u64) -> Self {
        self.entry.shape = format!("{}-{size}", self.entry.shape);
        self
    }

    /// The same on a runtime of one thread.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        self.entry.threads = 1;
        self
    }

    /// What runs it.
    pub fn subject(&self, dir: &Path) -> Result<Box<dyn Subject>> {
        (self.make)(dir)
    }
}

/// Whole runs, one after the other.
struct Whole<F> {
    run: Arc<F>,
    expected: u64,
}

impl<F, R> Subject for Whole<F>
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = Result<u64>> + Send,
{
    fn sample(&mut self, runs: u64) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            let start = Instant::now();
            for _ in 0..runs {
                let given = (self.run)().await?;
                ensure!(given == self.expected, "a run gave {given} where {} is right", self.expected);
            }
            Ok(start.elapsed())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::each_once;
    use crate::shape::DIAMOND;

    #[test]
    fn a_run_that_gives_another_value_than_the_shape_is_an_error() {
        let giving = |value| Case::in_memory(&DIAMOND, "made up", move || async move { Ok(value) });
        each_once(vec![giving(DIAMOND.gives)]).unwrap();
        let error = each_once(vec![giving(DIAMOND.gives + 1)]).unwrap_err();
        assert_eq!(format!("{error:#}"), "None diamond-6 made up: a run gave 9 where 8 is right");
    }
}
