//! Random walks of a run, as an engine would make them.
//!
//! In: a seed. Out: the deltas of one run, each with the record after it, from its creation to its end. The same
//! seed gives the same walk.

use fastrand::Rng;

use super::plans::{self, Item};
use super::records;
use crate::plan::StepKind;
use crate::state::{
    Ack, Asked, CompletedBy, Delta, Event, Phase, RegionKind, ResetMode, RollbackCause, RunCreated, RunOutcome,
    RunOutput, StepRef, StepStatus, Timestamp, WaitingOn, WorkflowData, WorkflowId, WorkflowStatus,
};

/// A run that goes its random way.
pub(super) struct Walk {
    rng: Rng,
    items: Vec<Item>,
    at: Timestamp,
    /// The longest time between two deltas.
    pace: Timestamp,
    /// The record as it is now.
    pub(super) data: WorkflowData,
    /// What has happened since the last delta.
    events: Vec<Event>,
}

impl Walk {
    /// A run that has just been created, and the delta that creates it.
    pub(super) fn new(id: &WorkflowId, seed: u64) -> (Self, Delta) {
        Self::starting_at(records::START, 5_000_000_000, id, seed)
    }

    fn starting_at(at: Timestamp, pace: Timestamp, id: &WorkflowId, seed: u64) -> (Self, Delta) {
        let mut rng = Rng::with_seed(seed);
        let items = if rng.bool() { plans::every_construct() } else { plans::random(&mut rng) };
        let mut created = RunCreated::new(id.clone(), plans::plan("walk", &items), records::random_payload(&mut rng));
        created.metadata = (0..rng.usize(0..3)).map(|n| (format!("key {n}"), records::random_text(&mut rng))).collect();
        let first = Delta::new(rng.u64(1..), 0, at, vec![Event::RunCreated(Box::new(created))]);
        let data = records::created(&first);
        (Self { rng, items, at, pace, data, events: Vec::new() }, first)
    }

    /// All deltas of a walk of at most this many, with the records after them.
    pub(super) fn all(id: &WorkflowId, seed: u64, most: usize) -> Vec<(Delta, WorkflowData)> {
        let (walk, first) = Self::new(id, seed);
        walk.until_its_end(first, most)
    }

    fn until_its_end(mut self, first: Delta, most: usize) -> Vec<(Delta, WorkflowData)> {
        let mut all = vec![(first, self.data.clone())];
        while all.len() < most
            && let Some(delta) = self.next()
        {
            all.push((delta, self.data.clone()));
        }
        all
    }

    /// What happens next; `None` once the run has ended, which now and then is not for good.
    pub(super) fn next(&mut self) -> Option<Delta> {
        self.at += self.rng.i64(0..self.pace);
        if self.data.status.is_terminal() && self.rng.bool() {
            let reset = self.reset();
            self.record(reset);
        }
        for _ in 0..self.rng.u8(1..4) {
            if self.data.status.is_terminal() {
                break;
            }
            self.take_a_step();
        }
        if self.events.is_empty() {
            return None;
        }
        let mut delta = Delta::new(self.data.run_no, self.data.seq, self.at, std::mem::take(&mut self.events));
        delta.ack = if self.rng.u8(0..3) == 0 { Ack::Lazy } else { Ack::Sync };
        delta.taken = (0..self.rng.usize(0..2)).map(|n| format!("request {n}")).collect();
        self.data.seq += 1;
        Some(delta)
    }

    fn take_a_step(&mut self) {
        if self.rng.u8(0..20) == 0 {
            return self.something_from_outside();
        }
        let steps = self.movable();
        if steps.is_empty() {
            return self.end();
        }
        let step = steps[self.rng.usize(0..steps.len())];
        match (self.data.step(step).status, self.is_call(step)) {
            (StepStatus::Pending, true) => self.start_or_wait(step),
            (StepStatus::Pending, false) => self.open(step),
            (StepStatus::Running, _) => self.end_attempt(step),
            _ => self.end_wait(step),
        }
    }

    /// The steps to which something can happen.
    fn movable(&self) -> Vec<StepRef> {
        let mut movable = Vec::new();
        for (index, instance) in self.data.instances.iter().enumerate() {
            for local in self.data.plan.region(instance.region).locals() {
                let step = StepRef::new(index as u32, local);
                let can = match self.data.step(step).status {
                    StepStatus::Pending => self.is_ready(step) && !self.is_stopped(step),
                    StepStatus::Running => self.is_call(step),
                    status => status == StepStatus::Waiting,
                };
                if can {
                    movable.push(step);
                }
            }
        }
        movable
    }

    fn is_call(&self, step: StepRef) -> bool {
        matches!(self.data.plan.step(step.local).kind, StepKind::Call { .. })
    }

    fn is_ready(&self, step: StepRef) -> bool {
        self.data.plan.step(step.local).inputs.iter().all(|&input| {
            let plan = self.data.plan.step(input);
            let instance = self.data.enclosing(step.instance, plan.region);
            instance.is_some_and(|instance| match self.data.step(StepRef::new(instance, input)).status {
                StepStatus::Completed => true,
                StepStatus::Failed => plan.catches_own_failure(),
                _ => false,
            })
        })
    }

    /// Whether something failed in a region around this step.
    fn is_stopped(&self, step: StepRef) -> bool {
        let around = std::iter::successors(Some(step.instance), |&instance| {
            self.data.instances[instance as usize].opened_by.map(|opener| opener.instance)
        });
        { around }.any(|instance| self.data.instances[instance as usize].failed)
    }

    fn start_or_wait(&mut self, step: StepRef) {
        let attempt = self.data.step(step).attempts + 1;
        match self.rng.u8(0..12) {
            0 => self.wait(step),
            1 => self.fail(step, 0),
            _ => self.record(Event::StepStarted { step, attempt, phase: Phase::Do }),
        }
    }

    fn wait(&mut self, step: StepRef) {
        let on = match self.rng.u8(0..3) {
            0 => WaitingOn::Timer(self.at + self.rng.i64(0..1_000_000)),
            1 => WaitingOn::Signal {
                name: "manager".to_owned(),
                type_name: "Approval".to_owned(),
                deadline: self.rng.bool().then_some(self.at + 1),
            },
            _ => WaitingOn::Doubt(self.data.step(step).attempts),
        };
        self.record(Event::StepWaiting { step, on });
    }

    fn open(&mut self, step: StepRef) {
        if self.rng.u8(0..12) == 0 {
            return self.fail(step, 0);
        }
        let kind = match &self.data.plan.step(step.local).kind {
            StepKind::Branch { arms } => {
                let index = self.rng.usize(0..arms.len());
                let label = self.data.plan.region(arms[index]).label.to_string();
                RegionKind::Arm { index: index as u32, label }
            }
            _ => RegionKind::Items(self.rng.u32(0..4)),
        };
        let first_instance = self.data.instances.len() as u32;
        self.record(Event::RegionOpened { step, first_instance, kind });
    }

    fn end_attempt(&mut self, step: StepRef) {
        let attempt = self.data.step(step).attempts;
        let stopped = self.is_stopped(step);
        match self.rng.u8(0..16) {
            0 if !stopped => {
                let error = records::random_failure(&mut self.rng, self.data.path(step), attempt);
                let retry_at = self.at + self.rng.i64(0..20_000_000_000);
                self.record(Event::AttemptFailed { step, attempt, phase: Phase::Do, error, retry_at });
            }
            1 if !stopped => self.record(Event::StepReleased { step }),
            2 if !stopped => self.record(Event::StepStarted { step, attempt: attempt + 1, phase: Phase::Do }),
            3 if !stopped => self.wait(step),
            4 | 5 => self.fail(step, attempt),
            6 if stopped => self.record(Event::StepCancelled { step, attempt }),
            _ => self.complete(step, attempt, CompletedBy::Body),
        }
    }

    fn end_wait(&mut self, step: StepRef) {
        let attempt = self.data.step(step).attempts;
        match self.rng.u8(0..4) {
            _ if self.is_stopped(step) => self.record(Event::StepCancelled { step, attempt }),
            0 => self.fail(step, attempt),
            1 => self.complete(step, attempt, CompletedBy::Operator),
            2 => self.complete(step, attempt, CompletedBy::Copied),
            _ => self.complete(step, attempt, CompletedBy::Signal("signal 1".to_owned())),
        }
    }

    fn complete(&mut self, step: StepRef, attempt: u32, by: CompletedBy) {
        let payload = records::random_payload(&mut self.rng);
        let keys = self.rng.usize(0..3);
        let data = (0..keys).map(|key| (format!("key {key}"), records::random_payload(&mut self.rng))).collect();
        self.record(Event::StepCompleted { step, attempt, payload, data, by });
    }

    fn fail(&mut self, step: StepRef, attempt: u32) {
        let error = records::random_failure(&mut self.rng, self.data.path(step), attempt);
        self.record(Event::StepFailed { step, attempt, error });
    }

    fn something_from_outside(&mut self) {
        let kinds = [Asked::Cancel, Asked::Terminate, Asked::Pause, Asked::Resume];
        if self.rng.bool() {
            let kind = kinds[self.rng.usize(0..kinds.len())];
            return self.record(Event::Asked { kind });
        }
        self.items.push(Item::call(format!("added {}", self.items.len())));
        let plan = plans::plan("walk", &self.items);
        self.record(Event::PlanAdopted { plan });
        if let Some(step) = self.completed_step() {
            self.record(Event::StepMigrated { step, payload: records::text("migrated") });
        }
    }

    /// Nothing can happen to any step: the run ends.
    fn end(&mut self) {
        let failures = self.data.failures();
        if failures.is_empty() && self.data.asked != Some(Asked::Cancel) {
            let output = match self.completed_step() {
                Some(step) if self.rng.bool() => RunOutput::Step(step),
                _ => RunOutput::Payload(records::random_payload(&mut self.rng)),
            };
            return self.record(Event::RunEnded { outcome: RunOutcome::Completed, output });
        }
        if self.rng.bool() {
            self.roll_back();
        }
        let outcomes = [RunOutcome::Failed, RunOutcome::Cancelled, RunOutcome::RolledBack];
        let outcome = outcomes[self.rng.usize(0..outcomes.len())];
        self.record(Event::RunEnded { outcome, output: RunOutput::Errors(failures) });
    }

    fn roll_back(&mut self) {
        let cause = if self.rng.bool() { RollbackCause::Failure } else { RollbackCause::Cancel };
        self.record(Event::RollbackStarted { cause });
        for step in self.to_be_undone().into_iter().take(4) {
            self.record(Event::StepStarted { step, attempt: 1, phase: Phase::Undo });
            let error = records::random_failure(&mut self.rng, self.data.path(step), 1);
            match self.rng.u8(0..4) {
                0 => {
                    let retry_at = self.at + self.rng.i64(0..10_000_000_000);
                    self.record(Event::AttemptFailed { step, attempt: 1, phase: Phase::Undo, error, retry_at });
                }
                1 => self.record(Event::UndoFailed { step, error }),
                _ => self.record(Event::UndoCompleted { step }),
            }
        }
    }

    fn to_be_undone(&self) -> Vec<StepRef> {
        let of = |(instance, region): (u32, u32)| {
            self.data.plan.region(region).locals().map(move |local| StepRef::new(instance, local))
        };
        let regions = self.data.instances.iter().map(|instance| instance.region);
        (0..).zip(regions).flat_map(of).filter(|&step| self.data.is_to_be_undone(step)).collect()
    }

    /// That steps run again in a run that has ended.
    pub(super) fn reset(&mut self) -> Event {
        let is_completed = self.data.status == WorkflowStatus::Completed;
        let instance = self.rng.u32(0..self.data.instances.len() as u32);
        let locals = self.data.plan.region(self.data.instances[instance as usize].region).locals();
        let root = if locals.is_empty() { StepRef::new(0, 0) } else { StepRef::new(instance, self.rng.u32(locals)) };
        if is_completed || self.rng.bool() {
            return Event::StepsReset { roots: vec![root], mode: ResetMode::From };
        }
        Event::StepsReset { roots: Vec::new(), mode: ResetMode::Failed }
    }

    fn completed_step(&self) -> Option<StepRef> {
        let locals = self.data.plan.region(0).locals();
        let mut steps = locals.map(|local| StepRef::new(0, local));
        steps.find(|&step| self.data.step(step).status == StepStatus::Completed && self.is_call(step))
    }

    fn record(&mut self, event: Event) {
        records::apply(&mut self.data, &event, self.at);
        self.events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is derived and not stored must be the same whether it was kept up to date or computed anew.
    fn comes_back_through_bytes(walk: Vec<(Delta, WorkflowData)>) {
        for (delta, after) in walk {
            let found = WorkflowData::from_bytes(after.to_bytes().unwrap()).unwrap();
            assert!(found == after, "delta {}: {:#?}\n{after:#?}\n{found:#?}", delta.seq, delta.events);
        }
    }

    #[test]
    fn b30_every_record_of_a_walk_comes_back_through_its_bytes() {
        (0..400).for_each(|seed| comes_back_through_bytes(Walk::all(&records::id("walk"), seed, 60)));
    }

    #[test]
    fn b30_a_walk_at_the_time_0_comes_back_through_its_bytes() {
        for seed in 0..400 {
            let (walk, first) = Walk::starting_at(0, 1, &records::id("walk"), seed);
            comes_back_through_bytes(walk.until_its_end(first, 60));
        }
    }

    /// Some event about some step, whether or not it fits.
    fn anything(walk: &mut Walk) -> Event {
        let rng = &mut walk.rng;
        let instances = walk.data.instances.len() as u32;
        let instance = rng.u32(0..instances);
        let locals = walk.data.plan.region(walk.data.instances[instance as usize].region).locals();
        let step = match rng.u8(0..6) {
            1.. if !locals.is_empty() => StepRef::new(instance, rng.u32(locals)),
            _ => StepRef::new(rng.u32(0..=instances), rng.u32(0..=walk.data.plan.steps.len() as u32)),
        };
        let attempt = rng.u32(0..4);
        let error = records::random_failure(rng, String::new(), attempt);
        let payload = records::random_payload(rng);
        let first_instance = instances;
        match rng.u8(0..16) {
            15 => Event::StepMigrated { step, payload },
            14 => Event::RollbackStarted { cause: RollbackCause::Failure },
            13 => {
                let mode = if rng.bool() { ResetMode::Failed } else { ResetMode::From };
                Event::StepsReset { roots: (0..rng.usize(0..3)).map(|_| step).collect(), mode }
            }
            0 => Event::StepStarted { step, attempt, phase: Phase::Do },
            1 => Event::AttemptFailed { step, attempt, phase: Phase::Do, error, retry_at: rng.i64(..) },
            2 => Event::StepWaiting { step, on: WaitingOn::Doubt(1) },
            3 => Event::StepFailed { step, attempt, error },
            4 => Event::StepCancelled { step, attempt },
            5 => Event::StepReleased { step },
            6 => Event::UndoCompleted { step },
            7 => Event::UndoFailed { step, error },
            8 => Event::RegionOpened { step, first_instance, kind: RegionKind::Items(rng.u32(0..4)) },
            9 => {
                let kind = RegionKind::Arm { index: rng.u32(0..3), label: String::new() };
                Event::RegionOpened { step, first_instance, kind }
            }
            10 => Event::PlanAdopted { plan: plans::plan("walk", &plans::random(rng)) },
            11 if rng.u8(0..4) == 0 => {
                Event::RunEnded { outcome: RunOutcome::Failed, output: RunOutput::Errors(Vec::new()) }
            }
            _ => {
                let data = vec![("key".to_owned(), payload.clone())];
                Event::StepCompleted { step, attempt, payload, data, by: CompletedBy::Body }
            }
        }
    }

    /// A log may say anything: what does not fit is refused, and whatever is taken leaves a record that can be kept.
    #[test]
    fn b34_events_of_any_kind_are_taken_or_refused() {
        let mut taken = 0;
        for seed in 0..500 {
            let (mut walk, _) = Walk::new(&records::id("anything"), seed);
            (0..walk.rng.u8(0..20)).for_each(|_| drop(walk.next()));
            for _ in 0..60 {
                let event = anything(&mut walk);
                let mut next = walk.data.clone();
                if next.apply_event(&event, walk.at, &mut Vec::new()).is_ok() {
                    next.statuses();
                    next.failures();
                    let bytes = next.to_bytes().unwrap();
                    assert!(WorkflowData::from_bytes(bytes).is_ok(), "seed {seed}: {event:?}");
                    (walk.data, taken) = (next, taken + 1);
                }
            }
        }
        assert!(taken > 2_000, "{taken} events were taken");
    }

    #[test]
    fn walks_reach_every_event_and_every_status() {
        let mut events = std::collections::BTreeSet::new();
        let mut statuses = std::collections::HashSet::new();
        for seed in 0..400 {
            for (delta, after) in Walk::all(&records::id("walk"), seed, 60) {
                events.extend(delta.events.iter().map(Event::name));
                statuses.extend(after.steps.iter().map(|step| step.status));
            }
        }
        // Bypassed is derived.
        assert_eq!(events.len(), 17, "{events:?}");
        assert_eq!(statuses.len(), 9, "{statuses:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_walk() {
        let id = records::id("walk");
        assert_eq!(Walk::all(&id, 7, 40), Walk::all(&id, 7, 40));
        assert_ne!(Walk::all(&id, 7, 40), Walk::all(&id, 8, 40));
    }
}
