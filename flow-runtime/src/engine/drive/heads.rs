//! Heads that were decided before a crash: whether they still say the same.
//!
//! In: a record whose open regions have their slots. Out: nothing, or the first head, in the order of the plan, that
//! was edited so that it now says otherwise. A head is checked as long as its region has not ended, and after that
//! as long as someone may still use its value: what the arm or the items were is evaluated again for it.

use super::Driver;
use super::starts::region_kind;
use crate::engine::error::RunError;
use crate::engine::position::Position;
use crate::engine::run::{describe, head_changed};
use crate::plan::StepKind;
use crate::state::{Payload, RegionKind, StepRef, StepState, StepStatus, WorkflowData};

impl Driver {
    /// Refuses the run if a head that was decided now says otherwise.
    pub(super) fn check_heads(&mut self) -> Result<(), RunError> {
        let mut heads = Needed::heads(&self.data);
        heads.sort_by_cached_key(|&head| Position::of(&self.data, head).order());
        heads.into_iter().try_for_each(|head| self.check_head(head))
    }

    /// Fetches the outputs that are kept beside the record and whose values may still be used.
    pub(super) async fn fetch_needed(&mut self) -> Result<(), RunError> {
        if !self.has_parts() {
            return Ok(());
        }
        self.bring(Needed::calls(&self.data)).await
    }

    /// Whether an output is kept beside the record.
    pub(super) fn has_parts(&self) -> bool {
        self.data.steps.iter().any(is_elsewhere)
    }

    /// The calls whose outputs may still be used.
    pub(super) fn used_calls(&self) -> Vec<StepRef> {
        if self.is_rolling_back() { Vec::new() } else { Needed::calls(&self.data) }
    }

    /// Fetches the outputs that are kept beside the record and of which the arguments of this step are made.
    pub(super) async fn fetch_inputs(&mut self, step: StepRef) -> Result<(), RunError> {
        self.bring(Needed::by(&self.data, step)).await
    }

    async fn bring(&mut self, needed: Vec<StepRef>) -> Result<(), RunError> {
        for step in needed {
            if !is_elsewhere(self.data.step(step)) || self.values.is_filled(&self.data, step) {
                continue;
            }
            let Some(payload) = self.data.step(step).output.clone() else { continue };
            let what = format!("the output of step `{}`", self.data.path(step));
            let payload = self.fetch(&payload, &what).await?;
            self.values.bring(step, payload);
        }
        Ok(())
    }

    fn check_head(&mut self, step: StepRef) -> Result<(), RunError> {
        if self.is_workflow(step) {
            return self.enter_again(step);
        }
        let recorded = opened_kind(&self.data, step);
        let now = match self.evaluate_head(step) {
            Ok(choice) => region_kind(&self.data.plan, step, choice),
            Err(error) => {
                let panic = self.value_error(error)?;
                return Err(head_changed(&self.data, step, &recorded, &format!("nothing: it panicked: {panic}")));
            }
        };
        if now == recorded {
            return Ok(());
        }
        Err(head_changed(&self.data, step, &recorded, &describe(&now)))
    }
}

/// What a branch or a fan-out has opened.
pub(crate) fn opened_kind(data: &WorkflowData, step: StepRef) -> RegionKind {
    let state = data.step(step);
    match &data.plan.step(step.local).kind {
        StepKind::Branch { arms } => {
            let region = data.instances[state.opened as usize].region;
            let index = arms.iter().position(|&arm| arm == region).unwrap_or_default() as u32;
            RegionKind::Arm { index, label: data.plan.region(region).label.to_string() }
        }
        StepKind::Sub { .. } => RegionKind::Sub,
        _ => RegionKind::Items(state.opened_len),
    }
}

/// The steps whose values may still be used by what has not ended.
struct Needed<'a> {
    data: &'a WorkflowData,
    found: Vec<StepRef>,
    /// For each step of the record whether it was found.
    is_found: Vec<bool>,
    rest: Vec<StepRef>,
}

impl<'a> Needed<'a> {
    /// The heads to check: those of regions that have not ended, and those of ended ones whose value is needed.
    fn heads(data: &'a WorkflowData) -> Vec<StepRef> {
        let (mut needed, mut open) = Self::unfinished(data);
        needed.follow();
        open.extend(needed.found.into_iter().filter(|&step| has_value_of_region(data, step)));
        open
    }

    /// The calls whose outputs may still be used, also by heads that are evaluated again.
    fn calls(data: &'a WorkflowData) -> Vec<StepRef> {
        let (mut needed, open) = Self::unfinished(data);
        open.iter().for_each(|head| needed.by_values_of(head.instance, &data.plan.step(head.local).inputs));
        needed.follow();
        needed.found.retain(|&step| is_call(data, step));
        needed.found.sort_unstable();
        needed.found
    }

    /// The calls of whose outputs the arguments of this step are made.
    fn by(data: &'a WorkflowData, step: StepRef) -> Vec<StepRef> {
        let mut needed = Self::nothing(data);
        needed.by_values_of(step.instance, &data.plan.step(step.local).inputs);
        needed.follow();
        needed.found.retain(|&step| is_call(data, step));
        needed.found
    }

    fn nothing(data: &'a WorkflowData) -> Self {
        Self { data, found: Vec::new(), is_found: vec![false; data.steps.len()], rest: Vec::new() }
    }

    /// What has not ended uses, and the regions that have not.
    fn unfinished(data: &'a WorkflowData) -> (Self, Vec<StepRef>) {
        let mut needed = Self::nothing(data);
        let mut open = Vec::new();
        for instance in 0..data.instances.len() as u32 {
            let region = data.instances[instance as usize].region;
            if data.is_stopped(StepRef::new(instance, 0)) {
                continue;
            }
            for local in data.plan.region(region).locals() {
                let step = StepRef::new(instance, local);
                match data.step(step).status {
                    StepStatus::Running if !is_call(data, step) => open.push(step),
                    status if status.has_ended() => continue,
                    _ => needed.by_unopened(instance, local),
                }
                needed.by_values_of(instance, &data.plan.step(local).inputs);
            }
        }
        open.iter().for_each(|&step| needed.by_regions_of(step));
        needed.by_values_of(0, &data.plan.region(0).tail);
        (needed, open)
    }

    fn by_values_of(&mut self, instance: u32, used: &[u32]) {
        for &local in used {
            // A step of a region that is not open yet has no value yet.
            if let Some(instance) = self.data.enclosing(instance, self.data.plan.step(local).region) {
                self.rest.push(StepRef::new(instance, local));
            }
        }
    }

    /// What the regions of this step will use, if it opens them.
    fn by_unopened(&mut self, instance: u32, local: u32) {
        let plan = &self.data.plan;
        let regions: &[u32] = match &plan.step(local).kind {
            StepKind::Call { .. } => &[],
            StepKind::Branch { arms } => arms,
            StepKind::Each { body } | StepKind::Sub { body, .. } => std::slice::from_ref(body),
        };
        for &region in regions {
            self.by_values_of(instance, &plan.region(region).tail);
            for inner in plan.region(region).locals() {
                self.by_values_of(instance, &plan.step(inner).inputs);
                self.by_unopened(instance, inner);
            }
        }
    }

    /// What the value of this step is made of.
    fn by_regions_of(&mut self, step: StepRef) {
        for instance in self.data.opened_by(step) {
            let state = &self.data.instances[instance as usize];
            if !state.failed {
                self.by_values_of(instance, &self.data.plan.region(state.region).tail);
            }
        }
    }

    fn follow(&mut self) {
        while let Some(step) = self.rest.pop() {
            if std::mem::replace(&mut self.is_found[self.data.index(step)], true) {
                continue;
            }
            self.found.push(step);
            if has_value_of_region(self.data, step) {
                self.by_values_of(step.instance, &self.data.plan.step(step.local).inputs);
                self.by_regions_of(step);
            }
        }
    }
}

fn is_elsewhere(step: &StepState) -> bool {
    step.output.as_ref().is_some_and(Payload::is_reference)
}

fn is_call(data: &WorkflowData, step: StepRef) -> bool {
    matches!(data.plan.step(step.local).kind, StepKind::Call { .. })
}

fn has_value_of_region(data: &WorkflowData, step: StepRef) -> bool {
    !is_call(data, step) && data.step(step).status == StepStatus::Completed
}
