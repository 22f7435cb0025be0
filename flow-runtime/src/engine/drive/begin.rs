//! How a run begins: with an empty record, or where a loaded one stands.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, RwLock};

use tokio::sync::{mpsc, watch};

use super::gates::Gates;
use super::timers::Timers;
use super::waits::Waits;
use super::{Driver, Mode};
use crate::engine::context::{Committed, RunShared};
use crate::engine::decide::{self, Schedule};
use crate::engine::error::RunError;
use crate::engine::journal::Journal;
use crate::engine::live::Live;
use crate::engine::position::Position;
use crate::engine::reset::Again;
use crate::engine::rollback::Rollback;
use crate::engine::shared::{EngineShared, Stop};
use crate::engine::tree::{At, Choice, Tree};
use crate::engine::values::{Values, items};
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

    /// A run as it was stored, which can follow this plan, the tree's. One that had ended was set back before.
    pub(crate) fn resume(setup: Setup, mut data: WorkflowData, plan: Arc<Plan>, again: Option<Again>) -> Self {
        // All events of a delta happen at one time, which for a reset was the record's last.
        let now = if again.is_some() { data.updated_at } else { setup.engine.clock.now().max(data.updated_at) };
        // What was asked after that waits.
        let has_to_look = again.is_some();
        let (mut events, taken) = again.map_or_else(Default::default, |again| (vec![again.event], again.taken));
        let stored_plan;
        if data.plan.fingerprint == plan.fingerprint {
            // The shape is the same; texts, policies and source lines are those of the code that runs now.
            stored_plan = std::mem::replace(&mut data.plan, plan);
        } else {
            stored_plan = data.plan.clone();
            let adopted = Event::PlanAdopted { plan };
            if let Err(error) = data.apply_event(&adopted, now, &mut Vec::new()) {
                // It was tried on a copy before; were it not so, the run must not go on.
                panic!("{error}");
            }
            events.push(adopted);
        }
        let mut driver = Self::new(setup, data, stored_plan);
        if !events.is_empty() {
            driver.now = now;
        }
        Self { events, has_to_look, taken, ..driver }
    }

    fn new(setup: Setup, data: WorkflowData, stored_plan: Arc<Plan>) -> Self {
        let Setup { tree, engine, state, providers, journal, encoding, live, stop } = setup;
        let (stopping, is_stopping) = watch::channel(false);
        let (stopping_undo, is_stopping_undo) = watch::channel(false);
        let (outbox, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(RunShared {
            id: journal.is_some().then(|| data.id.clone()),
            plan: data.plan.clone(),
            state,
            providers,
            observers: engine.observers.clone(),
            stopping: is_stopping,
            stopping_undo: is_stopping_undo,
            encoding,
            packing: engine.packing.clone(),
            data: RwLock::new(committed(&data)),
            ephemeral_id: OnceLock::new(),
        });
        Self {
            stored_plan,
            schedule: Schedule::default(),
            values: Values::new(engine.packing.clone()),
            shared,
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
            rollback: Rollback::default(),
            undoes_parts: false,
            held_back: Vec::new(),
            has_to_look: false,
            taken: Vec::new(),
            left: Vec::new(),
            live,
            output_failure: None,
            errors: HashMap::new(),
            stopping,
            stopping_undo,
            stop,
            outbox,
            inbox,
            tree,
            data,
            engine,
        }
    }

    /// Makes the slots of the regions that are open, and finds what may happen next.
    pub(super) async fn restore(&mut self) -> Result<(), RunError> {
        let mut opened = Vec::new();
        for instance in 1..self.data.instances.len() {
            let state = &self.data.instances[instance];
            let Some(step) = state.opened_by else { continue };
            if self.data.step(step).opened as usize == instance {
                opened.push(step);
            }
        }
        let empty = self.empty_fan_outs();
        for &step in opened.iter().chain(&empty) {
            reopen(&*self.tree, &self.data, step);
        }
        if self.is_rolling_back() {
            // Nothing is done any more, and what an undo needs is had when it starts.
            self.restore_rollback();
            return Ok(());
        }
        self.fetch_needed().await?;
        self.check_heads()?;
        self.schedule = Schedule::new(&self.data);
        self.restore_waits();
        self.cancel_leftovers(|driver, step| decide::is_stopped(&driver.data, step));
        self.look_at_interrupted();
        Ok(())
    }

    /// The fan-outs that opened no item, which no instance tells of.
    fn empty_fan_outs(&self) -> Vec<StepRef> {
        let mut empty = Vec::new();
        for (instance, state) in self.data.instances.iter().enumerate() {
            for local in self.data.plan.region(state.region).locals() {
                let step = StepRef::new(instance as u32, local);
                let is_each = matches!(self.data.plan.step(local).kind, StepKind::Each { .. });
                let state = self.data.step(step);
                if is_each && state.status == StepStatus::Completed && state.opened_len == 0 {
                    empty.push(step);
                }
            }
        }
        empty
    }
}

/// Makes the slots of what a branch or a fan-out had opened.
pub(crate) fn reopen(tree: &dyn Tree, data: &WorkflowData, step: StepRef) {
    let state = data.step(step);
    let choice = match &data.plan.step(step.local).kind {
        StepKind::Branch { arms } => {
            let region = data.instances[state.opened as usize].region;
            Choice::Arm(arms.iter().position(|&arm| arm == region).unwrap_or_default() as u32)
        }
        _ => Choice::Items(state.opened_len),
    };
    let items = items(data, step.instance);
    tree.open(At { step: step.local, items: &items }, choice);
}

/// The key-value data of a record, as nodes read it.
fn committed(data: &WorkflowData) -> Committed {
    let mut committed = Committed::default();
    for (key, entries) in &data.data {
        for entry in entries {
            committed.insert(&Position::of(data, entry.step), key, &entry.payload);
        }
    }
    committed
}
