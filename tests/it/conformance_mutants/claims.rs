//! Stores that give runs away which they hold, hold runs that are free, or let others write them.

use flow_runtime::StoreError;

use super::Mutant;
use super::store::{Parts, SOUND, sound_claim};

fn mutant(what: &'static str, parts: Parts, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts, found_by }
}

pub(super) fn mutants() -> Vec<Mutant> {
    [giving(), holding(), guarding()].into_iter().flatten().collect()
}

fn giving() -> Vec<Mutant> {
    vec![
        mutant(
            "gives a claimed run to whoever asks",
            Parts {
                claim: |core, key, id, owner| {
                    core.claims.remove(key);
                    sound_claim(core, key, id, owner)
                },
                ..SOUND
            },
            &["claim_is_refused_to_another_owner", "claim_by_the_same_owner_again_changes_nothing"],
        ),
        mutant(
            "says that it holds nothing, and holds",
            Parts { claim: |core, key, id, owner| sound_claim(core, key, id, owner).map(|_| 0), ..SOUND },
            &["claim_is_refused_to_another_owner"],
        ),
        mutant(
            "calls a held run a conflict",
            Parts {
                claim: |core, key, id, owner| {
                    let reason = "it is held".to_owned();
                    sound_claim(core, key, id, owner).map_err(|_| StoreError::Conflict { id: id.clone(), reason })
                },
                ..SOUND
            },
            &["claim_is_refused_to_another_owner"],
        ),
        mutant(
            "takes a run back from whoever gives it",
            Parts { release: |core, key, _| core.claims.retain(|known, _| known != key), ..SOUND },
            &["claim_is_given_back_by_its_owner_alone"],
        ),
        mutant(
            "begins its fences anew when nothing is held",
            Parts {
                claim: |core, key, id, owner| {
                    core.last_fence = core.claims.len() as u64;
                    sound_claim(core, key, id, owner)
                },
                ..SOUND
            },
            &["claim_gives_fences_that_grow_with_each_owner"],
        ),
    ]
}

fn holding() -> Vec<Mutant> {
    vec![
        mutant(
            "holds runs by the beginning of their ids",
            Parts {
                claim: |core, key, id, owner| {
                    let known = core.claims.keys().find(|known| known.starts_with(key) || key.starts_with(*known));
                    let known = known.cloned().unwrap_or_else(|| key.to_owned());
                    sound_claim(core, &known, id, owner)
                },
                ..SOUND
            },
            &["claim_holds_no_other_run"],
        ),
        mutant("forgets no owner", Parts { forget: |_, _| (), ..SOUND }, &["claim_ends_with_its_owner"]),
        mutant(
            "forgets all owners with one",
            Parts { forget: |core, _| core.claims.clear(), ..SOUND },
            &["claim_ends_with_its_owner", "claim_is_given_back_by_its_owner_alone"],
        ),
        mutant(
            "makes a run of each claim",
            Parts {
                claim: |core, key, id, owner| {
                    core.saves.push(id.clone());
                    sound_claim(core, key, id, owner)
                },
                list: |core| {
                    let mut all: Vec<_> = core.runs.values().map(|entry| entry.data.id.clone()).collect();
                    all.extend(core.saves.iter().filter(|id| core.claims.contains_key(id.as_str())).cloned());
                    all.sort();
                    all.dedup();
                    all
                },
                ..SOUND
            },
            &["claim_makes_no_run"],
        ),
    ]
}

fn guarding() -> Vec<Mutant> {
    vec![
        mutant("deletes claimed runs", Parts { keeps_claimed: false, ..SOUND }, &["claim_keeps_a_run_from_deletion"]),
        mutant(
            "lets those write who had a run before",
            Parts { fences: false, ..SOUND },
            &["claim_closes_a_run_to_older_fences"],
        ),
    ]
}
