//! What someone outside asks of a run: a signal for it, that it be cancelled, that it pause, that it run again.
//!
//! In: whoever has the run's id, in this process or another. Out: a request that the store keeps until the run has
//! taken it, in the same delta as what follows from it.

use super::{Payload, Timestamp, id};

/// What someone outside asks of a run. A store keeps it, whether the run exists yet or not, until the run takes it.
///
/// [`WorkflowStore::ask`](crate::WorkflowStore::ask) leaves it there, also from another process than the one whose engine
/// drives the run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// What makes it one and the same request when it is sent again: 1 to 256 bytes, without control characters.
    pub id: String,
    /// When it was made. Requests of one run are taken in the order in which they came.
    pub at: Timestamp,
    /// What is asked.
    pub kind: RequestKind,
}

/// What is asked of a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestKind {
    /// A value for a step that waits for a signal of this name, now or later.
    Signal {
        /// The signal's name.
        name: String,
        /// The type of the value, as the sender's compiler names it.
        type_name: String,
        /// The value.
        payload: Payload,
    },
    /// Stop, and undo what can be undone.
    Cancel,
    /// Stop, and undo nothing.
    Terminate,
    /// Start nothing for now.
    Pause,
    /// Go on.
    Resume,
    /// Run again what failed, of a run that has ended, and what follows. It counts for the end of which it was asked
    /// and for no later one; [`Engine::retry_failed`](crate::Engine::retry_failed) sees to that.
    RetryFailed,
    /// Run this step again, of a run that has ended, and what follows. It counts as `RetryFailed` does.
    RetryFrom {
        /// The path of the step.
        step: String,
    },
    /// An operator's word on an attempt of unknown end.
    Resolve {
        /// The path of the step.
        step: String,
        /// The attempt.
        attempt: u32,
        /// How it ended.
        verdict: Verdict,
    },
}

/// How an attempt ended of which nobody knows, as an operator says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It had its effect, and this is the output.
    Done(Payload),
    /// It had no effect.
    NotDone,
    /// It failed, and this is why.
    Failed(String),
}

/// A text is no id of a request.
///
/// [`E-ID-REQUEST`](crate::errors::codes::ID_REQUEST).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is no id of a request: {reason}; such an id has 1 to 256 bytes and no control characters")]
#[non_exhaustive]
pub struct InvalidRequestId {
    /// The text, with control characters escaped, cut after 64 characters.
    pub id: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Request {
    /// A request.
    ///
    /// # Errors
    /// If the text is no id of a request; the error says why.
    ///
    /// ```
    /// use flow_runtime::state::{Request, RequestKind};
    /// assert!(Request::new("cancel-1", 0, RequestKind::Cancel).is_ok());
    /// assert!(Request::new("", 0, RequestKind::Cancel).is_err());
    /// ```
    pub fn new(id: impl Into<String>, at: Timestamp, kind: RequestKind) -> Result<Self, InvalidRequestId> {
        let request = Self { id: id.into(), at, kind };
        request.check_id()?;
        Ok(request)
    }

    /// That the id is one; it may have been changed since the request was made.
    pub(crate) fn check_id(&self) -> Result<(), InvalidRequestId> {
        let refuse = |reason| Err(InvalidRequestId { id: id::shown(&self.id), reason });
        id::fault(&self.id).map_or(Ok(()), refuse)
    }
}

impl RequestKind {
    /// The kind's name, as documents and errors write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Signal { .. } => "Signal",
            Self::Cancel => "Cancel",
            Self::Terminate => "Terminate",
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::RetryFailed => "RetryFailed",
            Self::RetryFrom { .. } => "RetryFrom",
            Self::Resolve { .. } => "Resolve",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked() {
        let reason = |id: &str| Request::new(id, 0, RequestKind::Pause).err().map(|error| error.reason);
        for id in ["a", "/", "//", "..", "a b", "ü", &"a".repeat(256)] {
            assert_eq!(reason(id), None, "{id}");
        }
        assert_eq!(reason(""), Some("it is empty"));
        assert_eq!(reason(&"ü".repeat(129)), Some("it is too long"));
        assert_eq!(reason("a\nb"), Some("it has a control character"));
        let error = Request::new("a\0b", 0, RequestKind::Pause).unwrap_err().to_string();
        assert!(error.contains(r"`a\0b` is no id of a request: it has a control character"), "{error}");
    }
}
