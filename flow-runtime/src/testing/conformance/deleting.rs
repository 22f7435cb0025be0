//! Behaviour 39: a deletion lasts; nothing that was pending or comes late brings a run back.

use super::expect::{commit, commit_all, conflict, delete, holds, is_gone, lists, save};
use super::place::Place;
use super::plans;
use super::records::{Run, bare, full, id};
use super::walk::Walk;
use crate::state::{Ack, WorkflowData, WorkflowId};
use crate::store::WorkflowStore;

/// A saved run that was deleted.
pub(super) async fn b39_a_deleted_run_stays_deleted(place: &dyn Place) {
    let store = place.open().await;
    let data = full("deleted");
    save(&store, &data).await;
    delete(&store, &data.id).await;
    drop(store);
    for _ in 0..2 {
        let store = place.open().await;
        is_gone(&store, &data.id, "after it was deleted and reopening").await;
        lists(&store, &[], "after the only one was deleted and reopening").await;
    }
}

/// A run that commits made and that was deleted, with changes that were not yet on disk.
pub(super) async fn b39_changes_that_were_pending_do_not_bring_a_run_back(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("pending", &plans::chain(20));
    commit(&store, (&run.first, &run.data)).await;
    for local in 0..20 {
        let (mut delta, after) = run.complete(local);
        delta.ack = Ack::Lazy;
        commit(&store, (&delta, &after)).await;
    }
    delete(&store, &run.data.id).await;
    is_gone(&store, &run.data.id, "after it was deleted with changes pending").await;
    drop(store);
    let store = place.open().await;
    is_gone(&store, &run.data.id, "after it was deleted with changes pending and reopening").await;
}

/// A run whose creation was not yet on disk.
pub(super) async fn b39_a_pending_creation_does_not_bring_a_run_back(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("pending", &plans::chain(1));
    run.first.ack = Ack::Lazy;
    commit(&store, (&run.first, &run.data)).await;
    delete(&store, &run.data.id).await;
    lists(&store, &[], "after its creation was pending and it was deleted").await;
    drop(store);
    let store = place.open().await;
    lists(&store, &[], "after its creation was pending, it was deleted, and reopening").await;
}

/// Others stay when one is deleted, also after reopening.
pub(super) async fn b39_a_deletion_touches_no_other_run(place: &dyn Place) {
    let store = place.open().await;
    let records: Vec<WorkflowData> = (0..60).map(|n| bare(&format!("run {n}"))).collect();
    for data in &records {
        save(&store, data).await;
    }
    for data in records.iter().step_by(2) {
        delete(&store, &data.id).await;
    }
    drop(store);
    let store = place.open().await;
    let left: Vec<&WorkflowId> = records.iter().skip(1).step_by(2).map(|data| &data.id).collect();
    lists(&store, &left, "after every other one was deleted").await;
    for data in records.iter().skip(1).step_by(2) {
        holds(&store, data, "after others were deleted").await;
    }
}

/// An id is free again after a deletion, and nothing of the run before is in the one after.
pub(super) async fn b39_a_deleted_id_can_be_used_again(place: &dyn Place) {
    let store = place.open().await;
    save(&store, &full("again")).await;
    delete(&store, &id("again")).await;
    save(&store, &bare("again")).await;
    holds(&store, &bare("again"), "after another of its id was deleted").await;
    delete(&store, &id("again")).await;
    let walk = Walk::all(&id("again"), 39, 30);
    for (delta, after) in &walk {
        commit(&store, (delta, after)).await;
        holds(&store, after, "after others of its id were deleted").await;
    }
    drop(store);
    let store = place.open().await;
    holds(&store, &walk[walk.len() - 1].1, "after others of its id were deleted and reopening").await;
}

/// Runs of one id come and go many times.
pub(super) async fn b39_an_id_is_used_and_deleted_many_times(place: &dyn Place) {
    let store = place.open().await;
    for round in 0..20 {
        let walk = Walk::all(&id("rounds"), round, 8);
        commit_all(&store, &walk).await;
        holds(&store, &walk[walk.len() - 1].1, "after others of its id came and went").await;
        delete(&store, &id("rounds")).await;
        is_gone(&store, &id("rounds"), "after it came and went").await;
    }
    drop(store);
    let store = place.open().await;
    lists(&store, &[], "after all came and went").await;
}

/// A commit that comes after its run was deleted.
pub(super) async fn b39_a_late_commit_does_not_bring_a_run_back(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("late", &plans::chain(3));
    commit(&store, (&run.first, &run.data)).await;
    let (delta, after) = run.complete(0);
    commit(&store, (&delta, &after)).await;
    let (late, later) = run.complete(1);
    delete(&store, &run.data.id).await;
    for (delta, after) in [(&late, &later), (&delta, &after)] {
        conflict(store.commit(after, delta).await, &after.id, "the run was deleted");
        is_gone(&store, &after.id, "after a late commit to it").await;
    }
    drop(store);
    let store = place.open().await;
    conflict(store.commit(&later, &late).await, &later.id, "the run was deleted before the store was opened");
    lists(&store, &[], "after late commits to a deleted one").await;
}

/// A commit of a deleted run, when another run has its id by now.
pub(super) async fn b39_a_late_commit_does_not_touch_the_next_run_of_its_id(place: &dyn Place) {
    let store = place.open().await;
    let mut old = Run::numbered("next", 1, &plans::chain(3));
    commit(&store, (&old.first, &old.data)).await;
    let (late, later) = old.complete(0);
    delete(&store, &old.data.id).await;
    let new = Run::numbered("next", 2, &plans::chain(3));
    commit(&store, (&new.first, &new.data)).await;
    conflict(store.commit(&later, &late).await, &later.id, "the run was deleted and its id is another's now");
    holds(&store, &new.data, "after a late commit of the run that had its id before").await;
    let (first, created) = old.creation();
    conflict(store.commit(&created, &first).await, &created.id, "the id is another run's now");
    holds(&store, &new.data, "after a late creation of the run that had its id before").await;
}
