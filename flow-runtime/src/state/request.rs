//! What someone outside asks of a run: a signal for it, that it be cancelled, that it pause.
//!
//! In: whoever has the run's id, in this process or another. Out: a request that the store keeps until the run has
//! taken it, in the same delta as what follows from it.

use super::{Payload, Timestamp};

/// What someone outside asks of a run. A store keeps it, whether the run exists yet or not, until the run takes it.
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
}

impl Request {
    /// A request.
    pub const fn new(id: String, at: Timestamp, kind: RequestKind) -> Self {
        Self { id, at, kind }
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
        }
    }
}
