//! Why a step failed: what a node returns, and the form that is stored and that `#[catch]` gives to dependents.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The boxed error that a node's own error type is turned into.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The longest chain of causes that is kept.
const MAX_CAUSES: usize = 16;

/// What made a step fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FailureKind {
    /// The node returned an error.
    ///
    /// [`E-STEP-FAILED`](crate::errors::codes::STEP_FAILED).
    Error,
    /// The node, or an expression of the workflow, panicked.
    ///
    /// [`E-STEP-PANICKED`](crate::errors::codes::STEP_PANICKED).
    Panic,
    /// One attempt took longer than `timeout`.
    ///
    /// [`E-STEP-TIMEOUT`](crate::errors::codes::STEP_TIMEOUT).
    Timeout,
    /// All attempts together took longer than `deadline`.
    ///
    /// [`E-STEP-DEADLINE`](crate::errors::codes::STEP_DEADLINE).
    Deadline,
    /// The output could not be encoded, or is too long, so it could not be kept. The body's effect has happened.
    ///
    /// [`E-STEP-OUTPUT`](crate::errors::codes::STEP_OUTPUT).
    Encode,
}

/// Why a step failed: its stored form, equal in the first run and after a resume.
///
/// A step under `#[catch]` hands it to its dependents as `Result<T, NodeFailure>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeFailure {
    /// The path of the step, `parcel.ship`.
    pub step: String,
    /// What made it fail.
    pub kind: FailureKind,
    /// The attempt that failed last, from 1.
    pub attempt: u32,
    /// The error's message.
    pub message: String,
    /// What caused the error, if it said so.
    pub cause: Option<Cause>,
    /// Whether more attempts are pointless whatever the policy says.
    pub permanent: bool,
}

/// The message of a cause, with the cause behind it reachable through [`Error::source`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The message.
    pub message: String,
    /// What caused it in turn.
    pub source: Option<Box<Cause>>,
}

/// A node's own error, said to be permanent or not. Any error converts into one with `?`.
///
/// ```
/// use flow_runtime::NodeError;
/// fn parse(text: &str) -> Result<u32, NodeError> {
///     text.parse().map_err(NodeError::permanent)      // another attempt would fail the same way
/// }
/// # assert!(parse("x").is_err());
/// ```
#[derive(Debug)]
pub struct NodeError {
    error: BoxError,
    permanent: bool,
}

/// A boxed error that says it is permanent; found in an error's chain by [`is_permanent`].
#[derive(Debug)]
struct Permanent(BoxError);

impl NodeError {
    /// An error after which more attempts are pointless: the step fails at once.
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self { error: error.into(), permanent: true }
    }

    /// An error that may go away: the step is attempted again if its policy has retries left.
    pub fn retryable(error: impl Into<BoxError>) -> Self {
        Self { error: error.into(), permanent: false }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for NodeError {
    fn from(error: E) -> Self {
        Self::retryable(error)
    }
}

impl From<NodeError> for BoxError {
    fn from(error: NodeError) -> Self {
        if error.permanent { Box::new(Permanent(error.error)) } else { error.error }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Whether an error, or a cause of it, was made by [`NodeError::permanent`].
pub(crate) fn is_permanent(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(<dyn Error>::is::<Permanent>)
}

impl Cause {
    /// The stored form of an error's causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let messages: Vec<String> = std::iter::successors(error.source(), |cause| (*cause).source())
            .take(MAX_CAUSES)
            .map(ToString::to_string)
            .collect();
        Self::chain(messages)
    }

    /// A chain of causes from their messages, nearest first.
    pub fn chain(messages: Vec<String>) -> Option<Self> {
        messages.into_iter().rev().fold(None, |source, message| Some(Self { message, source: source.map(Box::new) }))
    }

    /// The messages of this cause and those behind it, nearest first.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self), |cause| cause.source.as_deref()).map(|cause| cause.message.as_str())
    }
}

impl NodeFailure {
    /// Which step failed, and when.
    pub(crate) fn place(&self) -> String {
        format!("step `{}` failed at attempt {}", self.step, self.attempt)
    }

    /// The error's message and those of its causes, nearest first.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.message.as_str()).chain(self.cause.iter().flat_map(Cause::messages))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

impl Error for NodeFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &(dyn Error + 'static))
    }
}
