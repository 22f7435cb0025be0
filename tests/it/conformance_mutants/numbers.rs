//! Stores that take deltas which do not follow, or refuse those that do.

use flow_runtime::state::Delta;
use flow_runtime::{StoreError, WorkflowData};

use super::Mutant;
use super::store::{ALL_CHECKS, Checks, Core, Parts, SOUND, commit_with, conflict};

type Commit = fn(&mut Core, &str, &WorkflowData, &Delta) -> Result<(), StoreError>;

fn commits(what: &'static str, commit: Commit, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { commit, ..SOUND }, found_by }
}

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        commits(
            "takes a delta that is sent again for another",
            |core, key, after, delta| commit_with(Checks { again: false, ..ALL_CHECKS }, core, key, after, delta),
            &[
                "b71_a_delta_that_is_sent_again_is_applied_once",
                "b71_a_creation_that_is_sent_again_creates_one_run",
                "b71_an_end_that_is_sent_again_is_applied_once",
            ],
        ),
        commits(
            "accepts a gap",
            |core, key, after, delta| commit_with(Checks { gap: false, ..ALL_CHECKS }, core, key, after, delta),
            &[
                "b71_a_delta_that_skips_one_is_a_conflict",
                "b71_a_run_goes_on_after_a_conflict",
                "b71_conflicts_are_known_after_reopening",
            ],
        ),
        commits(
            "applies old deltas again",
            |core, key, after, delta| commit_with(Checks { old: false, ..ALL_CHECKS }, core, key, after, delta),
            &["b71_an_older_delta_is_not_applied_again", "b71_a_conflict_touches_no_other_run"],
        ),
        commits(
            "knows deltas by their number alone",
            |core, key, after, delta| commit_with(Checks { content: false, ..ALL_CHECKS }, core, key, after, delta),
            &["b71_another_delta_of_the_same_number_is_a_conflict", "b71_of_rival_deltas_at_once_one_is_taken"],
        ),
        commits(
            "creates runs that exist",
            |core, key, after, delta| commit_with(Checks { exists: false, ..ALL_CHECKS }, core, key, after, delta),
            &[
                "b71_creating_a_run_that_exists_is_a_conflict",
                "b71_creating_a_run_that_was_just_created_is_a_conflict",
                "b71_creating_a_run_that_was_saved_is_a_conflict",
                "b71_of_creations_at_once_one_is_taken",
            ],
        ),
        commits(
            "does not ask of which run a delta is",
            |core, key, after, delta| commit_with(Checks { run_no: false, ..ALL_CHECKS }, core, key, after, delta),
            &["b71_a_delta_of_another_run_is_a_conflict", "b39_a_late_commit_does_not_touch_the_next_run_of_its_id"],
        ),
        commits(
            "revives deleted runs",
            |core, key, after, delta| commit_with(Checks { absent: false, ..ALL_CHECKS }, core, key, after, delta),
            &[
                "b71_a_delta_of_an_unknown_run_is_a_conflict",
                "b39_a_late_commit_does_not_bring_a_run_back",
                "b39_a_dropped_commit_does_not_bring_back_a_run_deleted_after_it",
            ],
        ),
        commits(
            "takes nothing any more after a conflict",
            |core, key, after, delta| {
                if core.stuck {
                    return Err(conflict(&after.id));
                }
                let answer = commit_with(ALL_CHECKS, core, key, after, delta);
                core.stuck = answer.is_err();
                answer
            },
            &["b71_a_run_goes_on_after_a_conflict", "b71_a_conflict_touches_no_other_run"],
        ),
        commits(
            "applies what it had before it was opened once more",
            |core, key, after, delta| {
                let checks =
                    if core.opened > 1 { Checks { old: false, again: false, ..ALL_CHECKS } } else { ALL_CHECKS };
                commit_with(checks, core, key, after, delta)?;
                let entry = core.runs.get_mut(key).filter(|_| core.opened > 1);
                entry.into_iter().for_each(|entry| entry.data.seq += 1);
                Ok(())
            },
            &["b71_a_delta_kept_before_reopening_is_not_applied_again"],
        ),
        commits(
            "checks deltas although it says that it has the four methods",
            |core, key, after, delta| commit_with(ALL_CHECKS, core, key, after, delta),
            &["four_methods_a_commit_is_a_save"],
        ),
    ]
}
