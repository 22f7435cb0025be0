//! The records that cases store.
//!
//! In: ids and seeds. Out: runs that an engine could have made, or that go to the extremes. Nothing here is random
//! beyond its seed.

use fastrand::Rng;

use super::plans::{self, Item};
use crate::state::{
    Asked, Cause, CompletedBy, Delta, Encoding, Event, FailureKind, NodeFailure, Payload, Phase, RegionKind,
    RunCreated, RunOutcome, RunOutput, StepRef, Timestamp, WaitingOn, WorkflowData, WorkflowId, encode,
};

/// The time at which the kit's runs begin: 2023-11-14.
pub(super) const START: Timestamp = 1_700_000_000_000_000_000;

/// The id of a text that is one.
pub(super) fn id(text: &str) -> WorkflowId {
    match WorkflowId::new(text) {
        Ok(id) => id,
        Err(error) => panic!("the kit's ids are ids: {error}"),
    }
}

/// The record that a first delta makes.
pub(super) fn created(first: &Delta) -> WorkflowData {
    match WorkflowData::create(first) {
        Ok(data) => data,
        Err(error) => panic!("the kit's deltas fit: {error}"),
    }
}

/// Applies an event that fits.
pub(super) fn apply(data: &mut WorkflowData, event: &Event, at: Timestamp) {
    if let Err(error) = data.apply_event(event, at, &mut Vec::new()) {
        panic!("the kit's events fit: {error}");
    }
}

const TEXTS: [&str; 6] = ["", "a\0b", "line\nline", "häßlich \u{202e}", "\u{10ffff}", "\"quoted\" \\ and 'quoted'"];

/// One of a few nasty texts, or a plain one.
pub(super) fn random_text(rng: &mut Rng) -> String {
    match TEXTS.get(rng.usize(0..12)) {
        Some(text) => (*text).to_owned(),
        None => (0..rng.usize(1..20)).map(|_| rng.alphanumeric()).collect(),
    }
}

/// A value in one of the encodings.
pub(super) fn random_payload(rng: &mut Rng) -> Payload {
    let encoding = if rng.bool() { Encoding::Json } else { Encoding::MessagePack };
    match rng.u8(0..4) {
        0 => payload(&rng.u64(..), encoding),
        1 => payload(&(rng.i64(..), random_text(rng)), encoding),
        2 => payload(&random_text(rng), encoding),
        _ => Payload::new(Encoding::Raw, (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect::<Vec<u8>>()),
    }
}

/// A failure of this step.
pub(super) fn random_failure(rng: &mut Rng, step: String, attempt: u32) -> NodeFailure {
    let kinds =
        [FailureKind::Error, FailureKind::Panic, FailureKind::Timeout, FailureKind::Deadline, FailureKind::Encode];
    let kind = kinds[rng.usize(0..kinds.len())];
    let cause = Cause::chain((0..rng.usize(0..3)).map(|_| random_text(rng)).collect());
    NodeFailure { step, kind, attempt, message: random_text(rng), cause, permanent: rng.bool() }
}

/// A value as a payload.
pub(super) fn payload<T: serde::Serialize + 'static>(value: &T, encoding: Encoding) -> Payload {
    match encode(value, encoding) {
        Ok(payload) => payload,
        Err(error) => panic!("the kit's values can be encoded: {error}"),
    }
}

/// A run that a case takes forward by hand.
pub(super) struct Run {
    /// The delta that creates it.
    pub(super) first: Delta,
    /// The record as it is now.
    pub(super) data: WorkflowData,
}

impl Run {
    /// A run of these items that has just been created.
    pub(super) fn new(id: &str, items: &[Item]) -> Self {
        Self::numbered(id, 11, items)
    }

    /// A run with this number.
    pub(super) fn numbered(id: &str, run_no: u64, items: &[Item]) -> Self {
        let created = RunCreated::new(self::id(id), plans::plan("orders", items), text("an order"));
        Self::of(created, run_no)
    }

    /// A run with this number that has just been created as said.
    pub(super) fn of(created: RunCreated, run_no: u64) -> Self {
        let first = Delta::new(run_no, 0, START, vec![Event::RunCreated(Box::new(created))]);
        Self { data: self::created(&first), first }
    }

    /// What creates the run.
    pub(super) fn creation(&self) -> (Delta, WorkflowData) {
        (self.first.clone(), self::created(&self.first))
    }

    /// The next delta with these events, and the record after it.
    pub(super) fn next(&mut self, events: Vec<Event>) -> (Delta, WorkflowData) {
        let at = self.data.updated_at + 1_000_000;
        events.iter().for_each(|event| apply(&mut self.data, event, at));
        let delta = Delta::new(self.data.run_no, self.data.seq, at, events);
        self.data.seq += 1;
        (delta, self.data.clone())
    }

    /// The delta in which this step of the workflow itself is done, with an output of its own.
    pub(super) fn complete(&mut self, local: u32) -> (Delta, WorkflowData) {
        let output = text(&format!("output {local} at {}", self.data.seq));
        let events = vec![started(local), completed(local, output)];
        self.next(events)
    }
}

/// A step of the workflow itself.
pub(super) const fn step(local: u32) -> StepRef {
    StepRef::new(0, local)
}

/// That the first attempt of a step begins.
pub(super) fn started(local: u32) -> Event {
    Event::StepStarted { step: step(local), attempt: 1, phase: Phase::Do }
}

/// That the first attempt of a step has given this output.
pub(super) fn completed(local: u32, payload: Payload) -> Event {
    Event::StepCompleted { step: step(local), attempt: 1, payload, data: Vec::new(), by: CompletedBy::Body }
}

/// That a run has ended well, with the output of this step.
pub(super) fn ended(local: u32) -> Event {
    Event::RunEnded { outcome: RunOutcome::Completed, output: RunOutput::Step(step(local)) }
}

/// A text as a payload.
pub(super) fn text(text: &str) -> Payload {
    payload(&text.to_owned(), Encoding::MessagePack)
}

/// A failure of this step, with a cause.
pub(super) fn failure(step: &str, message: &str) -> NodeFailure {
    let cause = Cause::chain(vec!["the bank is closed".to_owned(), "it is Sunday".to_owned()]);
    let (step, message) = (step.to_owned(), message.to_owned());
    NodeFailure { step, kind: FailureKind::Error, attempt: 1, message, cause, permanent: false }
}

/// A record of a plan with one step, of which nothing is known but that it exists.
pub(super) fn bare(id: &str) -> WorkflowData {
    Run::new(id, &plans::calls(1)).data
}

/// A record in the middle of a run in which every field has something in it.
pub(super) fn full(id: &str) -> WorkflowData {
    let mut created = RunCreated::new(self::id(id), plans::plan("orders", &plans::every_construct()), text("an order"));
    created.metadata = [("customer", "ada"), ("queue", "eu")].map(|(key, value)| (key.into(), value.into())).into();
    created.parent = Some(self::id("the parent"));
    created.forked_from = Some(self::id("the origin"));
    let mut run = Run::of(created, 12);
    let keys = vec![("tracking".to_owned(), text("T1")), ("weight".to_owned(), payload(&7_u64, Encoding::Json))];
    let mut reserved = completed(0, text("reserved"));
    if let Event::StepCompleted { data, .. } = &mut reserved {
        *data = keys;
    }
    let declined = Event::StepFailed { step: step(1), attempt: 1, error: failure("charge", "declined") };
    let arm = RegionKind::Arm { index: 0, label: "Payment::Paid(slip)".to_owned() };
    run.next(vec![started(0), reserved, started(1), declined]);
    run.next(vec![
        Event::RegionOpened { step: step(2), first_instance: 1, kind: arm },
        Event::RegionOpened { step: step(3), first_instance: 2, kind: RegionKind::Items(3) },
    ]);
    let print = |item: u32| StepRef::new(2 + item, run.data.plan.region(run.data.instances[2].region).first);
    let start = |step| Event::StepStarted { step, attempt: 1, phase: Phase::Do };
    let (first, second, third) = (print(0), print(1), print(2));
    let due = START + 60_000_000_000;
    let error = failure("labels[0].print", "no paper");
    run.next(vec![
        start(first),
        Event::AttemptFailed { step: first, attempt: 1, phase: Phase::Do, error, retry_at: due },
        Event::StepWaiting { step: second, on: WaitingOn::Timer(due) },
        start(third),
        Event::Asked { kind: Asked::Pause },
    ]);
    run.data
}

/// A record of independent calls, changed at will.
pub(super) fn changed(id: &str, steps: usize, change: impl FnOnce(&mut WorkflowData)) -> WorkflowData {
    let mut data = Run::new(id, &plans::calls(steps)).data;
    change(&mut data);
    data.recount();
    data
}
