//! How a stored run moves to the code that runs now: to another shape, another version, other types of outputs.
//!
//! In: a record, and the workflow it is to follow. Out: the record as it goes on, with the facts that say how it came
//! there, to be committed together; or why it cannot. The store is read and nothing is written to it.

use std::sync::Arc;

use super::attempt::{catch, check_len, discard, encode_value};
use super::error::RunError;
use super::migration::{Carry, Migration, MigrationError, carry, steps_from};
use super::parts::{self, cut, put};
use super::run::{changes, output_type, store_error, stored_type};
use super::shared::EngineShared;
use super::values::unpacked;
use super::workflows::Registered;
use crate::plan::{Fingerprint, Plan};
use crate::state::{Encoding, Event, Packing, Payload, StepRef, Timestamp, WorkflowData};
use crate::store::{AnyStore, StoreError};

/// A stored run as this code goes on with it.
pub(crate) struct Adopted {
    /// The record, under the plan of this code.
    pub(crate) data: WorkflowData,
    /// The plan as it was stored.
    pub(crate) stored_plan: Arc<Plan>,
    /// What has changed; it is in the record already, not yet committed.
    pub(crate) events: Vec<Event>,
    /// When that was.
    pub(crate) at: Timestamp,
}

/// What a run moves to.
pub(crate) struct Adopting<'a> {
    pub(crate) store: &'a dyn AnyStore,
    pub(crate) engine: &'a EngineShared,
    pub(crate) plan: &'a Arc<Plan>,
    pub(crate) migrations: &'static [Migration],
}

impl<'a> Adopting<'a> {
    pub(crate) fn of(workflow: &'a Registered, engine: &'a EngineShared, store: &'a dyn AnyStore) -> Self {
        Self { store, engine, plan: &workflow.plan, migrations: workflow.migrations }
    }

    /// The record as it can follow the plan: it has its shape, or the engine may adopt another one and nothing that has
    /// begun is changed by it; and each stored output of which the type has changed since its version is migrated.
    pub(crate) async fn adopt(&self, data: WorkflowData, at: Timestamp) -> Result<Adopted, RunError> {
        let (id, stored) = (data.id.clone(), data.plan.clone());
        let mut adopted = Adopted { data, stored_plan: stored.clone(), events: Vec::new(), at };
        if stored.fingerprint == self.plan.fingerprint {
            // The shape is the same; texts, policies and source lines are those of the code that runs now.
            adopted.data.plan = self.plan.clone();
            return Ok(adopted);
        }
        let refused = |reason| {
            let (workflow, id) = (self.plan.workflow.to_string(), id.clone());
            RunError::PlanChanged { workflow, id, changes: changes(&stored, self.plan), reason }
        };
        if !self.engine.adopt_changed_plans && !self.has_shape_of(&stored) {
            return Err(refused("the engine is not told to adopt changed plans".to_owned()));
        }
        adopted.note(Event::PlanAdopted { plan: self.plan.clone() }).map_err(refused)?;
        for (local, by) in steps_from(self.plan, self.migrations, stored.version) {
            for (step, payload) in outputs_of(&adopted.data, local) {
                let payload = self.migrate(by, &adopted, step, &payload).await?;
                adopted.note(Event::StepMigrated { step, payload }).map_err(refused)?;
            }
        }
        Ok(adopted)
    }

    /// Whether nothing but the version is different.
    fn has_shape_of(&self, stored: &Plan) -> bool {
        let Plan { workflow, steps, regions, .. } = &**self.plan;
        Fingerprint::of(workflow, stored.version, steps, regions) == stored.fingerprint
    }

    async fn migrate(
        &self,
        by: Carry,
        adopted: &Adopted,
        step: StepRef,
        payload: &Payload,
    ) -> Result<Payload, RunError> {
        let (data, path) = (&adopted.data, adopted.data.path(step));
        let fetched = parts::fetch(self.store, data, payload, &format!("the output of step `{path}`")).await;
        let payload = fetched.map_err(|error| store_error(data, error))?;
        let packing = &self.engine.packing;
        migrated(by, packing, self.store.encoding(), &payload).map_err(|source| RunError::Migration {
            workflow: data.plan.workflow.to_string(),
            id: data.id.clone(),
            step: path,
            from: adopted.stored_plan.version,
            stored: stored_type(data, &adopted.stored_plan, step),
            expected: output_type(&data.plan, step.local),
            source,
        })
    }
}

impl Adopted {
    /// Adds a fact to the record and to what is to be committed.
    fn note(&mut self, event: Event) -> Result<(), String> {
        self.data.apply_event(&event, self.at, &mut Vec::new()).map_err(|error| error.reason)?;
        self.events.push(event);
        Ok(())
    }

    /// Whether it is under another plan than was stored.
    pub(crate) fn has_moved(&self) -> bool {
        self.stored_plan.fingerprint != self.data.plan.fingerprint
    }

    /// The steps whose outputs were migrated.
    pub(crate) fn migrated(&self) -> impl Iterator<Item = StepRef> {
        let migrated = |event: &Event| matches!(event, Event::StepMigrated { .. }).then(|| event.step()).flatten();
        self.events.iter().filter_map(migrated)
    }

    /// Stores beside the record what is too large for it, before it is committed.
    pub(crate) async fn put_beside(&mut self, store: &dyn AnyStore) -> Result<(), RunError> {
        let mut events = std::mem::take(&mut self.events);
        for event in &mut events {
            let Event::StepMigrated { payload, .. } = event else { continue };
            let (inline, Some(beside)) = cut(payload.clone(), store.inline_bytes()) else { continue };
            put(store, &self.data, beside).await.map_err(|error| store_error(&self.data, error))?;
            *payload = inline;
            let applied = self.data.apply_event(event, self.at, &mut Vec::new());
            applied.map_err(|error| store_error(&self.data, StoreError::Other(error.into())))?;
        }
        self.events = events;
        Ok(())
    }
}

/// What all instances of one step have stored that is still of use.
fn outputs_of(data: &WorkflowData, local: u32) -> Vec<(StepRef, Payload)> {
    let region = data.plan.step(local).region;
    let instances = (0..).zip(&data.instances).filter(|(_, instance)| instance.region == region);
    let steps = instances.map(|(instance, _)| StepRef::new(instance, local));
    let of_use = steps.filter(|&step| data.has_output_of_use(step));
    of_use.filter_map(|step| Some((step, data.step(step).output.clone()?))).collect()
}

/// The payload that a migration makes of this one, as outputs are stored.
fn migrated(by: Carry, packing: &Packing, encoding: Encoding, stored: &Payload) -> Result<Payload, MigrationError> {
    let unstorable = |reason| MigrationError::Unstorable { reason };
    let old = unpacked(packing, stored).map_err(MigrationError::Undecodable)?;
    let value = carry(by, &old)?;
    let payload = encode_value(&value, encoding).map_err(unstorable);
    discard(value);
    let payload = payload?;
    check_len("it", &payload, packing.limit).map_err(unstorable)?;
    catch(|| packing.pack(payload)).flatten().map_err(unstorable)
}
