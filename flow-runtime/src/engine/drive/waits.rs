//! Steps that wait for something outside, or for a retry that is far off: when they begin to, when their time has come,
//! and when the run can be parked because nothing else is left.
//!
//! In: a step whose output is a point in time or a signal. Out: that it waits, is complete, or was waited for too long.

use std::collections::{BTreeSet, HashMap};

use super::{Driver, Mode};
use crate::engine::attempt::{AttemptError, Done, wait_of};
use crate::engine::clock::Clock;
use crate::engine::context::NodeContext;
use crate::engine::decide::nanos;
use crate::engine::error::RunError;
use crate::engine::live::Live;
use crate::engine::position::Position;
use crate::engine::requests::fingerprint_of;
use crate::engine::tree::{Tree, WaitFor};
use crate::state::{CompletedBy, Event, FAR, FailureKind, StepRef, StepStatus, Timestamp, WaitingOn, encode};

/// A run in which nothing is left to do but to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Park {
    /// When it is to be woken, if nothing is asked of it before.
    pub(crate) due: Option<Timestamp>,
    /// The requests it has seen and left.
    pub(crate) seen: u64,
}

/// The steps that wait.
#[derive(Default)]
pub(super) struct Waits {
    /// Those whose wait ends at a time, a timer's or that of a signal that does not come.
    due: BTreeSet<(Timestamp, StepRef)>,
    /// Those that are attempted again at a time that is far off.
    retries: BTreeSet<(Timestamp, StepRef)>,
    /// Those that wait for a signal, by its name.
    by_name: HashMap<String, Vec<StepRef>>,
}

impl Waits {
    pub(super) fn add(&mut self, step: StepRef, on: &WaitingOn) {
        match on {
            WaitingOn::Timer(due) => {
                self.due.insert((*due, step));
            }
            WaitingOn::Signal { name, deadline, .. } => {
                self.due.extend(deadline.map(|deadline| (deadline, step)));
                self.by_name.entry(name.clone()).or_default().push(step);
            }
            WaitingOn::Doubt(_) => {}
        }
    }

    pub(super) fn remove(&mut self, step: StepRef, on: &WaitingOn) {
        match on {
            WaitingOn::Timer(due) => {
                self.due.remove(&(*due, step));
            }
            WaitingOn::Signal { name, deadline, .. } => {
                if let Some(deadline) = deadline {
                    self.due.remove(&(*deadline, step));
                }
                if let Some(steps) = self.by_name.get_mut(name) {
                    steps.retain(|&other| other != step);
                }
            }
            WaitingOn::Doubt(_) => {}
        }
    }

    pub(super) fn add_retry(&mut self, step: StepRef, due: Timestamp) {
        self.retries.insert((due, step));
    }

    pub(super) fn has_retries(&self) -> bool {
        !self.retries.is_empty()
    }

    pub(super) fn forget_retries(&mut self) {
        self.retries.clear();
    }

    /// When the next wait ends by itself.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().into_iter().chain(self.retries.first()).map(|(due, _)| *due).min()
    }

    pub(super) fn for_signal(&self, name: &str) -> &[StepRef] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<StepRef> {
        pop_due(&mut self.due, now)
    }

    fn pop_due_retry(&mut self, now: Timestamp) -> Option<StepRef> {
        pop_due(&mut self.retries, now)
    }
}

fn pop_due(times: &mut BTreeSet<(Timestamp, StepRef)>, now: Timestamp) -> Option<StepRef> {
    let (due, step) = *times.first()?;
    (due <= now).then(|| {
        times.pop_first();
        step
    })
}

impl Driver {
    /// Evaluates what a step waits for. Its time begins to run now, for good.
    pub(super) fn begin_wait(&mut self, step: StepRef) -> Result<(), RunError> {
        if !self.may_start(step) {
            return Ok(());
        }
        match self.said_by(step, wait_of)? {
            Ok(wait) => self.wait_for(step, wait),
            Err(error) => self.fail(step, 1, error),
        }
        Ok(())
    }

    /// What a step says that has no body of its own.
    pub(super) fn said_by<T>(
        &mut self,
        step: StepRef,
        said: fn(&dyn Tree, &NodeContext) -> Result<T, AttemptError>,
    ) -> Result<Result<T, AttemptError>, RunError> {
        let filled = self.values.fill_inputs(&self.trees, &self.data, step);
        if let Some(panic) = filled.err().map(|error| self.value_error(error)).transpose()? {
            return Ok(Err(AttemptError::new(FailureKind::Panic, panic)));
        }
        let cx = NodeContext::new(self.shared.clone(), Position::of(&self.data, step), 1);
        Ok(said(&**self.trees.of(&cx.position().spot), &cx))
    }

    fn wait_for(&mut self, step: StepRef, wait: WaitFor) {
        let timeout = self.data.plan.step(step.local).policy.timeout;
        let on = match wait {
            WaitFor::Delay(delay) => WaitingOn::Timer(self.now.saturating_add(nanos(delay))),
            WaitFor::Until(due) => WaitingOn::Timer(due),
            WaitFor::Signal { .. } if self.journal.is_none() => {
                let message = "a run without a record gets no signals; run it on an engine with a store".to_owned();
                return self.fail(step, 1, AttemptError::new(FailureKind::Error, message));
            }
            WaitFor::Signal { name, type_name } => WaitingOn::Signal {
                name,
                type_name: type_name.to_owned(),
                deadline: timeout.map(|timeout| self.now.saturating_add(nanos(timeout))),
            },
        };
        if matches!(on, WaitingOn::Timer(due) if due <= self.now) {
            return self.complete_timer(step);
        }
        // One that came before may wait for this.
        self.has_to_look |= matches!(on, WaitingOn::Signal { .. });
        self.waits.add(step, &on);
        self.record(Event::StepWaiting { step, on });
    }

    /// Takes up the waits of a record.
    pub(super) async fn restore_waits(&mut self) -> Result<(), RunError> {
        let has_moved = self.stored_plan.fingerprint != self.data.plan.fingerprint;
        for step in self.waiting_steps() {
            if has_moved {
                self.wait_anew(step).await?;
            }
            if let Some(on) = &self.data.step(step).waiting {
                self.waits.add(step, on);
                self.has_to_look |= matches!(**on, WaitingOn::Signal { .. });
            }
        }
        Ok(())
    }

    /// Waits for the type that a signal has under the plan to which the run has moved. All else of the wait stays.
    async fn wait_anew(&mut self, step: StepRef) -> Result<(), RunError> {
        let Some(WaitingOn::Signal { name, type_name, deadline }) = self.data.step(step).waiting.as_deref().cloned()
        else {
            return Ok(());
        };
        self.fetch_inputs(step).await?;
        match self.said_by(step, wait_of)? {
            Ok(WaitFor::Signal { type_name: now, .. }) if now != type_name => {
                let on = WaitingOn::Signal { name, type_name: now.to_owned(), deadline };
                self.record(Event::StepWaiting { step, on });
            }
            _ => {}
        }
        Ok(())
    }

    fn waiting_steps(&self) -> Vec<StepRef> {
        if self.data.waiting == 0 {
            return Vec::new();
        }
        let of = |(instance, region): (usize, u32)| {
            self.data.plan.region(region).locals().map(move |local| StepRef::new(instance as u32, local))
        };
        let instances = self.data.instances.iter().map(|state| state.region).enumerate();
        instances.flat_map(of).filter(|&step| self.data.step(step).status == StepStatus::Waiting).collect()
    }

    /// Ends the waits whose time has come.
    pub(super) fn take_due_waits(&mut self) {
        while let Some(step) = self.waits.pop_due(self.now) {
            if self.data.step(step).status != StepStatus::Waiting || !self.may_go_on(step) {
                continue;
            }
            match self.data.step(step).waiting.as_deref().cloned() {
                Some(on @ WaitingOn::Signal { .. }) => {
                    self.waits.remove(step, &on);
                    let WaitingOn::Signal { name, .. } = on else { continue };
                    let timeout = self.data.plan.step(step.local).policy.timeout.unwrap_or_default();
                    let message = format!("no signal `{}` came within {timeout:?}", name.escape_debug());
                    self.fail(step, 1, AttemptError::new(FailureKind::Timeout, message));
                }
                _ => self.complete_timer(step),
            }
        }
        while let Some(step) = self.waits.pop_due_retry(self.now) {
            self.retry(step);
        }
    }

    /// Whether the run goes on where this step is, now or after a pause.
    pub(super) fn may_go_on(&self, step: StepRef) -> bool {
        matches!(self.mode, Mode::Going | Mode::Paused) && !self.data.is_stopped(step)
    }

    fn complete_timer(&mut self, step: StepRef) {
        match encode(&(), self.shared.encoding) {
            Ok(payload) => {
                let done = Done { value: Box::new(()), payload: Some(payload), cut: None, writes: Vec::new() };
                self.complete(step, 1, done, CompletedBy::Body);
            }
            Err(error) => self.fail(step, 1, AttemptError::new(FailureKind::Encode, error.to_string())),
        }
    }

    /// Cancels what waits where nothing goes on any more.
    pub(super) fn cancel_waits(&mut self) {
        let all = matches!(self.mode, Mode::Failing | Mode::Cancelling);
        let stopped = |step: &StepRef| all || self.data.is_stopped(*step);
        let waiting: Vec<StepRef> = self.waiting_steps().into_iter().filter(stopped).collect();
        for step in waiting {
            let on = self.data.step(step).waiting.as_deref().cloned();
            let attempt = if let Some(WaitingOn::Doubt(attempt)) = on { attempt } else { 0 };
            on.iter().for_each(|on| self.waits.remove(step, on));
            self.record(Event::StepCancelled { step, attempt });
        }
    }

    /// Whether nothing is left but to wait, and long enough to do so without a task; and until when.
    pub(super) fn park(&self) -> Option<Park> {
        // A retry that is near goes by the time of the process, so the driver waits for it.
        if self.journal.is_none() || self.timers.has_retries() || !self.rests() {
            return None;
        }
        let due = self.waits.next();
        let is_near = due.is_some_and(|due| due.saturating_sub(self.now) < FAR);
        // Its record would be read again for nothing.
        let is_soon = is_near && self.mode != Mode::Paused && !self.engine.park_at_once;
        let due = due.filter(|_| self.mode != Mode::Paused);
        (!is_soon).then(|| Park { due, seen: fingerprint_of(&self.left) })
    }

    /// Whether all that is left waits for something outside, or for the end of a pause.
    pub(super) fn rests(&self) -> bool {
        let has_waits = self.data.waiting > 0 || self.waits.has_retries();
        let waits = has_waits && self.data.scopes == 0 && !self.gates.has_waiting() && !self.has_work();
        waits || self.mode == Mode::Paused
    }

    /// When the next wait of the record ends, unless the run is paused or about to end.
    pub(super) fn next_wait(&self) -> Option<Timestamp> {
        self.waits.next().filter(|_| matches!(self.mode, Mode::Going | Mode::RollingBack))
    }
}

/// Waits until this time of the records; for ever if there is none.
pub(crate) async fn until_time(clock: &dyn Clock, due: Option<Timestamp>) {
    match due {
        Some(due) => clock.wait_until(due).await,
        None => std::future::pending().await,
    }
}

/// Waits until the driver is told that something was asked of its run.
pub(super) async fn told(live: Option<&Live>) {
    match live {
        Some(live) => live.bell.rung().await,
        None => std::future::pending().await,
    }
}
