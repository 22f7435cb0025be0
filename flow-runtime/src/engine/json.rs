//! Values that are given as JSON by someone who has not their types: who runs the system, by hand or from another
//! language.
//!
//! In: text. Out: a payload that whoever drives the run decodes as the type that is wanted. What does not fit is refused
//! here as far as it can be told: the workflow is known to this engine, or the type is one that everybody knows.

use std::any::type_name;

use super::attempt::check_len;
use super::requests::{AskError, is_used, unstorable};
use super::{Approval, Engine};
use crate::state::json::written;
use crate::state::{DecodeError, Payload, WaitingOn, WorkflowData, WorkflowId, decode};

/// What is said of the type of such a value.
pub(super) const TYPE_NAME: &str = "JSON";

impl<S> Engine<S> {
    /// Sends a run a signal whose value is given as JSON, as [`signal_once`](Self::signal_once) does with one that has a
    /// type. It is for programs that have not the types of the workflow; those that have are better served by
    /// `signal`, which the compiler checks.
    ///
    /// Whether the JSON is a value of the type that is waited for is checked here if the run waits for the signal now, and
    /// its workflow is [registered](super::EngineBuilder::register) with this engine or the type is a number, `bool`,
    /// `String`, `()` or [`Approval`]. In all other cases who drives the run decodes it when a step waits for it, and
    /// refuses a value that does not fit: it is gone then, and a warning is logged.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use flow_runtime::prelude::*;
    ///
    /// workflow! { fn asks() -> bool { wait_for::<bool>("answer") } }
    ///
    /// let engine = Engine::new(InMemoryStore::default());
    /// asks().run_until_parked(&engine, "q").await?;
    /// assert!(engine.signal_json("q", "answer", "from Ada", "\"yes\"").await.is_err());
    /// assert!(engine.signal_json("q", "answer", "from Ada", "true").await?);
    /// assert!(asks().run(&engine, "q").await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AskError::NotJson`] if the text is no JSON or is nested more than 127 deep, [`AskError::Unfit`] if it is known not
    /// to be a value of the type that is waited for; else as those of `signal`.
    pub async fn signal_json(
        &self,
        id: impl AsRef<str>,
        name: &str,
        signal: &str,
        json: &str,
    ) -> Result<bool, AskError> {
        let id = WorkflowId::new(id)?;
        let payload = payload(&id, json)?;
        check_len("it", &payload, self.runner.shared.packing.limit)
            .map_err(|reason| unstorable(TYPE_NAME, &id, name, reason))?;
        if let Some(data) = self.stored(&id).await? {
            if is_used(&data, signal)? {
                return Ok(false);
            }
            self.check_json(&data, name, &payload).await?;
        }
        self.send(&id, name, signal, (TYPE_NAME, payload)).await
    }

    /// That each step that waits for the signal can take this value, as far as it can be told.
    async fn check_json(&self, stored: &WorkflowData, name: &str, payload: &Payload) -> Result<(), AskError> {
        let (data, workflow) = self.as_driven(stored).await;
        for (path, on) in data.waits() {
            let WaitingOn::Signal { name: awaited, type_name, .. } = on else { continue };
            let Some(step) = data.find(&path).filter(|_| awaited == name) else { continue };
            let read = self.read_as_output(&data, workflow.as_deref(), step, payload);
            if let Err(error) = read.unwrap_or_else(|| read_by_name(&type_name, payload)) {
                return Err(unfit(&data, format!("signal `{}`", name.escape_debug()), type_name, error));
            }
        }
        Ok(())
    }
}

/// The text as a value for this run.
pub(super) fn payload(id: &WorkflowId, json: &str) -> Result<Payload, AskError> {
    written(json).map_err(|reason| AskError::NotJson { id: id.clone(), reason })
}

pub(super) fn unfit(data: &WorkflowData, what: String, expected: String, error: DecodeError) -> AskError {
    AskError::Unfit { id: data.id.clone(), what, expected, reason: error.reason }
}

/// Reads the value as the type of this name, if everybody knows that; of all others nothing is known here.
pub(super) fn read_by_name(name: &str, payload: &Payload) -> Result<(), DecodeError> {
    macro_rules! known {
        ($($known:ty),*) => {
            match name {
                $(name if name == stringify!($known) || name == type_name::<$known>() => {
                    decode::<$known>(payload).map(drop)
                })*
                name if name == type_name::<Approval>() => decode::<Approval>(payload).map(drop),
                _ => Ok(()),
            }
        };
    }
    known!(bool, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, char, String, ())
}
