//! Outputs where they are needed: borrowed from their slots, decoded from the record only if a resumed run still
//! needs them.
//!
//! In: a step whose value someone is about to use. Out: the value is in its slot. Each value is decoded at most once.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::attempt::catch;
use super::tree::{At, Tree, Value};
use crate::plan::StepKind;
use crate::state::{DecodeError, Packing, Payload, StepRef, StepStatus, WorkflowData};

/// Which steps have their value in its slot.
pub(crate) struct Values {
    filled: Vec<bool>,
    /// Outputs that are kept beside the record, for those who will use them.
    brought: HashMap<StepRef, Payload>,
    packing: Arc<Packing>,
}

/// A value could not be put into its slot.
#[derive(Debug)]
pub(crate) enum ValueError {
    /// A stored payload is not of the expected type.
    Decode { step: StepRef, error: DecodeError },
    /// An expression of the workflow panicked.
    Panic(String),
}

impl Values {
    pub(crate) fn new(packing: Arc<Packing>) -> Self {
        Self { filled: Vec::new(), brought: HashMap::new(), packing }
    }

    /// Takes in an output that is kept beside the record, until it is used.
    pub(crate) fn bring(&mut self, step: StepRef, payload: Payload) {
        self.brought.insert(step, payload);
    }

    /// Notes that this step's value is in its slot.
    pub(crate) fn set_filled(&mut self, data: &WorkflowData, step: StepRef) {
        let index = data.index(step);
        if self.filled.len() <= index {
            self.filled.resize(data.steps.len(), false);
        }
        self.filled[index] = true;
    }

    /// Whether this step's value is in its slot.
    pub(crate) fn is_filled(&self, data: &WorkflowData, step: StepRef) -> bool {
        self.filled.get(data.index(step)).copied().unwrap_or(false)
    }

    /// Fills the slots that the arguments or the head of this step borrow from.
    pub(crate) fn fill_inputs(
        &mut self,
        tree: &dyn Tree,
        data: &WorkflowData,
        step: StepRef,
    ) -> Result<(), ValueError> {
        let plan = data.plan.step(step.local);
        plan.inputs.iter().try_for_each(|&input| self.fill_from(tree, data, step.instance, input))
    }

    /// Fills the slots that the workflow's output is made from.
    pub(crate) fn fill_output(&mut self, tree: &dyn Tree, data: &WorkflowData) -> Result<(), ValueError> {
        self.fill_tail(tree, data, 0)
    }

    fn fill_tail(&mut self, tree: &dyn Tree, data: &WorkflowData, instance: u32) -> Result<(), ValueError> {
        let region = data.plan.region(data.instances[instance as usize].region);
        region.tail.iter().try_for_each(|&input| self.fill_from(tree, data, instance, input))
    }

    fn fill_from(&mut self, tree: &dyn Tree, data: &WorkflowData, instance: u32, local: u32) -> Result<(), ValueError> {
        match data.enclosing(instance, data.plan.step(local).region) {
            Some(instance) => self.fill(tree, data, StepRef::new(instance, local)),
            None => Ok(()),
        }
    }

    fn fill(&mut self, tree: &dyn Tree, data: &WorkflowData, step: StepRef) -> Result<(), ValueError> {
        if self.is_filled(data, step) {
            return Ok(());
        }
        let items = items(data, step.instance);
        let at = At { step: step.local, items: &items };
        match data.plan.step(step.local).kind {
            StepKind::Call { .. } => self.restore(tree, data, step, at)?,
            StepKind::Branch { .. } | StepKind::Each { .. } => self.join(tree, data, step, at)?,
        }
        self.set_filled(data, step);
        Ok(())
    }

    fn join(&mut self, tree: &dyn Tree, data: &WorkflowData, step: StepRef, at: At<'_>) -> Result<(), ValueError> {
        for instance in data.opened_by(step) {
            let state = &data.instances[instance as usize];
            if !state.failed {
                self.fill_tail(tree, data, instance)?;
                continue;
            }
            let is_fan = matches!(data.plan.step(step.local).kind, StepKind::Each { .. });
            if let Some(failure) = data.failures_in(instance).into_iter().next() {
                tree.caught(at, is_fan.then_some(state.item), failure);
            }
            if !is_fan {
                return Ok(());
            }
        }
        catch(|| tree.join(at)).map_err(ValueError::Panic)
    }

    /// The value that this payload of a call holds.
    pub(crate) fn decode(
        &self,
        tree: &dyn Tree,
        data: &WorkflowData,
        step: StepRef,
        payload: &Payload,
    ) -> Result<Value, DecodeError> {
        let items = items(data, step.instance);
        let at = At { step: step.local, items: &items };
        unpacked(&self.packing, payload).and_then(|payload| tree.decode(at, &payload))
    }

    /// Fills the slot of a call from the record.
    fn restore(&mut self, tree: &dyn Tree, data: &WorkflowData, step: StepRef, at: At<'_>) -> Result<(), ValueError> {
        let state = data.step(step);
        match (&state.output, &state.error) {
            (Some(payload), _) => {
                let brought = self.brought.remove(&step);
                let value = self.decode(tree, data, step, brought.as_ref().unwrap_or(payload));
                tree.fill(at, value.map_err(|error| ValueError::Decode { step, error })?);
            }
            (None, Some(error)) if state.status == StepStatus::Failed => tree.caught(at, None, (**error).clone()),
            _ => {}
        }
        Ok(())
    }
}

/// A stored payload with all undone that was done to it. A transform that panics cannot be undone.
pub(crate) fn unpacked(packing: &Packing, payload: &Payload) -> Result<Payload, DecodeError> {
    let payload = catch(|| packing.unpack(payload)).flatten();
    payload.map_err(|reason| DecodeError { expected: "encoded value", reason })
}

/// The payload with bytes of its own: those of a loaded run are a part of all that was read of it, which would stay in
/// memory as long as they do.
pub(crate) fn detached(payload: &Payload) -> Payload {
    Payload { bytes: Bytes::copy_from_slice(&payload.bytes), ..payload.clone() }
}

/// The item of each `for` around the steps of this instance, the outermost first.
pub(crate) fn items(data: &WorkflowData, instance: u32) -> Vec<u32> {
    let mut items = Vec::new();
    let mut state = &data.instances[instance as usize];
    while let Some(opener) = state.opened_by {
        if matches!(data.plan.step(opener.local).kind, StepKind::Each { .. }) {
            items.push(state.item);
        }
        state = &data.instances[opener.instance as usize];
    }
    items.reverse();
    items
}
