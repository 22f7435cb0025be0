//! In: a graph whose steps stand in the order in which they were met. Out: the order of the plan. Regions are numbered
//! breadth first; the steps of one region are neighbours, in source order.

use super::workflow::{Kind, Model, RegionIx};

/// Numbers the regions and the steps of a workflow.
pub(crate) fn number(model: &mut Model) {
    let mut regions: Vec<RegionIx> = vec![0];
    let mut steps = Vec::new();
    let mut next = 0;
    while let Some(region) = regions.get(next).copied() {
        for step in &model.region(region).steps {
            steps.push(*step);
            match &model.step(*step).kind {
                Kind::Call(_) => {}
                Kind::Branch(branch) => regions.extend(&branch.arms),
                Kind::Each(each) => regions.push(each.body),
            }
        }
        next += 1;
    }
    for (number, region) in (0..).zip(&regions) {
        if let Some(region) = model.regions.get_mut(*region) {
            region.number = number;
        }
    }
    for (local, step) in (0..).zip(&steps) {
        if let Some(step) = model.steps.get_mut(*step) {
            step.local = local;
        }
    }
    model.region_order = regions;
    model.step_order = steps;
}
