//! Stores that lose or change a part of a record.

use std::sync::Arc;

use flow_runtime::plan::{Plan, Policy, StepKind};
use flow_runtime::state::{
    Encoding, FailureKind, Output, Payload, RunOutput, StepState, StepStatus, WaitingOn, WorkflowStatus, decode,
};
use flow_runtime::{StoreError, WorkflowData};

use super::Mutant;
use super::store::{Parts, SOUND, sound_save};

fn shows(what: &'static str, show: fn(&mut WorkflowData), found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { show, ..SOUND }, found_by }
}

fn steps(data: &mut WorkflowData, change: impl FnMut(&mut StepState)) {
    data.steps.iter_mut().for_each(change);
}

fn payloads(data: &mut WorkflowData, change: fn(&mut Payload)) {
    change(&mut data.input);
    steps(data, |step| step.output.iter_mut().for_each(change));
    data.data.values_mut().flatten().for_each(|entry| change(&mut entry.payload));
}

/// Changes the values of one type.
fn values<T: Output>(data: &mut WorkflowData, change: fn(T) -> T) {
    for step in &mut data.steps {
        if let Some(payload) = &mut step.output
            && let Ok(value) = T::decode(payload)
        {
            *payload = change(value).encode(payload.encoding).unwrap();
        }
    }
}

fn plan(data: &mut WorkflowData, change: impl FnOnce(&mut Plan)) {
    change(Arc::make_mut(&mut data.plan));
}

fn forget_regions(data: &mut WorkflowData) {
    data.instances.truncate(1);
}

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = values_and_payloads();
    all.extend(states());
    all.extend(plans());
    all.extend(large());
    all
}

fn values_and_payloads() -> Vec<Mutant> {
    vec![
        shows(
            "keeps integers as floats",
            |data| values::<i64>(data, |x| format!("{x:.15e}").parse::<f64>().map_or(x, |x| x as i64)),
            &["b29_integers_come_back_to_their_ends"],
        ),
        shows(
            "keeps integers with a sign",
            |data| values::<u64>(data, |x| x.min(i64::MAX as u64)),
            &["b29_unsigned_integers_come_back_to_their_ends"],
        ),
        shows(
            "keeps 15 digits of floats",
            |data| values::<f64>(data, |x| format!("{x:.15e}").parse().unwrap()),
            &["b29_floats_come_back_bit_for_bit"],
        ),
        shows(
            "makes null of NaN",
            |data| {
                payloads(data, |payload| {
                    if decode::<f64>(payload).is_ok_and(f64::is_nan) {
                        *payload = Payload::new(Encoding::Json, "null");
                    }
                });
            },
            &["b29_nan_and_infinities_come_back"],
        ),
        shows(
            "ends texts at NUL",
            |data| values::<String>(data, |text| text.split('\0').next().unwrap_or_default().to_owned()),
            &["b29_texts_of_any_unicode_come_back"],
        ),
        shows(
            "keeps bytes as text",
            |data| {
                payloads(data, |payload| {
                    if payload.encoding == Encoding::Raw {
                        payload.bytes = String::from_utf8_lossy(&payload.bytes).into_owned().into();
                    }
                });
            },
            &["b29_bytes_of_every_value_come_back"],
        ),
        shows(
            "takes what is empty for absent",
            |data| steps(data, |step| step.output = step.output.take().filter(|payload| !payload.bytes.is_empty())),
            &["b29_empty_values_come_back"],
        ),
        shows(
            "says of all payloads that they are JSON",
            |data| payloads(data, |payload| payload.encoding = Encoding::Json),
            &[
                "b29_small_integers_come_back",
                "b29_booleans_options_and_units_come_back",
                "b29_structures_maps_and_enums_come_back",
                "b29_payloads_of_several_encodings_stand_side_by_side",
            ],
        ),
        shows(
            "writes JSON in its own way",
            |data| {
                payloads(data, |payload| {
                    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&payload.bytes) {
                        payload.bytes = serde_json::to_vec(&value).unwrap().into();
                    }
                });
            },
            &["b29_payloads_of_any_bytes_come_back_untouched"],
        ),
        shows(
            "forgets the flags of payloads",
            |data| payloads(data, |payload| payload.flags = 0),
            &["b29_transforms_and_flags_of_payloads_come_back"],
        ),
    ]
}

fn states() -> Vec<Mutant> {
    vec![
        shows(
            "takes bypassed steps for skipped ones",
            |data| {
                steps(data, |step| {
                    if step.status == StepStatus::Bypassed {
                        step.status = StepStatus::Skipped;
                    }
                });
            },
            &["b29_every_status_of_a_step_comes_back"],
        ),
        shows(
            "takes suspended runs for running ones",
            |data| {
                if data.status == WorkflowStatus::Suspended {
                    data.status = WorkflowStatus::Running;
                }
            },
            &["b29_every_status_of_a_run_comes_back"],
        ),
        shows(
            "takes no failures for no end",
            |data| {
                data.output = data.output.take().filter(|end| !matches!(end, RunOutput::Errors(all) if all.is_empty()));
            },
            &["b29_every_outcome_and_output_comes_back"],
        ),
        shows(
            "keeps timers by the millisecond",
            |data| {
                steps(data, |step| {
                    if let Some(WaitingOn::Timer(due)) = step.waiting.as_deref_mut() {
                        *due -= *due % 1_000_000;
                    }
                });
            },
            &["b29_timers_come_back"],
        ),
        shows(
            "forgets when waits give up",
            |data| {
                steps(data, |step| {
                    if let Some(WaitingOn::Signal { deadline, .. }) = step.waiting.as_deref_mut() {
                        *deadline = None;
                    }
                });
            },
            &["b29_waits_for_signals_and_doubts_come_back"],
        ),
        shows(
            "takes panics for errors",
            |data| {
                steps(data, |step| {
                    if let Some(error) = step.error.as_mut().filter(|error| error.kind == FailureKind::Panic) {
                        error.kind = FailureKind::Error;
                    }
                });
            },
            &["b29_every_kind_of_failure_comes_back"],
        ),
        shows(
            "keeps the nearest cause only",
            |data| {
                steps(data, |step| {
                    if let Some(cause) = step.error.as_mut().and_then(|error| error.cause.as_mut()) {
                        cause.source = None;
                    }
                });
            },
            &["b29_the_causes_of_a_failure_come_back_in_order"],
        ),
        shows(
            "counts attempts up to 65,535",
            |data| steps(data, |step| step.attempts = step.attempts.min(0xffff)),
            &["b29_counts_of_attempts_come_back"],
        ),
        shows(
            "keeps times by the microsecond",
            |data| steps(data, |step| step.started_at -= step.started_at % 1_000),
            &["b29_times_come_back_to_the_nanosecond"],
        ),
        shows(
            "numbers runs with a sign",
            |data| data.run_no &= i64::MAX as u64,
            &["b29_numbers_of_runs_come_back_to_their_ends"],
        ),
        shows(
            "drops metadata without a value",
            |data| data.metadata.retain(|_, value| !value.is_empty()),
            &["b29_metadata_comes_back"],
        ),
        shows(
            "sorts the writers of a key",
            |data| data.data.values_mut().for_each(|entries| entries.sort_by_key(|entry| entry.step)),
            &["b29_the_data_of_a_run_comes_back"],
        ),
        shows("forgets what was asked", |data| data.asked = None, &["b29_what_was_asked_comes_back"]),
        shows(
            "forgets where runs come from",
            |data| (data.parent, data.forked_from) = (None, None),
            &["b29_parent_and_origin_come_back", "b29_a_record_with_every_field_comes_back"],
        ),
        shows(
            "forgets when attempts are due",
            |data| steps(data, |step| step.retry_at = 0),
            &["b29_records_in_random_states_come_back"],
        ),
    ]
}

fn plans() -> Vec<Mutant> {
    vec![
        Mutant {
            what: "refuses runs without steps",
            parts: Parts {
                save: |core, key, data| {
                    if data.steps.is_empty() {
                        let reason = "it has no steps".to_owned();
                        return Err(StoreError::Unstorable { id: data.id.clone(), reason });
                    }
                    sound_save(core, key, data)
                },
                ..SOUND
            },
            found_by: &["b29_a_plan_without_steps_comes_back"],
        },
        shows(
            "forgets which regions were opened",
            forget_regions,
            &[
                "b29_branches_and_the_arms_they_took_come_back",
                "b29_fan_outs_and_their_items_come_back",
                "b29_nested_regions_come_back",
            ],
        ),
        shows(
            "forgets the policies of steps",
            |data| plan(data, |plan| plan.steps.to_mut().iter_mut().for_each(|step| step.policy = Policy::DEFAULT)),
            &["b29_policies_of_steps_come_back"],
        ),
        shows(
            "forgets the documentation of plans",
            |data| plan(data, |plan| plan.doc = "".into()),
            &["b29_the_texts_of_a_plan_come_back", "b29_runs_of_different_plans_keep_their_own"],
        ),
        shows(
            "forgets order without data",
            |data| plan(data, |plan| plan.steps.to_mut().iter_mut().for_each(|step| step.after = Vec::new().into())),
            &["b29_the_edges_of_a_plan_come_back"],
        ),
        shows(
            "numbers the arms of branches anew",
            |data| {
                plan(data, |plan| {
                    for step in plan.steps.to_mut() {
                        if let StepKind::Branch { arms } = &mut step.kind {
                            arms.to_mut().reverse();
                        }
                    }
                });
            },
            &["b29_branches_and_the_arms_they_took_come_back"],
        ),
    ]
}

fn large() -> Vec<Mutant> {
    vec![
        shows(
            "cuts payloads at a MiB",
            |data| payloads(data, |payload| payload.bytes.truncate(1 << 20)),
            &["b29_payloads_of_several_mebibytes_come_back", "b29_large_values_are_committed_whole"],
        ),
        shows(
            "cuts messages at 64 KiB",
            |data| {
                steps(data, |step| {
                    if let Some(error) = &mut step.error {
                        error.message = error.message.chars().take(1 << 16).collect();
                    }
                });
            },
            &["b29_long_texts_come_back"],
        ),
        shows(
            "keeps a thousand keys",
            |data| data.data = std::mem::take(&mut data.data).into_iter().take(1_000).collect(),
            &["b29_thousands_of_keys_come_back"],
        ),
        shows("keeps a thousand items", |data| data.instances.truncate(1_000), &["b29_thousands_of_items_come_back"]),
    ]
}
