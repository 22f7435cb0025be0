//! Steps whose next attempt is due only after a long backoff: a run waits for that as it does for a timer.
//!
//! In: a record. Out: which steps those are, and since that is derived and not stored, how many could be.

use super::data::{StepState, StepStatus, WorkflowData, WorkflowStatus};
use super::{StepRef, Timestamp};

/// What is due later than this is far off: a run that only waits for such needs no driver until then.
pub(crate) const FAR: Timestamp = 10_000_000_000;

impl StepState {
    /// Whether an attempt has failed and the next is still to begin.
    pub(super) fn has_retry(&self) -> bool {
        self.status == StepStatus::Pending && self.retry_at != 0
    }
}

impl WorkflowData {
    /// When the next attempt of this step is due, if one is and that was far off when the record changed last. Undos do
    /// not count: while something is undone the run is not suspended.
    pub(crate) fn far_retry(&self, step: StepRef) -> Option<Timestamp> {
        let state = self.step(step);
        let is_far = state.has_retry() && state.retry_at.saturating_sub(self.updated_at) >= FAR;
        (is_far && !self.is_stopped(step)).then_some(state.retry_at)
    }

    /// The far retries of the run, in the order of the record.
    pub(crate) fn far_retries(&self) -> impl Iterator<Item = (StepRef, Timestamp)> + '_ {
        let goes_on = matches!(self.status, WorkflowStatus::Running | WorkflowStatus::Suspended);
        // For most runs there is nothing to look for.
        let instances = if goes_on && self.retrying > 0 { self.instances.as_slice() } else { &[] };
        let steps = (0..).zip(instances).flat_map(|(instance, state)| {
            self.plan.region(state.region).locals().map(move |local| StepRef::new(instance, local))
        });
        steps.filter_map(|step| self.far_retry(step).map(|due| (step, due)))
    }

    /// Whether a failure around this step forbids it to start.
    pub(crate) fn is_stopped(&self, step: StepRef) -> bool {
        let mut instance = Some(step.instance);
        while let Some(index) = instance {
            let state = &self.instances[index as usize];
            if state.failed {
                return true;
            }
            instance = state.opened_by.map(|opener| opener.instance);
        }
        false
    }

    /// 1 if the record has this step and it is to be retried.
    pub(super) fn count_retry(&self, step: StepRef) -> u32 {
        u32::from(self.has(step) && self.step(step).has_retry())
    }
}
