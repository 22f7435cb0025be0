//! Failures, waits and a run's output.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::CodecError;
use super::list::{List, Mirror};
use super::names::{Name, one_of};
use super::payload::Payload;
use super::text::AsText;
use crate::state::{Cause, FailureKind, NodeFailure, RunOutput, StepRef, Timestamp, WaitingOn};

/// The longest chain of causes that is stored; dropping a longer one could exhaust the stack.
pub(super) const MAX_CAUSES: usize = 256;

/// What is left out of a document because it says nothing.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A failure. Its causes are a list, nearest first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    step: Cow<'a, str>,
    kind: Name<FailureKind>,
    attempt: u32,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    causes: List<Message<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    permanent: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Message<'a>(#[serde(borrow)] Cow<'a, str>);

impl Mirror for Message<'_> {
    type Ours = String;
    const MAX: usize = MAX_CAUSES;

    fn ours(self) -> Result<String, CodecError> {
        Ok(self.0.into_owned())
    }
}

impl<'a> Failure<'a> {
    pub(super) fn of(failure: &'a NodeFailure) -> Self {
        let causes = failure.cause.iter().flat_map(Cause::messages);
        Self {
            step: Cow::Borrowed(&failure.step),
            kind: Name::of(failure.kind),
            attempt: failure.attempt,
            message: Cow::Borrowed(&failure.message),
            causes: causes.map(|message| Message(Cow::Borrowed(message))).collect(),
            permanent: failure.permanent,
        }
    }
}

impl Mirror for Failure<'_> {
    type Ours = NodeFailure;

    fn ours(self) -> Result<NodeFailure, CodecError> {
        Ok(NodeFailure {
            step: self.step.into_owned(),
            kind: self.kind.known()?,
            attempt: self.attempt,
            message: self.message.into_owned(),
            cause: Cause::chain(self.causes.ours()?),
            permanent: self.permanent,
        })
    }
}

one_of! {
    /// What a step waits for.
    Wait, "wait":
    Timer(AsText<Timestamp>)
    Signal(Signal<'a>)
    Doubt(u32)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signal<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    type_name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<AsText<Timestamp>>,
}

impl<'a> Wait<'a> {
    pub(super) fn of(on: &'a WaitingOn) -> Self {
        match on {
            WaitingOn::Timer(due) => Self::Timer(AsText(*due)),
            WaitingOn::Signal { name, type_name, deadline } => Self::Signal(Signal {
                name: Cow::Borrowed(name),
                type_name: Cow::Borrowed(type_name),
                deadline: deadline.map(AsText),
            }),
            WaitingOn::Doubt(attempt) => Self::Doubt(*attempt),
        }
    }
}

impl Mirror for Wait<'_> {
    type Ours = WaitingOn;

    fn ours(self) -> Result<WaitingOn, CodecError> {
        match self {
            Self::Timer(due) => Ok(WaitingOn::Timer(due.0)),
            Self::Signal(Signal { name, type_name, deadline }) => Ok(WaitingOn::Signal {
                name: name.into_owned(),
                type_name: type_name.into_owned(),
                deadline: deadline.map(|deadline| deadline.0),
            }),
            Self::Doubt(attempt) => Ok(WaitingOn::Doubt(attempt)),
            Self::Unknown(name) => Err(Self::unknown(&name)),
        }
    }
}

one_of! {
    /// What a run ended with.
    Output, "output":
    Step(AsText<StepRef>)
    Payload(Payload<'a>)
    Errors(List<Failure<'a>>)
}

impl<'a> Output<'a> {
    pub(super) fn of(output: &'a RunOutput) -> Self {
        match output {
            RunOutput::Step(step) => Self::Step(AsText(*step)),
            RunOutput::Payload(payload) => Self::Payload(Payload::of(payload)),
            RunOutput::Errors(errors) => Self::Errors(errors.iter().map(Failure::of).collect()),
        }
    }
}

impl Mirror for Output<'_> {
    type Ours = RunOutput;

    fn ours(self) -> Result<RunOutput, CodecError> {
        match self {
            Self::Step(step) => Ok(RunOutput::Step(step.0)),
            Self::Payload(payload) => payload.ours().map(RunOutput::Payload),
            Self::Errors(errors) => errors.ours().map(RunOutput::Errors),
            Self::Unknown(name) => Err(Self::unknown(&name)),
        }
    }
}
