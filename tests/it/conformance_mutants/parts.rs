//! Stores that mix up the parts of large payloads, lose them, or keep them too long.

use bytes::Bytes;
use flow_runtime::store::PartKey;
use flow_runtime::{StoreError, WorkflowId};

use super::Mutant;
use super::store::{Core, Parts, SOUND, not_found};

fn names(what: &'static str, part_key: fn(PartKey) -> PartKey, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { part_key, ..SOUND }, found_by }
}

fn puts(what: &'static str, put_part: fn(&mut Core, PartKey, Bytes), found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { put_part, ..SOUND }, found_by }
}

fn gives(
    what: &'static str,
    part: fn(&Core, &PartKey) -> Result<Bytes, StoreError>,
    found_by: &'static [&'static str],
) -> Mutant {
    Mutant { what, parts: Parts { part, ..SOUND }, found_by }
}

fn forgets(
    what: &'static str,
    forget_payloads: fn(&mut Core, &WorkflowId),
    found_by: &'static [&'static str],
) -> Mutant {
    Mutant { what, parts: Parts { forget_payloads, ..SOUND }, found_by }
}

pub(super) fn mutants() -> Vec<Mutant> {
    [mixed_up(), changed(), kept_too_long_or_lost()].into_iter().flatten().collect()
}

fn mixed_up() -> Vec<Mutant> {
    vec![
        names(
            "takes the parts of all runs for those of one",
            |key| PartKey::new(WorkflowId::new("one").unwrap(), key.run_no, key.payload, key.part),
            &["b33_parts_of_runs_are_kept_apart", "b39_parts_go_with_their_run_alone"],
        ),
        names(
            "knows no capital letters in the ids of parts",
            |key| {
                let id = key.id.as_str().to_lowercase();
                PartKey::new(WorkflowId::new(id).unwrap(), key.run_no, key.payload, key.part)
            },
            &["b33_parts_of_runs_are_kept_apart"],
        ),
        names(
            "does not look at the number of the run",
            |key| PartKey::new(key.id, 0, key.payload, key.part),
            &["b32_a_part_that_is_not_there_is_corrupt", "b39_parts_of_a_deleted_run_are_not_those_of_the_next"],
        ),
        names(
            "looks at half of a payload's number",
            |key| PartKey::new(key.id, key.run_no, u128::from(key.payload as u64), key.part),
            &["b29_parts_of_one_run_are_kept_apart"],
        ),
        names(
            "counts parts to 255",
            |key| PartKey::new(key.id, key.run_no, key.payload, key.part % 256),
            &["b29_parts_of_one_run_are_kept_apart"],
        ),
    ]
}

fn changed() -> Vec<Mutant> {
    vec![
        puts(
            "keeps texts alone",
            |core, key, bytes| {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                core.payloads.insert(key, text.into());
            },
            &["b29_parts_of_any_bytes_come_back"],
        ),
        puts(
            "cuts a part short of its last byte when it is large",
            |core, key, bytes| {
                let len = bytes.len().min(PartKey::MAX_BYTES - 1);
                core.payloads.insert(key, bytes.slice(..len));
            },
            &["b29_a_part_of_the_largest_size_comes_back"],
        ),
        puts(
            "keeps the part that was put first",
            |core, key, bytes| {
                core.payloads.entry(key).or_insert(bytes);
            },
            &["b30_a_part_replaces_that_of_its_name"],
        ),
        puts(
            "leaves the end of a longer part in place",
            |core, key, bytes| {
                let before = core.payloads.get(&key).cloned().unwrap_or_default();
                let rest = before.get(bytes.len()..).unwrap_or_default();
                core.payloads.insert(key, [&bytes[..], rest].concat().into());
            },
            &["b30_a_part_replaces_that_of_its_name"],
        ),
    ]
}

fn kept_too_long_or_lost() -> Vec<Mutant> {
    vec![
        gives(
            "takes a part that is missing for a run that is",
            |core, key| core.payloads.get(key).cloned().ok_or_else(|| not_found(&key.id)),
            &["b32_a_part_that_is_not_there_is_corrupt", "b33_parts_of_runs_are_kept_apart"],
        ),
        gives(
            "gives nothing for a part that is missing",
            |core, key| Ok(core.payloads.get(key).cloned().unwrap_or_default()),
            &["b32_a_part_that_is_not_there_is_corrupt", "b39_parts_go_with_their_run_alone"],
        ),
        forgets(
            "keeps the parts of a deleted run",
            |_, _| (),
            &["b33_parts_of_runs_are_kept_apart", "b39_parts_go_with_their_run_alone"],
        ),
        forgets(
            "takes the parts of all runs away with one",
            |core, _| core.payloads.clear(),
            &["b33_parts_of_runs_are_kept_apart", "b39_parts_go_with_their_run_alone"],
        ),
        Mutant {
            what: "loses a part",
            parts: Parts { reopen: |core| drop(core.payloads.pop_last()), ..SOUND },
            found_by: &["b42_parts_are_there_after_reopening"],
        },
    ]
}
