//! In which order completed steps are undone: a pure function of the record.
//!
//! In: a record that rolls back, and each undo that has come to its end. Out: the steps whose undo may start. A step's
//! undo waits for the undos of all that could have used what the step did: of its successors, of what ran inside its
//! regions, and of whatever used the values made of those.

use std::collections::{BTreeSet, VecDeque};

use crate::plan::StepKind;
use crate::state::{StepRef, WorkflowData};

/// What is still to be undone, and what that waits for.
#[derive(Default)]
pub(crate) struct Rollback {
    /// For each place: how many of those after it have not come to their end.
    unmet: Vec<u32>,
    /// Steps whose undo may start, in the order in which they were found.
    pub(crate) ready: VecDeque<StepRef>,
    /// How many undos have not come to their end.
    left: usize,
}

/// A place in the order. A branch or a fan-out has two: what ran inside it stands between them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A call; or where a branch or a fan-out opened its regions.
    Enter(StepRef),
    /// Where a branch or a fan-out that has opened has its value.
    Leave(StepRef),
}

impl Rollback {
    /// What is to be undone in this record, new or loaded.
    pub(crate) fn new(data: &WorkflowData) -> Self {
        let mut rollback = Self { unmet: vec![0; 2 * data.steps.len()], ..Self::default() };
        let places: Vec<Place> = places(data).collect();
        for &place in &places {
            rollback.left += usize::from(is_to_be_undone(data, place));
            before(data, place).into_iter().for_each(|before| rollback.unmet[index(data, before)] += 1);
        }
        let last: Vec<Place> = places.into_iter().filter(|&place| rollback.unmet[index(data, place)] == 0).collect();
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
            for before in before(data, place) {
                let unmet = &mut self.unmet[index(data, before)];
                *unmet -= 1;
                match before {
                    _ if *unmet > 0 => {}
                    Place::Enter(step) if is_to_be_undone(data, before) => self.ready.push_back(step),
                    _ => rest.push(before),
                }
            }
        }
    }
}

fn is_to_be_undone(data: &WorkflowData, place: Place) -> bool {
    matches!(place, Place::Enter(step) if data.is_to_be_undone(step))
}

fn index(data: &WorkflowData, place: Place) -> usize {
    match place {
        Place::Enter(step) => data.index(step),
        Place::Leave(step) => data.steps.len() + data.index(step),
    }
}

fn places(data: &WorkflowData) -> impl Iterator<Item = Place> {
    steps(data, 0..data.instances.len() as u32).flat_map(|step| {
        let leave = opens(data, step).then_some(Place::Leave(step));
        leave.into_iter().chain([Place::Enter(step)])
    })
}

fn steps(data: &WorkflowData, instances: std::ops::Range<u32>) -> impl Iterator<Item = StepRef> {
    instances.flat_map(|instance| {
        let region = data.instances[instance as usize].region;
        data.plan.region(region).locals().map(move |local| StepRef::new(instance, local))
    })
}

fn opens(data: &WorkflowData, step: StepRef) -> bool {
    !matches!(data.plan.step(step.local).kind, StepKind::Call { .. })
}

/// Where the value of a step is had.
fn last(data: &WorkflowData, step: StepRef) -> Place {
    if opens(data, step) { Place::Leave(step) } else { Place::Enter(step) }
}

/// The places that this one came after, each once.
fn before(data: &WorkflowData, place: Place) -> BTreeSet<Place> {
    let used = |instance: u32, locals: &[u32]| -> Vec<Place> {
        let found = locals.iter().filter_map(|&local| {
            let instance = data.enclosing(instance, data.plan.step(local).region)?;
            Some(last(data, StepRef::new(instance, local)))
        });
        found.collect()
    };
    match place {
        Place::Enter(step) => {
            let plan = data.plan.step(step.local);
            let opener = data.instances[step.instance as usize].opened_by.map(Place::Enter);
            let edges = plan.inputs.iter().chain(plan.after.iter()).copied().collect::<Vec<_>>();
            used(step.instance, &edges).into_iter().chain(opener).collect()
        }
        Place::Leave(step) => {
            let inside = steps(data, data.opened_by(step)).map(|inner| last(data, inner));
            let tails = data.opened_by(step).flat_map(|instance| {
                let region = data.plan.region(data.instances[instance as usize].region);
                used(instance, &region.tail)
            });
            inside.chain(tails).chain([Place::Enter(step)]).collect()
        }
    }
}
