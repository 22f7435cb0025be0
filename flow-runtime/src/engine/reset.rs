//! Runs that have ended and are to go on: what failed runs again, or a step that is named, and all that follows.
//!
//! In: an id. Out: a request, durably in the store, that counts for the end of which it was asked; and, where a run is
//! loaded that has ended, the record set back as was asked.

use super::Engine;
use super::position::idempotency_key;
use super::requests::AskError;
use crate::state::{
    Event, Request, RequestKind, ResetMode, StepRef, Timestamp, WorkflowData, WorkflowId, WorkflowStatus,
};

impl<S> Engine<S> {
    /// Runs again what failed, of a run that has failed or was cancelled, and what follows from it. What has completed
    /// stays as it is. When this returns the order is on disk. This engine takes the run up at once if it knows the workflow;
    /// one in another process does when it looks, twice a second, if it was [told of it](super::EngineBuilder::register);
    /// otherwise who runs it next does. Running the workflow under the id then gives
    /// the new result.
    ///
    /// Steps that failed or were cancelled run again under the key they had, since their effect may be there, with all
    /// their retries and their whole deadline. Steps that were undone run again under another key, and so does what has
    /// used their outputs; one whose undo failed is complete as before. A failure that `#[catch]` made a value stays one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    /// use flow_runtime::prelude::*;
    ///
    /// #[node]
    /// async fn pack() -> u32 { 3 }
    /// #[node]
    /// async fn ship(#[state] open: &AtomicBool, parcels: u32) -> Result<u32, String> {
    ///     if open.load(SeqCst) { Ok(parcels) } else { Err("the port is closed".to_owned()) }
    /// }
    /// workflow! { fn deliver() -> u32 { ship(pack()) } }
    ///
    /// # struct Port(std::sync::Arc<AtomicBool>);
    /// # impl Provide<AtomicBool> for Port { fn provide(&self) -> &AtomicBool { &self.0 } }
    /// let open = std::sync::Arc::new(AtomicBool::new(false));
    /// let engine = Engine::builder(InMemoryStore::default()).state(Port(open.clone())).build();
    /// assert!(deliver().run(&engine, "d").await.is_err());
    /// open.store(true, SeqCst);
    /// assert!(deliver().run(&engine, "d").await.is_err(), "it has failed, and runs nothing by itself");
    /// engine.retry_failed("d").await?;
    /// assert_eq!(deliver().run(&engine, "d").await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AskError::Unknown`] if there is no such run, [`AskError::NotEnded`] if it goes on by itself,
    /// [`AskError::NothingToRetry`] if it has completed; and if the request cannot be kept.
    pub async fn retry_failed(&self, id: impl AsRef<str>) -> Result<(), AskError> {
        let data = self.has_ended(id, RequestKind::RetryFailed.name()).await?;
        if data.status == WorkflowStatus::Completed {
            return Err(AskError::NothingToRetry { id: data.id, workflow: data.plan.workflow.to_string() });
        }
        self.run_again(&data, RequestKind::RetryFailed).await
    }

    /// Runs a step again, of a run that has ended, and all that follows from it; of one that failed or was cancelled also
    /// what [`retry_failed`](Self::retry_failed) does. The step is named by its path: `charge`, `labels[17].print`. Of a
    /// branch or a fan-out the head is evaluated again, and all in it runs again.
    ///
    /// A step that had completed runs under another key than before, so that its effect happens once more.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// use flow_runtime::prelude::*;
    ///
    /// #[node]
    /// async fn price(#[state] day: &AtomicU32) -> u32 { day.load(SeqCst) }
    /// #[node]
    /// async fn report(price: u32) -> String { format!("{price} a piece") }
    /// workflow! { fn quote() -> String { report(price()) } }
    ///
    /// let day = std::sync::Arc::new(AtomicU32::new(7));
    /// # struct Days(std::sync::Arc<AtomicU32>);
    /// # impl Provide<AtomicU32> for Days { fn provide(&self) -> &AtomicU32 { &self.0 } }
    /// let engine = Engine::builder(InMemoryStore::default()).state(Days(day.clone())).build();
    /// assert_eq!(quote().run(&engine, "q").await?, "7 a piece");
    /// day.store(8, SeqCst);
    /// assert_eq!(quote().run(&engine, "q").await?, "7 a piece", "it has ended");
    /// engine.retry_from("q", "price").await?;
    /// assert_eq!(quote().run(&engine, "q").await?, "8 a piece");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AskError::Unknown`] if there is no such run, [`AskError::NotEnded`] if it goes on by itself,
    /// [`AskError::UnknownStep`] if it has not come to such a step; and if the request cannot be kept.
    pub async fn retry_from(&self, id: impl AsRef<str>, step: &str) -> Result<(), AskError> {
        let kind = RequestKind::RetryFrom { step: step.to_owned() };
        let data = self.has_ended(id, kind.name()).await?;
        if data.find(step).is_none() {
            return Err(unknown_step(&data, step));
        }
        self.run_again(&data, kind).await
    }

    /// The record of a run that has ended, and takes such an order.
    async fn has_ended(&self, id: impl AsRef<str>, what: &'static str) -> Result<WorkflowData, AskError> {
        let id = WorkflowId::new(id)?;
        let Some(data) = self.stored(&id).await? else { return Err(AskError::Unknown { id }) };
        if data.status.is_terminal() {
            return Ok(data);
        }
        let (workflow, status) = (data.plan.workflow.to_string(), data.status);
        Err(AskError::NotEnded { id, workflow, status, what })
    }

    async fn run_again(&self, data: &WorkflowData, kind: RequestKind) -> Result<(), AskError> {
        self.ask(&data.id, id_of(data, &kind), kind).await.map(drop)
    }
}

pub(super) fn unknown_step(data: &WorkflowData, step: &str) -> AskError {
    let (id, workflow) = (data.id.clone(), data.plan.workflow.to_string());
    AskError::UnknownStep { id, workflow, step: step.to_owned() }
}

/// The id of such a request for the end that the run has now. Asked twice it is one, and when the run has gone on it
/// counts no more, even if it could not be removed.
fn id_of(data: &WorkflowData, kind: &RequestKind) -> String {
    let what = match kind {
        RequestKind::RetryFrom { step } => format!("from {step}"),
        _ => "failed".to_owned(),
    };
    idempotency_key(&format!("{} {}", data.run_no, data.seq), &what)
}

/// Whether this was asked of the run as it has ended.
pub(super) fn is_for_the_ended(data: &WorkflowData, request: &Request) -> bool {
    let is_order = matches!(request.kind, RequestKind::RetryFailed | RequestKind::RetryFrom { .. });
    is_order && request.id == id_of(data, &request.kind)
}

/// That a run goes on which had ended.
pub(super) struct Again {
    /// The fact that says so; it is in the record already.
    pub(super) event: Event,
    /// The requests that it answers.
    pub(super) taken: Vec<String>,
}

/// Sets back a run that has ended, if that was asked. All that was asked of it before is too late, and is answered with
/// it.
pub(super) fn go_on(data: &mut WorkflowData, requests: &[Request], now: Timestamp) -> Option<Again> {
    let first = requests.iter().position(|request| is_for_the_ended(data, request))?;
    let late = requests[..first].iter();
    let orders: Vec<&Request> = requests[first..].iter().filter(|request| is_for_the_ended(data, request)).collect();
    let taken = late.chain(orders.iter().copied()).map(|request| request.id.clone()).collect();
    let mut roots: Vec<StepRef> = Vec::new();
    for order in orders {
        if let RequestKind::RetryFrom { step } = &order.kind {
            roots.extend(data.find(step).filter(|step| !roots.contains(step)));
        }
    }
    let mode = if roots.is_empty() { ResetMode::Failed } else { ResetMode::From };
    let event = Event::StepsReset { roots, mode };
    let mut reset = data.clone();
    match reset.apply_event(&event, now, &mut Vec::new()) {
        Ok(()) => *data = reset,
        Err(error) => {
            tracing::warn!(run = %data.id, error = &error as &dyn std::error::Error, "the run could not be set back");
            return None;
        }
    }
    Some(Again { event, taken })
}
