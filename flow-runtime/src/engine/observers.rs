//! The engine's side of observers: told what is committed, and kept from hurting a run.

use std::sync::Arc;

use super::attempt::catch;
use super::context::RunShared;
use super::position::Position;
use crate::observe::{Notice, Observer, What};
use crate::state::{Event, StepStatus, WorkflowData};

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
        let is_saved =
            |state: &&crate::state::StepState| state.status == StepStatus::Completed && state.output.is_some();
        let saved = data.steps.iter().filter(is_saved).count();
        self.tell(run, None, What::RunResumed { saved });
    }

    /// Tells of a committed event.
    pub(crate) fn event(&self, run: &RunShared, data: &WorkflowData, event: &Event) {
        if self.all.is_empty() {
            return;
        }
        if let Some((step, what)) = What::of(event, data) {
            let path = step.map(|step| data.path(step));
            self.tell(run, path.as_deref(), what);
        }
    }

    /// Tells how far a step is.
    pub(crate) fn progress(&self, run: &RunShared, position: &Position, fraction: f64, message: &str) {
        if !self.all.is_empty() {
            self.tell(run, Some(&position.path(&run.plan)), What::Progress { fraction, message });
        }
    }

    fn tell(&self, run: &RunShared, step: Option<&str>, what: What<'_>) {
        let notice = Notice::new(&run.plan.workflow, run.id.as_ref(), step, what);
        for observer in self.all.iter() {
            // An observer changes nothing, not even by a panic.
            let _ = catch(|| observer.observe(&notice));
        }
    }
}
