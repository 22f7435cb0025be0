//! The workflows that an engine knows: how to run one from its stored input.
//!
//! In: the type of a workflow, when it is first run or registered. Out: its plan, its tree for an input, and what its
//! nodes need of the application state; found by type, or by the name and version that a record has.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::attempt::catch;
use super::light::Table;
use super::migration::{Migration, migrate_from};
use super::tree::{Input, Tree, Workflow};
use crate::plan::{Plan, Providers, Requires};
use crate::state::{DecodeError, Payload};

type Revive = Box<dyn Fn(&Payload) -> Result<Arc<dyn Tree>, DecodeError> + Send + Sync>;

/// A workflow without its types.
pub(crate) struct Registered {
    pub(crate) plan: Arc<Plan>,
    pub(crate) providers: Arc<Providers>,
    /// How stored outputs of older versions become those of this one.
    pub(crate) migrations: &'static [Migration],
    /// What is known of it, if runs of it without a record may be light.
    pub(crate) table: Option<Table>,
    revive: Revive,
}

/// The workflows of an engine.
#[derive(Default)]
pub(crate) struct Workflows {
    by_type: Mutex<HashMap<TypeId, Arc<Registered>>>,
}

impl Registered {
    pub(crate) fn new(plan: Plan, providers: Providers, revive: Revive) -> Self {
        let table = Table::of(&plan);
        Self { plan: Arc::new(plan), providers: Arc::new(providers), migrations: &[], table, revive }
    }

    pub(crate) fn of<W: Workflow + Requires<S>, S>() -> Self {
        let mut providers = Providers::default();
        W::register(&mut providers);
        let revive = |input: &Payload| Ok(W::tree(W::Input::decode(input)?));
        Self { migrations: W::MIGRATIONS, ..Self::new(W::plan().clone(), providers, Box::new(revive)) }
    }

    /// Whether it says how the outputs of runs of this version become its own.
    fn migrates_from(&self, version: u32) -> bool {
        migrate_from(self.migrations, version)
    }

    /// The empty slots of a run that began with this input.
    pub(crate) fn revive(&self, input: &Payload) -> Result<Arc<dyn Tree>, DecodeError> {
        catch(|| (self.revive)(input)).unwrap_or_else(|panic| {
            let reason = format!("taking up its input panicked: {panic}");
            Err(DecodeError { expected: "the input", reason })
        })
    }
}

impl Workflows {
    /// The workflow of this type, which the engine knows from now on.
    pub(crate) fn of<W: Workflow + Requires<S>, S>(&self) -> Arc<Registered> {
        let mut known = self.by_type.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(TypeId::of::<W>()).or_insert_with(|| Arc::new(Registered::of::<W, S>())).clone()
    }

    /// The workflow by which a run of this name and version is driven: that of the version, if the engine knows it; else
    /// the newest that takes over runs of it.
    pub(crate) fn find(&self, name: &str, version: u32) -> Option<Arc<Registered>> {
        let known = self.by_type.lock().unwrap_or_else(PoisonError::into_inner);
        let named = || known.values().filter(|known| known.plan.workflow == name);
        let own = named().find(|known| known.plan.version == version);
        let newest = || named().filter(|known| known.migrates_from(version)).max_by_key(|known| known.plan.version);
        own.or_else(newest).cloned()
    }

    /// The versions whose runs this workflow takes over. Runs of a version that the engine knows end on that.
    pub(crate) fn taken_over_by(&self, workflow: &Registered) -> Vec<u32> {
        let name = &workflow.plan.workflow;
        let versions = workflow.migrations.iter().map(|migration| migration.from);
        versions.filter(|&from| self.find(name, from).is_none_or(|known| known.plan.version != from)).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_type.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("workflow", &self.plan.workflow).finish_non_exhaustive()
    }
}
