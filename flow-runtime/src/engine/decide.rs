//! What may happen next: a pure function of the plan and of what has happened.
//!
//! In: the record, after each event. Out: the steps that may start and the heads that may be evaluated, and what
//! follows a failed attempt. No clock is read here, nothing waits and nothing is stored.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::plan::{Policy, StepKind};
use crate::state::{FailureKind, StepRef, StepState, StepStatus, Timestamp, UndoState, WorkflowData};

/// Which steps wait for how much, and which wait for nothing any more.
#[derive(Default)]
pub(crate) struct Schedule {
    /// For each step of the record: how many of its dependencies have not ended.
    unmet: Vec<u32>,
    /// Steps of nested regions that wait for a step of a region around theirs.
    waiters: HashMap<StepRef, Vec<StepRef>>,
    /// Fan-outs that may not run all their items at once.
    fans: HashMap<StepRef, Fan>,
    /// Calls that may start, oldest first.
    pub(crate) ready: VecDeque<StepRef>,
    /// Branches, fan-outs, called workflows and waits whose head may be evaluated, oldest first.
    pub(crate) heads: VecDeque<StepRef>,
}

/// A fan-out with a limit that has items still to begin.
struct Fan {
    limit: u32,
    /// Those that are still to begin; some may be over, in a record that was loaded.
    next: std::ops::Range<u32>,
    /// How many of them are not over.
    waiting: u32,
}

impl Schedule {
    /// What may happen next in this record, new or loaded.
    pub(crate) fn new(data: &WorkflowData) -> Self {
        let mut schedule = Self::default();
        schedule.activate(data, 0);
        schedule
    }

    /// Takes in that a region was opened by this step.
    pub(crate) fn opened(&mut self, data: &WorkflowData, step: StepRef) {
        let mut unfinished = data.opened_by(step);
        let limit = data.plan.step(step.local).policy.concurrency;
        match (&data.plan.step(step.local).kind, limit) {
            (StepKind::Each { .. }, Some(limit)) => {
                let waiting = data.step(step).open;
                self.fans.insert(step, Fan { limit: limit.get(), next: unfinished, waiting });
                self.refill(data, step);
            }
            _ => unfinished.by_ref().for_each(|instance| self.activate(data, instance)),
        }
    }

    /// Takes in that these steps have ended.
    pub(crate) fn ended(&mut self, data: &WorkflowData, ended: &[StepRef]) {
        for &step in ended {
            // Where a failure has stopped the region nothing starts, and in a loaded record nothing there was counted.
            if data.satisfies(step) && !data.is_stopped(step) {
                for &next in data.plan.step(step.local).next.iter() {
                    self.met(data, StepRef::new(step.instance, next));
                }
                for waiter in self.waiters.remove(&step).unwrap_or_default() {
                    self.met(data, waiter);
                }
            }
            self.refill_after(data, step);
        }
    }

    /// Gives the steps of an instance their counts, and finds those that wait for nothing.
    fn activate(&mut self, data: &WorkflowData, instance: u32) {
        self.unmet.resize(data.steps.len(), 0);
        for local in data.plan.region(data.instances[instance as usize].region).locals() {
            let step = StepRef::new(instance, local);
            match (data.step(step).status, data.step(step).opened_len) {
                (StepStatus::Pending, _) => self.count(data, step),
                (StepStatus::Running, 0) => self.count(data, step),
                (StepStatus::Running, _) => self.opened(data, step),
                _ => {}
            }
        }
    }

    fn count(&mut self, data: &WorkflowData, step: StepRef) {
        let plan = data.plan.step(step.local);
        let after = plan.after.iter().filter(|after| !plan.inputs.contains(after));
        let mut unmet = 0;
        for &dependency in plan.inputs.iter().chain(after) {
            let region = data.plan.step(dependency).region;
            let Some(instance) = data.enclosing(step.instance, region) else { continue };
            let dependency = StepRef::new(instance, dependency);
            if data.satisfies(dependency) {
                continue;
            }
            unmet += 1;
            if instance != step.instance {
                self.waiters.entry(dependency).or_default().push(step);
            }
        }
        self.unmet[data.index(step)] = unmet;
        if unmet == 0 {
            self.enqueue(data, step);
        }
    }

    fn met(&mut self, data: &WorkflowData, step: StepRef) {
        let unmet = &mut self.unmet[data.index(step)];
        *unmet -= 1;
        if *unmet == 0 && data.step(step).status == StepStatus::Pending {
            self.enqueue(data, step);
        }
    }

    fn enqueue(&mut self, data: &WorkflowData, step: StepRef) {
        match data.plan.step(step.local).kind {
            StepKind::Call { awaits: None, .. } => self.ready.push_back(step),
            _ => self.heads.push_back(step),
        }
    }

    /// Begins the next items of the limited fan-outs around this step if items of theirs are over.
    fn refill_after(&mut self, data: &WorkflowData, step: StepRef) {
        let mut instance = step.instance;
        while let Some(opener) = data.instances[instance as usize].opened_by {
            self.refill(data, opener);
            instance = opener.instance;
        }
    }

    fn refill(&mut self, data: &WorkflowData, step: StepRef) {
        while let Some(fan) = self.fans.get_mut(&step)
            && data.step(step).open.saturating_sub(fan.waiting) < fan.limit
        {
            let Some(instance) = fan.next.next() else {
                self.fans.remove(&step);
                return;
            };
            if !data.instances[instance as usize].is_idle() {
                fan.waiting -= 1;
                self.activate(data, instance);
            }
        }
    }
}

/// How far the attempts of a step, or those to undo it, have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    pub(crate) attempts: u32,
    pub(crate) failures: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) retry_at: Timestamp,
}

impl Tries {
    pub(crate) fn of(state: &StepState) -> Self {
        let StepState { attempts, failures, started_at, retry_at, .. } = *state;
        Self { attempts, failures, started_at, retry_at }
    }

    pub(crate) fn to_undo(state: &StepState) -> Self {
        let UndoState { attempts, failures, started_at, retry_at } = state.undo.as_deref().copied().unwrap_or_default();
        Self { attempts, failures, started_at, retry_at }
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another attempt, after this wait.
    Retry(Duration),
    /// The step has failed.
    Fail,
}

/// What follows a failed attempt of one that has come this far; `random` in `0.0..1.0` spreads the wait.
pub(crate) fn after_failure(
    policy: &Policy,
    tries: Tries,
    kind: FailureKind,
    permanent: bool,
    now: Timestamp,
    random: f64,
) -> Next {
    let Some(retry) = policy.retry.filter(|_| !policy.at_most_once) else { return Next::Fail };
    if permanent || matches!(kind, FailureKind::Encode | FailureKind::Deadline) || tries.failures >= retry.times {
        return Next::Fail;
    }
    let delay = retry.backoff.delay(tries.failures + 1, random);
    match due(policy, tries) {
        Some(due) if now.saturating_add(nanos(delay)) >= due => Next::Fail,
        _ => Next::Retry(delay),
    }
}

/// When all attempts together must have ended, if ever. For a step that was reset the time has not begun.
pub(crate) fn due(policy: &Policy, tries: Tries) -> Option<Timestamp> {
    policy.deadline.filter(|_| tries.started_at != 0).map(|deadline| tries.started_at.saturating_add(nanos(deadline)))
}

/// A duration in the unit of time stamps, the longest one if it does not fit.
pub(crate) fn nanos(duration: Duration) -> Timestamp {
    Timestamp::try_from(duration.as_nanos()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Backoff, Retry};

    const SECOND: Timestamp = 1_000_000_000;

    fn policy(times: u32) -> Policy {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4)).with_jitter(false);
        Policy::DEFAULT.with_retry(Some(Retry::new(times).with_backoff(backoff)))
    }

    fn tries(failures: u32) -> Tries {
        Tries { failures, attempts: failures + 1, started_at: SECOND, retry_at: 0 }
    }

    fn next(policy: &Policy, failures: u32, kind: FailureKind, permanent: bool) -> Next {
        after_failure(policy, tries(failures), kind, permanent, 2 * SECOND, 0.0)
    }

    #[test]
    fn b14_retries_are_counted_after_the_first_attempt() {
        let policy = policy(2);
        assert_eq!(next(&policy, 0, FailureKind::Error, false), Next::Retry(Duration::from_secs(1)));
        assert_eq!(next(&policy, 1, FailureKind::Error, false), Next::Retry(Duration::from_secs(2)));
        assert_eq!(next(&policy, 2, FailureKind::Error, false), Next::Fail);
        assert_eq!(next(&Policy::DEFAULT, 0, FailureKind::Error, false), Next::Fail);
    }

    #[test]
    fn b13_the_deadline_of_a_step_that_was_reset_has_not_begun() {
        let policy = Policy::DEFAULT.with_deadline(Some(Duration::from_secs(2)));
        assert_eq!(due(&policy, tries(0)), Some(3 * SECOND));
        assert_eq!(due(&policy, Tries { started_at: 0, ..tries(0) }), None);
    }

    #[test]
    fn b14_a_permanent_error_is_not_retried() {
        assert_eq!(next(&policy(2), 0, FailureKind::Error, true), Next::Fail);
        assert_eq!(next(&policy(2), 0, FailureKind::Encode, false), Next::Fail);
        assert_eq!(next(&policy(2), 0, FailureKind::Deadline, false), Next::Fail);
        assert_ne!(next(&policy(2), 0, FailureKind::Timeout, false), Next::Fail);
        assert_ne!(next(&policy(2), 0, FailureKind::Panic, false), Next::Fail);
    }

    #[test]
    fn b48_what_must_not_be_done_twice_is_not_retried() {
        let once = policy(2).with_at_most_once(true);
        assert_eq!(next(&once, 0, FailureKind::Error, false), Next::Fail);
        assert!(!once.is_tried_again_or_once() && policy(2).is_tried_again_or_once());
    }

    #[test]
    fn b13_a_retry_that_would_begin_after_the_deadline_is_not_made() {
        let short = policy(2).with_deadline(Some(Duration::from_secs(2)));
        let long = policy(2).with_deadline(Some(Duration::from_secs(3)));
        assert_eq!(next(&short, 0, FailureKind::Error, false), Next::Fail);
        assert_eq!(next(&long, 0, FailureKind::Error, false), Next::Retry(Duration::from_secs(1)));
    }
}
