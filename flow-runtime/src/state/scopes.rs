//! Workflows that are called undo what they did before their failure reaches the one that called them.
//!
//! In: an instance that is a called workflow and has failed. Out: whether its failure has to wait, and for how many
//! undos. Where nothing around it catches the failure the run is lost and rolls back as a whole, so nothing waits here;
//! where something does, the outermost called workflow inside that is undone by itself, and then its failure goes on.

use super::data::WorkflowData;
use super::{StepRef, Timestamp};
use crate::plan::StepKind;

impl WorkflowData {
    /// Whether a workflow that this step has called is undone before its failure goes on from here.
    pub(super) fn is_scope(&self, caller: StepRef) -> bool {
        let is_call = |step: StepRef| matches!(self.plan.step(step.local).kind, StepKind::Sub { .. });
        if !is_call(caller) {
            return false;
        }
        let mut step = caller;
        while !self.plan.step(step.local).catch {
            match self.instances[step.instance as usize].opened_by {
                Some(opener) if !is_call(opener) => step = opener,
                // Nothing catches it, or what is around is undone as a whole.
                _ => return false,
            }
        }
        true
    }

    /// How many undos the failure of this instance has to wait for.
    pub(super) fn undos_before_failure(&self, instance: u32) -> u32 {
        let state = &self.instances[instance as usize];
        let waits = state.failed && state.active == 0 && state.opened_by.is_some_and(|caller| self.is_scope(caller));
        if waits { self.steps_inside(instance).filter(|&step| self.is_to_be_undone(step)).count() as u32 } else { 0 }
    }

    /// The steps of an instance and of all that were opened in it.
    pub(crate) fn steps_inside(&self, instance: u32) -> impl Iterator<Item = StepRef> {
        let mut rest = vec![instance];
        std::iter::from_fn(move || {
            let instance = rest.pop()?;
            let locals = self.plan.region(self.instances[instance as usize].region).locals();
            let steps = locals.map(move |local| StepRef::new(instance, local));
            steps.clone().for_each(|step| rest.extend(self.opened_by(step)));
            Some(steps)
        })
        .flatten()
    }

    /// The called workflow that is undone by itself and has this step in it, the innermost if there are several.
    pub(crate) fn undoing_around(&self, step: StepRef) -> Option<u32> {
        self.around(step.instance).find(|&instance| self.instances[instance as usize].to_undo > 0)
    }

    /// The called workflows that are undone by themselves, and not as part of another.
    pub(crate) fn undoing(&self) -> Vec<u32> {
        let is_undoing = |instance: &u32| self.instances[*instance as usize].to_undo > 0;
        let all = (0..self.instances.len() as u32).filter(is_undoing);
        all.filter(|&instance| !self.around(instance).skip(1).any(|around| is_undoing(&around))).collect()
    }

    /// Takes in that a step was undone, or could not be: the failure that waited for it last goes on.
    pub(super) fn pass_failures(&mut self, step: StepRef, at: Timestamp, ended: &mut Vec<StepRef>) {
        let around: Vec<u32> = self.around(step.instance).collect();
        for instance in around {
            let state = &mut self.instances[instance as usize];
            if state.to_undo == 0 {
                continue;
            }
            state.to_undo -= 1;
            if state.to_undo == 0 {
                self.scopes -= 1;
                self.settle(instance, at, ended);
            }
        }
    }

    /// This instance and those around it, the innermost first.
    fn around(&self, instance: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(instance), |&instance| {
            self.instances[instance as usize].opened_by.map(|opener| opener.instance)
        })
    }
}
