//! The trees of one run: that of its workflow, and one for each workflow that it has called.
//!
//! In: a step of the record. Out: the tree that has its slot, and the place as that tree knows it: a workflow that is
//! called numbers its steps as it does alone, and knows nothing of the fan-outs around it.

use std::collections::HashMap;
use std::sync::Arc;

use super::tree::{At, Tree};
use crate::plan::StepKind;
use crate::state::{StepRef, WorkflowData};

/// The trees of one run.
pub(crate) struct Trees {
    own: Arc<dyn Tree>,
    /// Those of called workflows, by the instance that each is.
    called: HashMap<u32, Arc<dyn Tree>>,
}

/// A step as its tree knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The instance that is the innermost called workflow around the step; `None` if the run's own is.
    pub(crate) called: Option<u32>,
    step: u32,
    /// The item of each `for` around the step in its workflow, the outermost first.
    items: Box<[u32]>,
}

impl Spot {
    /// One in the run's own workflow.
    pub(crate) fn own(step: u32, items: Box<[u32]>) -> Self {
        Self { called: None, step, items }
    }

    pub(crate) fn of(data: &WorkflowData, step: StepRef) -> Self {
        let mut items = Vec::with_capacity(depth(data, step.instance));
        let mut instance = step.instance;
        let (called, first) = loop {
            let state = &data.instances[instance as usize];
            let Some(opener) = state.opened_by else { break (None, 0) };
            match data.plan.step(opener.local).kind {
                StepKind::Sub { .. } => break (Some(instance), data.plan.region(state.region).first),
                StepKind::Each { .. } => items.push(state.item),
                _ => {}
            }
            instance = opener.instance;
        };
        items.reverse();
        Self { called, step: step.local - first, items: items.into() }
    }

    pub(crate) fn at(&self) -> At<'_> {
        At { step: self.step, items: &self.items }
    }
}

/// How many regions are around the steps of this instance, the workflow itself not counted.
fn depth(data: &WorkflowData, instance: u32) -> usize {
    let around = |instance: &u32| data.instances[*instance as usize].opened_by.map(|opener| opener.instance);
    std::iter::successors(around(&instance), around).count()
}

impl Trees {
    pub(crate) fn new(own: Arc<dyn Tree>) -> Self {
        Self { own, called: HashMap::new() }
    }

    /// The tree of the run's own workflow.
    pub(crate) fn own(&self) -> &dyn Tree {
        &*self.own
    }

    /// The tree of the workflow that is this instance, if it has one.
    pub(crate) fn called(&self, instance: u32) -> Option<&dyn Tree> {
        self.called.get(&instance).map(|tree| &**tree)
    }

    /// Gives the workflow that is this instance its tree.
    pub(crate) fn enter(&mut self, instance: u32, tree: Arc<dyn Tree>) {
        self.called.insert(instance, tree);
    }

    /// The tree that has this spot.
    ///
    /// # Panics
    /// If it is in a called workflow that was not entered, which only a broken engine can cause.
    pub(crate) fn of(&self, spot: &Spot) -> &Arc<dyn Tree> {
        match spot.called {
            None => &self.own,
            Some(instance) => match self.called.get(&instance) {
                Some(tree) => tree,
                None => panic!("a step was asked for of a workflow that was not entered"),
            },
        }
    }
}
