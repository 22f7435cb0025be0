//! Handing a light run over to the driver, as it stands.
//!
//! In: why the run is no light one any more. Out: how the driver ends it. The record that the driver needs is made of
//! what has happened; bodies that are under way go on, those that borrow from the run in its own task.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use super::Light;
use super::state::{Cell, Status};
use crate::engine::attempt::{AttemptEnd, AttemptError};
use crate::engine::drive::{Driver, Drove, Failed, Message, Midway, Running, Setup};
use crate::engine::error::RunError;
use crate::engine::tasks::Task;
use crate::plan::StepKind;
use crate::state::{CompletedBy, Event, Payload, Phase, RegionKind, StepRef};

/// Why a light run is none any more.
pub(super) enum Why {
    /// The first attempt of a step failed.
    Failed(Cell, Box<AttemptError>),
    /// A head could not be evaluated, or the values could not be made that a step uses at this attempt; 0 for a head.
    Broke(Cell, u32, Box<AttemptError>),
    /// The output could not be made. It is tried again, and fails as it did.
    NoOutput,
}

impl Light<'_> {
    /// Has the driver go on.
    pub(super) async fn hand_over(&mut self, setup: Setup, why: Why) -> Result<Drove, RunError> {
        let (mut lent, mut running) = (FuturesUnordered::new(), Vec::new());
        for in_flight in self.in_flight.take().into_iter().flatten() {
            let step = self.state.step(in_flight.cell());
            let (body, wanted) = in_flight.lend(step);
            running.push((body.step, Running::new(1, Task::Lent { _wanted: wanted })));
            lent.push(body);
        }
        for (cell, task) in std::mem::take(&mut self.beside) {
            running.push((self.state.step(cell), Running::new(1, task)));
        }
        let failed = match why {
            Why::Failed(cell, error) => {
                let result = Err(*error);
                Some(Failed::Attempt(AttemptEnd { step: self.state.step(cell), number: 1, result }))
            }
            Why::Broke(cell, number, error) => Some(Failed::Expression(self.state.step(cell), number, *error)),
            Why::NoOutput => None,
        };
        let channel = self.channel.take().unwrap_or_else(mpsc::unbounded_channel);
        let outbox = channel.0.clone();
        let shared = self.ground.shared.clone();
        let midway = Midway { shared, channel, events: self.history(), joined: self.joined(), running, failed };
        self.permit = None;
        let mut drive = pin!(Driver::take_over(setup, midway).drive());
        poll_fn(|task| {
            while let Poll::Ready(Some(end)) = lent.poll_next_unpin(task) {
                if let Some((end, permit)) = end {
                    // An error means that the driver has gone, and nobody waits for the end any more.
                    let _ = outbox.send(Message::Ended(end));
                    drop(permit);
                }
            }
            drive.as_mut().poll(task)
        })
        .await
    }

    /// What has happened, as the events by which a record comes to stand so.
    fn history(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut first_instance = 1;
        while let Some((opener, region)) = self.state.opener(first_instance) {
            let (step, len) = (self.state.step(opener), self.state.regions(opener).len() as u32);
            let kind = match &self.plan().step(step.local).kind {
                StepKind::Branch { arms } => {
                    let index = arms.iter().position(|&arm| arm == region).unwrap_or_default() as u32;
                    RegionKind::Arm { index, label: self.plan().region(region).label.to_string() }
                }
                _ => RegionKind::Items(len),
            };
            events.push(Event::RegionOpened { step, first_instance, kind });
            first_instance += len;
        }
        for (cell, status) in self.state.all().filter(|&(_, status)| status != Status::Pending) {
            let step = self.state.step(cell);
            if self.is_call(step) {
                events.push(Event::StepStarted { step, attempt: 1, phase: Phase::Do });
                if status == Status::Completed {
                    let (payload, data, by) = (Payload::empty(), Vec::new(), CompletedBy::Body);
                    events.push(Event::StepCompleted { step, attempt: 1, payload, data, by });
                }
            } else if self.state.regions(cell).is_empty() {
                events.push(Event::RegionOpened { step, first_instance, kind: RegionKind::Items(0) });
            }
        }
        events
    }

    /// The branches and fan-outs that have their value.
    fn joined(&self) -> Vec<StepRef> {
        let all = self.state.all().map(|(cell, _)| cell);
        all.filter(|&cell| self.state.is_joined(cell)).map(|cell| self.state.step(cell)).collect()
    }

    fn is_call(&self, step: StepRef) -> bool {
        matches!(self.plan().step(step.local).kind, StepKind::Call { .. })
    }
}
