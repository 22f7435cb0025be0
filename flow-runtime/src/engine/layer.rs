//! What stands around every attempt: logging, a limit on the rate, a circuit breaker.
//!
//! In: an attempt that has its permit and whose start is committed. Out: its body begins or it is refused, and each layer
//! that let it pass is told how it ended.

use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::NodeContext;
use super::attempt::{AttemptError, catch};
use crate::state::{FailureKind, NodeError};

/// The answer of a layer to an attempt that wants to begin.
pub type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), NodeError>> + Send + 'a>>;

/// Stands around every attempt of every node of an engine, those that undo included; waits are no attempts.
///
/// Layers are added with [`EngineBuilder::layer`](super::EngineBuilder::layer). The first that is added is the outermost: it
/// is asked first, and told last. A layer sees the [`NodeContext`] of the attempt: which node, step and run it is of, which
/// attempt. It sees no values. It need not fear for the engine: a panic in [`before`](Self::before) fails the attempt, one in
/// [`after`](Self::after) changes nothing.
///
/// A log of all attempts:
///
/// ```
/// use flow_runtime::engine::{AttemptOutcome, Layer};
/// use flow_runtime::NodeContext;
///
/// struct Logs;
///
/// impl Layer for Logs {
///     fn after(&self, cx: &NodeContext, outcome: &AttemptOutcome<'_>) {
///         println!("{} attempt {} of {}: {outcome:?}", cx.node(), cx.attempt(), cx.step());
///     }
/// }
/// ```
///
/// A limit on how often a service is called, whatever runs want it: an attempt waits for its turn, and its time limits go on
/// while it waits.
///
/// ```
/// use std::time::Duration;
/// use flow_runtime::engine::{Admission, Layer};
/// use flow_runtime::NodeContext;
/// use tokio::sync::Mutex;
/// use tokio::time::{Interval, interval};
///
/// struct TenASecond(Mutex<Interval>);
///
/// impl Layer for TenASecond {
///     fn before<'a>(&'a self, cx: &'a NodeContext) -> Admission<'a> {
///         Box::pin(async move {
///             if cx.node() == "charge" {
///                 self.0.lock().await.tick().await;
///             }
///             Ok(())
///         })
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let limit = TenASecond(Mutex::new(interval(Duration::from_millis(100))));
/// # drop(limit);
/// # }
/// ```
///
/// A circuit breaker: after five failures on end, attempts are refused for a while. A refusal is a failed attempt, so it is
/// retried as the node says.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Mutex;
/// use std::time::{Duration, Instant};
/// use flow_runtime::engine::{Admission, AttemptOutcome, Layer};
/// use flow_runtime::prelude::*;
///
/// #[derive(Default)]
/// struct Breaker(Mutex<(u32, Option<Instant>)>);               // failures on end, and when the last one was
///
/// impl Layer for Breaker {
///     fn before<'a>(&'a self, _: &'a NodeContext) -> Admission<'a> {
///         let (failures, last) = *self.0.lock().unwrap();
///         let is_open = failures >= 5 && last.is_some_and(|last| last.elapsed() < Duration::from_secs(30));
///         Box::pin(async move { if is_open { Err(NodeError::retryable("the service rests")) } else { Ok(()) } })
///     }
///
///     fn after(&self, _: &NodeContext, outcome: &AttemptOutcome<'_>) {
///         let mut state = self.0.lock().unwrap();
///         match outcome {
///             AttemptOutcome::Succeeded => *state = (0, None),
///             AttemptOutcome::Refused => {}
///             _ => *state = (state.0 + 1, Some(Instant::now())),
///         }
///     }
/// }
///
/// #[node]
/// async fn ask() -> Result<u32, String> { Err("no answer".to_owned()) }
/// workflow! { fn asks() -> u32 { ask() } }
///
/// let engine = Engine::builder(InMemoryStore::default()).layer(Breaker::default()).build();
/// for run in 0..5 {
///     assert!(asks().run(&engine, format!("r{run}")).await.unwrap_err().to_string().contains("no answer"));
/// }
/// assert!(asks().run(&engine, "r5").await.unwrap_err().to_string().contains("the service rests"));
/// # }
/// ```
pub trait Layer: Send + Sync + 'static {
    /// Is asked before the body begins, and may make it wait. An error refuses the attempt, which has failed then: the node's
    /// `retry` says what follows, and [`NodeError::permanent`] that nothing does.
    fn before<'a>(&'a self, cx: &'a NodeContext) -> Admission<'a> {
        let _ = cx;
        Box::pin(ready(Ok(())))
    }

    /// Is told how an attempt ended that it let pass, before the end is committed.
    fn after(&self, cx: &NodeContext, outcome: &AttemptOutcome<'_>) {
        let _ = (cx, outcome);
    }
}

/// How an attempt ended, for the layers around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptOutcome<'a> {
    /// The body gave its output.
    Succeeded,
    /// The body failed.
    Failed {
        /// In which way.
        kind: FailureKind,
        /// The node's own message.
        message: &'a str,
        /// Whether another attempt is pointless.
        permanent: bool,
    },
    /// A layer further in refused the attempt.
    Refused,
    /// Nobody waits for its end any more: it has used up its time, or its run or its engine stops.
    Abandoned,
}

/// The layers of an engine, the outermost first.
pub(crate) type Layers = Arc<[Arc<dyn Layer>]>;

/// The layers that have let an attempt pass. They are told of its end, if only of that nobody waits for it any more.
pub(crate) struct Passed<'a> {
    layers: &'a [Arc<dyn Layer>],
    cx: &'a NodeContext,
    /// How many of them have let it pass.
    count: usize,
}

impl<'a> Passed<'a> {
    pub(crate) fn none(layers: &'a [Arc<dyn Layer>], cx: &'a NodeContext) -> Self {
        Self { layers, cx, count: 0 }
    }

    /// Asks all layers, from the outermost to the innermost.
    pub(crate) async fn ask(&mut self) -> Result<(), AttemptError> {
        let cx = self.cx;
        for layer in self.layers {
            let answer = match catch(|| layer.before(cx)) {
                Ok(mut admission) => {
                    poll_fn(|task| match catch(|| admission.as_mut().poll(task)) {
                        Ok(answer) => answer.map(Ok),
                        Err(panic) => Poll::Ready(Err(panic)),
                    })
                    .await
                }
                Err(panic) => Err(panic),
            };
            let refusal = match answer {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(AttemptError::of_node(error.into())),
                Err(panic) => Some(AttemptError::new(FailureKind::Panic, panic)),
            };
            if let Some(refusal) = refusal {
                self.tell(AttemptOutcome::Refused);
                return Err(refusal);
            }
            self.count += 1;
        }
        Ok(())
    }

    /// Tells all that have let the attempt pass how it ended, from the innermost to the outermost.
    pub(crate) fn tell(&mut self, outcome: AttemptOutcome<'_>) {
        while let Some(last) = self.count.checked_sub(1) {
            self.count = last;
            // What it does changes nothing, not even by a panic.
            let _ = catch(|| self.layers[last].after(self.cx, &outcome));
        }
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        self.tell(AttemptOutcome::Abandoned);
    }
}
