//! Calls that come at once, and calls that are dropped half-way.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// How many threads call a store at once.
pub(super) const THREADS: usize = 4;

/// The most polls after which a call is dropped.
pub(super) const MAX_POLLS: usize = 50;

/// Does a task in this many threads at once, each with its number, and gives what they gave.
#[expect(
    clippy::disallowed_methods,
    reason = "calls that truly come at once need threads, of which a case has no other"
)]
pub(super) async fn at_once<T, F, A>(count: usize, task: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(usize) -> A + Send + Sync + 'static,
    A: Future<Output = T>,
{
    let shared = Arc::new((Barrier::new(count), task));
    let thread = |index: usize| {
        let (shared, runtime) = (shared.clone(), Handle::current());
        // The case's own thread goes on driving timers and sockets meanwhile.
        spawn_blocking(move || {
            shared.0.wait();
            runtime.block_on((shared.1)(index))
        })
    };
    let threads: Vec<_> = (0..count).map(thread).collect();
    let mut all = Vec::with_capacity(count);
    for thread in threads {
        match thread.await {
            Ok(value) => all.push(value),
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
    all
}

/// Polls a call this many times, then drops it; gives its answer if it came before.
pub(super) async fn drop_after<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match call.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
