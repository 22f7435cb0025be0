//! Stores whose calls have a middle, in which they can be dropped.

use super::Mutant;
use super::store::{Entry, Parts, SOUND, not_found, other, sound_save};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant {
            what: "removes a record before it writes the next",
            parts: Parts {
                begin: Some(|core, key, _| drop(core.runs.remove(key))),
                commit: |core, key, after, _| sound_save(core, key, after),
                ..SOUND
            },
            found_by: &[
                "b35_a_dropped_save_happens_whole_or_not_at_all",
                "b35_a_dropped_commit_happens_whole_or_not_at_all",
            ],
        },
        Mutant {
            what: "writes a record in two parts",
            parts: Parts {
                begin: Some(|core, key, data| {
                    let mut data = data.clone();
                    data.input.bytes.clear();
                    core.runs.insert(key.to_owned(), Entry { data, last: None, before: None });
                }),
                commit: |core, key, after, _| sound_save(core, key, after),
                ..SOUND
            },
            found_by: &[
                "b35_a_dropped_first_save_happens_whole_or_not_at_all",
                "b35_a_dropped_creation_happens_whole_or_not_at_all",
                "b35_a_dropped_commit_happens_whole_or_not_at_all",
            ],
        },
        Mutant {
            what: "counts a commit before it writes it",
            parts: Parts {
                begin: Some(|core, key, after| {
                    let mut data = after.clone();
                    data.seq += 1;
                    core.runs.insert(key.to_owned(), Entry { data, last: None, before: None });
                }),
                ..SOUND
            },
            found_by: &[
                "b71_a_commit_sent_again_after_it_was_dropped_is_applied_once",
                "b71_a_creation_sent_again_after_it_was_dropped_creates_one_run",
            ],
        },
        Mutant {
            what: "empties a record before it removes it",
            parts: Parts {
                begin_delete: Some(|core, key| {
                    core.runs.entry(key.to_owned()).and_modify(|entry| entry.data.metadata.clear());
                }),
                ..SOUND
            },
            found_by: &["b35_a_dropped_deletion_happens_whole_or_not_at_all"],
        },
        Mutant {
            what: "counts its readers, and lets one at a time read",
            parts: Parts {
                begin_load: Some(|core, _| core.loads += 1),
                load: |core, key, id| {
                    core.loads -= 1;
                    if core.loads > 0 {
                        return Err(other("busy"));
                    }
                    core.runs.get(key).map(|entry| entry.data.clone()).ok_or_else(|| not_found(id))
                },
                ..SOUND
            },
            found_by: &["b35_dropped_loads_and_listings_change_nothing"],
        },
        Mutant {
            what: "does when it is opened what was dropped before",
            parts: Parts {
                begin: Some(|core, key, data| {
                    core.begun.push((key.to_owned(), Entry { data: data.clone(), last: None, before: None }));
                }),
                save: |core, key, data| {
                    core.begun.pop();
                    sound_save(core, key, data)
                },
                commit: |core, key, after, delta| {
                    core.begun.pop();
                    (SOUND.commit)(core, key, after, delta)
                },
                reopen: |core| {
                    let begun = std::mem::take(&mut core.begun);
                    core.runs.extend(begun);
                },
                ..SOUND
            },
            found_by: &[
                "b39_a_dropped_save_does_not_bring_back_a_run_deleted_after_it",
                "b39_a_dropped_commit_does_not_bring_back_a_run_deleted_after_it",
            ],
        },
    ]
}
