//! How a record moves to another shape of its workflow.
//!
//! In: the plan to follow from now on. Out: the same record with its steps found again by their ids. Steps that are
//! new are pending; a step to which something has happened must still be there, with the same node and the same
//! edges; a region that has ended must have no more steps than it had, and give its value as before; or the record is
//! refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::data::{StepState, StepStatus, WorkflowData};
use super::{Payload, RunOutput, StepRef, Timestamp, WaitingOn};
use crate::plan::{Plan, StepKind};

impl WorkflowData {
    /// Moves the record to this plan, and adds to `ended` the steps that end because what they waited for is gone.
    pub(super) fn adopt(&mut self, plan: &Arc<Plan>, at: Timestamp, ended: &mut Vec<StepRef>) -> Result<(), String> {
        let moves = Moves::between(&self.plan, plan);
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut firsts = Vec::with_capacity(self.instances.len());
        for instance in 0..self.instances.len() as u32 {
            firsts.push(steps.len() as u32);
            self.move_steps(instance, plan, &moves, &mut steps)?;
        }
        for (state, first) in self.instances.iter_mut().zip(firsts) {
            state.region = moves.regions[state.region as usize].ok_or("a region is gone")?;
            state.first = first;
            if let Some(opener) = &mut state.opened_by {
                moves.update(opener)?;
            }
        }
        for entry in self.data.values_mut().flatten() {
            moves.update(&mut entry.step)?;
        }
        if let Some(RunOutput::Step(step)) = &mut self.output {
            moves.update(step)?;
        }
        self.steps = steps;
        self.plan = plan.clone();
        self.recount();
        self.end_emptied(at, ended);
        Ok(())
    }

    /// Whether the step's output may still be used, by what runs later or by what undoes the step.
    pub(crate) fn has_output_of_use(&self, step: StepRef) -> bool {
        let state = self.step(step);
        state.output.is_some() && matches!(state.status, StepStatus::Completed | StepStatus::CompensationFailed)
    }

    /// Gives a step that has completed another output.
    pub(super) fn migrate(&mut self, step: StepRef, payload: &Payload) -> Result<(), String> {
        self.check(step, &[StepStatus::Completed, StepStatus::CompensationFailed])?;
        if !self.has_output_of_use(step) {
            return Err(format!("step `{}` has no output of its own", self.path(step)));
        }
        self.step_mut(step).output = Some(payload.clone());
        Ok(())
    }

    /// Lets a step wait. One that waits for a signal already waits for it with another type, as the workflow to which the
    /// run has moved says.
    pub(super) fn wait_or_anew(&mut self, step: StepRef, on: &WaitingOn, at: Timestamp) -> Result<(), String> {
        let is_signal = |on: &WaitingOn| matches!(on, WaitingOn::Signal { .. });
        let waits = self.check(step, &[StepStatus::Waiting]).is_ok()
            && self.step(step).waiting.as_deref().is_some_and(is_signal)
            && is_signal(on);
        if !waits {
            return self.wait(step, on, at);
        }
        self.step_mut(step).waiting = Some(Box::new(on.clone()));
        Ok(())
    }

    /// Adds the states of an instance's steps in the order of the new plan.
    fn move_steps(&self, instance: u32, plan: &Plan, moves: &Moves, steps: &mut Vec<StepState>) -> Result<(), String> {
        let old = self.instances[instance as usize].region;
        let new = moves.regions[old as usize].ok_or_else(|| match self.instances[instance as usize].opened_by {
            Some(opener) => format!("what `{}` opened is gone", self.path(opener)),
            None => "the workflow is gone".to_owned(),
        })?;
        let base = steps.len();
        let region = plan.region(new);
        steps.resize(base + region.len as usize, StepState::PENDING);
        for local in self.plan.region(old).locals() {
            let step = StepRef::new(instance, local);
            let state = self.step(step);
            let target = moves.steps[local as usize];
            if state.status == StepStatus::Pending && state.attempts == 0 {
                // It has not begun, but may have run before a reset.
                if let Some(target) = target {
                    steps[base + (target - region.first) as usize] = state.clone();
                }
                continue;
            }
            let target = target.ok_or_else(|| format!("step `{}` has begun and is gone", self.path(step)))?;
            if !moves.is_same(&self.plan, local, plan, target) {
                return Err(format!("step `{}` has begun and is another now", self.path(step)));
            }
            if state.status.has_ended() {
                self.check_ended(step, plan, moves)?;
            }
            steps[base + (target - region.first) as usize] = state.clone();
        }
        Ok(())
    }

    /// Refuses other steps or another value in what a branch or a fan-out that has ended had opened: nothing would run
    /// the steps, and the value is decided.
    fn check_ended(&self, step: StepRef, plan: &Plan, moves: &Moves) -> Result<(), String> {
        // All that one step opens is of one region. If that is gone, it is refused with the steps in it.
        let opened = self.opened_by(step).next().map(|opened| self.instances[opened as usize].region);
        let Some((old, new)) = opened.and_then(|old| Some((old, moves.regions[old as usize]?))) else { return Ok(()) };
        let mut added = plan.region(new).locals().filter(|local| !moves.steps.contains(&Some(*local)));
        if let Some(added) = added.next() {
            let (step, added) = (self.path(step), &plan.step(added).id);
            return Err(format!("`{step}` has ended, and step `{added}` was added to it"));
        }
        if !moves.uses_same(&self.plan.region(old).tail, &plan.region(new).tail) {
            return Err(format!("step `{}` has ended and gives the value of another step now", self.path(step)));
        }
        Ok(())
    }
}

/// Where the regions and steps of one plan are in another.
struct Moves {
    regions: Vec<Option<u32>>,
    steps: Vec<Option<u32>>,
}

impl Moves {
    fn between(old: &Plan, new: &Plan) -> Self {
        let mut moves = Self { regions: Vec::with_capacity(old.regions.len()), steps: vec![None; old.steps.len()] };
        // A region stands behind the one around it, so its parent step has been found before it.
        for region in 0..old.regions.len() as u32 {
            let target = moves.find_region(old, new, region);
            moves.regions.push(target);
            for local in old.region(region).locals() {
                moves.steps[local as usize] = target.and_then(|target| {
                    new.region(target).locals().find(|&other| new.step(other).id == old.step(local).id)
                });
            }
        }
        moves
    }

    fn find_region(&self, old: &Plan, new: &Plan, region: u32) -> Option<u32> {
        let Some(parent) = old.region(region).parent else { return Some(0) };
        match &new.step(self.steps[parent as usize]?).kind {
            StepKind::Branch { arms } => {
                let label = &old.region(region).label;
                arms.iter().copied().find(|&arm| new.region(arm).label == *label)
            }
            StepKind::Each { body } | StepKind::Sub { body, .. } => Some(*body),
            StepKind::Call { .. } => None,
        }
    }

    /// Whether a step does the same with the same inputs in both plans.
    fn is_same(&self, old: &Plan, local: u32, new: &Plan, target: u32) -> bool {
        let (old, new) = (old.step(local), new.step(target));
        let same_kind = match (&old.kind, &new.kind) {
            (StepKind::Call { node: old, awaits: before, .. }, StepKind::Call { node: new, awaits: after, .. }) => {
                (old, before) == (new, after)
            }
            (StepKind::Sub { workflow: old, .. }, StepKind::Sub { workflow: new, .. }) => old == new,
            (StepKind::Branch { .. }, StepKind::Branch { .. }) | (StepKind::Each { .. }, StepKind::Each { .. }) => true,
            _ => false,
        };
        same_kind && old.catch == new.catch && self.uses_same(&old.inputs, &new.inputs)
    }

    fn uses_same(&self, old: &[u32], new: &[u32]) -> bool {
        let moved: Option<BTreeSet<u32>> = old.iter().map(|&step| self.steps[step as usize]).collect();
        moved == Some(new.iter().copied().collect())
    }

    fn update(&self, step: &mut StepRef) -> Result<(), String> {
        step.local = self.steps[step.local as usize].ok_or("a step is gone")?;
        Ok(())
    }
}
