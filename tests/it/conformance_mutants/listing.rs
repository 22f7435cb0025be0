//! Stores that list wrongly, find what is not there, or do not find what is.

use flow_runtime::WorkflowId;
use flow_runtime::state::WorkflowStatus;

use super::Mutant;
use super::store::{Core, Parts, SOUND, not_found, other, sound_delete, sound_load};

fn lists(what: &'static str, list: fn(&Core) -> Vec<WorkflowId>, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { list, ..SOUND }, found_by }
}

fn sound_list(core: &Core) -> Vec<WorkflowId> {
    (SOUND.list)(core)
}

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = wrong_listings();
    all.extend(wrong_answers());
    all
}

fn wrong_listings() -> Vec<Mutant> {
    vec![
        lists(
            "lists its own files",
            |core| {
                let mut all = sound_list(core);
                all.insert(0, WorkflowId::new(".lock").unwrap());
                all
            },
            &["b36_an_empty_store_lists_nothing"],
        ),
        lists(
            "lists runs in the order of an alphabet",
            |core| {
                let mut all = sound_list(core);
                all.sort_by_key(|id| id.as_str().to_lowercase());
                all
            },
            &["b36_the_listing_is_sorted_by_the_bytes_of_ids"],
        ),
        lists(
            "lists runs that are under way",
            |core| {
                let entries = core.runs.values().filter(|entry| entry.data.status == WorkflowStatus::Running);
                entries.map(|entry| entry.data.id.clone()).collect()
            },
            &["b36_runs_of_every_status_are_listed"],
        ),
        lists(
            "lists a run for each save",
            |core| {
                let mut all = core.saves.clone();
                all.sort();
                all
            },
            &["b36_a_run_that_was_saved_often_is_listed_once"],
        ),
        lists(
            "lists only runs that were saved",
            |core| sound_list(core).into_iter().filter(|id| core.saves.contains(id)).collect(),
            &["b36_runs_created_by_commits_are_listed"],
        ),
        lists(
            "lists deleted runs",
            |core| {
                let mut all = sound_list(core);
                all.extend(core.deleted.iter().map(|(_, entry)| entry.data.id.clone()));
                all.sort();
                all.dedup();
                all
            },
            &["b36_deleted_runs_are_not_listed", "b37_a_listing_is_a_snapshot"],
        ),
        lists(
            "lists the first nineteen runs",
            |core| sound_list(core).into_iter().take(19).collect(),
            &["b36_a_thousand_runs_are_listed", "b36_listings_beside_writers_miss_nothing"],
        ),
        lists(
            "lists runs that were looked for",
            |core| {
                let mut all = sound_list(core);
                all.extend(core.missed.clone());
                all.sort();
                all
            },
            &["b32_looking_for_a_run_makes_none"],
        ),
    ]
}

fn wrong_answers() -> Vec<Mutant> {
    vec![
        Mutant {
            what: "has words of its own for what is not there",
            parts: Parts {
                load: |core, key, id| sound_load(core, key, id).map_err(|_| other("no such file")),
                ..SOUND
            },
            found_by: &["b32_loading_an_unknown_run_is_not_found"],
        },
        Mutant {
            what: "deletes what is not there",
            parts: Parts { delete: |core, key, id| sound_delete(core, key, id).or(Ok(())), ..SOUND },
            found_by: &[
                "b32_deleting_an_unknown_run_is_not_found",
                "b32_deleting_a_run_twice_is_not_found",
                "b32_of_deletions_at_once_one_finds_the_run",
            ],
        },
        Mutant {
            what: "forgets to delete",
            parts: Parts { delete: |core, key, id| core.runs.get(key).map(drop).ok_or_else(|| not_found(id)), ..SOUND },
            found_by: &["b32_a_deleted_run_is_not_found", "b39_a_run_that_is_being_deleted_is_whole_or_gone"],
        },
        Mutant {
            what: "finds runs by the beginning of their ids",
            parts: Parts {
                load: |core, key, id| {
                    let found = core.runs.iter().find(|(known, _)| known.starts_with(key));
                    found.map(|(_, entry)| entry.data.clone()).ok_or_else(|| not_found(id))
                },
                ..SOUND
            },
            found_by: &["b32_a_run_is_not_found_by_a_part_of_its_id"],
        },
        Mutant {
            what: "deletes runs by the beginning of their ids",
            parts: Parts {
                delete: |core, key, id| {
                    sound_delete(core, key, id)?;
                    core.runs.retain(|known, _| !known.starts_with(key));
                    Ok(())
                },
                ..SOUND
            },
            found_by: &["b39_a_deletion_touches_no_other_run"],
        },
        Mutant {
            what: "uses an id once",
            parts: Parts {
                load: |core, key, id| {
                    let was_deleted = core.deleted.iter().any(|(deleted, _)| deleted == key);
                    if was_deleted { Err(not_found(id)) } else { sound_load(core, key, id) }
                },
                ..SOUND
            },
            found_by: &["b39_a_deleted_id_can_be_used_again", "b39_an_id_is_used_and_deleted_many_times"],
        },
    ]
}
