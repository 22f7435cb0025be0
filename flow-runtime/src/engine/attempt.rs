//! One attempt of a step: arguments, body, panic, encoding.
//!
//! In: a step with its context. Out: its value and payload, or why it failed. When it is dropped the body is dropped
//! with it; time limits and retries are the driver's.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tracing::{Instrument, Span};

use super::NodeContext;
use super::body::Body;
use super::layer::{AttemptOutcome, Layers, Passed};
use super::light::Cost;
use super::parts::{Cut, cut};
use super::tree::{BodyError, Called, Tree, Value, WaitFor};
use crate::state::{BoxError, Cause, Encoding, FailureKind, NodeFailure, Packing, Payload, StepRef, is_permanent};

/// An attempt that has its permit and may begin.
pub(crate) struct Attempt {
    pub(crate) step: StepRef,
    pub(crate) number: u32,
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) cx: NodeContext,
    /// How to encode the output; `None` for a run without a record.
    pub(crate) encoding: Option<Encoding>,
    /// The most bytes of its output that stand in the record, if there is a limit.
    pub(crate) inline_bytes: Option<usize>,
    /// Within that of its run, wherever it runs.
    pub(crate) span: Span,
    /// Whether dependents get the decoded value instead of the original.
    pub(crate) strict_roundtrip: bool,
    /// What is done to payloads before they are stored, and how long they may be.
    pub(crate) packing: Arc<Packing>,
    /// What stands around it.
    pub(crate) layers: Layers,
    /// Who wants to know how long the body took.
    pub(crate) cost: Option<Cost>,
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
    /// The bytes of the payload if they are kept beside the record.
    pub(crate) cut: Option<Cut>,
    pub(crate) writes: Vec<(String, Payload)>,
}

/// Why an attempt failed.
pub(crate) struct AttemptError {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    pub(crate) cause: Option<Cause>,
    pub(crate) permanent: bool,
    /// Whether the node returned the error after it was told to stop.
    pub(crate) gave_up: bool,
    /// The node's own error, for callers in this process.
    pub(crate) live: Option<Arc<dyn Error + Send + Sync>>,
}

impl Attempt {
    /// One of a run without a record, with nothing around it.
    pub(crate) fn unrecorded(
        step: StepRef,
        tree: Arc<dyn Tree>,
        cx: NodeContext,
        packing: Arc<Packing>,
        cost: Cost,
    ) -> Self {
        let (span, layers, cost) = (Span::none(), Layers::from([]), Some(cost));
        Self {
            step,
            number: 1,
            tree,
            cx,
            encoding: None,
            inline_bytes: None,
            span,
            strict_roundtrip: false,
            packing,
            layers,
            cost,
        }
    }

    /// Runs the body to its end.
    pub(crate) async fn run(self) -> AttemptEnd {
        let result = self.body(|| true).instrument(self.span.clone()).await;
        self.end(result)
    }

    /// Runs a body that blocks its thread; to be called where that is allowed. It cannot be dropped while it waits for its
    /// layers, so it is asked after them whether anybody still wants it.
    pub(crate) fn run_blocking(self, is_wanted: impl Fn() -> bool) -> AttemptEnd {
        if !self.layers.is_empty() {
            let body = self.body(is_wanted).instrument(self.span.clone());
            let result = tokio::runtime::Handle::current().block_on(body);
            return self.end(result);
        }
        let entered = self.span.enter();
        let mut body = Caught::default();
        let result = match self.poll(&mut body, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(AttemptError::new(FailureKind::Error, "a blocking node waited".to_owned())),
        };
        drop((body, entered));
        self.end(result)
    }

    async fn body(&self, is_wanted: impl Fn() -> bool) -> Result<Value, AttemptError> {
        let mut caught = Caught::default();
        let body = poll_fn(|task| self.poll(&mut caught, task));
        if let Some(cost) = &self.cost {
            return cost.of(body).await;
        }
        if self.layers.is_empty() {
            return body.await;
        }
        let mut passed = Passed::none(&self.layers, &self.cx);
        passed.ask().await?;
        if !is_wanted() {
            return Err(AttemptError::new(FailureKind::Error, "nobody waits for it any more".to_owned()));
        }
        let result = body.await;
        passed.tell(match &result {
            Ok(_) => AttemptOutcome::Succeeded,
            Err(AttemptError { kind, message, permanent, .. }) => {
                AttemptOutcome::Failed { kind: *kind, message, permanent: *permanent }
            }
        });
        result
    }

    fn poll<'a>(&'a self, body: &mut Caught<'a>, task: &mut Context<'_>) -> Poll<Result<Value, AttemptError>> {
        let start = || self.tree.start(self.cx.at(), &self.cx);
        body.poll(task, start, Body::take).map_err(|error| *error)
    }

    fn end(self, result: Result<Value, AttemptError>) -> AttemptEnd {
        let result = result.map_err(|error| {
            let gave_up = error.kind == FailureKind::Error && self.cx.was_told_to_stop();
            AttemptError { gave_up, ..error }
        });
        let panicked = |message| Err(AttemptError::new(FailureKind::Panic, message));
        let result = result.and_then(|value| catch(|| self.finish(value)).unwrap_or_else(panicked));
        AttemptEnd { step: self.step, number: self.number, result }
    }

    fn finish(&self, value: Value) -> Result<Done, AttemptError> {
        let writes = self.cx.take_writes();
        let Some(encoding) = self.encoding else { return Ok(Done { writes, ..Done::unrecorded(value) }) };
        let encode_error = |message: String| AttemptError::new(FailureKind::Encode, message);
        // A value that cannot be encoded is dropped here, and a panic in its destructor is one of the step; one that is
        // merely too long has failed for good, whatever its destructor does.
        let payload = encode_value(&value, encoding).map_err(encode_error)?;
        let limit = self.packing.limit;
        let keys = writes.iter().map(|(key, written)| (format!("what it wrote under `{key}`"), written));
        let parts = std::iter::once(("its output".to_owned(), &payload)).chain(keys);
        if let Some(message) = { parts }.find_map(|(what, payload)| check_len(&what, payload, limit).err()) {
            discard(value);
            return Err(encode_error(message));
        }
        let pack = |payload| self.packing.pack(payload).map_err(encode_error);
        let payload = pack(payload)?;
        let writes =
            writes.into_iter().map(|(key, written)| Ok((key, pack(written)?))).collect::<Result<_, AttemptError>>()?;
        let value = if self.strict_roundtrip {
            let payload = self.packing.unpack(&payload).map_err(encode_error)?;
            self.tree.decode(self.cx.at(), &payload).map_err(|error| encode_error(error.to_string()))?
        } else {
            value
        };
        let (payload, cut) = cut(payload, self.inline_bytes);
        Ok(Done { value, payload: Some(payload), cut, writes })
    }
}

/// What a step waits for whose output something outside gives.
pub(crate) fn wait_of(tree: &dyn Tree, cx: &NodeContext) -> Result<WaitFor, AttemptError> {
    match said(tree, cx)? {
        BodyError::Waits(wait) => Ok(wait),
        failed => Err(AttemptError::from_body(failed)),
    }
}

/// The workflow that a step calls, with its input.
pub(crate) fn called_by(tree: &dyn Tree, cx: &NodeContext) -> Result<Arc<dyn Tree>, AttemptError> {
    match said(tree, cx)? {
        BodyError::Calls(Called(tree)) => Ok(tree),
        failed => Err(AttemptError::from_body(failed)),
    }
}

/// What a step says that has no body of its own.
fn said(tree: &dyn Tree, cx: &NodeContext) -> Result<BodyError, AttemptError> {
    let said = catch(|| Pin::new(&mut tree.start(cx.at(), cx)).poll(&mut Context::from_waker(Waker::noop())));
    match said.map_err(|panic| AttemptError::new(FailureKind::Panic, panic))? {
        Poll::Ready(Err(said)) => Ok(said),
        Poll::Ready(Ok(_)) | Poll::Pending => {
            Err(AttemptError::new(FailureKind::Error, "the plan says that it has no body, and it has one".to_owned()))
        }
    }
}

/// A body whose panics are caught, also those of its destructors. It is made at the first poll, so that a panic in an
/// argument is one of the step.
#[derive(Default)]
pub(super) struct Caught<'a>(Option<Body<'a>>);

impl<'a> Caught<'a> {
    /// Runs the body, which `start` makes if it has not begun, as far as it goes; `end` has the one that has ended well.
    #[inline]
    pub(super) fn poll<T>(
        &mut self,
        task: &mut Context<'_>,
        start: impl FnOnce() -> Body<'a>,
        end: impl FnOnce(&mut Body<'a>) -> T,
    ) -> Poll<Result<T, Box<AttemptError>>> {
        let polled = catch(|| {
            let body = self.0.get_or_insert_with(start);
            let ran = ready!(body.poll_run(task));
            let ended = ran.map(|()| end(body)).map_err(|failed| Box::new(AttemptError::from_body(*failed)));
            // What the body still holds is dropped here, where a panic in a destructor is one of the step too.
            self.0 = None;
            Poll::Ready(ended)
        });
        polled.unwrap_or_else(|panic| {
            // A body that panicked may panic again in a destructor; its first message is the one to report.
            discard(self.0.take());
            Poll::Ready(Err(Box::new(AttemptError::new(FailureKind::Panic, panic))))
        })
    }
}

impl Drop for Caught<'_> {
    fn drop(&mut self) {
        if let Some(body) = self.0.take() {
            discard(body);
        }
    }
}

impl Done {
    /// What an attempt gives of which there is no record.
    pub(crate) fn unrecorded(value: Value) -> Self {
        Self { value, payload: None, cut: None, writes: Vec::new() }
    }
}

impl AttemptError {
    pub(crate) fn new(kind: FailureKind, message: String) -> Self {
        let permanent = kind == FailureKind::Encode;
        Self { kind, message, cause: None, permanent, gave_up: false, live: None }
    }

    /// An error that says itself whether another attempt is pointless.
    pub(crate) fn of_node(error: BoxError) -> Self {
        let permanent = is_permanent(error.as_ref());
        Self::from_body(BodyError::Failed { error, permanent })
    }

    fn from_body(failed: BodyError) -> Self {
        match failed {
            BodyError::Failed { error, permanent } => Self {
                kind: FailureKind::Error,
                message: error.to_string(),
                cause: Cause::of(error.as_ref()),
                permanent,
                gave_up: false,
                live: Some(error.into()),
            },
            BodyError::Waits(_) | BodyError::Calls(_) => {
                Self::new(FailureKind::Error, "the plan does not say that it has no body".to_owned())
            }
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

/// An output as it is stored; else why it cannot be.
pub(crate) fn encode_value(value: &Value, encoding: Encoding) -> Result<Payload, String> {
    catch(|| (**value).encode(encoding))
        .map_err(|panic| format!("encoding the output panicked: {panic}"))?
        .map_err(|error| error.to_string())
}

/// That a payload is not longer than what is stored at most, in bytes; else a message that says so of `what`.
pub(crate) fn check_len(what: &str, payload: &Payload, limit: usize) -> Result<(), String> {
    let len = payload.bytes.len();
    if len <= limit {
        return Ok(());
    }
    Err(format!(
        "{what} has {len} bytes, and at most {limit} are stored; raise `max_output_bytes`, or keep it elsewhere and \
         hand on where"
    ))
}

/// Runs this and turns a panic into its message.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| message_of(&*panic))
}

/// Drops what a node has made. That its destructor panics changes nothing for the run.
pub(crate) fn discard<T>(made: T) {
    let _ = catch(|| drop(made));
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked without a message".to_owned())
}
