//! Runs whose every time and number is known.
//!
//! In: what happened, as events. Out: the record that they add up to, as an engine would have stored it.

use std::sync::Arc;

use flow_runtime::plan::Plan;
use flow_runtime::state::{
    Cause, CompletedBy, Delta, Encoding, Event, NodeFailure, Payload, Phase, RegionKind, RunCreated, RunOutcome,
    RunOutput, StepRef, Timestamp, WaitingOn,
};
use flow_runtime::{WorkflowData, WorkflowId};

/// What `flow` takes for the time.
pub(crate) const NOW: &str = "2026-11-30T12:00:00Z";
/// The same, in nanoseconds since 1970.
const NOW_NANOS: Timestamp = 1_796_040_000_000_000_000;

/// A time so many seconds ago.
pub(crate) const fn ago(seconds: i64) -> Timestamp {
    NOW_NANOS - seconds * 1_000_000_000
}

/// A run in the making.
pub(crate) struct Sample {
    created: RunCreated,
    at: Timestamp,
    data: Option<WorkflowData>,
}

impl Sample {
    /// A run of this plan that was created so many seconds ago.
    pub(crate) fn new(id: &str, plan: &Plan, seconds_ago: i64) -> Self {
        let id = WorkflowId::new(id).expect("an id");
        let created = RunCreated::new(id, Arc::new(plan.clone()), json(r#"{"order":7}"#));
        Self { created, at: ago(seconds_ago), data: None }
    }

    /// Says something of the run.
    pub(crate) fn says(mut self, key: &str, value: &str) -> Self {
        self.created.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds what happened so many seconds ago.
    pub(crate) fn then(mut self, seconds_ago: i64, events: Vec<Event>) -> Self {
        let (created, at) = (&self.created, self.at);
        let data = self.data.get_or_insert_with(|| WorkflowData::new(7, created, at));
        let delta = Delta::new(data.run_no, data.seq, ago(seconds_ago), events);
        data.apply(&delta).expect("what happened follows");
        self
    }

    /// The record.
    pub(crate) fn run(self) -> WorkflowData {
        let (created, at) = (&self.created, self.at);
        self.data.unwrap_or_else(|| WorkflowData::new(7, created, at))
    }
}

/// A value that is JSON.
pub(crate) fn json(text: &str) -> Payload {
    Payload::new(Encoding::Json, text.as_bytes().to_vec())
}

mod order {
    use flow_runtime::prelude::*;

    #[node]
    async fn reserve(order: &u64) -> u64 {
        *order
    }

    #[node]
    async fn charge(order: &u64) -> u64 {
        *order
    }

    #[node]
    async fn ship(stock: &u64, payment: &u64) -> u64 {
        stock + payment
    }

    workflow! {
        /// Fulfils one order.
        pub(crate) fn fulfil(order: u64) -> u64 {
            let stock = reserve(order);
            let payment = charge(order);
            ship(stock, payment)
        }
    }
}

mod claims {
    use flow_runtime::prelude::*;

    #[node]
    async fn check(amount: &u64) -> u64 {
        *amount
    }

    #[node(at_most_once, timeout = "30s")]
    async fn pay(amount: &u64, approved: &bool) -> u64 {
        amount + u64::from(*approved)
    }

    #[node(retry(times = 5, backoff = "1m..1h"))]
    async fn tell(paid: &u64) -> u64 {
        *paid
    }

    workflow! {
        /// Pays a claim when its manager has approved it, and tells of it the next day.
        pub(crate) fn claim(amount: u64) -> u64 {
            let checked = check(amount);
            let approved = wait_for::<bool>("manager");
            let paid = pay(checked, approved);
            let night = sleep("1d");
            #[after(night)]
            tell(paid)
        }
    }
}

mod labels {
    use flow_runtime::prelude::*;

    #[node]
    async fn lines(order: &u64) -> Vec<u64> {
        (0..*order).collect()
    }

    #[node]
    async fn print(line: &u64) -> u64 {
        *line
    }

    #[node]
    async fn file(printed: &[u64]) -> u64 {
        printed.iter().sum()
    }

    workflow! {
        /// Prints a label for each line.
        pub(crate) fn print_labels(order: u64) -> u64 {
            let all = lines(order);
            let printed = for line in all { print(line) };
            file(printed)
        }
    }
}

/// A workflow that waits: `checked`, `approved` (a signal), `paid` (at most once), `night` (a timer), `tell`.
pub(crate) fn claim() -> Plan {
    claims::claim::plan().clone()
}

/// A workflow with a fan-out: `all`, `printed[i].print`, `file`.
pub(crate) fn print_labels() -> Plan {
    labels::print_labels::plan().clone()
}

/// A workflow of three steps: `stock` and `payment`, then `ship`.
pub(crate) fn fulfil() -> Plan {
    order::fulfil::plan().clone()
}

/// A step of the workflow itself.
pub(crate) const fn step(local: u32) -> StepRef {
    StepRef::new(0, local)
}

/// An attempt of a step that begins.
pub(crate) fn starts(local: u32) -> Event {
    Event::StepStarted { step: step(local), attempt: 1, phase: Phase::Do }
}

/// The output of a step, by its body.
pub(crate) fn completes(local: u32, output: &str) -> Event {
    let (payload, by) = (json(output), CompletedBy::Body);
    Event::StepCompleted { step: step(local), attempt: 1, payload, data: Vec::new(), by }
}

/// That a step failed for good.
pub(crate) fn fails(local: u32, path: &str, messages: &[&str]) -> Event {
    Event::StepFailed { step: step(local), attempt: 1, error: failure(path, messages) }
}

/// Why a step failed: its message, and those of its causes.
pub(crate) fn failure(path: &str, messages: &[&str]) -> NodeFailure {
    let causes = messages.iter().skip(1).map(|message| (*message).to_owned()).collect();
    let failure = serde_json::json!({
        "step": path, "kind": "Error", "attempt": 1, "message": messages[0], "cause": Cause::chain(causes),
        "permanent": false,
    });
    serde_json::from_value(failure).expect("a failure")
}

/// What a step waits for.
pub(crate) fn waits(local: u32, on: WaitingOn) -> Event {
    Event::StepWaiting { step: step(local), on }
}

/// A fan-out of so many items, of which the first have completed, every tenth after the first has failed, and the last
/// has begun.
pub(crate) fn fan_out(items: u32, failed_every: u32) -> WorkflowData {
    let mut sample = Sample::new("labels-1", &print_labels(), 600)
        .then(600, vec![starts(0)])
        .then(599, vec![completes(0, "[1,2,3]")])
        .then(598, vec![Event::RegionOpened { step: step(1), first_instance: 1, kind: RegionKind::Items(items) }]);
    let print = |item: u32| StepRef::new(1 + item, 3);
    for item in 0..items {
        let at = print(item);
        sample = sample.then(500, vec![Event::StepStarted { step: at, attempt: 1, phase: Phase::Do }]);
        if item + 1 == items {
            break;
        }
        let failed = item > 0 && item % failed_every == 0;
        let ended = if failed {
            let error = failure(&format!("printed[{item}].print"), &["out of paper"]);
            Event::StepFailed { step: at, attempt: 1, error }
        } else {
            let (payload, by) = (json("1"), CompletedBy::Body);
            Event::StepCompleted { step: at, attempt: 1, payload, data: Vec::new(), by }
        };
        sample = sample.then(499, vec![ended]);
    }
    sample.run()
}

/// That the run ended so.
pub(crate) fn ends(outcome: RunOutcome, output: RunOutput) -> Event {
    Event::RunEnded { outcome, output }
}

/// A few runs in all the states that one meets most.
pub(crate) fn some_runs() -> Vec<WorkflowData> {
    let done = Sample::new("order-1", &fulfil(), 7_200)
        .says("customer", "Ada")
        .then(7_199, vec![starts(0), starts(1)])
        .then(7_190, vec![completes(0, "1"), completes(1, "2"), starts(2)])
        .then(7_100, vec![completes(2, "3"), ends(RunOutcome::Completed, RunOutput::Step(step(2)))]);
    let failed = Sample::new("order-2", &fulfil(), 3_000)
        .says("customer", "Grace")
        .says("region", "eu")
        .then(2_999, vec![starts(0), starts(1)])
        .then(2_990, vec![completes(0, "1"), fails(1, "payment", &["the bank said no", "card expired"])]);
    let failures = failed.data.as_ref().map(WorkflowData::failures).unwrap_or_default();
    let failed = failed.then(2_980, vec![ends(RunOutcome::Failed, RunOutput::Errors(failures))]);
    let running = Sample::new("order-3", &fulfil(), 40).then(30, vec![starts(0), starts(1)]);
    vec![done.run(), failed.run(), running.run()]
}
