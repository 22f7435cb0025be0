//! In which order completed steps are undone: a pure function of the record.
//!
//! In: a record that rolls back, as a whole or one called workflow of it, and each undo that has come to its end. Out:
//! the steps whose undo may start. A step's undo waits for the undos of all that could have used what the step did: of
//! its successors, of what ran inside its regions, and of whatever used the values made of those. A called workflow that
//! failed is undone before what stands around it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::plan::StepKind;
use crate::state::{StepRef, WorkflowData};

/// What is still to be undone, and what that waits for.
#[derive(Default)]
pub(crate) struct Rollback {
    /// For each place: how many of those after it have not come to their end.
    unmet: Vec<u32>,
    /// How many steps the record had: what it opened later has nothing to do with this.
    steps: usize,
    /// Which instances are undone.
    inside: Vec<bool>,
    /// For the run and for each called workflow in which others failed that are undone first: its own steps to undo.
    own: BTreeMap<u32, Vec<StepRef>>,
    /// The called workflows that failed and are to be undone, each with the one that called it.
    failed: BTreeMap<u32, u32>,
    /// Steps whose undo may start, in the order in which they were found.
    pub(crate) ready: VecDeque<StepRef>,
    /// How many undos have not come to their end.
    left: usize,
}

/// A place in the order. A step that opens regions has two: what ran inside stands between them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A call; or where a step opened its regions.
    Enter(StepRef),
    /// Where a step that has opened regions has its value.
    Leave(StepRef),
    /// Where the run, or the called workflow that is this instance, has undone the called ones in it that failed.
    Own(u32),
}

impl Rollback {
    /// What is to be undone in this record, new or loaded, inside this instance: the run itself, or a called workflow.
    pub(crate) fn new(data: &WorkflowData, scope: u32) -> Self {
        let (steps, instances) = (data.steps.len(), data.instances.len());
        let mut rollback =
            Self { unmet: vec![0; 2 * steps + instances], steps, inside: vec![false; instances], ..Self::default() };
        rollback.inside[scope as usize] = true;
        data.steps_inside(scope).for_each(|step| {
            data.opened_by(step).for_each(|instance| rollback.inside[instance as usize] = true);
        });
        rollback.find_failed(data, scope);
        let places: Vec<Place> = rollback.places(data, scope);
        for &place in &places {
            rollback.left += usize::from(is_to_be_undone(data, place));
            for before in rollback.before(data, place) {
                let index = rollback.index(data, before);
                rollback.unmet[index] += 1;
            }
        }
        let last: Vec<Place> =
            places.into_iter().filter(|&place| rollback.unmet[rollback.index(data, place)] == 0).collect();
        last.into_iter().for_each(|place| rollback.reach(data, place));
        rollback
    }

    /// Takes in that the undo of this step has come to its end, well or not.
    pub(crate) fn ended(&mut self, data: &WorkflowData, step: StepRef) {
        self.left -= 1;
        self.pass(data, Place::Enter(step));
    }

    /// Whether all undos have come to their end.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Whether the step was in the record when this began, and is one of those that this is about.
    pub(crate) fn is_about(&self, step: StepRef) -> bool {
        self.inside.get(step.instance as usize).copied().unwrap_or(false)
    }

    /// Finds the called workflows that failed and are undone first, and what is undone after them.
    fn find_failed(&mut self, data: &WorkflowData, scope: u32) {
        let mut own: BTreeMap<u32, Vec<StepRef>> = BTreeMap::new();
        for step in data.steps_inside(scope).filter(|&step| data.is_to_be_undone(step)) {
            let mut around = failed_around(data, step.instance, scope);
            let innermost = around.next().unwrap_or(scope);
            own.entry(innermost).or_default().push(step);
            let mut inner = innermost;
            for outer in around.chain([scope]).filter(|&outer| outer != innermost) {
                self.failed.insert(inner, outer);
                inner = outer;
            }
        }
        own.retain(|instance, _| self.failed.values().any(|outer| outer == instance));
        self.own = own;
    }

    /// Takes in that all after this place have come to their end.
    fn reach(&mut self, data: &WorkflowData, place: Place) {
        match place {
            Place::Enter(step) if is_to_be_undone(data, place) => self.ready.push_back(step),
            _ => self.pass(data, place),
        }
    }

    /// Goes on to what stands before this place.
    fn pass(&mut self, data: &WorkflowData, place: Place) {
        let mut rest = vec![place];
        while let Some(place) = rest.pop() {
            for before in self.before(data, place) {
                let index = self.index(data, before);
                let unmet = &mut self.unmet[index];
                *unmet -= 1;
                match before {
                    _ if *unmet > 0 => {}
                    Place::Enter(step) if is_to_be_undone(data, before) => self.ready.push_back(step),
                    _ => rest.push(before),
                }
            }
        }
    }

    fn places(&self, data: &WorkflowData, scope: u32) -> Vec<Place> {
        let of_steps = data.steps_inside(scope).flat_map(|step| {
            let leave = opens(data, step).then_some(Place::Leave(step));
            leave.into_iter().chain([Place::Enter(step)])
        });
        of_steps.chain(self.own.keys().map(|&instance| Place::Own(instance))).collect()
    }

    fn index(&self, data: &WorkflowData, place: Place) -> usize {
        match place {
            Place::Enter(step) => data.index(step),
            Place::Leave(step) => self.steps + data.index(step),
            Place::Own(instance) => 2 * self.steps + instance as usize,
        }
    }

    /// The places that this one came after, each once.
    fn before(&self, data: &WorkflowData, place: Place) -> BTreeSet<Place> {
        let used = |instance: u32, locals: &[u32]| -> Vec<Place> {
            let found = locals.iter().filter_map(|&local| {
                let instance = data.enclosing(instance, data.plan.step(local).region)?;
                Some(last(data, StepRef::new(instance, local)))
            });
            found.collect()
        };
        let mut before: BTreeSet<Place> = match place {
            Place::Enter(step) => {
                let plan = data.plan.step(step.local);
                let opener = data.instances[step.instance as usize].opened_by.map(Place::Enter);
                let edges = plan.inputs.iter().chain(plan.after.iter()).copied().collect::<Vec<_>>();
                let first = data.opened_by(step).next().and_then(|instance| self.failed.get(&instance));
                let first = first.filter(|around| self.own.contains_key(around)).map(|around| Place::Own(*around));
                used(step.instance, &edges).into_iter().chain(opener).chain(first).collect()
            }
            Place::Leave(step) => {
                let inner = data.opened_by(step).flat_map(|instance| {
                    let locals = data.plan.region(data.instances[instance as usize].region).locals();
                    locals.map(move |local| StepRef::new(instance, local))
                });
                let inside = inner.map(|inner| last(data, inner));
                let tails = data.opened_by(step).flat_map(|instance| {
                    let region = data.plan.region(data.instances[instance as usize].region);
                    used(instance, &region.tail)
                });
                inside.chain(tails).chain([Place::Enter(step)]).collect()
            }
            Place::Own(instance) => self.own[&instance].iter().map(|&step| Place::Enter(step)).collect(),
        };
        before.retain(|place| match place {
            Place::Enter(step) | Place::Leave(step) => self.is_about(*step),
            Place::Own(_) => true,
        });
        before
    }
}

/// The called workflows that failed around this instance and inside of the scope, the innermost first.
fn failed_around(data: &WorkflowData, instance: u32, scope: u32) -> impl Iterator<Item = u32> {
    let around = std::iter::successors(Some(instance), |&instance| {
        data.instances[instance as usize].opened_by.map(|opener| opener.instance)
    });
    around.take_while(move |&instance| instance != scope).filter(|&instance| {
        let state = &data.instances[instance as usize];
        let is_called = |opener: StepRef| matches!(data.plan.step(opener.local).kind, StepKind::Sub { .. });
        state.failed && state.opened_by.is_some_and(is_called)
    })
}

fn is_to_be_undone(data: &WorkflowData, place: Place) -> bool {
    matches!(place, Place::Enter(step) if data.is_to_be_undone(step))
}

fn opens(data: &WorkflowData, step: StepRef) -> bool {
    !matches!(data.plan.step(step.local).kind, StepKind::Call { .. })
}

/// Where the value of a step is had.
fn last(data: &WorkflowData, step: StepRef) -> Place {
    if opens(data, step) { Place::Leave(step) } else { Place::Enter(step) }
}
