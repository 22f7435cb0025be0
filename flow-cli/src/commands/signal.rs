//! `flow signal`: a value for a step that waits.

use clap::Args;
use flow_runtime::state::{Request, WaitingOn};
use flow_runtime::{StoreError, WorkflowId, WorkflowStore};

use crate::chosen::run_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::given;
use crate::session::Session;
use crate::steer::{Fate, Outcomes, Wait};
use crate::store::AnyStore;

/// Send a run a signal
///
/// The value is JSON: `true`, `'{"Approved":{"by":"Ada"}}'`. It waits in the store until a step of the run waits for a
/// signal of this name, now or later, whether the application runs now or not. A value that does not fit the type that is
/// waited for is refused at once where that can be known here, and by the application otherwise; `--wait` tells.
#[derive(Args, Debug)]
pub(crate) struct Signal {
    /// The run
    #[arg(value_parser = run_id)]
    run: WorkflowId,
    /// The name of the signal
    name: String,
    /// The value as JSON; `-` reads it from standard input, `@FILE` from a file
    #[arg(allow_negative_numbers = true)]
    value: String,
    /// An id for the signal: sent again under it, the signal counts once
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Signal {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let json = given::text(&self.value)?;
        let store = session.asker()?;
        self.remark(&store, session).await?;
        let mut outcomes = Outcomes::default();
        match self.send(&store, session, &json).await.transpose() {
            Some(fate) => outcomes.asked(session, &self.run, ("signal", "sent"), fate)?,
            None => outcomes.push(session, &self.run, Ok(("present", "the signal was sent before".to_owned())))?,
        }
        outcomes.end(session)
    }

    /// Sends it; says how far it came, or nothing if it was sent before.
    async fn send(&self, store: &AnyStore, session: &Session, json: &str) -> Result<Option<Fate>, Failure> {
        let id = self.id.clone().unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
        let is_new = session.engine(store).signal_json(self.run.as_str(), &self.name, &id, json).await?;
        if !is_new {
            return Ok(None);
        }
        let is_it = |request: &Request| request.id == id;
        let fate = self.wait.fate(store, &self.run, "signal", is_it).await?;
        if fate == Fate::Taken && !self.is_used(store, &id).await? {
            return Err(Failure::NotUsed { run: self.run.clone(), name: self.name.clone() });
        }
        Ok(Some(fate))
    }

    async fn is_used(&self, store: &AnyStore, id: &str) -> Result<bool, Failure> {
        let record = store.load(&self.run).await?;
        Ok(record.steps.iter().any(|step| step.signal.as_deref() == Some(id)))
    }

    /// Tells that nothing waits for it now, which may be a mistake and may be not.
    async fn remark(&self, store: &AnyStore, session: &Session) -> Result<(), Failure> {
        let (run, name) = (&self.run, &self.name);
        let record = match store.load(run).await {
            Ok(record) => record,
            Err(StoreError::NotFound { .. }) => {
                session.out.remark(format!("there is no run `{run}` yet; the signal is kept until there is"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let waits = record.waits();
        let mut names = waits.iter().filter_map(|(_, on)| match on {
            WaitingOn::Signal { name, .. } => Some(name.as_str()),
            _ => None,
        });
        if record.status.is_terminal() || names.clone().any(|awaited| awaited == name) {
            return Ok(());
        }
        let instead = names.next().map(|awaited| format!("; it waits for `{awaited}`")).unwrap_or_default();
        session.out.remark(format!(
            "run `{run}` does not wait for a signal `{name}` now{instead}; the signal is kept until a step does"
        ));
        Ok(())
    }
}
