//! The one loop that acts: it runs a plan from where its record stands.
//!
//! Each round: take in what has happened, decide what follows, commit both together, then act on it. In: a record,
//! new or loaded, and a tree of slots. Out: the workflow's output, or why there is none. What may happen next is
//! decided in [`decide`](super::decide), what an attempt is in [`attempt`](super::attempt).

mod asked;
mod begin;
mod calls;
mod doubt;
mod ends;
mod examine;
mod finish;
mod gates;
mod heads;
mod midway;
mod rollback;
mod starts;
mod timers;
mod waits;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::attempt::{AttemptEnd, discard};
use super::context::{RunShared, Stopper, Stopping};
use super::decide::Schedule;
use super::error::RunError;
use super::journal::Journal;
use super::live::Live;
use super::observers::Presence;
use super::parts::Cut;
use super::rollback::Rollback;
use super::shared::{EngineShared, Stop};
use super::trees::Trees;
use super::values::{ValueError, Values};
use crate::observe::spans;
use crate::plan::Plan;
use crate::state::{Event, NodeFailure, Phase, Request, StepRef, StepStatus, Timestamp, WorkflowData};

pub(crate) use begin::{Setup, reopen};
use ends::GRACE;
pub(crate) use examine::Met;
pub(crate) use finish::{Finished, OUTPUT, ReadFrom};
use gates::Gates;
pub(crate) use gates::Permit;
pub(crate) use heads::opened_kind;
pub(crate) use midway::{Failed, Midway};
pub(crate) use starts::Running;
use starts::Start;
use timers::{Timer, Timers, until};
pub(crate) use waits::{Park, until_time};
use waits::{Waits, told};

/// What reaches the driver from its tasks.
pub(crate) enum Message {
    /// An attempt has ended.
    Ended(AttemptEnd),
    /// A permit that was waited for is there.
    Permit(usize, Permit),
}

/// The way from the tasks of a driver to it.
pub(crate) type Channel = (mpsc::UnboundedSender<Message>, mpsc::UnboundedReceiver<Message>);

/// How a driver came to its end.
pub(crate) enum Drove {
    /// The run has ended.
    Finished(Finished),
    /// Only waits are left, and they need no driver.
    Parked(Park),
}

/// Whether the run goes on or comes to a stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Steps start.
    Going,
    /// Nothing starts until someone says so; what runs goes on to its end.
    Paused,
    /// A step failed: nothing starts, what runs may end within its grace.
    Failing,
    /// Someone asked that the run stop: as after a failure.
    Cancelling,
    /// Nothing is in flight any more, and completed steps are undone.
    RollingBack,
    /// The engine shuts down, or the run is refused: nothing starts, what ends within the grace is kept, the rest is given back.
    ShuttingDown,
}

/// One run in this process.
pub(crate) struct Driver {
    trees: Trees,
    data: WorkflowData,
    /// The plan as it was stored; its texts may be older than those of the record's plan, and if that was adopted it
    /// may be of another shape.
    stored_plan: Arc<Plan>,
    schedule: Schedule,
    values: Values,
    shared: Arc<RunShared>,
    engine: Arc<EngineShared>,
    journal: Option<Journal>,
    mode: Mode,
    /// Why the run cannot go on, while what is in flight ends.
    refusal: Option<RunError>,
    /// The time of this round.
    now: Timestamp,
    /// What happened in this round; in the record already, not yet committed.
    events: Vec<Event>,
    /// What is kept beside the record of what happened in this round.
    cuts: Vec<Cut>,
    /// What begins when this round is committed.
    starts: Vec<Start>,
    running: BTreeMap<StepRef, Running>,
    gates: Gates,
    timers: Timers,
    waits: Waits,
    /// What is to be undone, once that has begun: in the run as a whole, or in called workflows, by their instances.
    rollbacks: BTreeMap<u32, Rollback>,
    /// The steps that are undone now, or wait for a permit or a retry.
    undoing: BTreeSet<StepRef>,
    /// Whether what is undone may have used outputs that are kept beside the record.
    undoes_parts: bool,
    /// Retries that came due while the run was paused.
    held_back: Vec<StepRef>,
    /// Whether the store may have a request that was not seen yet.
    has_to_look: bool,
    /// The requests that this round answers.
    taken: Vec<String>,
    /// The requests that were seen and wait for a step.
    left: Vec<Request>,
    /// The run among those of the engine; `None` for one without a record.
    live: Option<Arc<Live>>,
    /// Why the output could not be made, if that is why the run failed.
    output_failure: Option<NodeFailure>,
    /// The nodes' own errors, for callers in this process.
    errors: HashMap<StepRef, Arc<dyn Error + Send + Sync>>,
    /// Tells the bodies to come to an end.
    stopper: Stopper,
    /// What observers know of this driver.
    presence: Presence,
    /// Whether the slots and the schedule are there.
    is_restored: bool,
    stop: watch::Receiver<Stop>,
    outbox: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
}

impl Driver {
    /// Runs to the end, or to the shutdown of the engine.
    pub(crate) async fn drive(mut self) -> Result<Drove, RunError> {
        let span = spans::run(&self.shared.plan.workflow, self.shared.id.as_ref());
        self.presence.begin();
        let end = self.drive_on().instrument(span).await;
        self.presence.parks = matches!(end, Ok(Drove::Parked(_)));
        // The values of the run go here, and whatever their destructors do, the run has ended as it has.
        discard(self);
        end
    }

    async fn drive_on(&mut self) -> Result<Drove, RunError> {
        if !self.is_restored {
            self.restore().await?;
        }
        if self.data.seq > 0 {
            self.shared.observers.resumed(&self.shared, &self.data);
        }
        loop {
            self.take_stop();
            self.take_due_waits();
            let finished = match self.look_and_decide().await {
                Ok(()) => self.finish(),
                Err(error) => Err(error),
            };
            let finished = match finished {
                Ok(finished) => finished,
                Err(error) => {
                    self.refuse(error)?;
                    self.finish()?
                }
            };
            self.commit().await?;
            self.forget_left().await;
            match finished {
                Some(Ok(Drove::Finished(finished))) => return self.at_hand(finished).await.map(Drove::Finished),
                Some(end) => return end,
                None => {}
            }
            if self.react() {
                continue;
            }
            self.launch_or_wait().await;
        }
    }

    /// Decides what can be done, with what was asked of the run. What is asked of a step that begins to wait is looked
    /// for at once, so that it need not be waited for.
    async fn look_and_decide(&mut self) -> Result<(), RunError> {
        loop {
            self.take_requests().await?;
            self.decide().await?;
            if !self.has_to_look {
                return Ok(());
            }
        }
    }

    /// Evaluates the heads that can be, and gives permits to the steps that can start or be undone.
    async fn decide(&mut self) -> Result<(), RunError> {
        loop {
            let is_going = self.mode == Mode::Going;
            if is_going && let Some(step) = self.schedule.heads.pop_front() {
                self.open(step)?;
            } else if is_going && let Some(step) = self.schedule.ready.pop_front() {
                self.admit(step);
            } else if let Some(step) = self.next_undo() {
                self.admit(step);
            } else if let Some(admitted) = self.next_admitted() {
                match self.phase(admitted.step) {
                    Phase::Do => self.start(admitted)?,
                    Phase::Undo => self.start_undo(admitted).await?,
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Makes this round's events durable as their kind demands, then shows them to the observers.
    async fn commit(&mut self) -> Result<(), RunError> {
        let taken = std::mem::take(&mut self.taken);
        if self.events.is_empty() {
            // They ask for what is so already.
            if let Some(journal) = &self.journal {
                journal.forget(&self.data.id, &taken).await;
            }
            return Ok(());
        }
        let mut events = std::mem::take(&mut self.events);
        if let Some(journal) = &mut self.journal {
            let starts = self.starts.iter().map(Start::step);
            let span = spans::commit(events.len());
            let (cuts, begun) = (std::mem::take(&mut self.cuts), self.shared.observers.begin());
            let committed = async {
                journal.put(&self.data, cuts).await?;
                journal.commit(&mut self.data, events, starts, taken).await
            };
            events = committed.instrument(span).await.map_err(|error| {
                // Bodies that were about to begin do not, and what ran is not kept.
                self.stopper.tell(Stopping::Work);
                super::run::store_error(&self.data, error)
            })?;
            self.shared.observers.committed(&self.shared, begun);
        }
        for event in &events {
            self.shared.observers.event(&self.shared, &self.data, event);
        }
        Ok(())
    }

    /// Takes in that the run cannot go on with the code it has. What is in flight may end and is kept with what has
    /// ended; if there is neither, the record stays as it is.
    fn refuse(&mut self, error: RunError) -> Result<(), RunError> {
        if self.running.is_empty() && !self.events.iter().any(Event::is_end_of_attempt) {
            return Err(error);
        }
        self.refusal = Some(error);
        self.mode = Mode::ShuttingDown;
        self.start_nothing_more();
        self.stopper.tell(Stopping::All);
        self.starts_back();
        self.timers.stop_within(GRACE);
        Ok(())
    }

    /// Does what follows from a committed failure; says whether there is something to decide or to commit again.
    fn react(&mut self) -> bool {
        let is_lost = matches!(self.mode, Mode::Going | Mode::Paused) && self.data.instances[0].failed;
        if is_lost {
            self.mode = Mode::Failing;
            self.start_nothing_more();
            self.stop_running();
            self.cancel_waits();
        }
        is_lost || !self.events.is_empty() || self.has_undos()
    }

    /// Takes in that the engine shuts down, or that it is to do so sooner.
    fn take_stop(&mut self) {
        let Stop::Within(grace) = *self.stop.borrow_and_update() else { return };
        if self.mode != Mode::ShuttingDown {
            self.mode = Mode::ShuttingDown;
            self.start_nothing_more();
            self.stopper.tell(Stopping::All);
        }
        self.timers.stop_within(grace);
    }

    /// Nothing more starts. What is undone now is undone to its end, unless the engine shuts down.
    fn start_nothing_more(&mut self) {
        self.stopper.tell(Stopping::Work);
        self.timers.forget_retries();
        self.waits.forget_retries();
        self.gates.clear();
        self.undoing.retain(|step| self.running.contains_key(step));
    }

    fn tick(&mut self) {
        self.now = self.engine.clock.now().max(self.now);
    }

    async fn launch_or_wait(&mut self) {
        self.presence.queued(|| self.gates.waiting());
        if let Some(start) = self.only_start() {
            if let Some(end) = self.run_inline(start).await {
                self.take_end(end);
            }
        } else {
            self.launch();
            self.wait().await;
        }
    }

    /// Waits until something happens, and takes in all that has.
    async fn wait(&mut self) {
        let timer = until(self.timers.next());
        let mut first = None;
        let (live, clock, wait) = (self.live.clone(), self.engine.clock.clone(), self.next_wait());
        tokio::select! {
            biased;
            Some(message) = self.inbox.recv() => first = Some(message),
            () = timer => {}
            () = until_time(&*clock, wait) => {}
            () = told(live.as_deref()) => {}
            _ = self.stop.changed() => {}
        }
        self.tick();
        if let Some(message) = first {
            self.take(message);
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
        while let Some(timer) = self.timers.pop_due(Instant::now()) {
            self.take_timer(timer);
        }
        if self.timers.take_grace(Instant::now()) {
            self.abandon_running();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ended(end) => self.take_end(end),
            Message::Permit(gate, permit) => {
                let is_wanted = matches!(self.mode, Mode::Going | Mode::Paused | Mode::RollingBack);
                self.gates.put_back(gate, is_wanted.then_some(permit));
            }
        }
    }

    fn take_timer(&mut self, timer: Timer) {
        match timer {
            // The wait is over by the monotonic clock; that the wall clock may have jumped changes nothing.
            Timer::Retry(step) => self.retry(step),
            Timer::Limit(step, attempt, kind, phase) if phase == self.phase(step) => {
                self.take_limit(step, attempt, kind);
            }
            Timer::Limit(..) => {}
        }
    }

    /// Adds an event to the record and to this round.
    fn record(&mut self, event: Event) {
        let mut ended = Vec::new();
        match self.data.apply_event(&event, self.now, &mut ended) {
            Ok(()) => {
                // A run that undoes what it did starts nothing, whatever ends.
                if !self.is_rolling_back() {
                    self.schedule.ended(&self.data, &ended);
                }
                self.events.push(event);
            }
            // The driver makes only events that fit; were it not so, the run must not go on with a wrong record.
            Err(error) => panic!("{error}"),
        }
    }

    fn value_error(&self, error: ValueError) -> Result<String, RunError> {
        match error {
            ValueError::Panic(message) => Ok(message),
            ValueError::Decode { step, error } => {
                Err(super::run::undecodable(&self.data, &self.stored_plan, step, error))
            }
        }
    }

    fn may_start(&self, step: StepRef) -> bool {
        match self.data.step(step).status {
            StepStatus::Completed => {
                matches!(self.mode, Mode::Going | Mode::RollingBack) && self.undoing.contains(&step)
            }
            StepStatus::Pending | StepStatus::Running => self.mode == Mode::Going && !self.data.is_stopped(step),
            _ => false,
        }
    }
}
