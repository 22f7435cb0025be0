//! Stores that give other runs than they are asked for, or others of what is known of them.

use flow_runtime::store::{Cursor, Damaged, Page, Query, Summary};
use flow_runtime::{StoreError, WorkflowData, WorkflowId};

use super::Mutant;
use super::store::{Core, Entry, Parts, SOUND, sound_load};

type Answer = fn(&Core, &Query, Vec<Summary>) -> Page;

fn answers(what: &'static str, query: Answer, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { query, ..SOUND }, found_by }
}

fn sums_up(what: &'static str, summary: fn(&Entry) -> Summary, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts: Parts { summary, ..SOUND }, found_by }
}

fn sound(query: &Query, runs: Vec<Summary>) -> Page {
    query.page_of(runs, Vec::new())
}

pub(super) fn mutants() -> Vec<Mutant> {
    [filters(), newer(), pages(), summaries()].into_iter().flatten().collect()
}

fn filters() -> Vec<Mutant> {
    vec![
        answers(
            "gives all runs whatever is asked",
            |_, _, runs| sound(&Query::new().page(1000), runs),
            &[
                "query_of_a_workflow_gives_its_runs",
                "query_of_statuses_gives_runs_of_each",
                "query_of_a_time_keeps_its_ends",
                "query_of_metadata_wants_every_entry",
                "query_of_several_things_wants_all",
            ],
        ),
        answers(
            "finds runs of the future in an empty place",
            |core, query, runs| {
                let mut page = sound(query, runs);
                if core.runs.is_empty() {
                    page.next = WorkflowId::new("gone").ok().map(|id| Cursor::new(0, id));
                }
                page
            },
            &["query_of_nothing_that_is_there_is_an_empty_page"],
        ),
    ]
}

/// Stores that keep records which they cannot read, as a newer version wrote them.
fn newer() -> Vec<Mutant> {
    let reads = |what, load, query| Mutant {
        what,
        parts: Parts { load, query, ..SOUND },
        found_by: &["b38_what_only_a_newer_version_can_read_hides_nothing"],
    };
    vec![
        reads("passes over what it cannot read", load_known, |core, query, runs| sound(query, known(core, runs))),
        reads("gives nothing beside what it cannot read", load_known, |core, query, runs| {
            let whole = known(core, runs.clone());
            if whole.len() < runs.len() {
                query.page_of([], vec![Damaged::new("", "of tomorrow")])
            } else {
                sound(query, whole)
            }
        }),
        reads("tells of a run as if it could read it", load_known, |_, query, runs| sound(query, runs)),
        reads(
            "calls damaged what is newer",
            |core, key, id| {
                load_known(core, key, id).map_err(|_| StoreError::Corrupt {
                    id: id.clone(),
                    path: None,
                    reason: "no idea".to_owned(),
                })
            },
            |core, query, runs| query.page_of(known(core, runs), vec![Damaged::new("", "of tomorrow")]),
        ),
    ]
}

/// The runs that this version can read.
fn known(core: &Core, mut runs: Vec<Summary>) -> Vec<Summary> {
    runs.retain(|run| core.runs[run.id.as_str()].data.format == WorkflowData::FORMAT);
    runs
}

fn load_known(core: &mut Core, key: &str, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
    let data = sound_load(core, key, id)?;
    if data.format == WorkflowData::FORMAT {
        return Ok(data);
    }
    Err(StoreError::Newer { what: id.to_string(), found: data.format.to_string(), known: "1".to_owned() })
}

fn pages() -> Vec<Mutant> {
    vec![
        answers(
            "gives the oldest runs first",
            |_, query, runs| {
                let mut page = sound(query, runs);
                page.runs.reverse();
                page
            },
            &[
                "query_gives_every_run_as_its_record_is",
                "query_gives_the_newest_first_and_those_of_one_time_by_id",
                "query_gives_pages_that_neither_repeat_nor_skip",
            ],
        ),
        answers(
            "begins each page at the time at which the one before ended",
            |_, query, runs| {
                let mut page = sound(query, runs);
                page.next = page.next.and_then(|_| {
                    let last = page.runs.last()?;
                    Some(Cursor::new(last.created_at - 1, last.id.clone()))
                });
                page
            },
            &["query_gives_pages_that_neither_repeat_nor_skip", "query_goes_on_while_runs_come_and_go"],
        ),
        answers(
            "gives one page",
            |_, query, runs| {
                let mut page = sound(query, runs);
                page.next = None;
                page
            },
            &["query_gives_pages_that_neither_repeat_nor_skip", "query_goes_on_while_runs_come_and_go"],
        ),
    ]
}

fn summaries() -> Vec<Mutant> {
    vec![
        sums_up(
            "takes the time of creation for that of the last change",
            |entry| {
                let mut run = Summary::from(&entry.data);
                run.updated_at = run.created_at;
                run
            },
            &["query_gives_every_run_as_its_record_is", "query_sees_each_commit"],
        ),
        sums_up(
            "is one change behind",
            |entry| Summary::from(entry.before.as_ref().unwrap_or(&entry.data)),
            &["query_sees_each_commit"],
        ),
        sums_up(
            "tells of each run the version with which it began",
            |entry| {
                let mut run = Summary::from(&entry.data);
                run.version = 1;
                run
            },
            &["b44_a_run_that_moved_to_another_version_is_one_of_it"],
        ),
        answers(
            "gives deleted runs too",
            |core, query, mut runs| {
                runs.extend(core.deleted.iter().map(|(_, entry)| Summary::from(&entry.data)));
                sound(query, runs)
            },
            &["query_sees_no_deleted_run", "query_gives_the_same_after_reopening"],
        ),
    ]
}
