//! What cases demand, in words: what a store must do, and what it did instead. No payload is ever shown.

use std::fmt::Display;

use super::difference::difference;
use super::place::OpenStore;
use crate::state::{Delta, WorkflowData, WorkflowId};
use crate::store::{Listing, StoreError, WorkflowStore, with_causes};

/// Fails the case unless this holds.
#[track_caller]
pub(super) fn must(holds: bool, demand: impl Display, instead: impl Display) {
    assert!(holds, "a store must {demand}; instead {instead}");
}

/// What a call gave that must succeed.
#[track_caller]
pub(super) fn done<T>(result: Result<T, StoreError>, demand: impl Display) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("a store must {demand}; instead it said: {}", with_causes(&error)),
    }
}

/// That the store gives this record back, equal in every field.
#[track_caller]
fn kept(found: Result<WorkflowData, StoreError>, expected: &WorkflowData, when: impl Display) {
    let id = &expected.id;
    let found = done(found, format_args!("give run {id:?} back {when}"));
    if let Some(difference) = difference(expected, &found) {
        panic!("a store must give run {id:?} back as it was {when}; instead it differs in {difference}");
    }
}

/// Loads a run that must be as this record.
pub(super) async fn holds(store: &OpenStore, expected: &WorkflowData, when: impl Display) {
    kept(store.load(&expected.id).await, expected, when);
}

/// Saves a record, which must succeed.
pub(super) async fn save(store: &OpenStore, data: &WorkflowData) {
    done(store.save(data).await, format_args!("save run {:?}", data.id));
}

/// Commits a delta that follows, which must succeed.
pub(super) async fn commit(store: &OpenStore, (delta, after): (&Delta, &WorkflowData)) {
    let result = store.commit(after, delta).await;
    done(result, format_args!("commit delta {} of run {:?}, which follows", delta.seq, after.id));
}

/// Commits deltas that follow one another.
pub(super) async fn commit_all(store: &OpenStore, walk: &[(Delta, WorkflowData)]) {
    for (delta, after) in walk {
        commit(store, (delta, after)).await;
    }
}

/// Deletes a run that is there.
pub(super) async fn delete(store: &OpenStore, id: &WorkflowId) {
    done(store.delete(id).await, format_args!("delete run {id:?}, which is there"));
}

/// That a run is not there: loading it says so by name.
pub(super) async fn is_gone(store: &OpenStore, id: &WorkflowId, when: impl Display) {
    not_found(store.load(id).await.map(drop), id, format_args!("loading it {when}"));
}

/// That a call was answered with `NotFound` and the id that was asked for.
#[track_caller]
pub(super) fn not_found(result: Result<(), StoreError>, asked: &WorkflowId, when: impl Display) {
    let instead = match result {
        Err(StoreError::NotFound { id }) if id == *asked => return,
        Err(StoreError::NotFound { id }) => format!("it named run {id:?}"),
        Err(error) => format!("it said: {}", with_causes(&error)),
        Ok(()) => "it said that all is well".to_owned(),
    };
    panic!("a store must answer `NotFound` of run {asked:?} when {when}; instead {instead}");
}

/// That a commit was refused as a conflict about this run.
#[track_caller]
pub(super) fn conflict(result: Result<(), StoreError>, asked: &WorkflowId, why: impl Display) {
    let instead = match result {
        Err(StoreError::Conflict { id, .. }) if id == *asked => return,
        Err(StoreError::Conflict { id, .. }) => format!("it named run {id:?}"),
        Err(error) => format!("it said: {}", with_causes(&error)),
        Ok(()) => "it took it".to_owned(),
    };
    panic!(
        "a store must refuse a commit to run {asked:?} as a `Conflict` when {why}; instead {instead} (a store that \
         leaves `commit` as it is says so with `store_conformance!(four_methods, ..)`)"
    );
}

/// What the store lists, which must be sorted, with each run once and nothing damaged.
pub(super) async fn list(store: &OpenStore) -> Vec<WorkflowId> {
    let Listing { workflows, damaged } = done(store.list_workflows().await, "list its runs");
    let unsorted = workflows.windows(2).find(|pair| pair[0] >= pair[1]);
    if let Some([first, second]) = unsorted {
        panic!("a store must list its runs sorted and each once; instead {second:?} stands behind {first:?}");
    }
    must(damaged.is_empty(), "call nothing damaged that is not", format_args!("it lists {} things", damaged.len()));
    workflows
}

/// That the store lists exactly these runs.
pub(super) async fn lists(store: &OpenStore, expected: &[&WorkflowId], when: impl Display) {
    let mut expected: Vec<&WorkflowId> = expected.to_vec();
    expected.sort();
    let found = list(store).await;
    let missing = expected.iter().find(|id| !found.contains(id));
    let extra = found.iter().find(|id| !expected.contains(id));
    let instead = match (missing, extra) {
        (None, None) => return,
        (Some(id), _) => format!("run {id:?} is missing"),
        (None, Some(id)) => format!("run {id:?} is listed too"),
    };
    panic!("a store must list exactly the runs it has {when}; instead {instead}");
}
