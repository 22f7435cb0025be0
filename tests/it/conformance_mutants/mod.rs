//! The conformance kit finds what it is for: each of its cases fails on at least one store that is broken on purpose.
//!
//! [`store`] is a store whose parts can be replaced one by one. The other modules are lists of mutants: which part is
//! replaced, and which cases must find it.

mod changing;
mod claims;
mod ids;
mod interrupted;
mod listing;
mod numbers;
mod parts;
mod queries;
mod records;
mod reopening;
mod requests;
mod store;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flow_runtime::testing::conformance::{Case, cases, commit_cases, four_methods_cases};

use store::{Parts, SOUND, place};

/// A broken store.
struct Mutant {
    /// What it does wrong.
    what: &'static str,
    parts: Parts,
    /// The cases that must find it; others may.
    found_by: &'static [&'static str],
}

fn all_mutants() -> Vec<Mutant> {
    let lists = [
        records::mutants(),
        changing::mutants(),
        claims::mutants(),
        ids::mutants(),
        interrupted::mutants(),
        listing::mutants(),
        numbers::mutants(),
        parts::mutants(),
        queries::mutants(),
        reopening::mutants(),
        requests::mutants(),
    ];
    lists.into_iter().flatten().collect()
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    cases().iter().chain(commit_cases()).chain(four_methods_cases())
}

/// What the case says of a store of these parts, if it does not pass.
fn verdict(case: &str, parts: Parts) -> Option<String> {
    let Some(case) = all_cases().find(|known| known.name() == case) else { panic!("there is no case {case}") };
    let place = place(parts);
    let panic = catch_unwind(AssertUnwindSafe(|| case.run(&place))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
}

fn are_found(mutants: Vec<Mutant>) {
    let mut wrong = Vec::new();
    for Mutant { what, parts, found_by } in mutants {
        for case in found_by {
            match verdict(case, parts) {
                None => wrong.push(format!("{case} lets a store pass that {what}")),
                Some(said) if !said.starts_with("a store must ") => {
                    wrong.push(format!("{case} says of a store that {what}: {said}"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mutants_that_lose_parts_of_records_are_found() {
    are_found(records::mutants());
}

#[test]
fn mutants_that_change_records_wrongly_are_found() {
    are_found(changing::mutants());
}

#[test]
fn mutants_that_confuse_ids_are_found() {
    are_found(ids::mutants());
}

#[test]
fn mutants_that_do_calls_by_halves_are_found() {
    are_found(interrupted::mutants());
}

#[test]
fn mutants_that_list_and_find_wrongly_are_found() {
    are_found(listing::mutants());
}

#[test]
fn mutants_that_take_deltas_wrongly_are_found() {
    are_found(numbers::mutants());
}

#[test]
fn mutants_that_answer_queries_wrongly_are_found() {
    are_found(queries::mutants());
}

#[test]
fn mutants_that_keep_parts_wrongly_are_found() {
    are_found(parts::mutants());
}

#[test]
fn mutants_that_hold_runs_wrongly_are_found() {
    are_found(claims::mutants());
}

#[test]
fn mutants_that_keep_requests_wrongly_are_found() {
    are_found(requests::mutants());
}

#[test]
fn mutants_that_forget_when_reopened_are_found() {
    are_found(reopening::mutants());
}

#[test]
fn every_case_finds_a_mutant() {
    let found_by: BTreeSet<&str> = all_mutants().iter().flat_map(|mutant| mutant.found_by).copied().collect();
    let idle: Vec<&str> = all_cases().map(Case::name).filter(|name| !found_by.contains(name)).collect();
    assert!(idle.is_empty(), "{idle:#?}");
}

/// What is found in mutants is their fault and not that of the store they are made of.
#[test]
fn the_store_that_mutants_are_made_of_passes() {
    for case in cases().iter().chain(commit_cases()) {
        case.run(&place(SOUND));
    }
}
