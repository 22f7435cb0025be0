//! Outputs where they are needed: borrowed from their slots, decoded from the record only if a resumed run still
//! needs them.
//!
//! In: a step whose value someone is about to use. Out: the value is in its slot. Each value is decoded at most once.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::attempt::catch;
use super::tree::Value;
use super::trees::{Spot, Trees};
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
    pub(crate) fn fill_inputs(&mut self, trees: &Trees, data: &WorkflowData, step: StepRef) -> Result<(), ValueError> {
        let plan = data.plan.step(step.local);
        plan.inputs.iter().try_for_each(|&input| self.fill_from(trees, data, step.instance, input))
    }

    /// Fills the slots that the workflow's output is made from.
    pub(crate) fn fill_output(&mut self, trees: &Trees, data: &WorkflowData) -> Result<(), ValueError> {
        self.fill_tail(trees, data, 0)
    }

    fn fill_tail(&mut self, trees: &Trees, data: &WorkflowData, instance: u32) -> Result<(), ValueError> {
        let region = data.plan.region(data.instances[instance as usize].region);
        region.tail.iter().try_for_each(|&input| self.fill_from(trees, data, instance, input))
    }

    fn fill_from(&mut self, trees: &Trees, data: &WorkflowData, instance: u32, local: u32) -> Result<(), ValueError> {
        match data.enclosing(instance, data.plan.step(local).region) {
            Some(instance) => self.fill(trees, data, StepRef::new(instance, local)),
            None => Ok(()),
        }
    }

    fn fill(&mut self, trees: &Trees, data: &WorkflowData, step: StepRef) -> Result<(), ValueError> {
        if self.is_filled(data, step) {
            return Ok(());
        }
        let (spot, has_opened) = (Spot::of(data, step), data.step(step).opened_len > 0);
        match data.plan.step(step.local).kind {
            StepKind::Sub { .. } if has_opened => self.give(trees, data, step, &spot)?,
            StepKind::Branch { .. } if has_opened => self.join(trees, data, step, &spot)?,
            StepKind::Each { .. } => self.join(trees, data, step, &spot)?,
            _ => self.restore(trees, data, step, &spot)?,
        }
        self.set_filled(data, step);
        Ok(())
    }

    fn join(&mut self, trees: &Trees, data: &WorkflowData, step: StepRef, spot: &Spot) -> Result<(), ValueError> {
        let tree = trees.of(spot);
        for instance in data.opened_by(step) {
            let state = &data.instances[instance as usize];
            if !state.failed {
                self.fill_tail(trees, data, instance)?;
                continue;
            }
            let is_fan = matches!(data.plan.step(step.local).kind, StepKind::Each { .. });
            if let Some(failure) = data.failures_in(instance).into_iter().next() {
                tree.caught(spot.at(), is_fan.then_some(state.item), failure);
            }
            if !is_fan {
                return Ok(());
            }
        }
        catch(|| tree.join(spot.at())).map_err(ValueError::Panic)
    }

    /// Gives a step that has called a workflow that one's output, or its failure.
    fn give(&mut self, trees: &Trees, data: &WorkflowData, step: StepRef, spot: &Spot) -> Result<(), ValueError> {
        let instance = data.step(step).opened;
        let (tree, called) = (trees.of(spot), trees.called(instance));
        if data.instances[instance as usize].failed {
            if let Some(failure) = data.failures_in(instance).into_iter().next() {
                tree.caught(spot.at(), None, failure);
            }
        } else if let Some(called) = called {
            self.fill_tail(trees, data, instance)?;
            tree.fill(spot.at(), catch(|| called.output()).map_err(ValueError::Panic)?);
        }
        Ok(())
    }

    /// The value that this payload of a call holds.
    pub(crate) fn decode(
        &self,
        trees: &Trees,
        data: &WorkflowData,
        step: StepRef,
        payload: &Payload,
    ) -> Result<Value, DecodeError> {
        self.decode_at(trees, &Spot::of(data, step), payload)
    }

    fn decode_at(&self, trees: &Trees, spot: &Spot, payload: &Payload) -> Result<Value, DecodeError> {
        unpacked(&self.packing, payload).and_then(|payload| trees.of(spot).decode(spot.at(), &payload))
    }

    /// Fills the slot of a step from the record: with its own output, or with its own failure.
    fn restore(&mut self, trees: &Trees, data: &WorkflowData, step: StepRef, spot: &Spot) -> Result<(), ValueError> {
        let state = data.step(step);
        match (&state.output, &state.error) {
            (Some(payload), _) => {
                let brought = self.brought.remove(&step);
                let value = self.decode_at(trees, spot, brought.as_ref().unwrap_or(payload));
                trees.of(spot).fill(spot.at(), value.map_err(|error| ValueError::Decode { step, error })?);
            }
            (None, Some(error)) if state.status == StepStatus::Failed => {
                trees.of(spot).caught(spot.at(), None, (**error).clone());
            }
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
