//! Runs that cost little: of those without a record, the ones to which nothing happens but that steps complete.
//!
//! In: a workflow in which no step waits, has a limit or can be undone, and an engine to which nobody listens. Out: its
//! output. Bodies that take next to no time are run where they become ready, one after the other, with a few numbers for
//! each step in place of a record ([`state`]). As soon as something else happens, a failure above all, the run is handed
//! over as it stands to the [driver](super::drive), which knows what to do ([`over`]); so nothing of that is said twice.

mod attempts;
mod over;
mod state;
mod table;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use self::attempts::{End, InFlight};
use self::over::Why;
use self::state::{Cell, State};
pub(crate) use self::table::{Cost, Table};
use super::NodeContext;
use super::attempt::{AttemptError, catch, discard};
use super::context::RunShared;
use super::drive::{Channel, Drove, Message, Permit, Setup};
use super::error::RunError;
use super::place::Place;
use super::position::Position;
use super::tasks::Task;
use super::tree::{At, Choice, Tree};
use crate::observe::spans;
use crate::plan::{Plan, StepKind};
use crate::state::{FailureKind, MAX_STEPS};

/// After how many steps other tasks of the thread have their turn, if they have waited for as long as they should.
const TURN: u32 = 32;

/// Whether a run of this engine may be light.
pub(crate) fn is_possible(setup: &Setup) -> bool {
    setup.engine.observers.is_empty() && setup.engine.layers.is_empty() && !spans::are_seen()
}

/// Runs a workflow to its end. Its output is put there, unless the run was none of these to its end and the driver has
/// it.
pub(crate) async fn run(
    setup: Setup,
    plan: Arc<Plan>,
    table: &Table,
    into: &dyn Place,
) -> Result<Option<Drove>, RunError> {
    let shared = RunShared::without_record(&setup, plan);
    let ground = Ground::new(setup.tree.clone(), shared, table);
    let mut light = Light::new(&ground, table, setup.engine.permits.clone());
    let ended = match light.go().await {
        Ok(()) => light.end(into).map_err(|_| Why::NoOutput),
        Err(why) => Err(why),
    };
    // The values of the run go here, and whatever their destructors do, the run has ended as it has.
    match ended {
        Ok(()) => {
            drop(light);
            discard((ground, setup));
            Ok(None)
        }
        Err(why) => {
            // On its own, so that the future of a run that stays light is small.
            let drove = Box::pin(light.hand_over(setup, why)).await;
            drop(light);
            discard(ground);
            drove.map(Some)
        }
    }
}

/// What bodies borrow.
struct Ground {
    tree: Arc<dyn Tree>,
    shared: Arc<RunShared>,
    /// For nodes that take none.
    cx: NodeContext,
    /// For each fan-out that is in no other the numbers of its items, once it is open; so that a step in it can borrow
    /// the one that it stands for.
    items: Box<[OnceLock<Box<[u32]>>]>,
}

impl Ground {
    fn new(tree: Arc<dyn Tree>, shared: Arc<RunShared>, table: &Table) -> Self {
        let fans = if table.has_each { table.steps.len() } else { 0 };
        let cx = NodeContext::new(shared.clone(), Position::default(), 1);
        Self { tree, shared, cx, items: (0..fans).map(|_| OnceLock::new()).collect() }
    }
}

/// A light run.
struct Light<'r> {
    ground: &'r Ground,
    table: &'r Table,
    state: State<'r>,
    permits: Arc<Semaphore>,
    /// The permit of the body that is run here next.
    permit: Option<Permit>,
    /// A permit that is waited for.
    wanted: Option<Pin<Box<dyn Future<Output = Option<Permit>> + Send>>>,
    /// Bodies that wait for something, in this task.
    in_flight: Option<FuturesUnordered<InFlight<'r>>>,
    /// Those that run in tasks of their own.
    beside: BTreeMap<Cell, Task>,
    channel: Option<Channel>,
}

/// Why a light run does not go on by itself for the moment.
enum Rest {
    /// All steps have ended.
    Ended,
    /// Nothing is ready, or there is no permit.
    Waits,
    /// It has done much, and others may want the thread.
    Yields,
}

impl<'r> Light<'r> {
    fn new(ground: &'r Ground, table: &'r Table, permits: Arc<Semaphore>) -> Self {
        let state = State::new(&ground.shared.plan, table);
        Self {
            ground,
            table,
            state,
            permits,
            permit: None,
            wanted: None,
            in_flight: None,
            beside: BTreeMap::new(),
            channel: None,
        }
    }

    /// Goes on until all steps have ended, or something else happens.
    async fn go(&mut self) -> Result<(), Why> {
        loop {
            match poll_fn(|task| Poll::Ready(self.advance(task))).await? {
                Rest::Ended => return Ok(()),
                Rest::Yields => tokio::task::coop::consume_budget().await,
                Rest::Waits => {
                    self.permit = None;
                    self.wait().await?;
                }
            }
        }
    }

    /// Does all that is ready.
    fn advance(&mut self, task: &mut Context<'_>) -> Result<Rest, Why> {
        let mut begun = 0;
        while let Some(cell) = self.state.pop() {
            if begun == TURN {
                self.state.put_back(cell);
                return Ok(Rest::Yields);
            }
            let local = self.state.local(cell);
            if !self.table.steps[local as usize].is_call {
                self.open(cell, local)?;
            } else if let Some(permit) = self.next_permit() {
                self.begin(cell, local, permit, begun, task)?;
                begun += 1;
            } else {
                self.state.put_back(cell);
                return Ok(Rest::Waits);
            }
        }
        Ok(if self.state.has_ended() { Rest::Ended } else { Rest::Waits })
    }

    fn plan(&self) -> &'r Plan {
        &self.ground.shared.plan
    }

    /// The permit for the next body, if there is one.
    fn next_permit(&mut self) -> Option<Permit> {
        if let Some(permit) = self.permit.take() {
            return Some(permit);
        }
        let permit = self.permits.clone().try_acquire_owned().ok();
        if permit.is_none() && self.wanted.is_none() {
            let permits = self.permits.clone();
            self.wanted = Some(Box::pin(async move { permits.acquire_owned().await.ok() }));
        }
        permit
    }

    /// Whether nothing is under way and nothing else is ready.
    fn is_alone(&self) -> bool {
        self.state.is_idle() && self.beside.is_empty() && self.in_flight.as_ref().is_none_or(FuturesUnordered::is_empty)
    }

    /// Where a step has its slot, for as long as the run lasts; `None` inside of several fan-outs.
    #[inline]
    fn at(&self, cell: Cell, step: u32) -> Option<At<'r>> {
        if self.state.is_in_root(cell) { Some(At { step, items: &[] }) } else { self.at_in_region(cell, step) }
    }

    fn at_in_region(&self, cell: Cell, step: u32) -> Option<At<'r>> {
        let instance = self.state.instance(cell);
        match instance.depth {
            0 => Some(At { step, items: &[] }),
            1 => {
                let numbers = self.ground.items[instance.each as usize].get()?;
                let item = self.state.item(cell) as usize;
                Some(At { step, items: numbers.get(item..=item)? })
            }
            _ => None,
        }
    }

    /// Does something with the slot of a step.
    fn in_place<T>(&self, cell: Cell, act: impl FnOnce(&dyn Tree, At<'_>) -> T) -> T {
        if let Some(at) = self.at(cell, self.state.local(cell)) {
            return act(&*self.ground.tree, at);
        }
        act(&*self.ground.tree, self.position(cell).at())
    }

    /// A step and what is around it.
    fn position(&self, cell: Cell) -> Position {
        Position::in_regions(self.plan(), self.state.local(cell), self.state.around(cell))
    }

    /// Evaluates the head of a branch or a fan-out, and opens what it says.
    fn open(&mut self, cell: Cell, local: u32) -> Result<(), Why> {
        let failed = |error| Why::Broke(cell, 0, Box::new(error));
        let panicked = |panic| failed(AttemptError::new(FailureKind::Panic, panic));
        self.fill_used(cell, local).map_err(panicked)?;
        let choice = self.in_place(cell, |tree, at| catch(|| tree.choose(at))).map_err(panicked)?;
        let (region, items) = match (choice, &self.plan().step(local).kind) {
            (Choice::Arm(arm), StepKind::Branch { arms }) if (arm as usize) < arms.len() => (arms[arm as usize], None),
            (Choice::Items(items), StepKind::Each { body }) => (*body, Some(items)),
            _ => return Err(failed(AttemptError::new(FailureKind::Error, "it has no such region".to_owned()))),
        };
        if let Some(items) = items {
            let room = MAX_STEPS.saturating_sub(self.state.len()) / self.plan().region(region).len.max(1) as usize;
            if items as usize > room {
                let reason = format!("{items} items are more than fit into the {MAX_STEPS} steps of a run");
                return Err(failed(AttemptError::new(FailureKind::Error, reason)));
            }
            if self.state.instance(cell).depth == 0 {
                self.ground.items[local as usize].get_or_init(|| (0..items).collect());
            }
        }
        self.in_place(cell, |tree, at| tree.open(at, choice));
        self.state.open(cell, region, items);
        Ok(())
    }

    /// Makes the values that this step uses and that are made of those of regions; else gives the message of a panic.
    #[inline]
    fn fill_used(&mut self, cell: Cell, local: u32) -> Result<(), String> {
        let uses = &self.table.steps[local as usize].uses;
        uses.iter().try_for_each(|&used| self.join(self.state.used(cell, used)))
    }

    /// Makes the value of a branch or a fan-out, unless it is there.
    fn join(&mut self, cell: Cell) -> Result<(), String> {
        if self.state.is_joined(cell) {
            return Ok(());
        }
        for instance in self.state.regions(cell) {
            let region = self.state.region(instance);
            if self.table.tails[region as usize].is_empty() {
                break;
            }
            let tail = &self.table.tails[region as usize];
            tail.iter().try_for_each(|&step| self.join(self.state.used_in(instance, step)))?;
        }
        self.in_place(cell, |tree, at| catch(|| tree.join(at)))?;
        self.state.join(cell);
        Ok(())
    }

    /// Puts the output of the workflow where it is wanted.
    fn end(&mut self, into: &dyn Place) -> Result<(), String> {
        self.table.tails[0].iter().try_for_each(|&step| self.join(self.state.used_in(0, step)))?;
        catch(|| self.ground.tree.end(into))
    }

    /// Waits until something happens, and takes in all that has.
    async fn wait(&mut self) -> Result<(), Why> {
        poll_fn(|task| {
            let mut happened = false;
            while let Some(end) = self.next_end(task) {
                happened = true;
                if let Err(why) = self.take(end) {
                    return Poll::Ready(Err(why));
                }
            }
            if let Some(wanted) = &mut self.wanted
                && let Poll::Ready(permit) = wanted.as_mut().poll(task)
            {
                (self.wanted, self.permit, happened) = (None, permit, true);
            }
            if happened { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// The next end of an attempt, if there is one.
    fn next_end(&mut self, task: &mut Context<'_>) -> Option<End> {
        if let Some(in_flight) = &mut self.in_flight
            && let Poll::Ready(Some(end)) = in_flight.poll_next_unpin(task)
        {
            return Some(end);
        }
        let Poll::Ready(Some(Message::Ended(end))) = self.channel.as_mut()?.1.poll_recv(task) else { return None };
        let cell = self.state.cell(end.step);
        self.beside.remove(&cell);
        Some(End::of_attempt(cell, end))
    }
}
