//! Stores that do not replace what they had, or do not take what they are given.

use std::cell::Cell;

use flow_runtime::state::{Delta, Encoding, Event};
use flow_runtime::{StoreError, WorkflowData};

use super::Mutant;
use super::store::{ALL_CHECKS, Core, Entry, Parts, SOUND, commit_with, conflict, not_found, sound_save};

type Done = Result<(), StoreError>;

fn merges(
    what: &'static str,
    merge: fn(&mut WorkflowData, &WorkflowData),
    found_by: &'static [&'static str],
) -> Mutant {
    Mutant { what, parts: Parts { merge, ..SOUND }, found_by }
}

fn saves(
    what: &'static str,
    save: fn(&mut Core, &str, &WorkflowData) -> Done,
    found_by: &'static [&'static str],
) -> Mutant {
    Mutant { what, parts: Parts { save, ..SOUND }, found_by }
}

fn commits(
    what: &'static str,
    commit: fn(&mut Core, &str, &WorkflowData, &Delta) -> Done,
    found_by: &'static [&'static str],
) -> Mutant {
    Mutant { what, parts: Parts { commit, ..SOUND }, found_by }
}

/// Commits as if the record after the delta were this one.
fn commit_instead(core: &mut Core, key: &str, (after, delta): (&WorkflowData, &Delta), kept: WorkflowData) -> Done {
    commit_with(ALL_CHECKS, core, key, after, delta)?;
    if let Some(entry) = core.runs.get_mut(key) {
        entry.data = kept;
    }
    Ok(())
}

fn before<'a>(core: &'a Core, key: &str) -> Option<&'a WorkflowData> {
    core.runs.get(key).map(|entry| &entry.data)
}

/// Whether this thread asks for the second, fourth, sixth .. time.
fn is_second_time() -> bool {
    thread_local!(static IS_SECOND: Cell<bool> = const { Cell::new(true) });
    IS_SECOND.set(!IS_SECOND.get());
    IS_SECOND.get()
}

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = stale_parts();
    all.extend(wrong_saves());
    all.extend(wrong_commits());
    all
}

fn stale_parts() -> Vec<Mutant> {
    vec![
        merges(
            "keeps steps of an earlier save",
            |new, old| {
                let (steps, instances) = (new.steps.len(), new.instances.len());
                new.steps.extend(old.steps.iter().skip(steps).cloned());
                new.instances.extend(old.instances.iter().skip(instances).cloned());
            },
            &["b30_a_save_replaces_the_whole_record", "b30_no_step_of_an_earlier_save_remains"],
        ),
        merges(
            "keeps keys of an earlier save",
            |new, old| {
                for (key, entries) in &old.data {
                    new.data.entry(key.clone()).or_insert_with(|| entries.clone());
                }
            },
            &["b30_no_key_of_an_earlier_save_remains", "b30_a_save_replaces_what_commits_have_made"],
        ),
        merges(
            "keeps timers of an earlier save",
            |new, old| {
                for (new, old) in new.steps.iter_mut().zip(&old.steps) {
                    new.waiting = new.waiting.take().or_else(|| old.waiting.clone());
                }
            },
            &["b30_no_timer_of_an_earlier_save_remains"],
        ),
        merges(
            "keeps outputs of an earlier save",
            |new, old| {
                for (new, old) in new.steps.iter_mut().zip(&old.steps) {
                    new.output = new.output.take().or_else(|| old.output.clone());
                }
            },
            &["b30_no_output_of_an_earlier_save_remains"],
        ),
        merges(
            "keeps failures of an earlier save",
            |new, old| {
                for (new, old) in new.steps.iter_mut().zip(&old.steps) {
                    new.error = new.error.take().or_else(|| old.error.clone());
                }
            },
            &["b30_no_failure_of_an_earlier_save_remains"],
        ),
        merges(
            "keeps metadata of an earlier save",
            |new, old| new.metadata.extend(old.metadata.clone()),
            &["b30_no_metadata_of_an_earlier_save_remains", "b30_saves_of_one_run_at_once_leave_one_of_them_whole"],
        ),
        merges(
            "keeps the end of an earlier save",
            |new, old| new.outcome = new.outcome.or(old.outcome),
            &["b30_no_end_or_origin_of_an_earlier_save_remains"],
        ),
    ]
}

fn wrong_saves() -> Vec<Mutant> {
    vec![
        saves(
            "ignores a save of an earlier state",
            |core, key, data| match before(core, key) {
                Some(kept) if kept.seq > data.seq => Ok(()),
                _ => sound_save(core, key, data),
            },
            &["b30_a_save_of_an_earlier_state_replaces_a_later_one", "b71_a_delta_must_follow_what_was_saved"],
        ),
        saves(
            "keeps one run for each number",
            |core, key, data| match before(core, key) {
                Some(kept) if kept.run_no > data.run_no => Ok(()),
                _ => sound_save(core, key, data),
            },
            &["b30_a_save_replaces_a_run_of_another_number"],
        ),
        saves(
            "keeps only the run that was saved last",
            |core, key, data| {
                core.runs.clear();
                sound_save(core, key, data)
            },
            &["b30_a_save_touches_no_other_run", "b30_records_saved_at_once_are_all_kept"],
        ),
        saves(
            "numbers saves",
            |core, key, data| {
                let mut data = data.clone();
                data.seq += u64::from(before(core, key) == Some(&data));
                sound_save(core, key, &data)
            },
            &["b30_saving_a_record_again_changes_nothing"],
        ),
        Mutant {
            what: "wants payloads in another encoding once it has some",
            parts: Parts {
                encoding: |core| if core.saves.is_empty() { Encoding::Json } else { Encoding::MessagePack },
                ..SOUND
            },
            found_by: &["b30_the_encoding_of_a_store_does_not_change"],
        },
    ]
}

fn wrong_commits() -> Vec<Mutant> {
    vec![
        commits(
            "does not know after a save where a run stands",
            |core, key, after, delta| match core.runs.get(key) {
                Some(Entry { last: None, .. }) => Err(conflict(&after.id)),
                _ => commit_with(ALL_CHECKS, core, key, after, delta),
            },
            &["b30_commits_and_saves_take_turns"],
        ),
        commits(
            "drops what steps write",
            |core, key, after, delta| {
                let mut kept = after.clone();
                kept.data.clear();
                commit_instead(core, key, (after, delta), kept)
            },
            &["b30_every_commit_of_a_random_walk_is_kept", "b30_commits_and_saves_lead_to_equal_records"],
        ),
        commits(
            "keeps ten events of a delta",
            |core, key, after, delta| {
                let kept = before(core, key).filter(|_| delta.events.len() > 10).cloned().map(|mut kept| {
                    let mut delta = delta.clone();
                    delta.events.truncate(10);
                    kept.apply(&delta).unwrap();
                    kept
                });
                commit_instead(core, key, (after, delta), kept.unwrap_or_else(|| after.clone()))
            },
            &["b30_a_delta_of_many_events_is_kept_whole"],
        ),
        commits(
            "keeps no more of a first delta than that there is a run",
            |core, key, after, delta| {
                let kept = match delta.events.first() {
                    Some(event @ Event::RunCreated(_)) => {
                        WorkflowData::create(&Delta::new(delta.run_no, 0, delta.at, vec![event.clone()])).unwrap()
                    }
                    _ => after.clone(),
                };
                commit_instead(core, key, (after, delta), kept)
            },
            &["b30_a_first_delta_may_hold_a_whole_run"],
        ),
        commits(
            "ignores deltas without events",
            |core, key, after, delta| {
                if delta.events.is_empty() { Ok(()) } else { commit_with(ALL_CHECKS, core, key, after, delta) }
            },
            &["b30_a_delta_without_events_is_kept"],
        ),
        commits(
            "keeps the plan that a run began with",
            |core, key, after, delta| {
                let mut kept = after.clone();
                if let Some(before) = before(core, key) {
                    kept.plan = before.plan.clone();
                }
                commit_instead(core, key, (after, delta), kept)
            },
            &["b30_an_adopted_plan_is_kept"],
        ),
        commits(
            "keeps 256 deltas of a run",
            |core, key, after, delta| {
                let last = before(core, key).filter(|data| data.seq >= 256).map(|data| data.steps.clone());
                let mut kept = after.clone();
                kept.steps = last.unwrap_or(kept.steps);
                commit_instead(core, key, (after, delta), kept)
            },
            &["b30_many_commits_of_one_run_are_kept"],
        ),
        commits(
            "keeps only the run that was committed last",
            |core, key, after, delta| {
                commit_with(ALL_CHECKS, core, key, after, delta)?;
                core.runs.retain(|other, _| other == key);
                Ok(())
            },
            &["b30_runs_committed_at_once_are_all_kept", "b42_many_runs_at_once_are_served"],
        ),
        Mutant {
            what: "shows what it has and what it had by turns",
            parts: Parts {
                load: |core, key, id| {
                    let entry = core.runs.get(key).ok_or_else(|| not_found(id))?;
                    let before = entry.before.as_ref().filter(|_| is_second_time());
                    Ok(before.unwrap_or(&entry.data).clone())
                },
                ..SOUND
            },
            found_by: &["b37_readers_beside_a_writer_see_whole_records_in_order"],
        },
        Mutant {
            what: "shares the metadata of runs that began alike",
            parts: Parts {
                commit: |core, key, after, delta| {
                    commit_with(ALL_CHECKS, core, key, after, delta)?;
                    core.runs.values_mut().for_each(|entry| entry.data.updated_at = after.updated_at);
                    Ok(())
                },
                ..SOUND
            },
            found_by: &["b37_runs_that_began_alike_do_not_share"],
        },
        // No store in safe Rust can share a value with its caller by mistake, but one may show what it never had.
        Mutant {
            what: "shows every record as if it had been cancelled",
            parts: Parts { show: |data| data.status = flow_runtime::state::WorkflowStatus::Cancelled, ..SOUND },
            found_by: &[
                "b37_changing_a_saved_record_changes_nothing_in_the_store",
                "b37_changing_a_committed_record_changes_nothing_in_the_store",
                "b37_changing_a_loaded_record_changes_nothing_in_the_store",
                "b37_a_loaded_record_is_a_snapshot",
            ],
        },
    ]
}
