//! `flow export`: runs as one file.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::Args;
use flow_runtime::disk::RealFs;
use flow_runtime::{StoreError, WorkflowId};
use serde::Serialize;

use crate::archive::{ArchiveFile, Counts, Writer};
use crate::chosen::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{FailedRun, Out};
use crate::session::Session;
use crate::store::AnyStore;
use crate::transfer::all_runs;
use crate::words;

/// Write runs into one file, for `flow import`
///
/// The file has the records, their large values, and what was asked of the runs and not taken. It is the same for equal
/// runs, whatever the store. Runs that are damaged are told and left out.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Only these runs
    #[arg(value_name = "RUN", value_parser = run_id)]
    runs: Vec<WorkflowId>,
    /// The file, which is written in place of what there is when all is done; standard output where none is given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    file: String,
    #[serde(flatten)]
    counts: Counts,
    failed: Vec<FailedRun>,
    damaged: Vec<words::Damage>,
}

/// What could not be exported.
#[derive(Default)]
struct Left {
    failed: Vec<FailedRun>,
    damaged: Vec<words::Damage>,
    exit: Option<Exit>,
}

impl Export {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let Some(path) = &self.output else {
            if session.out.is_json() {
                return Err(Failure::JsonBesideData);
            }
            let (writer, left) = self.write(Writer::begin(BufWriter::new(Out::data()))?, session).await?;
            writer.end()?;
            return Ok(left.exit.unwrap_or(Exit::Done));
        };
        let failed = |source| Failure::Write { path: path.clone(), source };
        let file = ArchiveFile::begin(&RealFs, path).map_err(failed)?;
        let (writer, left) = self.write(Writer::begin(BufWriter::new(file))?, session).await?;
        let (file, counts) = writer.end()?;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.finish().map_err(failed)?;
        tell(path, counts, left, session)
    }

    /// Writes the runs; gives what could not be written.
    async fn write<W: std::io::Write>(
        &self,
        mut writer: Writer<W>,
        session: &mut Session,
    ) -> Result<(Writer<W>, Left), Failure> {
        let store = session.snapshot()?;
        let mut left = Left::default();
        let runs = self.chosen(&store, &mut left, session).await?;
        let bar = session.out.bar(runs.len());
        for run in runs {
            match writer.run(&store, &run).await {
                Ok(true) => {}
                Ok(false) => {
                    bar.suspend(|| left.fails(&run, &StoreError::NotFound { id: run.clone() }.into(), session));
                }
                Err(Failure::Store(error)) if !error.is_of_the_store() => {
                    bar.suspend(|| left.fails(&run, &error.into(), session));
                }
                Err(failure) => return Err(failure),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok((writer, left))
    }

    /// The runs that are meant.
    async fn chosen(&self, store: &AnyStore, left: &mut Left, session: &Session) -> Result<Vec<WorkflowId>, Failure> {
        if !self.runs.is_empty() {
            let mut runs = self.runs.clone();
            runs.sort();
            runs.dedup();
            return Ok(runs);
        }
        let (runs, damaged) = all_runs(store).await?;
        for damaged in damaged {
            session.out.remark(format!("damaged, and left out: {}", words::damage(&damaged)));
            left.damaged.push(words::Damage::from(&damaged));
            left.exit = Some(Exit::Damage);
        }
        Ok(runs)
    }
}

impl Left {
    fn fails(&mut self, run: &WorkflowId, failure: &Failure, session: &Session) {
        self.exit.get_or_insert(failure.exit());
        self.failed.push(FailedRun { id: run.to_string(), error: session.out.tell(failure) });
    }
}

fn tell(path: &Path, counts: Counts, left: Left, session: &mut Session) -> Result<Exit, Failure> {
    let file = path.display().to_string();
    let exit = left.exit.unwrap_or(Exit::Done);
    if session.out.is_json() {
        session.out.json(Document { file, counts, failed: left.failed, damaged: left.damaged })?;
    } else {
        let Counts { runs, .. } = counts;
        session.out.line(format!("{file}: {runs} {}", if runs == 1 { "run" } else { "runs" }))?;
    }
    Ok(exit)
}
