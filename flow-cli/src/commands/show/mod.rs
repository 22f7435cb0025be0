//! `flow show`: a run, one step of it, or a value.
//!
//! In: a run's id, and what is to be seen of it. Out: facts and steps, in [`tables`], or a value, see [`value`].

mod tables;
mod value;

use clap::Args;
use flow_runtime::plan::StepKind;
use flow_runtime::state::{Payload, StepRef};
use flow_runtime::{WorkflowData, WorkflowId, WorkflowStore};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::record::{Facts, Failed, Line, Lines, StepFacts, output_of};
use crate::session::Session;
use crate::store::AnyStore;

/// How many failures are told below the steps.
const FAILURES: usize = 10;

/// Show a run: how it stands, its steps, and why it failed
///
/// The items of a fan-out with more than 10 are counted, and only those that failed are shown, unless `--all` says
/// otherwise. Values are shown where they are asked for, with `--output` and `--input`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The run's id
    #[arg(value_name = "RUN", value_parser = |text: &str| WorkflowId::new(text))]
    run: WorkflowId,
    /// Only steps that failed
    #[arg(long)]
    failed: bool,
    /// All items of all fan-outs
    #[arg(long)]
    all: bool,
    /// One step, with all that is known of it
    #[arg(long, value_name = "PATH", group = "what")]
    step: Option<String>,
    /// The output of a step, or of the run if no path is given
    #[arg(long, value_name = "PATH", group = "what", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "clap's form of an option that may come without a value")]
    output: Option<Option<String>>,
    /// The input of the run
    #[arg(long, group = "what")]
    input: bool,
    /// With `--output` or `--input`: the bytes as they are, to standard output
    #[arg(long, requires = "what", conflicts_with_all = ["step", "json"])]
    raw: bool,
    /// With `--output` or `--input`: the whole value, and not only how it begins
    #[arg(long, requires = "what", conflicts_with = "step")]
    full: bool,
}

/// A run in JSON.
#[derive(Serialize)]
struct Document {
    run: Facts,
    steps: Vec<StepFacts>,
}

/// A step in JSON.
#[derive(Serialize)]
struct StepDocument {
    run: String,
    step: StepFacts,
}

impl Show {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = session.reader()?;
        let data = store.load(&self.run).await?;
        if let Some(path) = &self.step {
            return show_step(&data, find(&data, path)?, session);
        }
        if self.input || self.output.is_some() {
            let (payload, what) = self.value(&data)?;
            let form = value::Form { raw: self.raw, full: self.full };
            return value::show(&store, &data, payload, what, form, session).await;
        }
        self.show_run(&store, &data, session).await
    }

    async fn show_run(&self, store: &AnyStore, data: &WorkflowData, session: &mut Session) -> Result<Exit, Failure> {
        let facts = Facts::of(data, &store.requests(&data.id).await?);
        if session.out.is_json() {
            let lines = Lines { all: true, failed: self.failed }.of(data);
            let steps = lines.iter().filter_map(Line::step).map(|step| StepFacts::of(data, step)).collect();
            session.out.json(Document { run: facts, steps })?;
            return Ok(Exit::Done);
        }
        session.out.table(&tables::run(data, &facts, session.now))?;
        let lines = Lines { all: self.all, failed: self.failed }.of(data);
        let steps = tables::steps(data, &lines, session.now);
        if !steps.is_empty() {
            session.out.line("")?;
        }
        session.out.table(&steps)?;
        self.print_failures(&facts.failures, session)?;
        Ok(Exit::Done)
    }

    fn print_failures(&self, failures: &[Failed], session: &mut Session) -> Result<(), Failure> {
        if failures.is_empty() {
            return Ok(());
        }
        session.out.line("")?;
        let most = if self.all || self.failed { usize::MAX } else { FAILURES };
        failures.iter().take(most).try_for_each(|failure| failure.print(&mut session.out))?;
        match failures.len().saturating_sub(most) {
            0 => Ok(()),
            rest => session.out.line(format!("{rest} more failed; --failed or --all shows them")),
        }
    }

    /// The value that is asked for, and what it is.
    fn value<'a>(&self, data: &'a WorkflowData) -> Result<(&'a Payload, value::What), Failure> {
        let absent = |what: &str| Failure::NoSuchValue { id: data.id.clone(), what: what.to_owned() };
        match &self.output {
            Some(Some(path)) => {
                let step = find(data, path)?;
                let what = value::What { path: Some(path.clone()), type_name: output_type(data, step) };
                let output = data.step(step).output.as_ref();
                output.map(|output| (output, what)).ok_or_else(|| absent(&format!("the output of step `{path}`")))
            }
            Some(None) => {
                let what = value::What { path: None, type_name: data.plan.output.to_string() };
                output_of(data).map(|output| (output, what)).ok_or_else(|| absent("the output"))
            }
            None => Ok((&data.input, value::What { path: None, type_name: data.plan.input.to_string() })),
        }
    }
}

fn show_step(data: &WorkflowData, step: StepRef, session: &mut Session) -> Result<Exit, Failure> {
    if session.out.is_json() {
        session.out.json(StepDocument { run: data.id.to_string(), step: StepFacts::of(data, step) })?;
        return Ok(Exit::Done);
    }
    session.out.table(&tables::step(data, step, session.now))?;
    if let Some(error) = &data.step(step).error {
        session.out.line("")?;
        Failed::from(&**error).print(&mut session.out)?;
    }
    Ok(Exit::Done)
}

fn find(data: &WorkflowData, path: &str) -> Result<StepRef, Failure> {
    data.find(path).ok_or_else(|| Failure::NoSuchStep { id: data.id.clone(), path: path.to_owned() })
}

/// The type of a step's output as it is written in the source.
fn output_type(data: &WorkflowData, step: StepRef) -> String {
    match &data.plan.step(step.local).kind {
        StepKind::Call { output, .. } | StepKind::Sub { output, .. } => output.to_string(),
        _ => String::new(),
    }
}
