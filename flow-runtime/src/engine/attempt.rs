//! One attempt of a step: arguments, body, panic, encoding.
//!
//! In: a step with its context. Out: its value and payload, or why it failed. When it is dropped the body is dropped
//! with it; time limits and retries are the driver's.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tracing::Instrument;

use super::NodeContext;
use super::tree::{At, Body, BodyError, Tree, Value};
use crate::observe::spans;
use crate::state::{Cause, Encoding, FailureKind, NodeFailure, Payload, StepRef};

/// An attempt that has its permit and may begin.
pub(crate) struct Attempt {
    pub(crate) step: StepRef,
    pub(crate) number: u32,
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) cx: NodeContext,
    /// How to encode the output; `None` for a run without a record.
    pub(crate) encoding: Option<Encoding>,
    /// Whether dependents get the decoded value instead of the original.
    pub(crate) strict_roundtrip: bool,
}

/// How an attempt ended.
pub(crate) struct AttemptEnd {
    pub(crate) step: StepRef,
    pub(crate) number: u32,
    pub(crate) result: Result<Done, AttemptError>,
}

/// What a successful attempt gives.
pub(crate) struct Done {
    pub(crate) value: Value,
    pub(crate) payload: Option<Payload>,
    pub(crate) writes: Vec<(String, Payload)>,
}

/// Why an attempt failed.
pub(crate) struct AttemptError {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    pub(crate) cause: Option<Cause>,
    pub(crate) permanent: bool,
    /// The node's own error, for callers in this process.
    pub(crate) live: Option<Arc<dyn Error + Send + Sync>>,
}

impl Attempt {
    /// Runs the body to its end.
    pub(crate) async fn run(self) -> AttemptEnd {
        let body = self.body();
        let result = if tracing::level_enabled!(tracing::Level::DEBUG) {
            body.instrument(spans::step(&self.cx.step(), self.number)).await
        } else {
            body.await
        };
        let result = result.and_then(|value| self.finish(value));
        AttemptEnd { step: self.step, number: self.number, result }
    }

    /// Runs a body that blocks its thread; to be called where that is allowed.
    pub(crate) fn run_blocking(self) -> AttemptEnd {
        let at = self.cx.at();
        let result = match poll_caught(&mut None, &*self.tree, at, &self.cx, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.and_then(|value| self.finish(value)),
            Poll::Pending => Err(AttemptError::new(FailureKind::Error, "a blocking node waited".to_owned())),
        };
        AttemptEnd { step: self.step, number: self.number, result }
    }

    async fn body(&self) -> Result<Value, AttemptError> {
        let mut body = None;
        poll_fn(|task| poll_caught(&mut body, &*self.tree, self.cx.at(), &self.cx, task)).await
    }

    fn finish(&self, value: Value) -> Result<Done, AttemptError> {
        let writes = self.cx.take_writes();
        let Some(encoding) = self.encoding else { return Ok(Done { value, payload: None, writes }) };
        let encode_error = |message: String| AttemptError::new(FailureKind::Encode, message);
        let payload = catch(|| (*value).encode(encoding))
            .map_err(|panic| AttemptError::new(FailureKind::Encode, format!("encoding the output panicked: {panic}")))?
            .map_err(|error| encode_error(error.to_string()))?;
        let value = if self.strict_roundtrip {
            self.tree.decode(self.cx.at(), &payload).map_err(|error| encode_error(error.to_string()))?
        } else {
            value
        };
        Ok(Done { value, payload: Some(payload), writes })
    }
}

/// Polls a body, which is made at the first poll so that a panic in an argument is one of the step.
fn poll_caught<'a>(
    body: &mut Option<Body<'a>>,
    tree: &'a dyn Tree,
    at: At<'a>,
    cx: &'a NodeContext,
    task: &mut Context<'_>,
) -> Poll<Result<Value, AttemptError>> {
    let polled = catch(|| {
        let polled = body.get_or_insert_with(|| tree.start(at, cx)).as_mut().poll(task);
        if polled.is_ready() {
            // What the body still holds is dropped here, where a panic in a destructor is caught too.
            *body = None;
        }
        polled
    });
    match polled {
        Ok(polled) => polled.map(|result| result.map_err(AttemptError::from_body)),
        Err(panic) => {
            // A body that panicked may panic again in a destructor; its first message is the one to report.
            let _ = catch(|| *body = None);
            Poll::Ready(Err(AttemptError::new(FailureKind::Panic, panic)))
        }
    }
}

impl AttemptError {
    pub(crate) fn new(kind: FailureKind, message: String) -> Self {
        let permanent = kind == FailureKind::Encode;
        Self { kind, message, cause: None, permanent, live: None }
    }

    fn from_body(failed: BodyError) -> Self {
        Self {
            kind: FailureKind::Error,
            message: failed.error.to_string(),
            cause: Cause::of(failed.error.as_ref()),
            permanent: failed.permanent,
            live: Some(failed.error.into()),
        }
    }

    /// The stored form.
    pub(crate) fn to_failure(&self, step: String, attempt: u32) -> NodeFailure {
        NodeFailure {
            step,
            kind: self.kind,
            attempt,
            message: self.message.clone(),
            cause: self.cause.clone(),
            permanent: self.permanent,
        }
    }
}

/// Runs this and turns a panic into its message.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| message_of(&*panic))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked without a message".to_owned())
}
