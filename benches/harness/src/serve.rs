//! The measured program's side: answers a line with a line. In: [`Request`]s. Out: [`Answer`]s.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::case::{Case, Class, Entry, Subject};

/// What a measured program is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Which cases there are.
    List,
    /// Run the case with this number so many times.
    Sample {
        /// Its place in the list.
        case: usize,
        /// How many times.
        runs: u64,
    },
    /// Give up what the case with this number holds, its folder too.
    Drop {
        /// Its place in the list.
        case: usize,
    },
}

/// What it answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The cases.
    Cases(Vec<Entry>),
    /// How long the runs took.
    Sampled {
        /// In nanoseconds.
        nanos: u64,
        /// The same with what was prepared.
        with_preparations: u64,
        /// How often memory was asked for meanwhile, in all threads; `None` where nobody counts.
        allocations: Option<u64>,
    },
    /// It was given up.
    Dropped,
    /// Something failed.
    Failed(String),
}

/// How often memory has been asked for since the program began.
pub type Allocations = fn() -> u64;

/// Serves what the program's arguments ask for: `serve DIR RUNS` answers requests, `sample DIR RUNS CASE TIMES` takes one
/// sample and ends, for tools that watch a whole process. What is stored is stored in the folder; the store of a cold start
/// has so many runs.
pub fn main(
    cases: fn(u64) -> Vec<Case>,
    allocations: Option<Allocations>,
    arguments: impl Iterator<Item = String>,
) -> Result<()> {
    let words: Vec<String> = arguments.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let server = |dir, runs: &str| Server::new(cases(runs.parse()?), allocations, Path::new(dir));
    match words[..] {
        ["serve", dir, runs] => server(dir, runs)?.answer_all(),
        ["sample", dir, runs, case, times] => server(dir, runs)?.sample(case.parse()?, times.parse()?).map(drop),
        _ => Err(anyhow!("`serve DIR RUNS` or `sample DIR RUNS CASE TIMES` was expected")),
    }
}

/// Runs each case once: whether all of them do what they are to do. For tests.
pub fn each_once(cases: Vec<Case>) -> Result<()> {
    let dir = TempDir::new()?;
    let mut server = Server::new(cases, None, dir.path())?;
    for number in 0..server.cases.len() {
        let entry = &server.cases[number].entry;
        let name = format!("{:?} {} {}", entry.class, entry.shape, entry.engine);
        server.sample(number, 1).context(name)?;
        server.give_up(number);
    }
    Ok(())
}

struct Server<'a> {
    cases: Vec<Case>,
    subjects: HashMap<usize, (Box<dyn Subject>, TempDir)>,
    allocations: Option<Allocations>,
    dir: &'a Path,
    many: Runtime,
    one: Runtime,
}

impl<'a> Server<'a> {
    fn new(cases: Vec<Case>, allocations: Option<Allocations>, dir: &'a Path) -> Result<Self> {
        let many = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let one = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { cases, subjects: HashMap::new(), allocations, dir, many, one })
    }

    fn answer_all(mut self) -> Result<()> {
        for line in std::io::stdin().lock().lines() {
            let answer = match serde_json::from_str(&line?)? {
                Request::List => Answer::Cases(self.cases.iter().map(|case| case.entry.clone()).collect()),
                Request::Sample { case, runs } => {
                    self.sample(case, runs).unwrap_or_else(|error| Answer::Failed(format!("{error:#}")))
                }
                Request::Drop { case } => {
                    self.give_up(case);
                    Answer::Dropped
                }
            };
            let mut out = std::io::stdout().lock();
            serde_json::to_writer(&mut out, &answer)?;
            writeln!(out)?;
            out.flush()?;
        }
        Ok(())
    }

    fn give_up(&mut self, number: usize) {
        let _inside = self.many.enter();
        self.subjects.remove(&number);
    }

    /// The runs are awaited in a task, so that what is awaited in turn is polled by a worker, for all engines.
    fn sample(&mut self, number: usize, runs: u64) -> Result<Answer> {
        let case = self.cases.get(number).context("there is no such case")?;
        let runtime = if case.entry.threads == 1 { &self.one } else { &self.many };
        let (mut subject, folder) = if let Some(made) = self.subjects.remove(&number) {
            made
        } else {
            let _inside = runtime.enter();
            let folder = TempDir::new_in(self.dir)?;
            (case.subject(folder.path())?, folder)
        };
        if case.entry.class != Class::None {
            // What others have written and not synced would be part of this one's syncs.
            rustix::fs::sync();
        }
        let count = self.allocations.unwrap_or(|| 0);
        let task = runtime.spawn(async move {
            let (before, start) = (count(), Instant::now());
            let took = subject.sample(runs).await;
            (subject, took, start.elapsed(), count() - before)
        });
        let (subject, took, whole, counted) = runtime.block_on(task).context("the case panicked")?;
        self.subjects.insert(number, (subject, folder));
        let (nanos, with_preparations) = (took?.as_nanos() as u64, whole.as_nanos() as u64);
        Ok(Answer::Sampled { nanos, with_preparations, allocations: self.allocations.map(|_| counted) })
    }
}
