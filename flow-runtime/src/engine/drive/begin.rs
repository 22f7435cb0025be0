//! How a run begins: with an empty record, or where a loaded one stands.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::gates::Gates;
use super::timers::Timers;
use super::waits::Waits;
use super::{Channel, Driver, Mode};
use crate::engine::adopt::Adopted;
use crate::engine::context::{RunShared, Stopper};
use crate::engine::decide::Schedule;
use crate::engine::error::RunError;
use crate::engine::journal::Journal;
use crate::engine::live::Live;
use crate::engine::observers::Presence;
use crate::engine::reset::Again;
use crate::engine::shared::{EngineShared, Stop};
use crate::engine::tree::{Choice, Tree};
use crate::engine::trees::{Spot, Trees};
use crate::engine::values::Values;
use crate::plan::{Plan, Providers, StepKind};
use crate::state::{Asked, Encoding, Event, RunCreated, StepRef, StepStatus, WorkflowData, WorkflowStatus};

/// What a run needs beside its record.
pub(crate) struct Setup {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) engine: Arc<EngineShared>,
    pub(crate) state: Arc<dyn Any + Send + Sync>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) journal: Option<Journal>,
    pub(crate) encoding: Encoding,
    /// The run among those of the engine; `None` for one without a record.
    pub(crate) live: Option<Arc<Live>>,
    /// Taken before the run begins, so that a shutdown waits for it from then on.
    pub(crate) stop: watch::Receiver<Stop>,
}

impl Driver {
    /// A run that does not exist yet.
    pub(crate) fn create(setup: Setup, created: RunCreated) -> Self {
        let run_no = fastrand::u64(1..);
        let now = setup.engine.clock.now();
        let data = WorkflowData::new(run_no, &created, now);
        let plan = data.plan.clone();
        let mut driver = Self::new(setup, data, plan);
        driver.now = now;
        if driver.journal.is_some() {
            driver.events.push(Event::RunCreated(Box::new(created)));
        }
        driver
    }

    /// A run as it was stored, moved to the tree's plan. One that had ended was set back before.
    pub(crate) fn resume(setup: Setup, adopted: Adopted, again: Option<Again>) -> Self {
        let Adopted { data, stored_plan, events: adopted, at } = adopted;
        // What was asked after a reset waits.
        let has_to_look = again.is_some();
        let (mut events, taken) = again.map_or_else(Default::default, |again| (vec![again.event], again.taken));
        events.extend(adopted);
        let mut driver = Self::new(setup, data, stored_plan);
        if !events.is_empty() {
            driver.now = at;
        }
        Self { events, has_to_look, taken, ..driver }
    }

    fn new(setup: Setup, data: WorkflowData, stored_plan: Arc<Plan>) -> Self {
        let shared = RunShared::new(&setup, &data);
        Self::with(setup, data, stored_plan, shared, mpsc::unbounded_channel())
    }

    pub(super) fn with(
        setup: Setup,
        data: WorkflowData,
        stored_plan: Arc<Plan>,
        shared: Arc<RunShared>,
        (outbox, inbox): Channel,
    ) -> Self {
        let Setup { tree, engine, journal, live, stop, .. } = setup;
        Self {
            stored_plan,
            schedule: Schedule::default(),
            values: Values::new(engine.packing.clone()),
            journal,
            mode: match data.asked {
                _ if data.status == WorkflowStatus::RollingBack => Mode::RollingBack,
                Some(Asked::Cancel | Asked::Terminate) => Mode::Cancelling,
                Some(Asked::Pause) => Mode::Paused,
                _ => Mode::Going,
            },
            refusal: None,
            now: engine.clock.now().max(data.updated_at),
            events: Vec::new(),
            cuts: Vec::new(),
            starts: Vec::new(),
            running: BTreeMap::new(),
            gates: Gates::new(engine.clone(), outbox.clone()),
            timers: Timers::default(),
            waits: Waits::default(),
            rollbacks: BTreeMap::new(),
            undoing: BTreeSet::new(),
            undoes_parts: false,
            held_back: Vec::new(),
            has_to_look: false,
            taken: Vec::new(),
            left: Vec::new(),
            live,
            output_failure: None,
            errors: HashMap::new(),
            stopper: Stopper::new(shared.clone()),
            presence: Presence::new(shared.clone()),
            is_restored: false,
            stop,
            outbox,
            inbox,
            shared,
            trees: Trees::new(tree),
            data,
            engine,
        }
    }

    /// Makes the slots of the regions that are open, and finds what may happen next.
    pub(super) async fn restore(&mut self) -> Result<(), RunError> {
        self.reopen_in(0);
        if self.is_rolling_back() {
            // Nothing is done any more, and what an undo needs is had when it starts.
            self.restore_rollback();
            return Ok(());
        }
        self.fetch_needed().await?;
        self.check_heads()?;
        self.schedule = Schedule::new(&self.data);
        self.restore_waits().await?;
        self.cancel_leftovers(|driver, step| driver.data.is_stopped(step));
        self.look_at_interrupted();
        Ok(())
    }

    /// Makes the slots of all regions that are open inside this instance, up to the workflows that are called in it.
    pub(super) fn reopen_in(&self, instance: u32) {
        let mut rest = vec![instance];
        while let Some(instance) = rest.pop() {
            for local in self.data.plan.region(self.data.instances[instance as usize].region).locals() {
                let (step, is_each) = match self.data.plan.step(local).kind {
                    StepKind::Call { .. } | StepKind::Sub { .. } => continue,
                    StepKind::Branch { .. } => (StepRef::new(instance, local), false),
                    StepKind::Each { .. } => (StepRef::new(instance, local), true),
                };
                let state = self.data.step(step);
                // A fan-out without items has opened none.
                if state.opened_len > 0 || (is_each && state.status == StepStatus::Completed) {
                    reopen(&self.trees, &self.data, step);
                    rest.extend(self.data.opened_by(step));
                }
            }
        }
    }
}

/// Makes the slots of what a branch or a fan-out had opened.
pub(crate) fn reopen(trees: &Trees, data: &WorkflowData, step: StepRef) {
    let state = data.step(step);
    let choice = match &data.plan.step(step.local).kind {
        StepKind::Branch { arms } => {
            let region = data.instances[state.opened as usize].region;
            Choice::Arm(arms.iter().position(|&arm| arm == region).unwrap_or_default() as u32)
        }
        _ => Choice::Items(state.opened_len),
    };
    let spot = Spot::of(data, step);
    trees.of(&spot).open(spot.at(), choice);
}
