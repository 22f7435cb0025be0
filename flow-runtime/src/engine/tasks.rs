//! The one place that starts tasks.
//!
//! In: an attempt with its permits, or a wish for a permit, or a whole run. Out: a message to the driver, also when
//! the task dies.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::attempt::{Attempt, AttemptEnd, AttemptError};
use super::drive::{Message, Permit};
use crate::state::{FailureKind, StepRef};

type Outbox = mpsc::UnboundedSender<Message>;

/// A task that is stopped when this is dropped.
pub(crate) struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs an attempt beside the driver. A blocking body keeps its permits to its end, even if it is abandoned.
pub(crate) fn run_attempt(attempt: Attempt, blocking: bool, permits: (Option<Permit>, Permit), outbox: Outbox) -> Task {
    let report = Report { step: attempt.step, number: attempt.number, outbox, sent: false };
    let handle = if blocking {
        tokio::task::spawn_blocking(move || {
            let end = attempt.run_blocking();
            drop(permits);
            report.send(end);
        })
        .abort_handle()
    } else {
        tokio::spawn(async move {
            let end = attempt.run().await;
            drop(permits);
            report.send(end);
        })
        .abort_handle()
    };
    Task(handle)
}

/// Waits for a permit in the order of arrival. Ends without a word if the driver has gone.
pub(crate) fn wait_for_permit(semaphore: Arc<Semaphore>, gate: usize, outbox: Outbox) {
    tokio::spawn(async move {
        tokio::select! {
            permit = semaphore.acquire_owned() => {
                if let Ok(permit) = permit {
                    // If the driver has gone, the permit goes back by being dropped with the message.
                    let _ = outbox.send(Message::Permit(gate, permit));
                }
            }
            () = outbox.closed() => {}
        }
    });
}

/// Runs a whole run on its own, so that it goes on when its caller stops waiting.
pub(crate) fn run_apart(run: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(run);
}

/// Tells the driver how an attempt ended, also when its task dies on the way.
struct Report {
    step: StepRef,
    number: u32,
    outbox: Outbox,
    sent: bool,
}

impl Report {
    fn send(mut self, end: AttemptEnd) {
        self.sent = true;
        // An error means that the driver has gone, and nobody waits for the end any more.
        let _ = self.outbox.send(Message::Ended(end));
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if !self.sent {
            let error = AttemptError::new(FailureKind::Panic, "the task of the attempt died".to_owned());
            let end = AttemptEnd { step: self.step, number: self.number, result: Err(error) };
            let _ = self.outbox.send(Message::Ended(end));
        }
    }
}
