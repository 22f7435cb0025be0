//! `flow doctor`: why does a run not go on, and what to do?
//!
//! In: a record, the requests that it has not taken, and who drives it. Out: findings, each with what to type. Without a
//! run, the findings of all runs that have not ended or have failed, in groups.

mod finding;
mod groups;

use clap::Args;
use flow_runtime::state::Request;
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};
use serde::Serialize;

use self::finding::{Finding, Patient};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::time;
use crate::session::Session;
use crate::words;

/// Tell why a run does not go on, and what to do about it
///
/// Without a run: what all runs that have not ended or have failed wait for, in groups.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The run's id
    #[arg(value_name = "RUN", value_parser = |text: &str| WorkflowId::new(text))]
    run: Option<WorkflowId>,
}

/// What was found of a run, in JSON.
#[derive(Serialize)]
struct Document {
    run: String,
    /// Absent if the run is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    findings: Vec<Finding>,
}

impl Doctor {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let Some(run) = self.run else { return groups::show(session).await };
        let store = session.reader()?;
        let requests = store.requests(&run).await?;
        match store.load(&run).await {
            Ok(data) => {
                let holder = store.holder(&run).await?;
                show(&data, &requests, holder, session)
            }
            Err(StoreError::NotFound { .. }) if !requests.is_empty() => show_absent(&run, &requests, session),
            Err(error) => Err(error.into()),
        }
    }
}

fn show(
    data: &WorkflowData,
    requests: &[Request],
    holder: Option<String>,
    session: &mut Session,
) -> Result<Exit, Failure> {
    let findings = Patient { data, requests, holder: holder.as_deref(), session }.findings();
    if session.out.is_json() {
        let (run, status) = (data.id.to_string(), Some(words::of_run(data.status)));
        session.out.json(Document { run, status, holder, findings })?;
        return Ok(Exit::Done);
    }
    let workflow = words::workflow(&data.plan.workflow, data.plan.version);
    let (status, updated) = (words::of_run(data.status), time::age(data.updated_at, session.now));
    session.out.line(format!("{} of {workflow}: {status}, updated {updated}", data.id))?;
    findings.iter().try_for_each(|finding| finding.print(session))?;
    Ok(Exit::Done)
}

/// A run that is not there, and is waited for.
fn show_absent(run: &WorkflowId, requests: &[Request], session: &mut Session) -> Result<Exit, Failure> {
    let finding = finding::of_requests(requests, None);
    if session.out.is_json() {
        session.out.json(Document { run: run.to_string(), status: None, holder: None, findings: vec![finding] })?;
        return Ok(Exit::NotFound);
    }
    session.out.line(format!("{run} is not there yet"))?;
    finding.print(session)?;
    Ok(Exit::NotFound)
}
