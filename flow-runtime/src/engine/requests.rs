//! What one asks of a run from outside, in the process that drives it or in another.
//!
//! In: an id, and a signal or what is to become of the run. Out: a request, durably in the store, and who drives the run
//! is told of it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use super::Engine;
use super::attempt::{catch, check_len};
use crate::state::{
    EncodeError, InvalidId, InvalidRequestId, Output, Payload, Request, RequestKind, StepStatus, WaitingOn,
    WorkflowData, WorkflowId, WorkflowStatus,
};
use crate::store::StoreError;

/// Nothing could be asked of the run. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The text is no workflow id.
    ///
    /// [`E-ID-WORKFLOW`](crate::errors::codes::ID_WORKFLOW).
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
    /// The text is no id of a signal.
    ///
    /// [`E-ID-REQUEST`](crate::errors::codes::ID_REQUEST).
    #[error(transparent)]
    InvalidRequestId(#[from] InvalidRequestId),
    /// There is no run of this id.
    ///
    /// [`E-RUN-UNKNOWN`](crate::errors::codes::RUN_UNKNOWN).
    #[error("there is no run `{id}`; a signal may come before its run, but this may not")]
    Unknown {
        /// The run.
        id: WorkflowId,
    },
    /// The run has ended, and takes nothing more.
    ///
    /// [`E-ASK-ENDED`](crate::errors::codes::ASK_ENDED).
    #[error("run `{id}` of `{workflow}` has ended ({status:?}) and takes no `{what}`")]
    Ended {
        /// The run.
        id: WorkflowId,
        /// Its workflow.
        workflow: String,
        /// How it ended.
        status: WorkflowStatus,
        /// What was asked.
        what: &'static str,
    },
    /// The run has not ended, and goes on by itself.
    ///
    /// [`E-ASK-NOT-ENDED`](crate::errors::codes::ASK_NOT_ENDED).
    #[error("run `{id}` of `{workflow}` has not ended ({status:?}); only a run that has takes a `{what}`")]
    NotEnded {
        /// The run.
        id: WorkflowId,
        /// Its workflow.
        workflow: String,
        /// How it stands.
        status: WorkflowStatus,
        /// What was asked.
        what: &'static str,
    },
    /// Nothing in the run has failed.
    ///
    /// [`E-ASK-NOTHING-FAILED`](crate::errors::codes::ASK_NOTHING_FAILED).
    #[error("run `{id}` of `{workflow}` has completed, and nothing in it failed; `retry_from` runs a step again")]
    NothingToRetry {
        /// The run.
        id: WorkflowId,
        /// Its workflow.
        workflow: String,
    },
    /// The run has no such step.
    ///
    /// [`E-STEP-UNKNOWN`](crate::errors::codes::STEP_UNKNOWN).
    #[error(
        "run `{id}` of `{workflow}` has no step `{step}`, or has not come to it; steps are named by their paths, such as `charge` or `labels[17].print`"
    )]
    UnknownStep {
        /// The run.
        id: WorkflowId,
        /// Its workflow.
        workflow: String,
        /// What was taken for the path of a step.
        step: String,
    },
    /// It is known how the step stands.
    ///
    /// [`E-ASK-NOT-IN-DOUBT`](crate::errors::codes::ASK_NOT_IN_DOUBT).
    #[error("step `{step}` of run `{id}` is {status:?} and waits for nobody's word")]
    NotInDoubt {
        /// The run.
        id: WorkflowId,
        /// The step.
        step: String,
        /// How it stands.
        status: StepStatus,
    },
    /// The step has outputs of another type.
    ///
    /// [`E-ASK-TYPE`](crate::errors::codes::ASK_TYPE).
    #[error("step `{step}` of run `{id}` gives a `{expected}`, and this is a `{sent}`")]
    OtherOutput {
        /// The run.
        id: WorkflowId,
        /// The step.
        step: String,
        /// The type of its output, as written at the node.
        expected: String,
        /// The type of the value.
        sent: String,
    },
    /// The output cannot be stored.
    ///
    /// [`E-VALUE-ENCODE`](crate::errors::codes::VALUE_ENCODE).
    #[error("the output of step `{step}` of run `{id}` cannot be stored")]
    Output {
        /// The run.
        id: WorkflowId,
        /// The step.
        step: String,
        /// Why.
        source: EncodeError,
    },
    /// The run waits for a value of another type.
    ///
    /// [`E-ASK-TYPE`](crate::errors::codes::ASK_TYPE).
    #[error("run `{id}` waits for a `{expected}` as signal `{name}`, and this is a `{sent}`")]
    OtherType {
        /// The run.
        id: WorkflowId,
        /// The signal's name.
        name: String,
        /// The type that the step waits for.
        expected: String,
        /// The type of the value.
        sent: String,
    },
    /// The value cannot be stored.
    ///
    /// [`E-VALUE-ENCODE`](crate::errors::codes::VALUE_ENCODE).
    #[error("the value of signal `{name}` for run `{id}` cannot be stored")]
    Value {
        /// The run.
        id: WorkflowId,
        /// The signal's name.
        name: String,
        /// Why.
        source: EncodeError,
    },
    /// The store failed, or keeps no requests.
    ///
    /// The code is that of the source.
    #[error("the request for run `{id}` could not be kept")]
    Store {
        /// The run.
        id: WorkflowId,
        /// Why.
        source: Arc<StoreError>,
    },
}

impl<S> Engine<S> {
    /// Sends a run a signal: a value for a step that waits for one of this name, now or later. The run may be driven
    /// here, by another process on a store that allows it, by nobody, or may not exist yet. When this returns the signal
    /// is on disk, and it is used once.
    ///
    /// # Errors
    /// [`AskError::Ended`] if the run takes no signals any more, [`AskError::OtherType`] if the step that waits for it
    /// wants another type; and if it cannot be kept.
    pub async fn signal<T: Output>(&self, id: impl AsRef<str>, name: &str, value: &T) -> Result<(), AskError> {
        self.signal_once(id, name, &drawn_id(), value).await.map(drop)
    }

    /// As [`signal`](Self::signal), with an id for the signal: the same id again for this run counts as sent already,
    /// so a sender that does not know whether it got through may send it again. `false` if it was there.
    ///
    /// # Errors
    /// As those of `signal`.
    pub async fn signal_once<T: Output>(
        &self,
        id: impl AsRef<str>,
        name: &str,
        signal: &str,
        value: &T,
    ) -> Result<bool, AskError> {
        let id = WorkflowId::new(id)?;
        let payload = self.signal_payload(&id, name, value)?;
        let type_name = std::any::type_name::<T>().to_owned();
        match self.stored(&id).await? {
            Some(data) if data.status.is_terminal() => return Err(ended(&data, "Signal")),
            Some(data) if data.steps.iter().any(|step| step.signal.as_deref() == Some(signal)) => return Ok(false),
            Some(data) => check_type(&data, name, &type_name)?,
            None => {}
        }
        let payload = catch(|| self.runner.shared.packing.pack(payload)).flatten();
        let payload = payload.map_err(|reason| unstorable::<T>(&id, name, reason))?;
        let kind = RequestKind::Signal { name: name.to_owned(), type_name, payload };
        self.ask(&id, signal.to_owned(), kind).await
    }

    /// Stops a run for good: nothing more starts, and bodies that run are told so and may end within their grace.
    ///
    /// # Errors
    /// [`AskError::Unknown`] if there is no such run, [`AskError::Ended`] if it has ended; and if the request cannot be
    /// kept.
    pub async fn cancel(&self, id: impl AsRef<str>) -> Result<(), AskError> {
        self.order(id, RequestKind::Cancel).await
    }

    /// Stops a run for good as [`cancel`](Self::cancel) does, and undoes nothing.
    ///
    /// # Errors
    /// As those of `cancel`.
    pub async fn terminate(&self, id: impl AsRef<str>) -> Result<(), AskError> {
        self.order(id, RequestKind::Terminate).await
    }

    /// Lets a run start nothing until it is [resumed](Self::resume). Bodies that run go on to their end, and the pause
    /// is stored.
    ///
    /// # Errors
    /// As those of [`cancel`](Self::cancel).
    pub async fn pause(&self, id: impl AsRef<str>) -> Result<(), AskError> {
        self.order(id, RequestKind::Pause).await
    }

    /// Lets a run go on that was paused.
    ///
    /// # Errors
    /// As those of [`cancel`](Self::cancel).
    pub async fn resume(&self, id: impl AsRef<str>) -> Result<(), AskError> {
        self.order(id, RequestKind::Resume).await
    }

    async fn order(&self, id: impl AsRef<str>, kind: RequestKind) -> Result<(), AskError> {
        let id = WorkflowId::new(id)?;
        match self.stored(&id).await? {
            Some(data) if data.status.is_terminal() => Err(ended(&data, kind.name())),
            // It may be live and not be created yet.
            None if !self.runner.live.contains(&id) => Err(AskError::Unknown { id }),
            _ => self.ask(&id, drawn_id(), kind).await.map(drop),
        }
    }

    pub(super) async fn ask(&self, id: &WorkflowId, request: String, kind: RequestKind) -> Result<bool, AskError> {
        let request = Request::new(request, self.runner.shared.clock.now(), kind)?;
        let kept = self.runner.hold.store.ask(id, &request).await;
        let is_new = kept.map_err(|error| AskError::Store { id: id.clone(), source: Arc::new(error) })?;
        self.runner.take_up(id).await;
        Ok(is_new)
    }

    pub(super) async fn stored(&self, id: &WorkflowId) -> Result<Option<WorkflowData>, AskError> {
        match self.runner.hold.store.load(id).await {
            Ok(data) => Ok(Some(data)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(AskError::Store { id: id.clone(), source: Arc::new(error) }),
        }
    }

    fn signal_payload<T: Output>(&self, id: &WorkflowId, name: &str, value: &T) -> Result<Payload, AskError> {
        let encoding = self.runner.hold.store.encoding();
        let encoded = catch(|| Output::encode(value, encoding));
        let payload = encoded.map_err(|panic| unstorable::<T>(id, name, format!("encoding it panicked: {panic}")))?;
        let payload = payload.map_err(|source| AskError::Value { id: id.clone(), name: name.to_owned(), source })?;
        check_len("it", &payload, self.runner.shared.packing.limit)
            .map_err(|reason| unstorable::<T>(id, name, reason))?;
        Ok(payload)
    }
}

/// That what waits for the signal wants a value of this type, by the names of the types without their modules: who sends
/// may have the type from another place.
fn check_type(data: &WorkflowData, name: &str, sent: &str) -> Result<(), AskError> {
    for step in data.steps.iter().filter(|step| step.status == StepStatus::Waiting) {
        let Some(WaitingOn::Signal { name: awaited, type_name, .. }) = step.waiting.as_deref() else { continue };
        if awaited == name && without_modules(type_name) != without_modules(sent) {
            return Err(AskError::OtherType {
                id: data.id.clone(),
                name: name.to_owned(),
                expected: type_name.clone(),
                sent: sent.to_owned(),
            });
        }
    }
    Ok(())
}

/// A signal that runs of a workflow wait for: its name, and the type of its value. `workflow!` makes one for each name
/// that stands in a workflow as a literal.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flow_runtime::prelude::*;
///
/// workflow! { fn asks() -> bool { wait_for::<bool>("answer") } }
///
/// let engine = Engine::new(InMemoryStore::default());
/// let run = asks().start(&engine, "q")?;
/// asks::signals().answer.send(&engine, "q", &true).await?; // `&1` does not compile
/// assert!(run.result().await?);
/// # Ok(())
/// # }
/// ```
pub struct Signal<T> {
    name: &'static str,
    value: PhantomData<fn(&T)>,
}

impl<T> Signal<T> {
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The signal's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: Output> Signal<T> {
    /// Sends it to a run. See [`Engine::signal`].
    ///
    /// # Errors
    /// As those of `Engine::signal`.
    pub async fn send<S>(&self, engine: &Engine<S>, id: impl AsRef<str>, value: &T) -> Result<(), AskError> {
        engine.signal(id, self.name, value).await
    }

    /// Sends it to a run, once under this id. See [`Engine::signal_once`].
    ///
    /// # Errors
    /// As those of `Engine::signal`.
    pub async fn send_once<S>(
        &self,
        engine: &Engine<S>,
        id: impl AsRef<str>,
        signal: &str,
        value: &T,
    ) -> Result<bool, AskError> {
        engine.signal_once(id, self.name, signal, value).await
    }
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Signal<T> {}

impl<T> fmt::Debug for Signal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(super) fn ended(data: &WorkflowData, what: &'static str) -> AskError {
    let (id, workflow) = (data.id.clone(), data.plan.workflow.to_string());
    AskError::Ended { id, workflow, status: data.status, what }
}

fn unstorable<T>(id: &WorkflowId, name: &str, reason: String) -> AskError {
    let source = EncodeError { type_name: std::any::type_name::<T>(), reason };
    AskError::Value { id: id.clone(), name: name.to_owned(), source }
}

/// An id that no other request has.
pub(super) fn drawn_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// `Option<Approval>` of `core::option::Option<my_app::Approval>`.
pub(super) fn without_modules(type_name: &str) -> String {
    let is_in_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut short = String::with_capacity(type_name.len());
    for part in type_name.split_inclusive(|c| !is_in_name(c)) {
        let name = part.trim_end_matches(|c| !is_in_name(c));
        short.push_str(name.rsplit("::").next().unwrap_or_default());
        short.push_str(&part[name.len()..]);
    }
    short
}

/// What tells one set of requests from another.
pub(super) fn fingerprint_of(requests: &[Request]) -> u64 {
    let mut hasher = DefaultHasher::new();
    requests.iter().for_each(|request| request.id.hash(&mut hasher));
    hasher.finish()
}
