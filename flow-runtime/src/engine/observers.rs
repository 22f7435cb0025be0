//! The engine's side of observers: told what is committed and what is measured, and kept from hurting a run.

use std::sync::Arc;

use tokio::time::Instant;

use super::attempt::catch;
use super::context::RunShared;
use super::position::Position;
use crate::observe::{Measured, Notice, Observer, Reading, What};
use crate::plan::{Local, Plan, Step, StepKind};
use crate::state::{Event, InstanceState, StepState, StepStatus, WorkflowData, WorkflowId};

/// Those who are told.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    all: Arc<[Arc<dyn Observer>]>,
}

impl Observers {
    pub(crate) fn add(&mut self, observer: Arc<dyn Observer>) {
        self.all = self.all.iter().cloned().chain([observer]).collect();
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Tells of a run that goes on from its record.
    pub(crate) fn resumed(&self, run: &RunShared, data: &WorkflowData) {
        if self.all.is_empty() {
            return;
        }
        let is_saved = |state: &&StepState| state.status == StepStatus::Completed && state.output.is_some();
        let saved = data.steps.iter().filter(is_saved).count();
        self.tell(run, None, What::RunResumed { saved, left: left(data) });
    }

    /// Tells of a committed event.
    pub(crate) fn event(&self, run: &RunShared, data: &WorkflowData, event: &Event) {
        if self.all.is_empty() {
            return;
        }
        if let Some((step, what)) = What::of(event, data) {
            let path = step.map(|step| (step.local, data.path(step)));
            self.tell(run, path.as_ref().map(|(local, path)| (*local, path.as_str())), what);
        }
    }

    /// Tells how far a step is.
    pub(crate) fn progress(&self, run: &RunShared, position: &Position, fraction: f64, message: &str) {
        if !self.all.is_empty() {
            let path = position.path(&run.plan);
            self.tell(run, Some((position.local, &path)), What::Progress { fraction, message });
        }
    }

    /// When something begins that is measured; `None` if nobody wants to know.
    pub(crate) fn begin(&self) -> Option<Instant> {
        (!self.all.is_empty()).then(Instant::now)
    }

    /// Tells how long a commit took that began then.
    pub(crate) fn committed(&self, run: &RunShared, begun: Option<Instant>) {
        if let Some(begun) = begun {
            self.measure(&run.plan, run.id.as_ref(), Measured::Committed { took: begun.elapsed() });
        }
    }

    /// Tells what was measured.
    pub(crate) fn measure(&self, plan: &Plan, id: Option<&WorkflowId>, measured: Measured) {
        if self.all.is_empty() {
            return;
        }
        let reading = Reading::new(plan, id, measured);
        for observer in self.all.iter() {
            let _ = catch(|| observer.measure(&reading));
        }
    }

    fn tell(&self, run: &RunShared, step: Option<(Local, &str)>, what: What<'_>) {
        let notice = Notice::new(&run.plan, run.id.as_ref(), step, what);
        for observer in self.all.iter() {
            // An observer changes nothing, not even by a panic.
            let _ = catch(|| observer.observe(&notice));
        }
    }
}

/// How many calls have not ended in the regions that are open.
fn left(data: &WorkflowData) -> usize {
    let in_instance = |instance: &InstanceState| {
        let is_left = |(at, step): &(usize, &Step)| {
            let state = &data.steps[instance.first as usize + at];
            matches!(step.kind, StepKind::Call { .. }) && !state.status.has_ended()
        };
        data.plan.steps_of(instance.region).iter().enumerate().filter(is_left).count()
    };
    data.instances.iter().map(in_instance).sum()
}

/// That a run is driven, as observers were told. Whatever becomes of its driver, they are told when it is gone.
pub(crate) struct Presence {
    run: Arc<RunShared>,
    /// Whether they were told.
    is_told: bool,
    /// Whether the run goes on by itself when it is left.
    pub(crate) parks: bool,
    /// How many of its steps wait for a permit.
    queued: usize,
}

impl Presence {
    pub(crate) fn new(run: Arc<RunShared>) -> Self {
        Self { run, is_told: false, parks: false, queued: 0 }
    }

    pub(crate) fn begin(&mut self) {
        self.is_told = true;
        self.measure(Measured::Driven);
    }

    /// Takes in how many steps wait for a permit now.
    pub(crate) fn queued(&mut self, steps: impl FnOnce() -> usize) {
        if self.run.observers.is_empty() {
            return;
        }
        let steps = steps();
        if steps != self.queued {
            let count = |steps: usize| i64::try_from(steps).unwrap_or(i64::MAX);
            let more = count(steps) - count(self.queued);
            self.queued = steps;
            self.measure(Measured::Queued(more));
        }
    }

    fn measure(&self, measured: Measured) {
        self.run.observers.measure(&self.run.plan, self.run.id.as_ref(), measured);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.is_told {
            self.queued(|| 0);
            self.measure(Measured::Left { parks: self.parks });
        }
    }
}
