//! The rules of what must be durable before what, checked over all that a ledger saw of a run.
//!
//! In: commits with their durability, bodies that began, what observers were told, in the order they happened. Out:
//! nothing, or a panic that names the rule; the numbers are those of the commit protocol.

use std::collections::BTreeSet;

use flow_runtime::WorkflowData;
use flow_runtime::plan::StepKind;
use flow_runtime::state::{Ack, Delta, Event, StepRef, StepStatus, Timestamp, WorkflowStatus};

use crate::recorder::{Entry, Ledger};

/// A retry that is due later than this is durable before it is waited for.
const LONG_BACKOFF: Timestamp = 10_000_000_000;

/// Checks all that a run did, from its creation or from where it went on.
pub(crate) fn check(ledger: &Ledger) {
    check_entries(ledger.before(), &ledger.entries());
}

/// Checks these entries of a run that was created, or went on from this record.
pub(crate) fn check_entries(before: Option<WorkflowData>, entries: &[Entry]) {
    let resumed = before.is_some();
    let mut run = Run { data: before, lagging: BTreeSet::new(), loaded: resumed, first_of_resumed: resumed };
    for entry in entries {
        match entry {
            Entry::Commit(delta) => run.commit(delta),
            Entry::Began(call) => run.begin(&call.step, call.attempt),
            Entry::Seen(path) => run.see(path),
        }
    }
}

struct Run {
    data: Option<WorkflowData>,
    /// What is committed and may not be on disk yet.
    lagging: BTreeSet<StepRef>,
    /// Whether the record was loaded and nothing was synced since, so that it may not be on disk itself.
    loaded: bool,
    /// Whether the next delta is the first after the record was loaded.
    first_of_resumed: bool,
}

impl Run {
    fn data(&self) -> &WorkflowData {
        self.data.as_ref().expect("rule 1: nothing happens before the run is created")
    }

    fn commit(&mut self, delta: &Delta) {
        let before = self.data.clone();
        match &mut self.data {
            Some(data) => data.apply(delta).unwrap(),
            None => self.data = Some(WorkflowData::create(delta).unwrap()),
        }
        self.check_durability(delta);
        if let Some(before) = before
            && !self.first_of_resumed
        {
            self.check_starts(&before, delta);
            Self::check_end(delta);
        }
        self.first_of_resumed = false;
        // It is parked then, and goes on from its record.
        self.loaded |= self.data().status == WorkflowStatus::Suspended;
    }

    fn check_durability(&mut self, delta: &Delta) {
        let names: Vec<&str> = delta.events.iter().map(Event::name).collect();
        let must = delta.events.iter().any(|event| must_be_durable(self.data(), event, delta.at));
        let relied_on: Vec<StepRef> = delta.events.iter().filter_map(relied_on).collect();
        if delta.ack == Ack::Lazy {
            assert!(!must, "rules 1, 4, 5, 6 and 7: {names:?} must be durable at once");
            self.lagging.extend(relied_on);
            return;
        }
        let holds_back = self.loaded || !self.lagging.is_empty() || !relied_on.is_empty();
        let may = must || (holds_back && self.starts_effect(delta));
        assert!(may, "no rule asks that {names:?} is durable at once");
        self.lagging.clear();
        self.loaded = false;
    }

    fn starts_effect(&self, delta: &Delta) -> bool {
        let starts =
            |event: &Event| matches!(event, Event::StepStarted { step, .. } if has_effects(self.data(), *step));
        delta.events.iter().any(starts)
    }

    /// Rule 2: the first start of a step rides with what it waited for. Where items queue for their turn it does not.
    fn check_starts(&self, before: &WorkflowData, delta: &Delta) {
        for event in &delta.events {
            let Event::StepStarted { step, attempt: 1, .. } = event else { continue };
            let was_there = before.instances.len() > step.instance as usize;
            let waited = !was_there || direct(before, *step).iter().any(|&needed| !has_ended(before, needed));
            assert!(waited || self.queues(*step), "rule 2: `{}` could start before", self.data().path(*step));
        }
    }

    fn queues(&self, step: StepRef) -> bool {
        let mut opener = opener(self.data(), step);
        while let Some(step) = opener {
            if self.data().plan.step(step.local).policy.concurrency.is_some() {
                return true;
            }
            opener = self::opener(self.data(), step);
        }
        false
    }

    /// Rule 7: the end of the run rides with the last end in it.
    fn check_end(delta: &Delta) {
        if let Some(Event::RunEnded { .. }) = delta.events.last() {
            let last = delta.events.iter().rev().nth(1).map(Event::name);
            let rides = matches!(last, Some("StepCompleted" | "StepFailed" | "StepCancelled" | "RegionOpened"));
            assert!(rides, "rule 7: the end of the run stands behind {last:?}");
        }
    }

    fn begin(&self, path: &str, attempt: u32) {
        let data = self.data();
        let step = data.find(path).expect("a body began in a region that is not open");
        let state = data.step(step);
        assert_eq!((state.status, state.attempts), (StepStatus::Running, attempt), "`{path}` began before its start");
        let needs = direct(data, step);
        assert!(
            needs.iter().all(|&needed| has_ended(data, needed)),
            "rule 4: `{path}` began before its inputs were there"
        );
        if has_effects(data, step) {
            let alone = ancestors(data, step).is_empty();
            assert!(!self.loaded || alone, "rule 2: `{path}` began on a record that may not be on disk");
            let lagging =
                ancestors(data, step).intersection(&self.lagging).map(|&step| data.path(step)).collect::<Vec<_>>();
            assert!(lagging.is_empty(), "rule 2: `{path}` began before {lagging:?} was durable");
        }
    }

    fn see(&self, path: &str) {
        let step = self.data().find(path).unwrap();
        assert_eq!(self.data().step(step).status, StepStatus::Completed, "rule 4: `{path}` was seen before its commit");
        let durable = !has_effects(self.data(), step) || !self.lagging.contains(&step);
        assert!(durable, "rule 4: `{path}` was seen before it was durable");
    }
}

fn must_be_durable(data: &WorkflowData, event: &Event, at: Timestamp) -> bool {
    match event {
        Event::StepCompleted { step, .. } => has_effects(data, *step),
        Event::StepFailed { step, .. } => !data.plan.step(step.local).catches_own_failure() || has_effects(data, *step),
        Event::AttemptFailed { retry_at, .. } => retry_at - at >= LONG_BACKOFF,
        Event::StepStarted { .. } | Event::RegionOpened { .. } => false,
        _ => true,
    }
}

/// The step whose dependents rely on this event.
fn relied_on(event: &Event) -> Option<StepRef> {
    match event {
        Event::StepCompleted { step, .. } | Event::StepFailed { step, .. } | Event::RegionOpened { step, .. } => {
            Some(*step)
        }
        _ => None,
    }
}

fn has_effects(data: &WorkflowData, step: StepRef) -> bool {
    let step = data.plan.step(step.local);
    matches!(step.kind, StepKind::Call { .. }) && !step.policy.pure
}

fn has_ended(data: &WorkflowData, step: StepRef) -> bool {
    data.instances.len() > step.instance as usize && data.step(step).status.has_ended()
}

/// The steps that this one names, in its own region or one around it.
fn direct(data: &WorkflowData, step: StepRef) -> Vec<StepRef> {
    let plan = data.plan.step(step.local);
    let needed = plan.inputs.iter().chain(plan.after.iter());
    needed.filter_map(|&local| Some(StepRef::new(enclosing(data, step.instance, local)?, local))).collect()
}

fn enclosing(data: &WorkflowData, mut instance: u32, local: u32) -> Option<u32> {
    loop {
        let state = &data.instances[instance as usize];
        if data.plan.region(state.region).locals().contains(&local) {
            return Some(instance);
        }
        instance = state.opened_by?.instance;
    }
}

fn opener(data: &WorkflowData, step: StepRef) -> Option<StepRef> {
    data.instances[step.instance as usize].opened_by
}

/// All that had to happen before this step could start.
fn ancestors(data: &WorkflowData, step: StepRef) -> BTreeSet<StepRef> {
    let mut found = BTreeSet::new();
    let mut around = Some(step);
    while let Some(step) = around {
        let mut rest = direct(data, step);
        while let Some(needed) = rest.pop() {
            if found.insert(needed) {
                rest.extend(direct(data, needed));
                rest.extend(data.opened_by(needed).flat_map(|inner| {
                    let region = data.instances[inner as usize].region;
                    data.plan.region(region).locals().map(move |local| StepRef::new(inner, local))
                }));
            }
        }
        around = opener(data, step);
        found.extend(around);
    }
    found
}
