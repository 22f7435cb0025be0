//! What a node may ask of its run.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::drive::Setup;
use super::observers::Observers;
use super::position::{Position, idempotency_key};
use super::tree::{At, Value, output_of};
use crate::plan::{Plan, Providers, StepKind};
use crate::state::{
    DecodeError, EncodeError, Encoding, Key, Output, Packing, Payload, WorkflowData, WorkflowId, decode, encode,
};

/// What all attempts of one run share.
pub(crate) struct RunShared {
    /// `None` for a run without a record.
    pub(crate) id: Option<WorkflowId>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) state: Arc<dyn Any + Send + Sync>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) observers: Observers,
    told: AtomicU8,
    telling: Notify,
    pub(crate) encoding: Encoding,
    pub(crate) packing: Arc<Packing>,
    pub(crate) data: RwLock<Committed>,
    /// Stands for the id in the keys of a run that has none.
    pub(crate) ephemeral_id: OnceLock<String>,
}

/// Which bodies should come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stopping {
    /// Those that do work: the run comes to a stop, and may undo what it did.
    Work = 1,
    /// Also those that undo: the engine shuts down, or the run is gone.
    All,
}

/// Tells bodies to come to an end; all of them, when it is dropped.
pub(crate) struct Stopper(Arc<RunShared>);

impl Stopper {
    pub(crate) fn new(run: Arc<RunShared>) -> Self {
        Self(run)
    }

    /// Tells so. Who was told so is not told otherwise.
    pub(crate) fn tell(&self, stopping: Stopping) {
        self.0.told.fetch_max(stopping as u8, Ordering::Relaxed);
        self.0.telling.notify_waiters();
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.tell(Stopping::All);
    }
}

impl RunShared {
    /// What the attempts of a run with this record share.
    pub(crate) fn new(setup: &Setup, data: &WorkflowData) -> Arc<Self> {
        let id = setup.journal.is_some().then(|| data.id.clone());
        let mut committed = Committed::default();
        for (key, entries) in &data.data {
            for entry in entries {
                committed.insert(&Position::of(data, entry.step), key, &entry.payload);
            }
        }
        Self::with(setup, id, data.plan.clone(), committed)
    }

    /// The same for a run without a record.
    pub(crate) fn without_record(setup: &Setup, plan: Arc<Plan>) -> Arc<Self> {
        Self::with(setup, None, plan, Committed::default())
    }

    fn with(setup: &Setup, id: Option<WorkflowId>, plan: Arc<Plan>, data: Committed) -> Arc<Self> {
        Arc::new(Self {
            id,
            plan,
            state: setup.state.clone(),
            providers: setup.providers.clone(),
            observers: setup.engine.observers.clone(),
            told: AtomicU8::new(0),
            telling: Notify::new(),
            encoding: setup.encoding,
            packing: setup.engine.packing.clone(),
            data: RwLock::new(data),
            ephemeral_id: OnceLock::new(),
        })
    }

    /// Whether these bodies were told to come to an end.
    fn was_told(&self, stopping: Stopping) -> bool {
        self.told.load(Ordering::Relaxed) >= stopping as u8
    }

    /// Keeps what a step wrote.
    pub(crate) fn keep(&self, position: &Position, writes: &[(String, Payload)]) {
        if !writes.is_empty() {
            let mut data = self.data.write().unwrap_or_else(PoisonError::into_inner);
            writes.iter().for_each(|(key, payload)| data.insert(position, key, payload));
        }
    }
}

/// The run's key-value data as far as it is committed: for each key, what each step wrote, in the order of the plan.
#[derive(Default)]
pub(crate) struct Committed {
    entries: BTreeMap<String, BTreeMap<Vec<u32>, Payload>>,
}

impl Committed {
    pub(crate) fn insert(&mut self, position: &Position, key: &str, payload: &Payload) {
        self.entries.entry(key.to_owned()).or_default().insert(position.order(), payload.clone());
    }

    /// What a step reads: of those of its ancestors that wrote the key, the last in the order of the plan.
    fn read(&self, key: &str, reader: &Position, plan: &Plan) -> Option<Payload> {
        let entries = self.entries.get(key)?;
        for ancestor in reader.ancestors(plan) {
            let (writer, payload) = entries.range(..past(&ancestor)).next_back()?;
            if writer.starts_with(&ancestor) {
                return Some(payload.clone());
            }
        }
        None
    }
}

/// What is behind a step and all that ran in it, in the order of the plan.
fn past(order: &[u32]) -> Vec<u32> {
    let mut past = order.to_vec();
    if let Some(local) = past.last_mut() {
        *local += 1;
    }
    past
}

/// What a node may ask of its run: ids, attempt, idempotency key, cancellation, progress, data.
///
/// A node that has a parameter `cx: &NodeContext` gets it; callers in `workflow!` do not write it.
pub struct NodeContext {
    run: Arc<RunShared>,
    position: Position,
    attempt: u32,
    /// The output of the step if this undoes it.
    undone: Option<Undone>,
    /// Whether the body has learned that the run is stopping.
    told: AtomicBool,
    writes: Mutex<Vec<(String, Payload)>>,
}

/// The output of a step that is undone.
struct Undone {
    output: Value,
    /// Whether the node that undoes has been called with it. It may have an undo of its own, which is not meant.
    is_taken: AtomicBool,
}

impl NodeContext {
    pub(crate) fn new(run: Arc<RunShared>, position: Position, attempt: u32) -> Self {
        Self { run, position, attempt, undone: None, told: AtomicBool::new(false), writes: Mutex::default() }
    }

    /// The context of an attempt to undo what gave this output.
    pub(crate) fn to_undo(run: Arc<RunShared>, position: Position, attempt: u32, output: Value) -> Self {
        let undone = Some(Undone { output, is_taken: AtomicBool::new(false) });
        Self { undone, ..Self::new(run, position, attempt) }
    }

    /// The output that is to be undone, for the one who asks first; `None` if forward work is to be done.
    #[doc(hidden)]
    pub fn undone<T: Output>(&self) -> Option<&T> {
        let Undone { output, is_taken } = self.undone.as_ref()?;
        if is_taken.swap(true, Ordering::Relaxed) { None } else { Some(output_of(&**output)) }
    }

    /// From when on the body should come to an end.
    fn last_call(&self) -> Stopping {
        if self.is_undo() { Stopping::All } else { Stopping::Work }
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    pub(crate) fn at(&self) -> At<'_> {
        self.position.at()
    }

    pub(crate) fn take_writes(&self) -> Vec<(String, Payload)> {
        std::mem::take(&mut *self.writes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The part of the application state that a `#[state]` parameter asks for.
    #[doc(hidden)]
    pub fn state<T: Send + Sync + 'static>(&self) -> &T {
        match self.run.providers.get(&*self.run.state) {
            Some(part) => part,
            // `Requires` is checked where a workflow meets an engine, so only a hand-written tree gets here.
            None => panic!("the engine's state has no `{}`", std::any::type_name::<T>()),
        }
    }

    /// The id of the run; `None` in a run without a record.
    pub fn workflow_id(&self) -> Option<&WorkflowId> {
        self.run.id.as_ref()
    }

    /// The name of the workflow.
    pub fn workflow(&self) -> &str {
        &self.run.plan.workflow
    }

    /// The path of the step: `charge`, `parcel.ship`, `labels[17].print_label`.
    pub fn step(&self) -> String {
        self.position.path(&self.run.plan)
    }

    /// The name of the node that is run: the step's own, or that of the one that undoes it.
    pub fn node(&self) -> &str {
        let step = self.run.plan.step(self.position.local);
        match (&step.undo, &step.kind) {
            (Some(undo), _) if self.is_undo() => &undo.node,
            (_, StepKind::Call { node, .. }) => node,
            _ => &step.id,
        }
    }

    /// Whether this undoes the step.
    pub fn is_undo(&self) -> bool {
        self.undone.is_some()
    }

    /// The attempt, from 1; it goes on counting after a crash, and when the step runs again in a run that had ended.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The step's idempotency key: 64 hexadecimal digits, the same at every attempt, also after a crash and after
    /// [`Engine::retry_failed`](crate::Engine::retry_failed) of a step that failed. It is another one where the effect is
    /// to happen once more: in a fork, and when a step that had completed, or was undone, runs again. A node that undoes a
    /// step gets another one than the step had.
    ///
    /// Give it to the system that the node changes, so that an attempt that runs again has its effect once.
    pub fn idempotency_key(&self) -> String {
        let mut path = self.position.path_of_key(&self.run.plan);
        if self.is_undo() {
            path.push_str("\0undo");
        }
        if let Some(id) = &self.run.id {
            return idempotency_key(id.as_str(), &path);
        }
        let random = || format!("{:032x}", fastrand::u128(..));
        idempotency_key(self.run.ephemeral_id.get_or_init(random), &path)
    }

    /// Whether the run is stopping: a step has failed, or the engine shuts down. What a node returns after that is
    /// still kept if it comes within the grace; an error that it returns after it was told so counts as giving up,
    /// and not as a failure of its own.
    pub fn is_cancelled(&self) -> bool {
        let stopping = self.run.was_told(self.last_call());
        self.told.fetch_or(stopping, Ordering::Relaxed);
        stopping
    }

    /// Waits until the run is stopping; see [`is_cancelled`](Self::is_cancelled).
    pub async fn cancelled(&self) {
        loop {
            let telling = self.run.telling.notified();
            // Who tells after this wakes it.
            if self.run.was_told(self.last_call()) {
                break;
            }
            telling.await;
        }
        self.told.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_told_to_stop(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Tells observers how far the step is, from 0.0 to 1.0. It is not stored.
    pub fn progress(&self, fraction: f64, message: &str) {
        self.run.observers.progress(&self.run, &self.position, fraction.clamp(0.0, 1.0), message);
    }

    /// The value of this key as this step sees it: its own, else the one written by the last of its ancestors in
    /// the order of the plan. So it does not depend on timing.
    ///
    /// # Errors
    /// If the stored value is of another type.
    pub fn get<T: DeserializeOwned + 'static>(&self, key: Key<T>) -> Result<Option<T>, DecodeError> {
        let own = {
            let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            writes.iter().find(|(name, _)| name == key.name()).map(|(_, payload)| payload.clone())
        };
        let payload = own.or_else(|| {
            let data = self.run.data.read().unwrap_or_else(PoisonError::into_inner);
            data.read(key.name(), &self.position, &self.run.plan)
        });
        let Some(payload) = payload else { return Ok(None) };
        let error = |reason| DecodeError { expected: std::any::type_name::<T>(), reason };
        decode(&self.run.packing.unpack(&payload).map_err(error)?).map(Some)
    }

    /// Writes the value of this key. It is kept together with the step's output, or not at all; what a node writes that
    /// undoes a step is not kept. If it is longer than
    /// the engine stores, the step fails when it ends.
    ///
    /// # Errors
    /// If the value cannot be encoded.
    pub fn set<T: Serialize + 'static>(&self, key: Key<T>, value: &T) -> Result<(), EncodeError> {
        let payload = encode(value, self.run.encoding)?;
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.retain(|(name, _)| name != key.name());
        writes.push((key.name().to_owned(), payload));
        Ok(())
    }
}

impl std::fmt::Debug for NodeContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeContext")
            .field("step", &self.step())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
