//! Steps that are to run again after a run has ended, and what follows from them.
//!
//! In: the steps that are named, and all that came to no good end. Out: the record as it was before they began. What
//! a branch or a fan-out had opened whose head is evaluated again is taken out of the record, and the instances behind
//! it move up, so that a record looks as if that had never been; what stays keeps its arm, its items and its outputs.

use std::collections::BTreeSet;

use super::data::{StepState, StepStatus, WorkflowData, WorkflowStatus};
use super::{ResetMode, StepRef, Timestamp};
use crate::plan::Plan;

impl WorkflowData {
    /// Lets the run go on: what failed, was cancelled, skipped or undone runs again, and with [`ResetMode::From`] the
    /// named steps do too; and all that follows.
    pub(super) fn reset(
        &mut self,
        roots: &[StepRef],
        mode: ResetMode,
        at: Timestamp,
        ended: &mut Vec<StepRef>,
    ) -> Result<(), String> {
        if !self.status.is_terminal() {
            return Err(format!("the run is {:?} and has not ended", self.status));
        }
        match mode {
            ResetMode::Failed if !roots.is_empty() => return Err("steps are named beside those that failed".to_owned()),
            ResetMode::Failed if self.status == WorkflowStatus::Completed => {
                return Err("nothing has failed".to_owned());
            }
            ResetMode::From if roots.is_empty() => return Err("no step is named".to_owned()),
            _ => {}
        }
        if let Some(root) = roots.iter().find(|root| !self.has(**root)) {
            return Err(format!("there is no step {}/{}", root.instance, root.local));
        }
        self.set_back(roots, at, ended);
        Ok(())
    }

    /// The record as it would be if these steps, what follows from them and what came to no good end had not begun.
    pub(crate) fn set_back(&mut self, roots: &[StepRef], at: Timestamp, ended: &mut Vec<StepRef>) {
        let marks = Marking::of(self, roots);
        self.take_back(&marks);
        (self.outcome, self.output, self.asked, self.cause) = (None, None, None, None);
        self.status = WorkflowStatus::Running;
        self.recount();
        self.end_emptied(at, ended);
    }

    pub(super) fn has(&self, step: StepRef) -> bool {
        let instance = self.instances.get(step.instance as usize);
        instance.is_some_and(|instance| self.plan.region(instance.region).locals().contains(&step.local))
    }

    fn take_back(&mut self, marks: &[Mark]) {
        let plan = self.plan.clone();
        let is_gone = self.gone(marks);
        for (instance, _) in is_gone.iter().enumerate().filter(|(_, is_gone)| !**is_gone) {
            for local in plan.region(self.instances[instance].region).locals() {
                let step = StepRef::new(instance as u32, local);
                match marks[self.index(step)] {
                    Mark::Kept => self.keep(step),
                    Mark::Reopened => {
                        let state = self.step_mut(step);
                        (state.status, state.ended_at, state.error) = (StepStatus::Running, 0, None);
                    }
                    Mark::Reset => self.begin_again(step),
                }
            }
        }
        for entries in self.data.values_mut() {
            let goes = |step: StepRef| {
                let instance = &self.instances[step.instance as usize];
                let index = (instance.first + step.local - plan.region(instance.region).first) as usize;
                is_gone[step.instance as usize] || marks[index] == Mark::Reset
            };
            entries.retain(|entry| !goes(entry.step));
        }
        self.data.retain(|_, entries| !entries.is_empty());
        self.remove(&is_gone, &plan);
    }

    /// Lets a step be complete whose undo failed: its effect is there, and its output. Attempts to undo it that came to no
    /// end are forgotten.
    fn keep(&mut self, step: StepRef) {
        let state = self.step_mut(step);
        state.undo = None;
        if state.status == StepStatus::CompensationFailed {
            (state.status, state.error) = (StepStatus::Completed, None);
        }
    }

    /// Sets a step back to before it began. It goes on counting its attempts, and knows the signal that it has used.
    fn begin_again(&mut self, step: StepRef) {
        let again = u32::from(self.has_happened(step));
        let state = self.step_mut(step);
        let (attempts, resets) = (state.attempts, state.resets.saturating_add(again));
        *state = StepState { attempts, resets, signal: state.signal.take(), ..StepState::PENDING };
    }

    /// Whether the step, or one in what it opened, has had its effect, which is to happen once more. Where that is not
    /// known, as after a failure, the same key is to find out.
    fn has_happened(&self, step: StepRef) -> bool {
        let mut rest = vec![step];
        while let Some(step) = rest.pop() {
            let state = self.step(step);
            if matches!(state.status, StepStatus::Completed | StepStatus::Compensated | StepStatus::CompensationFailed)
            {
                return true;
            }
            for instance in self.opened_by(step) {
                let locals = self.plan.region(self.instances[instance as usize].region).locals();
                let inner = locals.map(|local| StepRef::new(instance, local));
                if inner.clone().any(|inner| self.step(inner).resets > 0) {
                    return true;
                }
                rest.extend(inner);
            }
        }
        false
    }

    /// Which instances were opened by steps that open theirs again, or stand in such.
    fn gone(&self, marks: &[Mark]) -> Vec<bool> {
        let mut gone = Vec::with_capacity(self.instances.len());
        for instance in &self.instances {
            // Who opened an instance stands in one before it.
            let is_gone = instance
                .opened_by
                .is_some_and(|opener| gone[opener.instance as usize] || marks[self.index(opener)] == Mark::Reset);
            gone.push(is_gone);
        }
        gone
    }

    /// Takes instances with their steps out of the record; those behind them move up.
    fn remove(&mut self, is_gone: &[bool], plan: &Plan) {
        if !is_gone.contains(&true) {
            return;
        }
        // For each instance, how many stay before it: its new number, if it stays.
        let mut staying = Vec::with_capacity(is_gone.len() + 1);
        let mut count = 0;
        for is_gone in is_gone {
            staying.push(count);
            count += u32::from(!is_gone);
        }
        staying.push(count);
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut before = std::mem::take(&mut self.steps).into_iter();
        let mut instances = Vec::with_capacity(count as usize);
        for (mut instance, is_gone) in std::mem::take(&mut self.instances).into_iter().zip(is_gone) {
            let own = before.by_ref().take(plan.region(instance.region).len as usize);
            if *is_gone {
                own.for_each(drop);
                continue;
            }
            instance.first = steps.len() as u32;
            steps.extend(own);
            if let Some(opener) = &mut instance.opened_by {
                opener.instance = staying[opener.instance as usize];
            }
            instances.push(instance);
        }
        (self.instances, self.steps) = (instances, steps);
        for state in &mut self.steps {
            state.opened = staying[state.opened as usize];
        }
        for entry in self.data.values_mut().flatten() {
            entry.step.instance = staying[entry.step.instance as usize];
        }
    }
}

/// How far a step is set back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// It stays as it is.
    Kept,
    /// A branch or a fan-out in which something runs again; what it has opened stays.
    Reopened,
    /// It has not begun.
    Reset,
}

/// Finds what is set back.
struct Marking<'a> {
    data: &'a WorkflowData,
    marks: Vec<Mark>,
    /// Steps that were marked, of which is still to be found what follows.
    rest: Vec<StepRef>,
    /// The instances whose failure was caught and in which something runs again.
    revived: BTreeSet<u32>,
    /// For each step of the plan: those of regions inside its own that use it.
    users: Vec<Vec<u32>>,
    /// For each step of the plan: the regions inside its own whose value it is part of.
    values: Vec<Vec<u32>>,
}

impl<'a> Marking<'a> {
    fn of(data: &'a WorkflowData, roots: &[StepRef]) -> Vec<Mark> {
        let plan = &*data.plan;
        let (mut users, mut values) = (vec![Vec::new(); plan.steps.len()], vec![Vec::new(); plan.steps.len()]);
        for (local, step) in (0..).zip(plan.steps.iter()) {
            for &used in step.inputs.iter().chain(step.after.iter()) {
                if plan.step(used).region != step.region {
                    users[used as usize].push(local);
                }
            }
        }
        for (index, region) in (0..).zip(plan.regions.iter()) {
            for &used in region.tail.iter().filter(|used| plan.step(**used).region != index) {
                values[used as usize].push(index);
            }
        }
        let marks = vec![Mark::Kept; data.steps.len()];
        let mut marking = Self { data, marks, rest: Vec::new(), revived: BTreeSet::new(), users, values };
        marking.take_up(0);
        roots.iter().for_each(|root| marking.mark(*root, Mark::Reset));
        while let Some(step) = marking.rest.pop() {
            marking.follow(step);
        }
        marking.marks
    }

    fn mark(&mut self, step: StepRef, mark: Mark) {
        let index = self.data.index(step);
        if self.marks[index] < mark {
            self.marks[index] = mark;
            self.rest.push(step);
        }
    }

    /// Marks what came to no good end in this instance and those inside it. Where a failure was caught it is a value,
    /// and stays.
    fn take_up(&mut self, instance: u32) {
        let data = self.data;
        let mut rest = vec![instance];
        while let Some(instance) = rest.pop() {
            for local in data.plan.region(data.instances[instance as usize].region).locals() {
                let step = StepRef::new(instance, local);
                self.mark(step, self.of_status(step));
                rest.extend(data.opened_by(step).filter(|&inner| !self.is_caught(inner)));
            }
        }
    }

    fn of_status(&self, step: StepRef) -> Mark {
        let state = self.data.step(step);
        match state.status {
            StepStatus::Completed | StepStatus::Bypassed | StepStatus::CompensationFailed => Mark::Kept,
            StepStatus::Pending if state.attempts == 0 => Mark::Kept,
            StepStatus::Failed if self.data.plan.step(step.local).catches_own_failure() => Mark::Kept,
            StepStatus::Failed | StepStatus::Cancelled | StepStatus::Running if state.opened_len > 0 => Mark::Reopened,
            _ => Mark::Reset,
        }
    }

    fn is_caught(&self, instance: u32) -> bool {
        let state = &self.data.instances[instance as usize];
        state.failed && state.opened_by.is_some_and(|opener| self.data.plan.step(opener.local).catch)
    }

    /// Marks what follows from a step that runs again: what uses it, the regions it is part of, and what failed beside
    /// it in a region whose failure was caught, which would forbid it to run.
    fn follow(&mut self, step: StepRef) {
        let data = self.data;
        for &next in data.plan.step(step.local).next.iter() {
            self.mark(StepRef::new(step.instance, next), Mark::Reset);
        }
        for user in self.users[step.local as usize].clone() {
            for instance in data.instances_in(step.instance, data.plan.step(user).region) {
                self.mark(StepRef::new(instance, user), Mark::Reset);
            }
        }
        for region in self.values[step.local as usize].clone() {
            for instance in data.instances_in(step.instance, region) {
                self.reopen_around(instance);
            }
        }
        self.reopen_around(step.instance);
        let mut around = Some(step.instance);
        while let Some(instance) = around {
            if self.is_caught(instance) && self.revived.insert(instance) {
                self.take_up(instance);
            }
            around = data.instances[instance as usize].opened_by.map(|opener| opener.instance);
        }
    }

    fn reopen_around(&mut self, instance: u32) {
        if let Some(opener) = self.data.instances[instance as usize].opened_by {
            self.mark(opener, Mark::Reopened);
        }
    }
}
