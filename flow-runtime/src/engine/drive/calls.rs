//! Workflows that are called: a step of one opens its region here, and its tree gets its input from the step's arguments.
//!
//! In: a step that calls a workflow. Out: the region of that workflow, whose steps are steps of this run. After a crash
//! the arguments are evaluated again, when something that is in the workflow is needed.

use super::Driver;
use crate::engine::attempt::{AttemptError, called_by};
use crate::engine::error::RunError;
use crate::engine::run::head_changed;
use crate::engine::trees::Spot;
use crate::plan::StepKind;
use crate::state::{Event, RegionKind, StepRef};

impl Driver {
    pub(super) fn is_workflow(&self, step: StepRef) -> bool {
        matches!(self.data.plan.step(step.local).kind, StepKind::Sub { .. })
    }

    /// Begins the workflow that this step calls.
    pub(super) fn begin_workflow(&mut self, step: StepRef) -> Result<(), RunError> {
        if !self.may_start(step) {
            return Ok(());
        }
        match self.said_by(step, called_by)? {
            Ok(tree) => {
                let first_instance = self.data.instances.len() as u32;
                self.trees.enter(first_instance, tree);
                self.record(Event::RegionOpened { step, first_instance, kind: RegionKind::Sub });
                self.schedule.opened(&self.data, step);
            }
            Err(error) => self.fail(step, 0, error),
        }
        Ok(())
    }

    /// Gives the workflow that this step has called its tree again, with the slots of what is open in it.
    pub(super) fn enter_again(&mut self, step: StepRef) -> Result<(), RunError> {
        let instance = self.data.step(step).opened;
        if self.trees.called(instance).is_some() {
            return Ok(());
        }
        match self.said_by(step, called_by)? {
            Ok(tree) => {
                self.trees.enter(instance, tree);
                self.reopen_in(instance);
                Ok(())
            }
            Err(AttemptError { message, .. }) => {
                let now = format!("nothing: its arguments cannot be made: {message}");
                Err(head_changed(&self.data, step, &RegionKind::Sub, &now))
            }
        }
    }

    /// Gives the workflows around this step their trees again, the outermost first.
    pub(super) async fn enter_around(&mut self, step: StepRef) -> Result<(), RunError> {
        let mut callers = Vec::new();
        let mut around = Spot::of(&self.data, step).called;
        while let Some(instance) = around {
            let caller = self.data.instances[instance as usize].opened_by;
            around = caller.and_then(|caller| Spot::of(&self.data, caller).called);
            callers.extend(caller);
        }
        for caller in callers.into_iter().rev() {
            if self.trees.called(self.data.step(caller).opened).is_none() {
                self.fetch_inputs(caller).await?;
                self.enter_again(caller)?;
            }
        }
        Ok(())
    }
}
