//! What follows from an event: regions end when their steps have, failures reach up to a catch, dependents are skipped.
//!
//! In: a step that ended or failed. Out: the record with all that this means for the regions around the step. None
//! of it is stored; it is computed again when a record is loaded.

use super::data::{InstanceState, StepState, StepStatus, WorkflowData};
use super::{StepRef, Timestamp};
use crate::plan::{Plan, StepKind};

impl InstanceState {
    /// Whether this instance has come to its end: its value can be had, or it failed and came to rest.
    pub(crate) fn is_over(&self) -> bool {
        self.is_idle() && (self.failed || self.held == 0)
    }

    /// Whether nothing more runs in this instance: all its steps have ended, or it failed, came to rest and is undone if
    /// that is to be.
    pub(crate) fn is_idle(&self) -> bool {
        if self.failed { self.active == 0 && self.to_undo == 0 } else { self.open == 0 }
    }
}

impl WorkflowData {
    pub(super) fn open_instance(&mut self, opened_by: Option<StepRef>, region: u32, item: u32) {
        let (first, len) = (self.steps.len(), self.plan.region(region).len);
        let held = opened_by.map_or(0, |opener| self.held(opener.instance, region));
        self.steps.resize(first + len as usize, StepState::PENDING);
        self.instances.push(InstanceState {
            opened_by,
            region,
            item,
            first: first as u32,
            open: len,
            held,
            active: 0,
            failed: false,
            to_undo: 0,
            closed: false,
        });
    }

    /// Whether dependents of this step may use it: it has its output, or its failure is a value.
    pub(crate) fn satisfies(&self, step: StepRef) -> bool {
        match self.step(step).status {
            // What was undone had completed, and its value was there.
            StepStatus::Completed | StepStatus::Bypassed | StepStatus::Compensated | StepStatus::CompensationFailed => {
                true
            }
            StepStatus::Failed => self.plan.step(step.local).catches_own_failure(),
            _ => false,
        }
    }

    /// For how many steps around it the value of this region waits, when it is opened from this instance.
    fn held(&self, around: u32, region: u32) -> u32 {
        let waits = |&&local: &&u32| {
            let home = self.plan.step(local).region;
            home != region
                && self.enclosing(around, home).is_some_and(|home| !self.satisfies(StepRef::new(home, local)))
        };
        self.plan.region(region).tail.iter().filter(waits).count() as u32
    }

    /// Lets the values that wait for this step of a region around theirs have it.
    fn release_values(&mut self, step: StepRef, at: Timestamp, ended: &mut Vec<StepRef>) {
        let plan = self.plan.clone();
        let home = plan.step(step.local).region;
        for (index, region) in (0..).zip(plan.regions.iter()) {
            if index == home || !region.tail.contains(&step.local) {
                continue;
            }
            for instance in self.instances_in(step.instance, index) {
                let state = &mut self.instances[instance as usize];
                state.held = state.held.saturating_sub(1);
                if let (0, true, false, Some(opener)) = (state.held, state.closed, state.failed, state.opened_by) {
                    self.step_mut(opener).held -= 1;
                    self.close(instance, opener, at, ended);
                }
            }
        }
    }

    /// The instances of this region that were opened from this instance, through however many others.
    pub(super) fn instances_in(&self, instance: u32, region: u32) -> Vec<u32> {
        let Some(parent) = self.plan.region(region).parent else { return Vec::new() };
        let around = self.plan.step(parent).region;
        let around = if around == self.instances[instance as usize].region {
            vec![instance]
        } else {
            self.instances_in(instance, around)
        };
        let opened = around.into_iter().flat_map(|around| self.opened_by(StepRef::new(around, parent)));
        opened.filter(|&opened| self.instances[opened as usize].region == region).collect()
    }

    /// Marks what an uncaught failure of this step reaches: its dependents, and the regions around it up to a catch, or up
    /// to a called workflow that is undone first.
    pub(super) fn fail_around(&mut self, step: StepRef) {
        let plan = self.plan.clone();
        self.skip_after(step, &plan);
        let instance = &mut self.instances[step.instance as usize];
        instance.failed = true;
        let Some(opener) = instance.opened_by else { return };
        let goes_on = !plan.step(opener.local).catch && !self.is_scope(opener);
        if goes_on && self.step(opener).status == StepStatus::Running {
            self.step_mut(opener).status = StepStatus::Failed;
            self.fail_around(opener);
        }
    }

    /// Marks the pending steps of the same region that depend on this one, directly or not.
    fn skip_after(&mut self, step: StepRef, plan: &Plan) {
        let mut rest = vec![step.local];
        while let Some(local) = rest.pop() {
            for &next in plan.step(local).next.iter() {
                let state = self.step(StepRef::new(step.instance, next));
                if state.status == StepStatus::Pending {
                    self.skip(StepRef::new(step.instance, next));
                    rest.push(next);
                }
            }
        }
    }

    fn skip(&mut self, step: StepRef) {
        self.retrying -= self.count_retry(step);
        self.step_mut(step).status = StepStatus::Skipped;
        self.instances[step.instance as usize].open -= 1;
    }

    /// Settles what a run leaves open when it ends: pending steps of nested regions that depend on a failed step of a
    /// region around theirs are skipped, and open branches and fan-outs are cut off. Those are there in a run that
    /// failed, and in an item or an arm whose failure was caught.
    pub(super) fn end_regions(&mut self, at: Timestamp) {
        let mut changed = self.instances[0].failed;
        if changed {
            self.skip_in_regions();
        }
        let is_cut_off = |step: &&mut StepState| matches!(step.status, StepStatus::Running | StepStatus::Waiting);
        for step in self.steps.iter_mut().filter(is_cut_off) {
            (step.status, step.ended_at, step.waiting) = (StepStatus::Cancelled, at, None);
            changed = true;
        }
        if changed {
            // An instance that this ended is not open any more for the step that opened it.
            self.recount();
        }
    }

    fn skip_in_regions(&mut self) {
        let plan = self.plan.clone();
        for instance in 1..self.instances.len() as u32 {
            for local in plan.region(self.instances[instance as usize].region).locals() {
                let step = StepRef::new(instance, local);
                if self.step(step).status == StepStatus::Pending && self.depends_on_failure(step, &plan) {
                    self.skip(step);
                    self.skip_after(step, &plan);
                }
            }
        }
    }

    fn depends_on_failure(&self, step: StepRef, plan: &Plan) -> bool {
        let edges = plan.step(step.local);
        edges.inputs.iter().chain(edges.after.iter()).any(|&dependency| {
            self.enclosing(step.instance, plan.step(dependency).region).is_some_and(|instance| {
                match self.step(StepRef::new(instance, dependency)).status {
                    StepStatus::Failed => !plan.step(dependency).catches_own_failure(),
                    status => status == StepStatus::Skipped,
                }
            })
        })
    }

    /// Ends a step, and all that ends with it.
    pub(super) fn finish(&mut self, step: StepRef, status: StepStatus, at: Timestamp, ended: &mut Vec<StepRef>) {
        let is_call = matches!(self.plan.step(step.local).kind, StepKind::Call { .. });
        let state = self.step_mut(step);
        let (was_running, was_waiting) = (state.status == StepStatus::Running, state.status == StepStatus::Waiting);
        state.status = status;
        state.waiting = None;
        state.retry_at = 0;
        state.ended_at = at;
        if is_call && was_running {
            self.activate(step.instance, -1);
        }
        self.waiting -= u32::from(was_waiting);
        ended.push(step);
        if self.satisfies(step) {
            self.release_values(step, at, ended);
        }
        self.instances[step.instance as usize].open -= 1;
        self.settle(step.instance, at, ended);
    }

    /// Closes an instance if it has come to its end, or has failed and come to rest; and those around it.
    pub(super) fn settle(&mut self, instance: u32, at: Timestamp, ended: &mut Vec<StepRef>) {
        let state = &self.instances[instance as usize];
        let Some(opener) = state.opened_by else { return };
        if !state.closed && state.to_undo == 0 {
            self.instances[instance as usize].to_undo = self.undos_before_failure(instance);
            self.scopes += u32::from(self.instances[instance as usize].to_undo > 0);
        }
        let state = &mut self.instances[instance as usize];
        // What still waits in an instance that has failed is cancelled after it was closed, and closes it only once.
        if state.is_idle() && !state.closed {
            state.closed = true;
            let waits = u32::from(!state.is_over());
            let step = self.step_mut(opener);
            step.open = step.open.saturating_sub(1);
            step.held += waits;
            self.close(instance, opener, at, ended);
        }
        if self.instances[opener.instance as usize].failed {
            self.settle(opener.instance, at, ended);
        }
    }

    /// Ends the step that opened this instance if it was the last to come to its end.
    fn close(&mut self, instance: u32, opener: StepRef, at: Timestamp, ended: &mut Vec<StepRef>) {
        let (open, status) = (self.step(opener).open + self.step(opener).held, self.step(opener).status);
        if status == StepStatus::Running && self.instances[instance as usize].failed && self.is_scope(opener) {
            self.finish_scope(opener, at, ended);
        } else if status == StepStatus::Running && open == 0 {
            self.finish(opener, self.status_at_end(opener, instance), at, ended);
        } else if status == StepStatus::Failed && self.step(opener).ended_at == 0 {
            self.finish_failed_region(opener, at, ended);
        }
    }

    /// Lets the failure of a called workflow, which is undone, reach the one that called it.
    fn finish_scope(&mut self, caller: StepRef, at: Timestamp, ended: &mut Vec<StepRef>) {
        if !self.plan.step(caller.local).catch {
            self.fail_around(caller);
        }
        self.finish(caller, StepStatus::Failed, at, ended);
    }

    /// How a branch or a fan-out ends of which this instance was the last to come to its end.
    fn status_at_end(&self, opener: StepRef, instance: u32) -> StepStatus {
        let failed = self.instances[instance as usize].failed;
        if failed && matches!(self.plan.step(opener.local).kind, StepKind::Branch { .. }) {
            StepStatus::Failed
        } else if self.is_cut_off(opener) {
            StepStatus::Cancelled
        } else {
            StepStatus::Completed
        }
    }

    /// Ends the branches and fan-outs of a changed record that wait for nothing any more, the inner ones first.
    pub(super) fn end_emptied(&mut self, at: Timestamp, ended: &mut Vec<StepRef>) {
        for instance in (0..self.instances.len()).rev() {
            let Some(opener) = self.instances[instance].opened_by else { continue };
            let state = self.step(opener);
            if state.status == StepStatus::Running && state.open + state.held == 0 {
                if self.instances[instance].failed && self.is_scope(opener) {
                    self.finish_scope(opener, at, ended);
                    continue;
                }
                self.finish(opener, self.status_at_end(opener, instance as u32), at, ended);
            }
        }
    }

    /// Whether a step that this one opened was cancelled, so that there is no value.
    fn is_cut_off(&self, opener: StepRef) -> bool {
        self.opened_by(opener).any(|instance| {
            let state = &self.instances[instance as usize];
            let mut steps = self.plan.region(state.region).locals().map(|local| StepRef::new(instance, local));
            !state.failed && steps.any(|step| self.step(step).status == StepStatus::Cancelled)
        })
    }

    /// Ends a branch or a fan-out in which something failed uncaught, once nothing runs in it any more.
    fn finish_failed_region(&mut self, step: StepRef, at: Timestamp, ended: &mut Vec<StepRef>) {
        let state = self.step(step);
        let resting = (state.opened..state.opened + state.opened_len)
            .all(|instance| self.instances[instance as usize].active == 0);
        if resting {
            self.finish(step, StepStatus::Failed, at, ended);
        }
    }

    /// Counts attempts that run in this instance and in those around it.
    pub(super) fn activate(&mut self, instance: u32, by: i32) {
        let mut next = Some(instance);
        while let Some(instance) = next {
            let state = &mut self.instances[instance as usize];
            state.active = state.active.saturating_add_signed(by);
            next = state.opened_by.map(|opener| opener.instance);
        }
    }

    /// Computes what is derived and not stored: how many steps and instances are open, active, failed. To be called
    /// by a decoder after it has filled the rest.
    pub(crate) fn recount(&mut self) {
        self.waiting = self.steps.iter().filter(|step| step.status == StepStatus::Waiting).count() as u32;
        self.scopes = 0;
        self.retrying = self.steps.iter().filter(|step| step.has_retry()).count() as u32;
        let plan = self.plan.clone();
        for index in (0..self.instances.len()).rev() {
            self.recount_instance(&plan, index);
        }
    }

    fn recount_instance(&mut self, plan: &Plan, index: usize) {
        let (mut open, mut active, mut failed) = (0, 0, false);
        for local in plan.region(self.instances[index].region).locals() {
            let step = StepRef::new(index as u32, local);
            let is_call = matches!(plan.step(local).kind, StepKind::Call { .. });
            let state = self.step(step);
            let inner = state.opened..state.opened + state.opened_len;
            active += u32::from(is_call && state.status == StepStatus::Running);
            let ending = !is_call && state.status == StepStatus::Failed && state.ended_at == 0;
            open += u32::from(!state.status.has_ended() || ending);
            failed |= state.status == StepStatus::Failed && !plan.step(local).catches_own_failure();
            let instances = &self.instances[inner.start as usize..inner.end as usize];
            active += instances.iter().map(|inner| inner.active).sum::<u32>();
            let open_inner = instances.iter().filter(|inner| !inner.is_idle()).count() as u32;
            let held_inner = instances.iter().filter(|inner| inner.is_idle() && !inner.is_over()).count() as u32;
            let state = self.step_mut(step);
            (state.open, state.held) = (open_inner, held_inner);
        }
        let held =
            self.instances[index].opened_by.map(|opener| self.held(opener.instance, self.instances[index].region));
        let state = &mut self.instances[index];
        (state.open, state.active, state.failed) = (open, active, failed);
        state.held = held.unwrap_or(0);
        let to_undo = self.undos_before_failure(index as u32);
        self.scopes += u32::from(to_undo > 0);
        let state = &mut self.instances[index];
        state.to_undo = to_undo;
        state.closed = state.opened_by.is_some() && state.is_idle();
    }
}
