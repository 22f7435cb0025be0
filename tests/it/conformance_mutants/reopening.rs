//! Stores that have forgotten something, or remember too much, when they are opened again.

use flow_runtime::WorkflowData;
use flow_runtime::state::{RunCreated, RunOutput, WorkflowStatus};

use super::Mutant;
use super::store::{Core, Parts, SOUND, is_lazy, other};

fn reopens(what: &'static str, reopen: fn(&mut Core), found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { reopen, ..SOUND }, found_by }
}

/// Takes back the last change of these runs.
fn take_back(core: &mut Core, which: fn(&super::store::Entry) -> bool) {
    for entry in core.runs.values_mut().filter(|entry| which(entry)) {
        if let Some(before) = entry.before.take() {
            (entry.data, entry.last) = (before, None);
        }
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        reopens(
            "loses a run",
            |core| drop(core.runs.pop_first()),
            &[
                "b42_a_save_is_there_after_reopening",
                "b42_ended_runs_are_there_after_reopening",
                "b42_a_reopened_store_takes_all_calls",
                "b42_reopening_again_and_again_changes_nothing",
            ],
        ),
        reopens(
            "loses the last commit",
            |core| take_back(core, |entry| entry.last.is_some()),
            &["b42_every_commit_is_there_after_reopening"],
        ),
        reopens(
            "knows of runs under way that they exist",
            |core| {
                for entry in core.runs.values_mut().filter(|entry| !entry.data.status.is_terminal()) {
                    let data = &entry.data;
                    let created = RunCreated::new(data.id.clone(), data.plan.clone(), data.input.clone());
                    entry.data = WorkflowData::new(data.run_no, &created, data.created_at);
                }
            },
            &["b42_a_run_goes_on_after_reopening"],
        ),
        reopens(
            "loses what was not durable when it was closed",
            |core| take_back(core, is_lazy),
            &["b42_lazy_commits_are_there_after_closing"],
        ),
        reopens(
            "loses durable commits behind lazy ones",
            |core| take_back(core, |entry| entry.last.is_some() && !is_lazy(entry)),
            &["b42_lazy_and_durable_commits_keep_their_order"],
        ),
        reopens(
            "brings deleted runs back",
            |core| {
                let deleted = std::mem::take(&mut core.deleted);
                core.runs.extend(deleted);
            },
            &["b42_a_deletion_is_there_after_reopening", "b39_a_deleted_run_stays_deleted"],
        ),
        reopens(
            "brings runs back whose changes were pending when they were deleted",
            |core| {
                let deleted = std::mem::take(&mut core.deleted).into_iter();
                core.runs.extend(deleted.filter(|(_, entry)| is_lazy(entry)));
            },
            &[
                "b39_changes_that_were_pending_do_not_bring_a_run_back",
                "b39_a_pending_creation_does_not_bring_a_run_back",
            ],
        ),
        reopens(
            "forgets what ended runs gave",
            |core| {
                for entry in core.runs.values_mut().filter(|entry| entry.data.status == WorkflowStatus::Completed) {
                    entry.data.output = None;
                }
            },
            &["b19_an_ended_run_gives_its_output_after_reopening"],
        ),
        reopens(
            "forgets why runs failed",
            |core| {
                for entry in core.runs.values_mut() {
                    if let Some(RunOutput::Errors(errors)) = &mut entry.data.output {
                        errors.iter_mut().for_each(|error| error.message.clear());
                    }
                }
            },
            &["b18_a_failed_run_gives_its_failure_after_reopening"],
        ),
        Mutant {
            what: "can only be read when it is opened again",
            parts: Parts {
                commit: |core, key, after, delta| {
                    if core.opened > 1 { Err(other("read-only")) } else { (SOUND.commit)(core, key, after, delta) }
                },
                ..SOUND
            },
            found_by: &["b42_a_reopened_store_takes_all_calls"],
        },
    ]
}
