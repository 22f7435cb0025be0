//! Behaviour 29, states: whatever a record can say comes back as it was said.

use super::expect::{holds, save};
use super::place::Place;
use super::records::{self, changed, failure, full, random_payload, random_text, text};
use crate::state::{
    Asked, Cause, DataEntry, Encoding, FailureKind, NodeFailure, Payload, RunOutcome, RunOutput, StepStatus, Timestamp,
    WaitingOn, WorkflowData, WorkflowStatus,
};

/// Saves records and has them back, at once and after reopening.
pub(super) async fn come_back(place: &dyn Place, what: &str, records: &[WorkflowData]) {
    let store = place.open().await;
    for data in records {
        save(&store, data).await;
        holds(&store, data, format_args!("with {what}")).await;
    }
    drop(store);
    let store = place.open().await;
    for data in records {
        holds(&store, data, format_args!("with {what} after reopening")).await;
    }
}

const TIMES: [Timestamp; 8] = [0, 1, -1, i64::MIN, i64::MAX, records::START, (1 << 53) + 1, -(1 << 53) - 1];

/// Every status of a step.
pub(super) async fn b29_every_status_of_a_step_comes_back(place: &dyn Place) {
    let statuses = [
        StepStatus::Pending,
        StepStatus::Running,
        StepStatus::Waiting,
        StepStatus::Completed,
        StepStatus::Failed,
        StepStatus::Cancelled,
        StepStatus::Skipped,
        StepStatus::Bypassed,
        StepStatus::Compensated,
        StepStatus::CompensationFailed,
    ];
    let data = changed("statuses", statuses.len(), |data| {
        data.steps.iter_mut().zip(statuses).for_each(|(step, status)| step.status = status);
    });
    come_back(place, "every status of a step", &[data]).await;
}

/// Every status of a run.
pub(super) async fn b29_every_status_of_a_run_comes_back(place: &dyn Place) {
    let statuses = [
        WorkflowStatus::Running,
        WorkflowStatus::Suspended,
        WorkflowStatus::Completed,
        WorkflowStatus::Failed,
        WorkflowStatus::Cancelled,
        WorkflowStatus::RollingBack,
        WorkflowStatus::RolledBack,
    ];
    let record = |status| changed(&format!("{status:?}"), 1, |data| data.status = status);
    come_back(place, "this status", &statuses.map(record)).await;
}

/// Every outcome of a run, with every kind of output.
pub(super) async fn b29_every_outcome_and_output_comes_back(place: &dyn Place) {
    let outcomes = [RunOutcome::Completed, RunOutcome::Failed, RunOutcome::Cancelled, RunOutcome::RolledBack];
    let outputs = [
        RunOutput::Step(records::step(1)),
        RunOutput::Payload(text("the receipt")),
        RunOutput::Errors(Vec::new()),
        RunOutput::Errors(vec![failure("step_0", "first"), failure("step_1", "second")]),
    ];
    let mut records = Vec::new();
    for outcome in outcomes {
        for (kind, output) in outputs.iter().enumerate() {
            records.push(changed(&format!("{outcome:?} {kind}"), 2, |data| {
                (data.outcome, data.output) = (Some(outcome), Some(output.clone()));
            }));
        }
    }
    come_back(place, "this outcome and output", &records).await;
}

/// Timers, to the ends of time.
pub(super) async fn b29_timers_come_back(place: &dyn Place) {
    let data = changed("timers", TIMES.len(), |data| {
        for (step, due) in data.steps.iter_mut().zip(TIMES) {
            (step.status, step.waiting) = (StepStatus::Waiting, Some(Box::new(WaitingOn::Timer(due))));
        }
    });
    come_back(place, "timers", &[data]).await;
}

/// Waits for signals, with and without an end, and doubts.
pub(super) async fn b29_waits_for_signals_and_doubts_come_back(place: &dyn Place) {
    let signal = |name: &str, type_name: &str, deadline| WaitingOn::Signal {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        deadline,
    };
    let waits = [
        signal("manager", "crate::Approval", None),
        signal("", "", Some(0)),
        signal("a\0ü\u{10ffff}", "Vec<Option<(u8, &'static str)>>", Some(i64::MAX)),
        signal("manager", "Approval", Some(i64::MIN)),
        WaitingOn::Doubt(0),
        WaitingOn::Doubt(1),
        WaitingOn::Doubt(u32::MAX),
    ];
    let data = changed("waits", waits.len(), |data| {
        for (step, wait) in data.steps.iter_mut().zip(waits) {
            (step.status, step.waiting) = (StepStatus::Waiting, Some(Box::new(wait)));
        }
    });
    come_back(place, "waits", &[data]).await;
}

/// Failures of every kind, permanent or not, with messages of any text.
pub(super) async fn b29_every_kind_of_failure_comes_back(place: &dyn Place) {
    let kinds =
        [FailureKind::Error, FailureKind::Panic, FailureKind::Timeout, FailureKind::Deadline, FailureKind::Encode];
    let data = changed("failures", 2 * kinds.len(), |data| {
        for (index, step) in data.steps.iter_mut().enumerate() {
            let kind = kinds[index % kinds.len()];
            let permanent = index >= kinds.len();
            let attempt = if permanent { u32::MAX } else { 0 };
            let failed = NodeFailure { kind, attempt, permanent, ..failure("a[1].b", "\0 line\nline \u{202e}\"") };
            (step.status, step.error) = (StepStatus::Failed, Some(Box::new(failed)));
        }
    });
    come_back(place, "failures of every kind", &[data]).await;
}

/// The causes of a failure, in their order, none and many.
pub(super) async fn b29_the_causes_of_a_failure_come_back_in_order(place: &dyn Place) {
    let chains = [0, 1, 2, 16];
    let data = changed("causes", chains.len(), |data| {
        for (step, count) in data.steps.iter_mut().zip(chains) {
            let causes = (0..count).map(|n| if n == 1 { String::new() } else { format!("cause {n}") });
            let cause = Cause::chain(causes.collect());
            step.error = Some(Box::new(NodeFailure { cause, ..failure("step", "") }));
        }
    });
    come_back(place, "chains of causes", &[data]).await;
}

/// Counts of attempts, failures and interruptions.
pub(super) async fn b29_counts_of_attempts_come_back(place: &dyn Place) {
    let counts = [0, 1, 2, u32::MAX - 1, u32::MAX];
    let data = changed("counts", counts.len(), |data| {
        for (index, step) in data.steps.iter_mut().enumerate() {
            step.attempts = counts[index];
            step.failures = counts[(index + 1) % counts.len()];
            step.interruptions = counts[(index + 2) % counts.len()];
        }
    });
    come_back(place, "these counts", &[data]).await;
}

/// All times, to the nanosecond and to their ends.
pub(super) async fn b29_times_come_back_to_the_nanosecond(place: &dyn Place) {
    let data = changed("times", TIMES.len(), |data| {
        (data.created_at, data.updated_at) = (i64::MIN + 1, i64::MAX - 1);
        for (index, step) in data.steps.iter_mut().enumerate() {
            step.started_at = TIMES[index];
            step.ended_at = TIMES[(index + 1) % TIMES.len()];
            step.retry_at = TIMES[(index + 2) % TIMES.len()];
        }
    });
    come_back(place, "these times", &[data]).await;
}

/// The numbers of a run and of its changes, to their ends.
pub(super) async fn b29_numbers_of_runs_come_back_to_their_ends(place: &dyn Place) {
    let numbers = [0, 1, 1 << 31, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX];
    let record =
        |number: u64| changed(&format!("number {number}"), 1, |data| (data.run_no, data.seq) = (number, number ^ 1));
    come_back(place, "this number", &numbers.map(record)).await;
}

/// What the caller said of a run: any keys, any values, none.
pub(super) async fn b29_metadata_comes_back(place: &dyn Place) {
    let mut rng = fastrand::Rng::with_seed(292);
    let none = changed("no metadata", 1, |_| ());
    let some = changed("metadata", 1, |data| {
        data.metadata = [("", "empty key"), ("empty value", ""), ("a\0b", "\0"), ("ключ", "значение"), ("a.b", "$set")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        data.metadata.extend((0..50).map(|n| (format!("key {n}"), random_text(&mut rng))));
    });
    come_back(place, "metadata", &[none, some]).await;
}

/// The run's data: keys of any text, several writers of one key in their order, keys without a writer.
pub(super) async fn b29_the_data_of_a_run_comes_back(place: &dyn Place) {
    let mut rng = fastrand::Rng::with_seed(293);
    let data = changed("data", 4, |data| {
        for key in ["", "a", "A", "a\0", "ключ", "a/b", "__proto__"] {
            let mut entry = |local| DataEntry { step: records::step(local), payload: random_payload(&mut rng) };
            data.data.insert(key.to_owned(), vec![entry(3), entry(0), entry(2)]);
        }
        data.data.insert("nothing".to_owned(), Vec::new());
    });
    come_back(place, "data of several writers", &[data]).await;
}

/// Whatever someone outside asked of a run.
pub(super) async fn b29_what_was_asked_comes_back(place: &dyn Place) {
    let asked = [None, Some(Asked::Cancel), Some(Asked::Terminate), Some(Asked::Pause), Some(Asked::Resume)];
    let record = |asked| changed(&format!("{asked:?}"), 1, |data| data.asked = asked);
    come_back(place, "what was asked", &asked.map(record)).await;
}

/// The run that started this one, and the run that it was forked from.
pub(super) async fn b29_parent_and_origin_come_back(place: &dyn Place) {
    let ids = [None, Some("the parent/of it"), Some("\u{e9}\u{202e} ..")];
    let mut records = Vec::new();
    for (number, (parent, origin)) in ids.into_iter().zip([ids[1], ids[2], ids[0]]).enumerate() {
        records.push(changed(&format!("related {number}"), 1, |data| {
            (data.parent, data.forked_from) = (parent.map(records::id), origin.map(records::id));
        }));
    }
    come_back(place, "these relations", &records).await;
}

/// Payloads whose bytes are not what their tag says: a store keeps bytes, and judges none.
pub(super) async fn b29_payloads_of_any_bytes_come_back_untouched(place: &dyn Place) {
    let bytes: [&[u8]; 8] = [
        b"",
        b"{",
        b" { \"b\" : 1.0, \"a\" : 1e2 } ",
        b"{\"a\":1,\"a\":2}",
        b"1.50",
        b"\xff\x00",
        b"\"\\u0041\"",
        b"nul",
    ];
    let mut payloads = Vec::new();
    for encoding in [Encoding::Json, Encoding::MessagePack, Encoding::Raw] {
        payloads.extend(bytes.map(|bytes| Payload::new(encoding, bytes.to_vec())));
    }
    come_back(place, "payloads of any bytes", &[outputs("bytes", payloads)]).await;
}

/// What was done to a payload's bytes, and its flags.
pub(super) async fn b29_transforms_and_flags_of_payloads_come_back(place: &dyn Place) {
    let mut payloads = Vec::new();
    for encoding in [Encoding::Json, Encoding::MessagePack, Encoding::Raw] {
        for (transform, flags) in [(0, 1), (1, 0), (127, 255), (128, 0), (255, 128)] {
            payloads.push(Payload { transform, flags, ..Payload::new(encoding, b"[1,2]".to_vec()) });
        }
    }
    come_back(place, "transforms and flags", &[outputs("tags", payloads)]).await;
}

fn outputs(id: &str, payloads: Vec<Payload>) -> WorkflowData {
    changed(id, payloads.len(), |data| {
        data.input = payloads[0].clone();
        data.output = payloads.last().cloned().map(RunOutput::Payload);
        for (step, payload) in data.steps.iter_mut().zip(payloads) {
            (step.status, step.output) = (StepStatus::Completed, Some(payload));
        }
    })
}

/// A record with something in every field.
pub(super) async fn b29_a_record_with_every_field_comes_back(place: &dyn Place) {
    come_back(place, "every field", &[full("full")]).await;
}

/// Records in random states.
pub(super) async fn b29_records_in_random_states_come_back(place: &dyn Place) {
    let mut rng = fastrand::Rng::with_seed(294);
    let records: Vec<_> = (0..40).map(|n| random_record(&mut rng, &format!("random {n}"))).collect();
    come_back(place, "a random state", &records).await;
}

fn random_record(rng: &mut fastrand::Rng, id: &str) -> WorkflowData {
    let mut walk = super::walk::Walk::all(&records::id(id), rng.u64(..), rng.usize(1..40));
    let mut data = walk.pop().map_or_else(|| full(id), |(_, after)| after);
    for step in &mut data.steps {
        match rng.u8(0..6) {
            0 => step.attempts = rng.u32(..),
            1 => step.started_at = rng.i64(..),
            2 => step.retry_at = rng.i64(..),
            3 => step.output = Some(random_payload(rng)),
            4 => step.error = Some(Box::new(records::random_failure(rng, "some step".to_owned(), 3))),
            _ => step.waiting = Some(Box::new(WaitingOn::Timer(rng.i64(..)))),
        }
    }
    data.recount();
    data
}
