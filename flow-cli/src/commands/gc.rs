//! `flow gc`: runs that ended long ago are removed.

use std::time::Duration;

use clap::Args;
use flow_runtime::WorkflowId;
use flow_runtime::engine::{Retention, RetentionReport};
use serde::Serialize;

use crate::chosen::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{FailedRun, time};
use crate::session::Session;
use crate::words;

/// Remove runs that ended long ago
///
/// The age of a run is the time since its last change. Runs that have not ended are never touched, nor are those that an
/// engine drives. A store in a folder must not be open in an application meanwhile.
#[derive(Args, Debug)]
pub(crate) struct Gc {
    #[command(flatten)]
    ages: Ages,
    /// Tell what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without a question; off a terminal nobody can be asked
    #[arg(long, short)]
    yes: bool,
}

/// What is old.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Ages {
    /// Remove runs that completed longer ago than this: `30d`, `12h`
    #[arg(long, value_name = "AGE", value_parser = time::parse_length)]
    completed: Option<Duration>,
    /// Remove runs that failed, were cancelled or were rolled back longer ago than this
    #[arg(long, value_name = "AGE", value_parser = time::parse_length)]
    failed: Option<Duration>,
}

#[derive(Serialize)]
struct Document {
    dry_run: bool,
    removed: Vec<String>,
    /// Those that changed meanwhile, or that an engine drives.
    skipped: Vec<String>,
    failed: Vec<FailedRun>,
    damaged: Vec<words::Damage>,
}

impl Gc {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = if self.dry_run { session.reader()? } else { session.writer()? };
        let engine = session.engine(&store);
        let mut report = engine.retain(&self.retention().dry_run()).await?;
        if !self.dry_run && !report.removed.is_empty() {
            let runs = report.removed.len();
            confirm(format!("remove {runs} {}", if runs == 1 { "run" } else { "runs" }), self.yes, &session.out)?;
            report = engine.retain(&self.retention()).await?;
        }
        self.tell(report, session)
    }

    fn retention(&self) -> Retention {
        let mut retention = Retention::new();
        if let Some(age) = self.ages.completed {
            retention = retention.keep_completed(age);
        }
        if let Some(age) = self.ages.failed {
            retention = retention.keep_failed(age);
        }
        retention
    }

    fn tell(&self, report: RetentionReport, session: &mut Session) -> Result<Exit, Failure> {
        let (mut failed, mut exit) = (Vec::new(), Exit::Done);
        for (id, error) in report.failed {
            let failure = Failure::from(error);
            exit = failure.exit();
            failed.push(FailedRun { id: id.to_string(), error: session.out.tell(&failure) });
        }
        for damaged in &report.damaged {
            session.out.remark(format!("damaged, and left: {}", words::damage(damaged)));
        }
        let texts = |ids: &[WorkflowId]| ids.iter().map(ToString::to_string).collect();
        if session.out.is_json() {
            let (removed, skipped) = (texts(&report.removed), texts(&report.skipped));
            let damaged = report.damaged.iter().map(words::Damage::from).collect();
            session.out.json(Document { dry_run: self.dry_run, removed, skipped, failed, damaged })?;
            return Ok(exit);
        }
        let became = if self.dry_run { "would be removed" } else { "removed" };
        for id in &report.removed {
            session.out.line(format!("{id}: {became}"))?;
        }
        for id in &report.skipped {
            session.out.remark(format!("{id}: left, it changed meanwhile or an engine drives it"));
        }
        if report.removed.is_empty() {
            session.out.remark("no run is that old");
        }
        Ok(exit)
    }
}
