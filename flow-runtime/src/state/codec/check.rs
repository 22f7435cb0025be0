//! Whether the parts of a plan or a record fit each other: indices, ranges, nesting.
//!
//! In: what a decoder has put together. Out: nothing, or what does not fit. After this, code may index without
//! asking; a decoder that does not call it must not hand the record on.

use super::CodecError;
use crate::plan::{Plan, Region, Step, StepKind};
use crate::state::{InstanceState, RunOutput, StepRef, WorkflowData};

/// Refuses a plan whose indices lead nowhere or in circles.
pub(crate) fn check_plan(plan: &Plan) -> Result<(), CodecError> {
    let root = plan.regions.first().ok_or_else(|| CodecError::broken("the plan has no region"))?;
    if root.parent.is_some() {
        return Err(CodecError::broken("the plan's first region is not the workflow itself"));
    }
    let mut next = 0;
    for (index, region) in plan.regions.iter().enumerate() {
        check_region(plan, index as u32, region)?;
        next += u64::from(region.len);
    }
    if next != plan.steps.len() as u64 {
        return Err(CodecError::broken("the plan's regions do not add up to its steps"));
    }
    plan.steps.iter().enumerate().try_for_each(|(index, step)| check_step(plan, index as u32, step))
}

fn check_region(plan: &Plan, index: u32, region: &Region) -> Result<(), CodecError> {
    let broken = |what: &str| Err(CodecError::broken(format!("region {index} of the plan {what}")));
    let len = plan.steps.len();
    let Some(end) = region.first.checked_add(region.len).filter(|&end| end as usize <= len) else {
        return broken("has steps that the plan lacks");
    };
    if !plan.steps[region.first as usize..end as usize].iter().all(|step| step.region == index) {
        return broken("claims steps of another region");
    }
    if region.tail.iter().chain(&region.value).any(|&local| local as usize >= len) {
        return broken("ends in a step that the plan lacks");
    }
    match region.parent {
        Some(parent) if index > 0 && plan.steps.get(parent as usize).is_some_and(|step| opens(step, index)) => Ok(()),
        None if index == 0 => Ok(()),
        _ => broken("is opened by no step"),
    }
}

fn check_step(plan: &Plan, index: u32, step: &Step) -> Result<(), CodecError> {
    let broken = |what: &str| Err(CodecError::broken(format!("step {index} of the plan {what}")));
    let known = |local: &u32| (*local as usize) < plan.steps.len();
    if !step.inputs.iter().chain(step.after.iter()).all(known) {
        return broken("uses a step that the plan lacks");
    }
    if !step.next.iter().all(|next| known(next) && plan.steps[*next as usize].region == step.region) {
        return broken("is followed by a step of another region");
    }
    if plan.regions.get(step.region as usize).is_none_or(|region| !region.locals().contains(&index)) {
        return broken("stands in a region that lacks it");
    }
    let nested = |region: &u32| {
        *region > step.region && plan.regions.get(*region as usize).is_some_and(|inner| inner.parent == Some(index))
    };
    let fits = match &step.kind {
        StepKind::Branch { arms } => arms.iter().all(nested),
        StepKind::Each { body } | StepKind::Sub { body, .. } => nested(body),
        _ => true,
    };
    if fits { Ok(()) } else { broken("opens a region that is not inside it") }
}

fn opens(step: &Step, region: u32) -> bool {
    match &step.kind {
        StepKind::Branch { arms } => arms.contains(&region),
        StepKind::Each { body } | StepKind::Sub { body, .. } => *body == region,
        _ => false,
    }
}

/// Refuses a record whose instances, steps and values do not fit its plan or each other.
pub(crate) fn check_record(data: &WorkflowData) -> Result<(), CodecError> {
    let mut steps = 0_u64;
    for (index, instance) in data.instances.iter().enumerate() {
        check_instance(data, index as u32, instance, steps)?;
        steps += u64::from(data.plan.regions[instance.region as usize].len);
    }
    if data.instances.is_empty() || steps != data.steps.len() as u64 {
        return Err(CodecError::broken("the record's instances do not add up to its steps"));
    }
    for index in 0..data.instances.len() as u32 {
        check_opened(data, index)?;
    }
    let values = data.data.values().flatten().map(|entry| entry.step);
    let output = match &data.output {
        Some(RunOutput::Step(step)) => Some(*step),
        _ => None,
    };
    match values.chain(output).find(|step| !has_step(data, *step)) {
        Some(step) => Err(CodecError::broken(format!("a value is of step {}/{}", step.instance, step.local))),
        None => Ok(()),
    }
}

fn check_instance(data: &WorkflowData, index: u32, instance: &InstanceState, first: u64) -> Result<(), CodecError> {
    let broken = |what: &str| Err(CodecError::broken(format!("instance {index} {what}")));
    if data.plan.regions.get(instance.region as usize).is_none() {
        return broken("is of a region that the plan lacks");
    }
    if u64::from(instance.first) != first {
        return broken("does not begin where the one before it ends");
    }
    match instance.opened_by {
        None if index == 0 && instance.region == 0 => Ok(()),
        Some(opener) if opener.instance < index && has_step(data, opener) => {
            let step = &data.plan.steps[opener.local as usize];
            if opens(step, instance.region) { Ok(()) } else { broken("is not opened by its opener") }
        }
        _ => broken("is opened by no step before it"),
    }
}

/// The instances that the steps of one instance say they opened must say the same.
fn check_opened(data: &WorkflowData, index: u32) -> Result<(), CodecError> {
    let instance = &data.instances[index as usize];
    for local in data.plan.regions[instance.region as usize].locals() {
        let step = StepRef::new(index, local);
        let state = data.step(step);
        let end = state.opened.checked_add(state.opened_len).map(|end| end as usize);
        let opened = end.and_then(|end| data.instances.get(state.opened as usize..end));
        if opened.is_none_or(|opened| opened.iter().any(|inner| inner.opened_by != Some(step))) {
            return Err(CodecError::broken(format!("step {index}/{local} did not open what it says")));
        }
    }
    Ok(())
}

fn has_step(data: &WorkflowData, step: StepRef) -> bool {
    data.instances
        .get(step.instance as usize)
        .and_then(|instance| data.plan.regions.get(instance.region as usize))
        .is_some_and(|region| region.locals().contains(&step.local))
}
