//! The names of runs and of steps in a run.

use std::fmt;
use std::sync::Arc;

/// The name of a run, chosen by the caller: 1 to 256 bytes, no control characters, no `//`, no `/` at either end.
///
/// Every store accepts every such id and keeps any two of them apart.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkflowId(Arc<str>);

/// A text is no workflow id.
///
/// [`E-ID-WORKFLOW`](crate::errors::codes::ID_WORKFLOW).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{id}` is no workflow id: {reason}; an id has 1 to 256 bytes, no control characters, no `//` and no `/` at either end"
)]
#[non_exhaustive]
pub struct InvalidId {
    /// The text, with control characters escaped, cut after 64 characters.
    pub id: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl WorkflowId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// The id of this text.
    ///
    /// # Errors
    /// If the text is no id; the error says why.
    pub fn new(id: impl AsRef<str>) -> Result<Self, InvalidId> {
        let id = id.as_ref();
        let has_empty_part = || id.starts_with('/') || id.ends_with('/') || id.contains("//");
        let reason = fault(id).or_else(|| has_empty_part().then_some("a part between slashes is empty"));
        reason.map_or_else(|| Ok(Self(id.into())), |reason| Err(InvalidId { id: shown(id), reason }))
    }

    /// What stands in the place of an id in the memory of a run without a record; it is never shown.
    pub(crate) fn ephemeral() -> Self {
        Self(Arc::default())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl AsRef<str> for WorkflowId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// What keeps a text from being the id of anything, if something does.
pub(super) fn fault(id: &str) -> Option<&'static str> {
    if id.is_empty() {
        Some("it is empty")
    } else if id.len() > WorkflowId::MAX_BYTES {
        Some("it is too long")
    } else if id.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        None
    }
}

/// A text that is no id, for messages.
pub(super) fn shown(id: &str) -> String {
    id.escape_debug().take(64).collect()
}

/// A step of a run: which instance of which region, and the step's index in the run's plan.
///
/// Instance 0 is the workflow itself; each region opened is one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepRef {
    /// The index of the instance in [`WorkflowData::instances`](super::WorkflowData::instances).
    pub instance: u32,
    /// The index of the step in the run's plan.
    pub local: u32,
}

impl StepRef {
    /// The step `local` of this instance.
    pub const fn new(instance: u32, local: u32) -> Self {
        Self { instance, local }
    }
}
