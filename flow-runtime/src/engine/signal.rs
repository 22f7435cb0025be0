//! The signals of a workflow by their names and types, as `workflow!` makes them.
//!
//! In: a value of the right type, or it does not compile. Out: the same as [`Engine::signal`] does.

use std::fmt;
use std::marker::PhantomData;

use super::Engine;
use super::requests::AskError;
use crate::state::Output;

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
