//! A workflow with its input, and what can be done with it.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use super::attempt::check_len;
use super::drive::{Driver, Drove, Finished, OUTPUT, Setup};
use super::durability::Durability;
use super::error::RunError;
use super::live::{Ended, Live};
use super::shared::Stop;
use super::tree::{TailSlot, Tree, Workflow, decode, downcast, is};
use super::values::unpacked;
use super::workflows::Registered;
use super::{Engine, Ephemeral, light, run};
use crate::plan::{Plan, Requires};
use crate::state::{EncodeError, Encoding, Output, Payload, RunCreated, WaitingOn, WorkflowId};

/// A workflow with its input, not yet run. Calling a workflow gives one.
#[must_use = "nothing happens until `run` or `start` is called"]
pub struct Invocation<W: Workflow> {
    input: W::Input,
    asked: Asked,
}

/// What a caller asks of a run beside its output.
#[derive(Default)]
pub(crate) struct Asked {
    metadata: BTreeMap<String, String>,
    /// `None` for what the engine says.
    durability: Option<Durability>,
}

/// A run that was started; it goes on whether this is kept or not.
pub struct RunHandle<W: Workflow> {
    id: WorkflowId,
    live: Arc<Live>,
    workflow: PhantomData<fn() -> W>,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<T> {
    /// It has ended, with this output.
    Ended(T),
    /// Nothing is left but to wait: the steps that do, by their paths, and for what; for the time of a retry as for a
    /// timer. None if the run is paused.
    Parked(Vec<(String, WaitingOn)>),
}

/// The future of a run's output.
#[must_use = "nobody learns how the run ends, and an ephemeral run ends with this"]
pub struct RunFuture<T>(Pin<Box<dyn Future<Output = Result<T, RunError>> + Send>>);

impl<T> Future for RunFuture<T> {
    type Output = Result<T, RunError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<W: Workflow> Invocation<W> {
    #[doc(hidden)]
    pub fn new(input: W::Input) -> Self {
        Self { input, asked: Asked::default() }
    }

    /// The empty slots of a run with this input.
    pub(super) fn into_tree(self) -> Arc<dyn Tree> {
        W::tree(self.input)
    }

    /// Says something of the run, by which it can be found. It counts only when the run is created.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.asked.metadata.insert(key.into(), value.into());
        self
    }

    /// When completed steps of the run must be on disk, as long as this process drives it; what the engine says by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.asked.durability = Some(durability);
        self
    }

    /// Runs the workflow under this id and waits for its output.
    ///
    /// If there is a run of this id, it goes on from where it was, or gives what it ended with. Dropping the future
    /// does not stop the run.
    ///
    /// # Errors
    /// If the run failed, now or before; if the record does not fit; if the store failed: see [`RunError`].
    pub fn run<S>(self, engine: &Engine<S>, id: impl AsRef<str>) -> RunFuture<W::Output>
    where
        W: Requires<S>,
        S: Send + Sync + 'static,
    {
        let handle = self.start(engine, id);
        RunFuture(Box::pin(async move { handle?.result().await }))
    }

    /// Starts the workflow under this id, or joins the run of this id.
    ///
    /// # Errors
    /// If the id is none, if the input cannot be encoded, if a run of this id with another input or of another
    /// workflow is under way, or if the engine was shut down.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start<S>(self, engine: &Engine<S>, id: impl AsRef<str>) -> Result<RunHandle<W>, RunError>
    where
        W: Requires<S>,
        S: Send + Sync + 'static,
    {
        let id = WorkflowId::new(id)?;
        let workflow = engine.runner.workflows.of::<W, S>();
        let live = start_tree(engine, &id, workflow, W::tree(self.input), self.asked)?;
        Ok(RunHandle { id, live, workflow: PhantomData })
    }

    /// Runs the workflow without any record: nothing is encoded or stored, and dropping the future ends the run.
    ///
    /// # Errors
    /// If a step failed.
    pub fn run_ephemeral<S>(self, engine: &Ephemeral<S>) -> RunFuture<W::Output>
    where
        W: Requires<S>,
        S: Send + Sync + 'static,
    {
        let workflow = engine.workflows.of::<W, S>();
        RunFuture(Box::pin(run_tree(engine, W::tree(self.input), workflow)))
    }

    /// Runs the workflow under this id until nothing is left to do but to wait for something outside, or to its end.
    /// The run stays in the engine's hands: it is woken when its time has come or a signal is sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use flow_runtime::engine::Progress;
    /// use flow_runtime::prelude::*;
    ///
    /// workflow! { fn asks() -> bool { wait_for::<bool>("answer") } }
    ///
    /// let engine = Engine::new(InMemoryStore::default());
    /// let Progress::Parked(waits) = asks().run_until_parked(&engine, "q").await? else { panic!("nobody has answered") };
    /// assert_eq!(waits[0].0, "wait_for");
    /// engine.signal("q", "answer", &true).await?;
    /// assert!(asks().run(&engine, "q").await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As those of [`run`](Self::run).
    pub async fn run_until_parked<S>(
        self,
        engine: &Engine<S>,
        id: impl AsRef<str>,
    ) -> Result<Progress<W::Output>, RunError>
    where
        W: Requires<S>,
        S: Send + Sync + 'static,
    {
        let RunHandle { id, live, .. } = self.start(engine, id)?;
        if !live.rested().await {
            return result_of(&live, id).await.map(Progress::Ended);
        }
        match engine.runner.hold.store.load(&id).await {
            Ok(data) => Ok(Progress::Parked(data.waits())),
            Err(error) => {
                let workflow = live.workflow.plan.workflow.to_string();
                Err(RunError::Store { workflow, id, source: Arc::new(error) })
            }
        }
    }
}

impl<W: Workflow> RunHandle<W> {
    /// The run's id.
    pub fn id(&self) -> &WorkflowId {
        &self.id
    }

    /// Waits for the output.
    ///
    /// # Errors
    /// If the run failed, now or before; if the record does not fit; if the store failed: see [`RunError`].
    pub async fn result(self) -> Result<W::Output, RunError> {
        result_of(&self.live, self.id).await
    }
}

impl<W: Workflow> fmt::Debug for Invocation<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("workflow", &W::plan().workflow).finish_non_exhaustive()
    }
}

impl<W: Workflow> fmt::Debug for RunHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Starts a run of this tree, or joins the run of this id.
pub(crate) fn start_tree<S>(
    engine: &Engine<S>,
    id: &WorkflowId,
    workflow: Arc<Registered>,
    tree: Arc<dyn Tree>,
    asked: Asked,
) -> Result<Arc<Live>, RunError> {
    let runner = &engine.runner;
    let name = || workflow.plan.workflow.to_string();
    if *runner.shared.stop.borrow() != Stop::No {
        return Err(RunError::Interrupted { workflow: name(), id: Some(id.clone()) });
    }
    let mut created = created(engine, id, &workflow.plan, &*tree)?;
    created.metadata = asked.metadata;
    let durability = asked.durability.unwrap_or(runner.shared.durability);
    let new = Live::new(workflow, created.input.clone(), runner.shared.packing.clone(), durability);
    let (live, is_new) = runner.live.enter(id, new);
    if is_new {
        runner.drive(live.clone(), created, Some(tree));
    } else {
        let plan = &live.workflow.plan;
        run::check_asked(id, (&plan.workflow, plan.version, &live.input), &created)?;
    }
    Ok(live)
}

/// A run of this plan and with the input of this tree.
pub(crate) fn created<S>(
    engine: &Engine<S>,
    id: &WorkflowId,
    plan: &Arc<Plan>,
    tree: &dyn Tree,
) -> Result<RunCreated, RunError> {
    let runner = &engine.runner;
    let input = encode_input(tree, runner.hold.store.encoding(), runner.shared.packing.limit)
        .map_err(|source| RunError::Input { workflow: plan.workflow.to_string(), source })?;
    Ok(RunCreated::new(id.clone(), plan.clone(), input))
}

/// The input as it is stored.
fn encode_input(tree: &dyn Tree, encoding: Encoding, limit: usize) -> Result<Payload, EncodeError> {
    let input = tree.encode_input(encoding)?;
    let type_name = match tree.plan().input {
        Cow::Borrowed(parameters) => parameters,
        Cow::Owned(_) => "the parameters",
    };
    check_len("it", &input, limit).map_err(|reason| EncodeError { type_name, reason })?;
    Ok(input)
}

/// Runs this tree without a record.
pub(crate) fn run_tree<T: Output, S>(
    engine: &Ephemeral<S>,
    tree: Arc<dyn Tree>,
    workflow: Arc<Registered>,
) -> impl Future<Output = Result<T, RunError>> + Send + use<T, S> {
    let setup = Setup {
        tree,
        engine: engine.shared.clone(),
        state: engine.state.clone(),
        providers: workflow.providers.clone(),
        journal: None,
        encoding: run::EPHEMERAL_ENCODING,
        live: None,
        stop: engine.shared.stop.subscribe(),
    };
    async move {
        let drove = match &workflow.table {
            Some(table) if light::is_possible(&setup) => {
                let output = TailSlot::<T>::default();
                match light::run(setup, workflow.plan.clone(), table, &output).await? {
                    Some(drove) => drove,
                    None => return Ok(output.take()),
                }
            }
            _ => {
                let created = RunCreated::new(WorkflowId::ephemeral(), workflow.plan.clone(), Payload::empty());
                Box::pin(Driver::create(setup, created).drive()).await?
            }
        };
        if let Drove::Finished(Finished { value: Some(value), .. }) = drove {
            return Ok(downcast(value));
        }
        let reason = "it ended without a value".to_owned();
        Err(RunError::Stuck { workflow: workflow.plan.workflow.to_string(), id: None, reason })
    }
}

/// Waits for the output of a run.
pub(crate) async fn result_of<T: Output>(live: &Live, id: WorkflowId) -> Result<T, RunError> {
    let workflow = live.workflow.plan.workflow.to_string();
    let ended = live.ended().await;
    let (value, payload, read_from) = match &*ended {
        Ended::Error(error) => return Err(error.clone()),
        Ended::Output { value, payload, read_from } => (value, payload, read_from.as_ref()),
    };
    // A caller that expects another type, of a workflow that only looks the same, gets what the payload says to it.
    let own = value.lock().unwrap_or_else(PoisonError::into_inner).take_if(|value| is::<T>(&**value));
    if let Some(value) = own {
        return Ok(downcast(value));
    }
    let Some(payload) = payload else {
        let reason = "it ended without a stored output".to_owned();
        return Err(RunError::Stuck { workflow, id: Some(id), reason });
    };
    let decoded = unpacked(&live.packing, payload).and_then(|payload| decode::<T>(&payload));
    decoded.map_err(|source| RunError::Undecodable {
        workflow,
        id,
        step: read_from.map_or(OUTPUT, |from| &from.step).to_owned(),
        stored: read_from.map_or_else(|| live.workflow.plan.output.to_string(), |from| from.type_name.clone()),
        expected: std::any::type_name::<T>().to_owned(),
        source,
    })
}

/// The application state without its type.
pub(crate) type AnyState = Arc<dyn Any + Send + Sync>;
