//! A place in a workflow that says when it was reached, and lets nobody pass if it is closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// The gate; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_closed: AtomicBool,
    reached: Mutex<Option<Instant>>,
    arrived: Notify,
}

impl Gate {
    /// Lets nobody pass from now on.
    pub fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
    }

    /// What the step does that the gate is in. At a closed gate it waits for ever.
    pub async fn pass(&self) {
        *self.0.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.arrived.notify_one();
        if self.0.is_closed.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is reached, and says when that was. Each time is told once.
    pub async fn reached(&self) -> Instant {
        loop {
            self.0.arrived.notified().await;
            if let Some(reached) = self.0.reached.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return reached;
            }
        }
    }
}
