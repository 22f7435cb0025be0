//! The attempts of a light run: run where they become ready, or handed to other cores.
//!
//! A body runs in the run's own task if it is the only one, or if those of its step are known to take less time than a
//! task does. One that waits for something stays there, and is polled with the others that do.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::state::Cell;
use super::table::Cost;
use super::{Ground, Light, Why};
use crate::engine::NodeContext;
use crate::engine::attempt::{Attempt, AttemptEnd, AttemptError, Caught, Done};
use crate::engine::body::Body;
use crate::engine::clock::Stopwatch;
use crate::engine::drive::Permit;
use crate::engine::tasks;
use crate::engine::tree::At;
use crate::state::{FailureKind, StepRef};

/// Of how many bodies that are run one after the other one is timed, the first of them to begin with.
const TIMED: u32 = 16;

/// How an attempt ended.
pub(super) struct End {
    pub(super) cell: Cell,
    pub(super) result: Result<Output, Box<AttemptError>>,
}

/// What an attempt gave.
pub(super) enum Output {
    /// It is in its slot.
    InPlace,
    Loose(Box<Done>),
}

impl End {
    pub(super) fn of_attempt(cell: Cell, end: AttemptEnd) -> Self {
        Self { cell, result: end.result.map(loose).map_err(Box::new) }
    }
}

/// A body that was begun in the run's own task.
enum Begun<'r> {
    /// It borrows what it needs, for its node takes no context.
    Borrows(Caught<'r>),
    /// It has its own.
    Owns(Owned),
}

type Owned = Pin<Box<dyn Future<Output = AttemptEnd> + Send>>;

impl<'r> Begun<'r> {
    fn poll<T>(
        &mut self,
        task: &mut Context<'_>,
        end: impl FnOnce(&mut Body<'r>) -> T,
        loose: impl FnOnce(Done) -> T,
    ) -> Poll<Result<T, Box<AttemptError>>> {
        match self {
            Self::Borrows(body) => body.poll(task, || unreachable!("it has begun"), end),
            Self::Owns(attempt) => attempt.as_mut().poll(task).map(|end| end.result.map(loose).map_err(Box::new)),
        }
    }
}

/// A body that waits for something, in the run's own task.
pub(super) struct InFlight<'r> {
    cell: Cell,
    at: Option<At<'r>>,
    place: &'r Ground,
    begun: Begun<'r>,
    permit: Option<Permit>,
    spent: Duration,
    cost: Cost,
}

impl Future for InFlight<'_> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<End> {
        let Self { cell, at, place, begun, spent, cost, .. } = &mut *self;
        let start = Stopwatch::start();
        let polled = begun.poll(task, |body| into_place(body, place, *at), loose);
        *spent += start.elapsed();
        let result = ready!(polled);
        cost.observe(*spent);
        Poll::Ready(End { cell: *cell, result })
    }
}

/// One that the driver has taken over, until it does not want it any more.
pub(super) struct Lent<'r> {
    pub(super) step: StepRef,
    in_flight: InFlight<'r>,
    unwanted: oneshot::Receiver<std::convert::Infallible>,
}

impl<'r> InFlight<'r> {
    pub(super) fn cell(&self) -> Cell {
        self.cell
    }

    /// Lends it to the driver.
    pub(super) fn lend(self, step: StepRef) -> (Lent<'r>, tasks::Lent) {
        let (wanted, unwanted) = oneshot::channel();
        (Lent { step, in_flight: self, unwanted }, wanted)
    }
}

impl Future for Lent<'_> {
    /// The permit goes back when the end was told.
    type Output = Option<(AttemptEnd, Option<Permit>)>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        if Pin::new(&mut self.unwanted).poll(task).is_ready() {
            return Poll::Ready(None);
        }
        let taken = |body: &mut Body<'_>| Done::unrecorded(body.take());
        let result = ready!(self.in_flight.begun.poll(task, taken, |done| done)).map_err(|error| *error);
        Poll::Ready(Some((AttemptEnd { step: self.step, number: 1, result }, self.in_flight.permit.take())))
    }
}

impl Light<'_> {
    /// Runs the body of a step here, or hands it to another core; so many have been run here in this round.
    pub(super) fn begin(
        &mut self,
        cell: Cell,
        local: u32,
        permit: Permit,
        round: u32,
        task: &mut Context<'_>,
    ) -> Result<(), Why> {
        self.state.begin(cell);
        if let Err(panic) = self.fill_used(cell, local) {
            return Err(Why::Broke(cell, 1, Box::new(AttemptError::new(FailureKind::Panic, panic))));
        }
        let is_alone = self.is_alone();
        if !is_alone && !self.table.is_cheap(local) {
            self.hand_to_others(cell, permit);
            return Ok(());
        }
        let is_timed = !is_alone && round.is_multiple_of(TIMED);
        let start = is_timed.then(Stopwatch::start);
        let (ground, at) = (self.ground, self.at(cell, local));
        let (begun, result) = match at {
            Some(at) if !ground.tree.asks(local) => {
                let (mut body, tree) = (Caught::default(), &*ground.tree);
                match body.poll(task, || tree.start(at, &ground.cx), |body| body.give(tree.place(at))) {
                    Poll::Ready(Ok(())) => {
                        if let Some(start) = start {
                            self.table.cost(local).observe(start.elapsed());
                        }
                        self.permit = Some(permit);
                        self.state.complete(cell);
                        return Ok(());
                    }
                    Poll::Ready(Err(error)) => return Err(Why::Failed(cell, error)),
                    Poll::Pending => (Begun::Borrows(body), Poll::Pending),
                }
            }
            _ => {
                let mut attempt: Owned = Box::pin(self.attempt(cell).run());
                let polled = attempt.as_mut().poll(task);
                (Begun::Owns(attempt), polled)
            }
        };
        if let Poll::Ready(end) = result {
            self.permit = Some(permit);
            return self.take(End::of_attempt(cell, end));
        }
        let spent = start.map(|start| start.elapsed()).unwrap_or_default();
        let cost = self.table.cost(local);
        let waits = InFlight { cell, at, place: ground, begun, permit: Some(permit), spent, cost };
        self.in_flight.get_or_insert_with(FuturesUnordered::new).push(waits);
        Ok(())
    }

    /// Takes in how an attempt ended.
    pub(super) fn take(&mut self, End { cell, result }: End) -> Result<(), Why> {
        match result {
            Ok(Output::InPlace) => {}
            Ok(Output::Loose(done)) => {
                if !done.writes.is_empty() {
                    self.ground.shared.keep(&self.position(cell), &done.writes);
                }
                self.in_place(cell, |tree, at| tree.fill(at, done.value));
            }
            Err(error) => return Err(Why::Failed(cell, error)),
        }
        self.state.complete(cell);
        Ok(())
    }

    fn hand_to_others(&mut self, cell: Cell, permit: Permit) {
        let (outbox, _) = self.channel.get_or_insert_with(mpsc::unbounded_channel);
        let outbox = outbox.clone();
        let task = tasks::run_attempt(self.attempt(cell), false, (None, permit), outbox);
        self.beside.insert(cell, task);
    }

    /// The attempt of a step with all that it needs.
    fn attempt(&self, cell: Cell) -> Attempt {
        let (ground, local) = (self.ground, self.state.local(cell));
        let cx = NodeContext::new(ground.shared.clone(), self.position(cell), 1);
        let cost = self.table.cost(local);
        Attempt::unrecorded(self.state.step(cell), ground.tree.clone(), cx, ground.shared.packing.clone(), cost)
    }
}

fn loose(done: Done) -> Output {
    Output::Loose(Box::new(done))
}

/// Moves the output of a body into its slot.
fn into_place(body: &mut Body<'_>, ground: &Ground, at: Option<At<'_>>) -> Output {
    match at {
        Some(at) => {
            body.give(ground.tree.place(at));
            Output::InPlace
        }
        None => loose(Done::unrecorded(body.take())),
    }
}
