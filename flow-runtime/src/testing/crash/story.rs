//! One story: a run that lives through one or two processes.
//!
//! In: where the first process dies, if it does. Out: how the run ended, and whether that is how it ends without a crash.

use std::sync::Arc;

use super::fate::{Process, Target};
use super::outcome::{Outcome, given};
use super::{CrashFailure, CrashPoint, CrashTest, Open};
use crate::engine::tree::Workflow;
use crate::engine::{Clock, Engine, Progress, RunError};
use crate::plan::Requires;
use crate::state::{WaitingOn, WorkflowData, WorkflowId};
use crate::store::StoreError;
use crate::testing::VirtualClock;

const ID: &str = "crash-test";

/// How often a run may wait for the same without a commit in between.
const PATIENCE: u32 = 10;

/// A run in which nothing is left but to wait.
pub struct Parked<'a, S> {
    engine: &'a Engine<S>,
    id: &'a WorkflowId,
    clock: &'a VirtualClock,
    waits: &'a [(String, WaitingOn)],
}

impl<S> Parked<'_, S> {
    /// The engine that has the run, to send it signals.
    pub fn engine(&self) -> &Engine<S> {
        self.engine
    }

    /// The run.
    pub fn id(&self) -> &WorkflowId {
        self.id
    }

    /// The time that timers go by.
    pub fn clock(&self) -> &VirtualClock {
        self.clock
    }

    /// The steps that wait, by their paths, and for what.
    pub fn waits(&self) -> &[(String, WaitingOn)] {
        self.waits
    }

    /// Whether a step waits for this signal.
    pub fn waits_for(&self, signal: &str) -> bool {
        self.waits.iter().any(|(_, on)| matches!(on, WaitingOn::Signal { name, .. } if name == signal))
    }

    /// Moves the clock to where the first wait is over: its timer's time, or its timeout. `false` if there is none that
    /// ends by itself.
    pub fn let_time_pass(&self) -> bool {
        let due = self.waits.iter().filter_map(|(_, on)| match on {
            WaitingOn::Timer(due) => Some(*due),
            WaitingOn::Signal { deadline, .. } => *deadline,
            WaitingOn::Doubt(_) => None,
        });
        let Some(due) = due.min() else { return false };
        self.clock.set(due.max(self.clock.now()));
        true
    }
}

impl<S> std::fmt::Debug for Parked<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked").field("id", self.id).field("waits", &self.waits).finish_non_exhaustive()
    }
}

/// Why a process did not bring the run to its end.
enum Trouble {
    Run(RunError),
    Waits(Vec<(String, WaitingOn)>),
}

impl From<RunError> for Trouble {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl Trouble {
    fn after(self, at: Option<CrashPoint>) -> CrashFailure {
        match (self, at) {
            (Self::Waits(waits), at) => CrashFailure::Waits { at, waits },
            (Self::Run(source), Some(at)) => CrashFailure::NotResumed { at, source },
            (Self::Run(source), None) => CrashFailure::Undisturbed { source },
        }
    }
}

/// What is left of a process.
struct Life {
    /// How the run ended, if it did.
    outcome: Option<Outcome>,
    /// The steps that had ended before, and that it started.
    again: Vec<String>,
}

/// The run of one story, with what outlives its processes.
pub(super) struct Story<'a, 't, W: Workflow, S> {
    test: &'a CrashTest<'t, W, S>,
    id: WorkflowId,
    state: Arc<S>,
    clock: VirtualClock,
    open: Open<'t>,
}

impl<'a, 't, W, S> Story<'a, 't, W, S>
where
    W: Workflow + Requires<S>,
    S: Send + Sync + 'static,
{
    pub(super) fn begin(test: &'a CrashTest<'t, W, S>) -> Self {
        let id = WorkflowId::new(ID).unwrap_or_else(|_| unreachable!("the text is an id"));
        Self { test, id, state: Arc::new((test.state)()), clock: VirtualClock::new(), open: (test.store)() }
    }

    /// The end of a run that nothing disturbs.
    pub(super) async fn undisturbed(&self) -> Result<Outcome, CrashFailure> {
        let life = self.live(Process::new(None)).await.map_err(|trouble| trouble.after(None))?;
        match life.outcome {
            Some(outcome) => Ok(outcome),
            None => unreachable!("nothing kills this process"),
        }
    }

    /// Kills the first process there, and compares the end. Gives where it was killed, if it came so far.
    pub(super) async fn with_crash(
        &self,
        target: Target,
        is_durable: bool,
        expected: &Outcome,
    ) -> Result<Option<CrashPoint>, CrashFailure> {
        let first = Process::new(Some((target, is_durable)));
        let life = self.live(first.clone()).await.map_err(|trouble| trouble.after(None))?;
        if let Some(outcome) = life.outcome {
            let what = outcome.differences(expected, self.test.has_same_outputs);
            return if what.is_empty() { Ok(None) } else { Err(CrashFailure::NotRepeatable { what }) };
        }
        let Some(at) = first.point() else { unreachable!("a process that was killed was so somewhere") };
        let life = self.live(Process::new(None)).await.map_err(|trouble| trouble.after(Some(at.clone())))?;
        if !life.again.is_empty() {
            return Err(CrashFailure::RanAgain { at, steps: life.again });
        }
        let what =
            life.outcome.map_or_else(Vec::new, |outcome| outcome.differences(expected, self.test.has_same_outputs));
        if what.is_empty() { Ok(Some(at)) } else { Err(CrashFailure::Differs { at, what }) }
    }

    /// One process, from its beginning to its end.
    async fn live(&self, process: Arc<Process>) -> Result<Life, Trouble> {
        let engine = self.engine(&process);
        let ended = self.ended(&engine).await?;
        let end = tokio::select! {
            biased;
            () = process.hangs() => None,
            end = self.drive(&engine, &process) => Some(end),
        };
        let outcome = match end {
            Some(end) => Some(self.outcome(&engine, end?).await?),
            None => None,
        };
        process.kill();
        engine.idle().await;
        drop(engine);
        process.closed().await;
        let again = process.started().into_iter().filter(|step| ended.contains(step)).collect();
        Ok(Life { outcome, again })
    }

    fn engine(&self, process: &Arc<Process>) -> Engine<S> {
        let engine = (self.open)(process.clone()).shared_state(self.state.clone());
        let engine = engine.clock(self.clock.clone()).strict_roundtrip(true).park_at_once();
        let engine = match &self.test.engine {
            Some(set) => set(engine),
            None => engine,
        };
        engine.build()
    }

    /// The steps that have ended, as the record has it, by their paths.
    async fn ended(&self, engine: &Engine<S>) -> Result<Vec<String>, RunError> {
        match engine.load(&self.id).await {
            Ok(data) => {
                let ended = data.statuses().into_iter().filter(|(_, status)| status.has_ended());
                Ok(ended.map(|(path, _)| path).collect())
            }
            Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(self.store_error(error)),
        }
    }

    /// Runs to the end of the run.
    async fn drive(&self, engine: &Engine<S>, process: &Process) -> Result<Result<W::Output, RunError>, Trouble> {
        let (mut commits, mut idle) = (0, 0);
        loop {
            let waits = match (self.test.invoke)().run_until_parked(engine, &self.id).await {
                Ok(Progress::Ended(output)) => return Ok(Ok(output)),
                Ok(Progress::Parked(waits)) => waits,
                Err(error) => return Ok(Err(error)),
            };
            idle = if process.commits() == commits { idle + 1 } else { 0 };
            commits = process.commits();
            if idle == PATIENCE || !self.steer(engine, &waits).await {
                return Err(Trouble::Waits(waits));
            }
            engine.wake_due();
        }
    }

    /// Does what is to be done while the run waits; `false` if there is nothing.
    async fn steer(&self, engine: &Engine<S>, waits: &[(String, WaitingOn)]) -> bool {
        let parked = Parked { engine, id: &self.id, clock: &self.clock, waits };
        let Some(steer) = &self.test.parked else { return parked.let_time_pass() };
        steer.steer(&parked).await;
        true
    }

    async fn outcome(&self, engine: &Engine<S>, end: Result<W::Output, RunError>) -> Result<Outcome, RunError> {
        let given = given(end)?;
        let data: WorkflowData = engine.load(&self.id).await.map_err(|error| self.store_error(error))?;
        let effects = self.test.effects.as_ref().map(|effects| effects(&self.state));
        Outcome::of(engine, &data, given, effects).await.map_err(|error| self.store_error(error))
    }

    fn store_error(&self, error: StoreError) -> RunError {
        let workflow = W::plan().workflow.to_string();
        RunError::Store { workflow, id: self.id.clone(), source: Arc::new(error) }
    }
}
