//! Stores that take two ids for one, or refuse one.

use flow_runtime::{StoreError, WorkflowId};

use super::Mutant;
use super::store::{Core, Parts, SOUND, other, sound_delete, sound_save};

fn folds(what: &'static str, key: fn(&str) -> String, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { key, ..SOUND }, found_by }
}

/// A store that cannot keep runs of these names.
fn refuses(what: &'static str, save: Save, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { save, ..SOUND }, found_by }
}

type Save = fn(&mut Core, &str, &flow_runtime::WorkflowData) -> Result<(), StoreError>;

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        folds(
            "folds the case of ids",
            str::to_lowercase,
            &[
                "b33_ids_that_differ_in_case_are_kept_apart",
                "b33_runs_created_by_commits_are_kept_apart",
                "b33_random_ids_are_kept_apart",
            ],
        ),
        folds(
            "drops marks from letters",
            |id| id.replace(['\u{301}', '\u{30a}', '\u{200b}', '\u{ad}'], ""),
            &["b33_ids_in_several_unicode_forms_are_kept_apart"],
        ),
        folds(
            "resolves ids as paths",
            |id| std::path::Path::new(id).components().map(|part| part.as_os_str().display().to_string()).collect(),
            &["b33_ids_that_lead_elsewhere_are_kept_apart"],
        ),
        folds(
            "writes slashes as underscores",
            |id| id.replace(['/', '\\', ':'], "_"),
            &["b33_ids_within_ids_are_kept_apart"],
        ),
        folds(
            "drops dots and spaces at the end",
            |id| id.trim_end_matches(['.', ' ']).to_owned(),
            &["b33_ids_with_dots_and_spaces_at_their_ends_are_kept_apart"],
        ),
        folds(
            "decodes ids",
            |id| id.replace("%2f", "/").replace("_2f", "/"),
            &["b33_ids_that_look_encoded_are_kept_apart"],
        ),
        folds(
            "cuts ids at 255 bytes",
            |id| String::from_utf8_lossy(&id.as_bytes()[..id.len().min(255)]).into_owned(),
            &["b33_the_longest_ids_are_kept_apart"],
        ),
        refuses(
            "cannot keep runs with the names of devices",
            |core, key, data| {
                let stem = key.split('.').next().unwrap_or_default().to_uppercase();
                let is_device = ["CON", "PRN", "AUX", "NUL", "COM1"].contains(&stem.as_str());
                if is_device { Err(other("no such file")) } else { sound_save(core, key, data) }
            },
            &["b33_names_of_devices_are_ids"],
        ),
        refuses(
            "writes runs over its own files",
            |core, key, data| if key == "LOCK" { Err(other("locked")) } else { sound_save(core, key, data) },
            &["b33_names_of_a_stores_own_files_are_ids"],
        ),
        Mutant {
            what: "takes ids for patterns when it deletes",
            parts: Parts {
                delete: |core, key, id| {
                    if key == "*" || key == "%" {
                        core.runs.clear();
                        return Ok(());
                    }
                    sound_delete(core, key, id)
                },
                ..SOUND
            },
            found_by: &["b33_ids_with_quotes_and_wildcards_are_kept_apart"],
        },
        Mutant {
            what: "lists names instead of ids",
            parts: Parts {
                list: |core| {
                    let name = |id: &str| WorkflowId::new(id.replace(' ', "%20")).unwrap();
                    let mut names: Vec<WorkflowId> = core.runs.keys().map(|key| name(key)).collect();
                    names.sort();
                    names
                },
                ..SOUND
            },
            found_by: &["b33_listed_ids_are_those_that_were_given"],
        },
    ]
}
