//! What was asked of runs that nobody drives here: who has ended may be asked to go on, and who never came is forgotten.
//!
//! In: a run for which the store has requests. Out: the run is taken up, or the requests go, or they wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::requests::fingerprint_of;
use super::reset::is_for_the_ended;
use super::runner::Runner;
use crate::state::{Request, Timestamp, WorkflowId};
use crate::store::StoreError;

/// How long what was asked of a run waits for the run to come: 7 days.
const PATIENCE: Timestamp = 7 * 24 * 60 * 60 * 1_000_000_000;

/// What was asked of runs that nobody drives here and was seen already: it need not be looked at again before its time.
#[derive(Default)]
pub(super) struct Passed(Mutex<HashMap<WorkflowId, (u64, Timestamp)>>);

impl Passed {
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkflowId, (u64, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the runs of which nothing is asked any more.
    pub(super) fn keep_only(&self, asked: &[WorkflowId]) {
        self.lock().retain(|id, _| asked.contains(id));
    }
}

impl Runner {
    /// Sees to what was asked of a run that nobody drives here.
    pub(super) async fn see_to(self: &Arc<Self>, id: &WorkflowId) {
        let Ok(requests) = self.hold.store.requests(id).await else { return };
        let (seen, now) = (fingerprint_of(&requests), self.shared.clock.now());
        if self.passed.lock().get(id).is_some_and(|(passed, until)| *passed == seen && now < *until) {
            return;
        }
        let again = match self.hold.store.load(id).await {
            Ok(data) => {
                if data.status.is_terminal() && requests.iter().any(|request| is_for_the_ended(&data, request)) {
                    self.take_up(id).await;
                }
                Timestamp::MAX
            }
            Err(StoreError::NotFound { .. }) => self.forget_expired(id, &requests, now).await,
            // What cannot be read is for who runs it to report.
            Err(_) => Timestamp::MAX,
        };
        self.passed.lock().insert(id.clone(), (seen, again));
    }

    /// Forgets what has waited too long for a run that is not there; says when that is so of the next.
    async fn forget_expired(&self, id: &WorkflowId, requests: &[Request], now: Timestamp) -> Timestamp {
        let end = |request: &Request| request.at.saturating_add(PATIENCE);
        let expired = requests.iter().filter(|request| end(request) <= now);
        let expired: Vec<String> = expired.map(|request| request.id.clone()).collect();
        if !expired.is_empty() {
            tracing::warn!(run = %id, requests = expired.len(), "what was asked of a run that never came is forgotten");
            if let Err(error) = self.hold.store.take_requests(id, &expired).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(run = %id, error, "expired requests could not be removed");
            }
        }
        requests.iter().map(end).filter(|end| *end > now).min().unwrap_or(Timestamp::MAX)
    }
}
