//! Stores that lose requests, confuse them, or have too many of them.

use flow_runtime::state::{Payload, Request, RequestKind};
use flow_runtime::{StoreError, WorkflowId};

use super::Mutant;
use super::store::{Core, Parts, SOUND, sound_ask, sound_delete, sound_requests, sound_take};

fn mutant(what: &'static str, parts: Parts, found_by: &'static [&'static str]) -> Mutant {
    Mutant { what, parts, found_by }
}

type Ask = fn(&mut Core, &str, &WorkflowId, &Request) -> Result<bool, StoreError>;

fn asks(what: &'static str, ask: Ask, found_by: &'static [&'static str]) -> Mutant {
    mutant(what, Parts { ask, ..SOUND }, found_by)
}

fn shows(what: &'static str, requests: fn(&Core, &str) -> Vec<Request>, found_by: &'static [&'static str]) -> Mutant {
    mutant(what, Parts { requests, ..SOUND }, found_by)
}

fn takes(what: &'static str, take: fn(&mut Core, &str, &[String]), found_by: &'static [&'static str]) -> Mutant {
    mutant(what, Parts { take, ..SOUND }, found_by)
}

pub(super) fn mutants() -> Vec<Mutant> {
    [keeping(), ordering(), changing(), taking(), confusing(), ending()].into_iter().flatten().collect()
}

fn keeping() -> Vec<Mutant> {
    vec![
        asks(
            "keeps no requests for runs that are not there",
            |core, key, run, request| {
                if core.runs.contains_key(key) { sound_ask(core, key, run, request) } else { Ok(true) }
            },
            &["b52_a_request_waits_for_a_run_that_is_not_there_yet"],
        ),
        mutant(
            "lists runs that were only asked",
            Parts {
                list: |core| {
                    let mut all: Vec<_> = core.runs.values().map(|entry| entry.data.id.clone()).collect();
                    all.extend(core.requests.values().map(|(run, _)| run.clone()));
                    all.sort();
                    all.dedup();
                    all
                },
                ..SOUND
            },
            &["b52_a_request_waits_for_a_run_that_is_not_there_yet"],
        ),
        asks(
            "says that it keeps none, and keeps them",
            |core, key, run, request| {
                sound_ask(core, key, run, request)?;
                Err(StoreError::Unstorable { id: run.clone(), reason: "none".to_owned() })
            },
            &["b52_a_request_waits_for_a_run_that_is_not_there_yet"],
        ),
        asks(
            "keeps a request as often as it comes",
            |core, key, run, request| {
                let had = sound_ask(core, key, run, request)?;
                core.requests.entry(key.to_owned()).and_modify(|(_, all)| all.extend((!had).then(|| request.clone())));
                Ok(had)
            },
            &[
                "b52_a_request_that_comes_again_counts_once",
                "b52_a_request_that_comes_at_once_from_several_counts_once",
                "b35_a_dropped_request_is_kept_whole_or_not_at_all",
            ],
        ),
        asks(
            "puts a request that comes again in the place of the first",
            |core, key, run, request| {
                let had = sound_ask(core, key, run, request)?;
                let all = core.requests.get_mut(key).into_iter().flat_map(|(_, all)| all);
                all.filter(|known| known.id == request.id).for_each(|known| *known = request.clone());
                Ok(had)
            },
            &["b52_a_request_that_comes_again_counts_once"],
        ),
        asks(
            "calls every request new",
            |core, key, run, request| sound_ask(core, key, run, request).map(|_| true),
            &[
                "b52_a_request_that_comes_again_counts_once",
                "b52_a_request_that_comes_at_once_from_several_counts_once",
                "b35_a_dropped_request_is_kept_whole_or_not_at_all",
                "b42_requests_are_there_after_reopening",
            ],
        ),
        asks(
            "keeps sixteen requests of a run",
            |core, key, run, request| {
                let is_new = sound_ask(core, key, run, request)?;
                core.requests.entry(key.to_owned()).and_modify(|(_, all)| all.truncate(16));
                Ok(is_new)
            },
            &["b52_requests_that_come_at_once_are_all_kept"],
        ),
    ]
}

fn ordering() -> Vec<Mutant> {
    fn sorted(core: &Core, key: &str, by: fn(&Request, &Request) -> std::cmp::Ordering) -> Vec<Request> {
        let mut all = sound_requests(core, key);
        all.sort_by(by);
        all
    }
    const ORDER: &[&str] = &["b52_requests_are_given_in_the_order_in_which_they_came"];
    vec![
        shows("orders requests by their times", |core, key| sorted(core, key, |a, b| a.at.cmp(&b.at)), ORDER),
        shows("orders requests by their ids", |core, key| sorted(core, key, |a, b| a.id.cmp(&b.id)), ORDER),
        shows(
            "gives the newest request first",
            |core, key| sound_requests(core, key).into_iter().rev().collect(),
            &[
                "b52_requests_are_given_in_the_order_in_which_they_came",
                "b52_requests_that_come_at_once_are_all_kept",
                "b42_requests_are_there_after_reopening",
            ],
        ),
    ]
}

/// The requests of a run, each signal's payload changed.
fn with_payloads(core: &Core, key: &str, change: fn(&mut Payload)) -> Vec<Request> {
    let mut all = sound_requests(core, key);
    for request in &mut all {
        if let RequestKind::Signal { payload, .. } = &mut request.kind {
            change(payload);
        }
    }
    all
}

fn changing() -> Vec<Mutant> {
    const KINDS: &[&str] = &["requests_of_every_kind_come_back"];
    vec![
        shows(
            "takes a termination for a cancellation",
            |core, key| {
                let mut all = sound_requests(core, key);
                let terminate = all.iter_mut().filter(|request| request.kind == RequestKind::Terminate);
                terminate.for_each(|request| request.kind = RequestKind::Cancel);
                all
            },
            KINDS,
        ),
        shows(
            "keeps times to the microsecond",
            |core, key| {
                let mut all = sound_requests(core, key);
                all.iter_mut().for_each(|request| request.at = request.at / 1000 * 1000);
                all
            },
            KINDS,
        ),
        shows(
            "forgets what was done to a payload",
            |core, key| with_payloads(core, key, |payload| payload.transform = 0),
            KINDS,
        ),
        shows(
            "keeps a MiB of a payload",
            |core, key| with_payloads(core, key, |payload| payload.bytes.truncate(1 << 20)),
            &["large_requests_come_back"],
        ),
    ]
}

fn taking() -> Vec<Mutant> {
    vec![
        takes(
            "takes all requests of a run with one",
            |core, key, _| drop(core.requests.remove(key)),
            &["requests_that_are_taken_are_gone_and_others_stay", "taking_requests_that_are_not_there_changes_nothing"],
        ),
        takes(
            "takes requests by the beginning of their ids",
            |core, key, ids| {
                let known = sound_requests(core, key);
                let begins = |request: &&Request| ids.iter().any(|id| request.id.starts_with(id));
                let all: Vec<String> = known.iter().filter(begins).map(|request| request.id.clone()).collect();
                sound_take(core, key, &all);
            },
            &["requests_that_are_taken_are_gone_and_others_stay", "taking_requests_that_are_not_there_changes_nothing"],
        ),
        takes(
            "takes the requests of all runs",
            |core, _, ids| {
                let keys: Vec<String> = core.requests.keys().cloned().collect();
                keys.iter().for_each(|key| sound_take(core, key, ids));
            },
            &["taking_requests_that_are_not_there_changes_nothing", "requests_of_runs_of_like_ids_are_kept_apart"],
        ),
        takes(
            "takes nothing if one is not there",
            |core, key, ids| {
                let known = sound_requests(core, key);
                if ids.iter().all(|id| known.iter().any(|request| request.id == *id)) {
                    sound_take(core, key, ids);
                }
            },
            &["taking_requests_that_are_not_there_changes_nothing"],
        ),
        takes(
            "remembers runs whose requests were taken",
            |core, key, ids| {
                if let Some((_, waiting)) = core.requests.get_mut(key) {
                    waiting.retain(|known| !ids.contains(&known.id));
                }
            },
            &["requests_that_are_taken_are_gone_and_others_stay", "requests_of_runs_of_like_ids_are_kept_apart"],
        ),
    ]
}

fn confusing() -> Vec<Mutant> {
    vec![
        asks(
            "knows requests by their ids alone, whatever their run",
            |core, key, run, request| {
                let known = core.requests.values().any(|(_, all)| all.iter().any(|known| known.id == request.id));
                if known { Ok(false) } else { sound_ask(core, key, run, request) }
            },
            &["requests_of_runs_of_like_ids_are_kept_apart", "b39_requests_go_with_their_run"],
        ),
        mutant(
            "knows runs by the lower case of their ids",
            Parts { key: str::to_lowercase, ..SOUND },
            &["requests_of_runs_of_like_ids_are_kept_apart"],
        ),
        asks(
            "knows requests by the lower case of their ids",
            |core, key, run, request| {
                let known = sound_requests(core, key);
                let is_alike = |known: &Request| known.id.to_lowercase() == request.id.to_lowercase();
                if known.iter().any(is_alike) { Ok(false) } else { sound_ask(core, key, run, request) }
            },
            &["requests_of_like_ids_are_kept_apart"],
        ),
        mutant(
            "says for which runs there are requests, the last first",
            Parts { asked: |core| core.requests.values().rev().map(|(run, _)| run.clone()).collect(), ..SOUND },
            &["requests_of_runs_of_like_ids_are_kept_apart", "b42_requests_are_there_after_reopening"],
        ),
    ]
}

fn ending() -> Vec<Mutant> {
    vec![
        mutant(
            "keeps the requests of a deleted run",
            Parts {
                delete: |core, key, id| {
                    let requests = core.requests.remove(key);
                    let deleted = sound_delete(core, key, id);
                    core.requests.extend(requests.map(|requests| (key.to_owned(), requests)));
                    deleted
                },
                ..SOUND
            },
            &["b39_requests_go_with_their_run"],
        ),
        mutant(
            "removes requests before it removes their run",
            Parts { begin_delete: Some(|core, key| drop(core.requests.remove(key))), ..SOUND },
            &["b39_a_dropped_deletion_takes_requests_with_their_run_or_leaves_both"],
        ),
        mutant(
            "removes all requests with one run",
            Parts {
                delete: |core, key, id| {
                    core.requests.clear();
                    sound_delete(core, key, id)
                },
                ..SOUND
            },
            &["b39_requests_go_with_their_run"],
        ),
        mutant(
            "keeps requests in memory alone",
            Parts { reopen: |core| core.requests.clear(), ..SOUND },
            &[
                "b42_requests_are_there_after_reopening",
                "b39_requests_go_with_their_run",
                "b35_a_dropped_request_is_kept_whole_or_not_at_all",
            ],
        ),
        mutant(
            "writes a request in two parts",
            Parts {
                begin_ask: Some(|core, key, run, request| {
                    let part = Request::new(request.id.clone(), request.at, RequestKind::Cancel).unwrap();
                    let _ = sound_ask(core, key, run, &part);
                }),
                ask: |core, key, _, request| {
                    let all = core.requests.get_mut(key).into_iter().flat_map(|(_, all)| all);
                    all.filter(|known| known.id == request.id).for_each(|known| *known = request.clone());
                    Ok(true)
                },
                ..SOUND
            },
            &["b35_a_dropped_request_is_kept_whole_or_not_at_all"],
        ),
    ]
}
