//! How a record changes while completed steps are undone, and what can be said of it afterwards.
//!
//! In: the events of a rollback. Out: the record after them; and which effects of a run are undone, which are not.

use super::apply::Applied;
use super::data::{StepStatus, UndoState, WorkflowData, WorkflowStatus};
use super::{FailureKind, NodeFailure, RollbackCause, StepRef, Timestamp};
use crate::plan::{Step, StepKind};

/// What became of the effects of a run that failed or was cancelled: each step that may have had one is in one of these
/// lists, by its path, in the order of the record.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rollback {
    /// Steps that were undone.
    pub compensated: Vec<String>,
    /// Steps whose undo failed for good, and why: their effects are there.
    pub failed: Vec<NodeFailure>,
    /// Steps of which it is not known whether they had their effect: they were in flight when the run stopped, or used
    /// up their time. They are not undone, since there is no output to undo.
    pub in_doubt: Vec<String>,
    /// Steps that were to be undone, but the run was terminated: their effects are there.
    pub left: Vec<String>,
    /// Completed steps that nothing undoes.
    pub nothing_to_do: Vec<String>,
}

impl WorkflowData {
    /// What became of the effects of the steps that have ended.
    ///
    /// It says most of a run that has failed or was cancelled; the error of such a run carries it.
    pub fn rollback(&self) -> Rollback {
        let mut rollback = Rollback::default();
        let regions = (0..).zip(self.instances.iter().map(|instance| instance.region));
        for step in regions.flat_map(|(instance, region)| {
            self.plan.region(region).locals().map(move |local| StepRef::new(instance, local))
        }) {
            if matches!(self.plan.step(step.local).kind, StepKind::Call { awaits: None, .. }) {
                self.place(step, &mut rollback);
            }
        }
        rollback
    }

    fn place(&self, step: StepRef, rollback: &mut Rollback) {
        let (state, plan) = (self.step(step), self.plan.step(step.local));
        match (state.status, &state.error) {
            (StepStatus::Compensated, _) => rollback.compensated.push(self.path(step)),
            (StepStatus::CompensationFailed, Some(error)) => rollback.failed.push((**error).clone()),
            (StepStatus::Completed, _) if self.is_to_be_undone(step) => rollback.left.push(self.path(step)),
            (StepStatus::Completed, _) => rollback.nothing_to_do.push(self.path(step)),
            _ if is_in_doubt(state.status, state.error.as_deref(), state.attempts, plan) => {
                rollback.in_doubt.push(self.path(step));
            }
            _ => {}
        }
    }

    /// Whether this step has an effect that something undoes, and has not yet. What a fork took over is not its own.
    pub(crate) fn is_to_be_undone(&self, step: StepRef) -> bool {
        let state = self.step(step);
        state.status == StepStatus::Completed && !state.copied && self.plan.step(step.local).undo.is_some()
    }

    pub(super) fn start_rollback(&mut self, cause: RollbackCause) -> Applied {
        let may_begin = matches!(self.status, WorkflowStatus::Running | WorkflowStatus::Suspended);
        if !may_begin || self.instances[0].active > 0 {
            return Err(format!("the run is {:?}, and {} attempts run", self.status, self.instances[0].active));
        }
        self.status = WorkflowStatus::RollingBack;
        self.cause = Some(cause);
        Ok(())
    }

    pub(super) fn start_undo(&mut self, step: StepRef, attempt: u32, at: Timestamp) -> Applied {
        let undo = self.undo_mut(step)?;
        if attempt <= undo.attempts {
            return Err(format!("attempt {attempt} to undo follows attempt {}", undo.attempts));
        }
        (undo.attempts, undo.retry_at) = (attempt, 0);
        if undo.started_at == 0 {
            undo.started_at = at;
        }
        Ok(())
    }

    pub(super) fn undo_attempt_failed(&mut self, step: StepRef, retry_at: Timestamp) -> Applied {
        let undo = self.undo_mut(step)?;
        (undo.failures, undo.retry_at) = (undo.failures.saturating_add(1), retry_at);
        Ok(())
    }

    /// The undo of a step has come to its end, well if there is no error.
    pub(super) fn undone(
        &mut self,
        step: StepRef,
        error: Option<&NodeFailure>,
        at: Timestamp,
        ended: &mut Vec<StepRef>,
    ) -> Applied {
        self.undo_mut(step)?;
        let state = self.step_mut(step);
        state.status = if error.is_some() { StepStatus::CompensationFailed } else { StepStatus::Compensated };
        state.undo = None;
        state.error = error.cloned().map(Box::new);
        self.pass_failures(step, at, ended);
        Ok(())
    }

    fn undo_mut(&mut self, step: StepRef) -> Result<&mut UndoState, String> {
        self.check(step, &[StepStatus::Completed])?;
        let is_undoing = self.status == WorkflowStatus::RollingBack || self.undoing_around(step).is_some();
        if !is_undoing || !self.is_to_be_undone(step) {
            return Err(format!("step `{}` of a run that is {:?} is not to be undone", self.path(step), self.status));
        }
        Ok(self.step_mut(step).undo.get_or_insert_default())
    }
}

/// Whether an attempt was begun and left, so that nobody knows its end. A body without effects leaves none.
fn is_in_doubt(status: StepStatus, error: Option<&NodeFailure>, attempts: u32, plan: &Step) -> bool {
    let ran_out = |error: &NodeFailure| matches!(error.kind, FailureKind::Timeout | FailureKind::Deadline);
    let is_left = match status {
        StepStatus::Cancelled => true,
        StepStatus::Failed => error.is_some_and(ran_out),
        _ => false,
    };
    is_left && attempts > 0 && !plan.policy.pure
}
