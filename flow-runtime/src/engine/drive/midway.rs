//! A run without a record that the driver takes over in the middle.
//!
//! In: what has happened and what is under way. Out: a driver that goes on from there.

use std::sync::Arc;

use super::{Channel, Driver, Running, Setup};
use crate::engine::attempt::{AttemptEnd, AttemptError};
use crate::engine::context::RunShared;
use crate::engine::decide::Schedule;
use crate::state::{Event, Payload, RunCreated, StepRef, WorkflowData, WorkflowId};

/// A run in the middle.
pub(crate) struct Midway {
    pub(crate) shared: Arc<RunShared>,
    /// By which what is under way reports its end.
    pub(crate) channel: Channel,
    pub(crate) events: Vec<Event>,
    /// The branches and fan-outs that have their value.
    pub(crate) joined: Vec<StepRef>,
    pub(crate) running: Vec<(StepRef, Running)>,
    pub(crate) failed: Option<Failed>,
}

/// What has failed and was not taken in.
pub(crate) enum Failed {
    Attempt(AttemptEnd),
    /// What a head says, or the values that a step uses at this attempt; 0 for a head.
    Expression(StepRef, u32, AttemptError),
}

impl Failed {
    fn step(&self) -> StepRef {
        match self {
            Self::Attempt(end) => end.step,
            Self::Expression(step, ..) => *step,
        }
    }
}

impl Driver {
    /// A driver that goes on from there.
    pub(crate) fn take_over(setup: Setup, midway: Midway) -> Self {
        let Midway { shared, channel, events, joined, running, failed } = midway;
        let plan = shared.plan.clone();
        let created = RunCreated::new(WorkflowId::ephemeral(), plan.clone(), Payload::empty());
        let data = WorkflowData::new(fastrand::u64(1..), &created, setup.engine.clock.now());
        let mut driver = Self::with(setup, data, plan, shared, channel);
        events.into_iter().for_each(|event| driver.relive(&event));
        joined.into_iter().for_each(|step| driver.values.set_filled(&driver.data, step));
        driver.running.extend(running);
        driver.schedule = Schedule::new(&driver.data);
        // What is under way, and what has just failed, begins no second time.
        let (running, ended) = (&driver.running, failed.as_ref().map(Failed::step));
        driver.schedule.ready.retain(|step| !running.contains_key(step) && Some(*step) != ended);
        driver.is_restored = true;
        match failed {
            Some(Failed::Attempt(end)) => driver.take_end(end),
            Some(Failed::Expression(step, number, error)) => driver.fail(step, number, error),
            None => {}
        }
        driver
    }

    /// Takes in what has happened before.
    fn relive(&mut self, event: &Event) {
        if let Err(error) = self.data.apply_event(event, self.now, &mut Vec::new()) {
            // As in `record`: the run must not go on with a wrong record.
            panic!("{error}");
        }
        if let Event::StepCompleted { step, .. } = event {
            self.values.set_filled(&self.data, *step);
        }
    }
}
