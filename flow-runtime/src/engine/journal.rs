//! The engine's way to its store, and the rule of what must be durable when.
//!
//! In: the events of one round. Out: a committed delta, or the store's error, after which the run takes no more.

use std::sync::Arc;
use std::time::Duration;

use super::durability::Durability;
use super::parts::{self, Cut};
use crate::plan::{Plan, StepKind};
use crate::state::{
    Ack, CompletedBy, Delta, Event, FAR, Payload, Phase, Request, StepRef, StepStatus, Timestamp, WorkflowData,
    WorkflowId,
};
use crate::store::{AnyStore, StoreError};

/// The journal of one run.
pub(crate) struct Journal {
    store: Arc<dyn AnyStore>,
    durability: Durability,
    /// What says that this engine is the one that drives the run.
    fence: u64,
    /// Whether something that effects must not overtake was acknowledged but may not be on disk yet.
    lagging: bool,
    /// Steps that have ended and may not be on disk yet: how many, and since when the first.
    behind: Option<(u32, Timestamp)>,
}

impl Journal {
    pub(crate) fn new(store: Arc<dyn AnyStore>, durability: Durability, fence: u64) -> Self {
        // What a killed process left may be read back and still be lost with the power, so it counts as lagging, and as
        // more than may be behind. The creation of a run is synced in any case.
        Self { store, durability, fence, lagging: true, behind: Some((u32::MAX, Timestamp::MIN)) }
    }

    /// The most bytes of a payload that stands in the record.
    pub(crate) fn inline_bytes(&self) -> Option<usize> {
        self.store.inline_bytes()
    }

    /// Stores what is kept beside the record, before what names it is committed.
    pub(crate) async fn put(&self, data: &WorkflowData, cuts: Vec<Cut>) -> Result<(), StoreError> {
        for cut in cuts {
            parts::put(&*self.store, data, cut).await?;
        }
        Ok(())
    }

    /// The payload with its bytes, which may be kept beside the record.
    pub(crate) async fn fetch(
        &self,
        data: &WorkflowData,
        payload: &Payload,
        what: &str,
    ) -> Result<Payload, StoreError> {
        parts::fetch(&*self.store, data, payload, what).await
    }

    /// Commits what happened in one round. `after` has the events applied; `starts` are the steps whose bodies
    /// begin when this returns; `taken` are the requests that the events answer.
    pub(crate) async fn commit(
        &mut self,
        after: &mut WorkflowData,
        events: Vec<Event>,
        starts: impl Iterator<Item = StepRef>,
        taken: Vec<String>,
    ) -> Result<Vec<Event>, StoreError> {
        let plan = &after.plan;
        let matters = events.iter().any(dependents_rely_on);
        let (mut starts_effect, mut starts_undo) = (false, false);
        for step in starts {
            starts_effect |= has_effects(plan, step);
            starts_undo |= after.step(step).status == StepStatus::Completed;
        }
        let ended = events.iter().filter(|event| ends_effect(event, plan)).count() as u32;
        // What is undone is known to be done, whatever else may be lost.
        let sync = events.iter().any(|event| must_be_durable(event, plan, after.updated_at))
            || (starts_undo && (matters || self.lagging))
            || match self.durability {
                Durability::Strict => ended > 0 || (starts_effect && (matters || self.lagging)),
                Durability::Batched { steps, interval } => self.is_due(ended, steps, interval, after.updated_at),
                Durability::OnSuspend => false,
            };
        let delta = Delta {
            run_no: after.run_no,
            seq: after.seq,
            fence: self.fence,
            at: after.updated_at,
            ack: if sync { Ack::Sync } else { Ack::Lazy },
            events,
            taken,
        };
        after.seq += 1;
        self.store.commit(after, &delta).await?;
        self.forget(&after.id, &delta.taken).await;
        self.lagging = !sync && (matters || self.lagging);
        self.behind = if sync { None } else { self.with(ended, delta.at) };
        Ok(delta.events)
    }

    /// What was asked of the run and not taken yet.
    pub(crate) async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        self.store.requests(run).await
    }

    /// Forgets requests that were answered. One that stays is known by its id when it is seen again.
    pub(crate) async fn forget(&self, run: &WorkflowId, taken: &[String]) {
        if !taken.is_empty()
            && let Err(error) = self.store.take_requests(run, taken).await
        {
            tracing::warn!(%run, error = &error as &dyn std::error::Error, "answered requests could not be removed");
        }
    }

    /// The steps that are behind, with so many more that ended at this time.
    fn with(&self, ended: u32, at: Timestamp) -> Option<(u32, Timestamp)> {
        match self.behind {
            Some((steps, since)) => Some((steps.saturating_add(ended), since)),
            None => (ended > 0).then_some((ended, at)),
        }
    }

    /// Whether what is behind, with so many more, is as much as may be.
    fn is_due(&self, ended: u32, most: u32, interval: Duration, now: Timestamp) -> bool {
        self.with(ended, now).is_some_and(|(steps, since)| {
            steps >= most || u128::from(now.saturating_sub(since).max(0).unsigned_abs()) >= interval.as_nanos()
        })
    }
}

/// Whether a body that runs later may have used what this event says.
fn dependents_rely_on(event: &Event) -> bool {
    matches!(
        event,
        Event::StepCompleted { .. } | Event::StepFailed { .. } | Event::RegionOpened { .. } | Event::StepsReset { .. }
    )
}

/// Whether this event must be durable before anything follows from it.
fn must_be_durable(event: &Event, plan: &Plan, now: Timestamp) -> bool {
    match event {
        Event::StepFailed { step, .. } => !plan.step(step.local).catches_own_failure(),
        // The run may be parked until then.
        Event::AttemptFailed { retry_at, .. } => retry_at.saturating_sub(now) >= FAR,
        // What it came from is forgotten when this is committed.
        Event::StepCompleted { by: CompletedBy::Signal(_), .. } => true,
        // After a crash it is known that the attempt may have happened.
        Event::StepStarted { step, phase: Phase::Do, .. } => plan.step(step.local).policy.at_most_once,
        Event::StepCompleted { .. } | Event::StepStarted { .. } | Event::RegionOpened { .. } => false,
        _ => true,
    }
}

/// Whether a body with effects has ended well, or in a way that dependents take for a value.
fn ends_effect(event: &Event, plan: &Plan) -> bool {
    matches!(event, Event::StepCompleted { step, .. } | Event::StepFailed { step, .. } if has_effects(plan, *step))
}

fn has_effects(plan: &Plan, step: StepRef) -> bool {
    let step = plan.step(step.local);
    matches!(step.kind, StepKind::Call { .. }) && !step.policy.pure
}
