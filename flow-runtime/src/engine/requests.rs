//! What one asks of a run from outside, in the process that drives it or in another.
//!
//! In: an id, and a signal or what is to become of the run. Out: a request, durably in the store, and who drives the run
//! is told of it.

use std::hash::{DefaultHasher, Hash, Hasher};
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
    /// What was given as JSON is none.
    ///
    /// [`E-ASK-JSON`](crate::errors::codes::ASK_JSON).
    #[error("the value for run `{id}` is no JSON: {reason}")]
    NotJson {
        /// The run.
        id: WorkflowId,
        /// What the reader said, with the place.
        reason: String,
    },
    /// The JSON cannot be a value of the type that is wanted.
    ///
    /// [`E-ASK-TYPE`](crate::errors::codes::ASK_TYPE).
    #[error("{what} of run `{id}` is to be a `{expected}`, and this JSON is none: {reason}")]
    Unfit {
        /// The run.
        id: WorkflowId,
        /// What the value is for: "signal `answer`", "the output of step `charge`".
        what: String,
        /// The type that is wanted.
        expected: String,
        /// What does not fit, without the value.
        reason: String,
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
        let type_name = std::any::type_name::<T>();
        if let Some(data) = self.stored(&id).await? {
            if is_used(&data, signal)? {
                return Ok(false);
            }
            check_type(&data, name, type_name)?;
        }
        self.send(&id, name, signal, (type_name, payload)).await
    }

    /// Leaves the signal in the store.
    pub(super) async fn send(
        &self,
        id: &WorkflowId,
        name: &str,
        signal: &str,
        (type_name, payload): (&'static str, Payload),
    ) -> Result<bool, AskError> {
        let payload = catch(|| self.runner.shared.packing.pack(payload)).flatten();
        let payload = payload.map_err(|reason| unstorable(type_name, id, name, reason))?;
        let kind = RequestKind::Signal { name: name.to_owned(), type_name: type_name.to_owned(), payload };
        self.ask(id, signal.to_owned(), kind).await
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
        let payload = encoded.map_err(|panic| {
            unstorable(std::any::type_name::<T>(), id, name, format!("encoding it panicked: {panic}"))
        })?;
        let payload = payload.map_err(|source| AskError::Value { id: id.clone(), name: name.to_owned(), source })?;
        check_len("it", &payload, self.runner.shared.packing.limit)
            .map_err(|reason| unstorable(std::any::type_name::<T>(), id, name, reason))?;
        Ok(payload)
    }
}

/// Whether the run has used this signal already; an error if it takes none any more.
pub(super) fn is_used(data: &WorkflowData, signal: &str) -> Result<bool, AskError> {
    if data.status.is_terminal() {
        return Err(ended(data, "Signal"));
    }
    Ok(data.steps.iter().any(|step| step.signal.as_deref() == Some(signal)))
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

pub(super) fn ended(data: &WorkflowData, what: &'static str) -> AskError {
    let (id, workflow) = (data.id.clone(), data.plan.workflow.to_string());
    AskError::Ended { id, workflow, status: data.status, what }
}

pub(super) fn unstorable(type_name: &'static str, id: &WorkflowId, name: &str, reason: String) -> AskError {
    let source = EncodeError { type_name, reason };
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
