//! The programs that are measured, each a process of its own that is asked for one sample after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use harness::case::Entry;
use harness::serve::{Answer, Request};

/// One program.
pub(crate) struct Program {
    path: PathBuf,
    dir: PathBuf,
    stored_runs: u64,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its cases.
    pub(crate) entries: Vec<Entry>,
}

/// What some runs took.
pub(crate) struct Sample {
    pub(crate) took: Duration,
    pub(crate) with_preparations: Duration,
    /// How often memory was asked for, if the program counts that.
    pub(crate) allocations: Option<u64>,
}

/// All programs of a measurement.
pub(crate) struct Programs {
    /// Those in which times are measured.
    pub(crate) timed: Vec<Program>,
    /// The same, but they count allocations.
    pub(crate) counting: Vec<Program>,
}

/// The engines that are programs of their own, in `peers-sqlx`.
const APART: [&str; 2] = ["takeln", "durare"];

impl Programs {
    /// Starts those that have engines which are wanted; what they store they store in this folder, for a cold start so many
    /// runs. Those that are not there are built.
    pub(crate) fn start(dir: &Path, stored_runs: u64, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let this = std::env::current_exe().context("this program does not know where it is")?;
        let release = this.parent().context("this program is in no folder")?;
        let target = release.parent().context("this program is in no target folder")?;
        let mut timed = vec![this.clone()];
        let mut counting = vec![built("Cargo.toml", "counted", target)?];
        if APART.into_iter().any(wanted) {
            let target = target.join("peers-sqlx");
            timed.push(built("peers-sqlx/Cargo.toml", "peers-sqlx", &target)?);
            counting.push(built("peers-sqlx/Cargo.toml", "peers-sqlx-counted", &target)?);
        }
        let start = |paths: Vec<PathBuf>| -> Result<Vec<Program>> {
            paths.into_iter().map(|path| Program::start(path, dir, stored_runs)).collect()
        };
        Ok(Self { timed: start(timed)?, counting: start(counting)? })
    }
}

/// Builds a program of a package in this folder, and says where it is.
fn built(manifest: &str, program: &str, target: &Path) -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--bin", program, "--manifest-path"]).arg(&manifest);
    cargo.arg("--target-dir").arg(target);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "{} does not build: {cargo:?}", manifest.display());
    Ok(target.join("release").join(program))
}

impl Program {
    fn start(path: PathBuf, dir: &Path, stored_runs: u64) -> Result<Self> {
        let mut child = Command::new(&path)
            .arg("serve")
            .arg(dir)
            .arg(stored_runs.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", path.display()))?;
        let requests = child.stdin.take().context("a child has an input")?;
        let answers = BufReader::new(child.stdout.take().context("a child has an output")?);
        let mut program =
            Self { path, dir: dir.to_owned(), stored_runs, child, requests, answers, entries: Vec::new() };
        match program.ask(&Request::List)? {
            Answer::Cases(entries) => program.entries = entries,
            other => bail!("{} lists no cases: {other:?}", program.path.display()),
        }
        Ok(program)
    }

    fn ask(&mut self, request: &Request) -> Result<Answer> {
        serde_json::to_writer(&mut self.requests, request)?;
        writeln!(self.requests)?;
        self.requests.flush()?;
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "{} ended instead of answering {request:?}", self.path.display());
        Ok(serde_json::from_str(&line)?)
    }

    /// Runs a case so many times.
    pub(crate) fn sample(&mut self, case: usize, runs: u64) -> Result<Sample> {
        match self.ask(&Request::Sample { case, runs })? {
            Answer::Sampled { nanos, with_preparations, allocations } => Ok(Sample {
                took: Duration::from_nanos(nanos),
                with_preparations: Duration::from_nanos(with_preparations),
                allocations,
            }),
            Answer::Failed(why) => bail!("{why}"),
            other => bail!("{} answers {other:?}", self.path.display()),
        }
    }

    /// Where its cases have their folders.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds to a command that watches what it is to watch: this program, as it runs a case so many times and ends.
    pub(crate) fn sampling(&self, watcher: &mut Command, dir: &Path, case: usize, runs: u64) {
        watcher.arg(&self.path).arg("sample").arg(dir);
        watcher.args([self.stored_runs.to_string(), case.to_string(), runs.to_string()]);
    }

    /// Lets a case give up what it holds.
    pub(crate) fn give_up(&mut self, case: usize) -> Result<()> {
        self.ask(&Request::Drop { case }).map(drop)
    }
}

impl Drop for Program {
    /// A program ends when its input does; one that hangs is not waited for.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
