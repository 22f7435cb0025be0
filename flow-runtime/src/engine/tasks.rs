//! The one place that starts tasks.
//!
//! In: an attempt with its permits, or a wish for a permit, or a whole run. Out: a message to the driver, also when
//! the task dies.

#![expect(clippy::disallowed_methods, reason = "this is the place that the lint names")]

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::attempt::{Attempt, AttemptEnd, AttemptError};
use super::drive::{Message, Permit};
use crate::state::{FailureKind, StepRef};

type Outbox = mpsc::UnboundedSender<Message>;

/// An attempt under way, which is stopped when this is dropped; a blocking body that has begun goes on.
pub(crate) enum Task {
    /// It is a task, and this goes with it, so that who cannot be stopped can see it.
    Own { handle: AbortHandle, _wanted: Arc<()> },
    /// It runs in a task that does more than that.
    Lent { _wanted: Lent },
}

/// Tells, by its drop, that an attempt is to be stopped.
pub(crate) type Lent = oneshot::Sender<Infallible>;

impl Drop for Task {
    fn drop(&mut self) {
        if let Self::Own { handle, .. } = self {
            handle.abort();
        }
    }
}

/// Runs an attempt beside the driver. A blocking body keeps its permits to its end, even if it is abandoned.
pub(crate) fn run_attempt(attempt: Attempt, blocking: bool, permits: (Option<Permit>, Permit), outbox: Outbox) -> Task {
    let report = Report { step: attempt.step, number: attempt.number, outbox, sent: false };
    let wanted = Arc::new(());
    let handle = if blocking {
        let wanted = Arc::downgrade(&wanted);
        tokio::task::spawn_blocking(move || {
            let end = attempt.run_blocking(|| wanted.strong_count() > 0);
            hand_over(report, end, permits);
        })
        .abort_handle()
    } else {
        tokio::spawn(async move {
            let end = attempt.run().await;
            hand_over(report, end, permits);
        })
        .abort_handle()
    };
    Task::Own { handle, _wanted: wanted }
}

/// Reports the end before the permits go back, so that the start they make room for never overtakes it: a shutdown
/// between the two would give back a body that has ended, and its effect would happen again.
fn hand_over(report: Report, end: AttemptEnd, permits: (Option<Permit>, Permit)) {
    report.send(end);
    drop(permits);
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
pub(crate) fn run_apart(run: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(run).abort_handle()
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::{Context, Wake, Waker};

    use super::*;

    /// Looks, at the moment a permit comes back, whether the end it belongs to was reported.
    struct Next {
        inbox: Mutex<mpsc::UnboundedReceiver<Message>>,
        seen: Mutex<Vec<bool>>,
    }

    impl Wake for Next {
        fn wake(self: Arc<Self>) {
            let reported = matches!(self.inbox.lock().unwrap().try_recv(), Ok(Message::Ended(_)));
            self.seen.lock().unwrap().push(reported);
        }
    }

    #[test]
    fn b09_an_end_is_reported_before_its_permit_goes_to_the_next() {
        let (outbox, inbox) = mpsc::unbounded_channel();
        let next = Arc::new(Next { inbox: Mutex::new(inbox), seen: Mutex::default() });
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let mut waits = Box::pin(semaphore.acquire_owned());
        assert!(waits.as_mut().poll(&mut Context::from_waker(&Waker::from(next.clone()))).is_pending());

        let step = StepRef::new(0, 0);
        let error = AttemptError::new(FailureKind::Error, "no".to_owned());
        let report = Report { step, number: 1, outbox, sent: false };
        hand_over(report, AttemptEnd { step, number: 1, result: Err(error) }, (None, permit));
        assert_eq!(*next.seen.lock().unwrap(), [true]);
    }
}
