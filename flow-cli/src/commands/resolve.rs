//! `flow resolve`: an operator's word on an attempt of unknown end.

use clap::Args;
use flow_runtime::engine::Resolution;
use flow_runtime::state::{Request, RequestKind, WaitingOn};
use flow_runtime::{WorkflowId, WorkflowStore};

use crate::chosen::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::given;
use crate::session::Session;
use crate::steer::{Fate, Outcomes, Wait};
use crate::store::AnyStore;

/// Say how an attempt ended that a crash cut off
///
/// A node that says `at_most_once` is not run again by itself: its step waits until somebody has looked whether it had
/// its effect. The word waits in the store until the application takes it, whether that runs now or not.
#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The run
    #[arg(value_parser = run_id)]
    run: WorkflowId,
    /// The path of the step: `charge`, `labels[17].print`
    step: String,
    #[command(flatten)]
    verdict: Verdict,
    #[command(flatten)]
    wait: Wait,
}

/// How the attempt ended.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Verdict {
    /// It had its effect, and this is the output as JSON; `-` reads it from standard input, `@FILE` from a file
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    done: Option<String>,
    /// It had no effect: the step runs, once more at most
    #[arg(long)]
    not_done: bool,
    /// It failed, and this is why: the step fails
    #[arg(long, value_name = "TEXT")]
    failed: Option<String>,
}

impl Verdict {
    fn resolution(&self) -> Result<Resolution, Failure> {
        match (&self.done, &self.failed) {
            (Some(json), _) => given::text(json).map(Resolution::done_json),
            (None, Some(message)) => Ok(Resolution::Failed(message.clone())),
            (None, None) => Ok(Resolution::NotDone),
        }
    }
}

impl Resolve {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let resolution = self.verdict.resolution()?;
        let store = session.asker()?;
        let mut outcomes = Outcomes::default();
        let fate = self.resolve(&store, session, resolution).await;
        outcomes.asked(session, &self.run, ("word", "left"), fate)?;
        outcomes.end(session)
    }

    async fn resolve(&self, store: &AnyStore, session: &Session, resolution: Resolution) -> Result<Fate, Failure> {
        let attempt = self.doubted(store).await.ok().flatten();
        session.engine(store).resolve(self.run.as_str(), &self.step, resolution).await?;
        let is_it =
            |request: &Request| matches!(&request.kind, RequestKind::Resolve { step, .. } if *step == self.step);
        let fate = self.wait.fate(store, &self.run, "word", is_it).await?;
        if fate == Fate::Taken && self.doubted(store).await? == attempt {
            return Err(Failure::NotResolved { run: self.run.clone(), step: self.step.clone() });
        }
        Ok(fate)
    }

    /// The attempt of which nobody knows how it ended.
    async fn doubted(&self, store: &AnyStore) -> Result<Option<u32>, Failure> {
        let record = store.load(&self.run).await?;
        let waiting = record.find(&self.step).and_then(|step| record.step(step).waiting.as_deref());
        Ok(match waiting {
            Some(WaitingOn::Doubt(attempt)) => Some(*attempt),
            _ => None,
        })
    }
}
