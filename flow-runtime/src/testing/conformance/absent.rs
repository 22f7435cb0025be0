//! Behaviour 32: what is not there is not found, in every store alike.

use super::expect::{commit_all, delete, holds, is_gone, lists, not_found, save};
use super::place::Place;
use super::records::{bare, full, id};
use super::walk::Walk;
use crate::store::WorkflowStore;

/// Loading a run that never was.
pub(super) async fn b32_loading_an_unknown_run_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    is_gone(&store, &id("unknown"), "from an empty store").await;
    save(&store, &full("known")).await;
    is_gone(&store, &id("unknown"), "beside another").await;
}

/// Deleting a run that never was.
pub(super) async fn b32_deleting_an_unknown_run_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    not_found(store.delete(&id("unknown")).await, &id("unknown"), "deleting it from an empty store");
    let known = full("known");
    save(&store, &known).await;
    not_found(store.delete(&id("unknown")).await, &id("unknown"), "deleting it beside another");
    holds(&store, &known, "after another was not found").await;
}

/// Deleting a run a second time.
pub(super) async fn b32_deleting_a_run_twice_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    let data = full("twice");
    save(&store, &data).await;
    delete(&store, &data.id).await;
    not_found(store.delete(&data.id).await, &data.id, "deleting it a second time");
    drop(store);
    let store = place.open().await;
    not_found(store.delete(&data.id).await, &data.id, "deleting it a second time after reopening");
}

/// Loading a run that was deleted, however it had been kept.
pub(super) async fn b32_a_deleted_run_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    let (saved, walk) = (full("saved"), Walk::all(&id("committed"), 32, 20));
    save(&store, &saved).await;
    commit_all(&store, &walk).await;
    for id in [&saved.id, &id("committed")] {
        delete(&store, id).await;
        is_gone(&store, id, "after it was deleted").await;
    }
}

/// Looking for a run does not make one.
pub(super) async fn b32_looking_for_a_run_makes_none(place: &dyn Place) {
    let store = place.open().await;
    is_gone(&store, &id("wanted"), "from an empty store").await;
    not_found(store.delete(&id("wanted")).await, &id("wanted"), "deleting it from an empty store");
    lists(&store, &[], "after one was looked for").await;
    drop(store);
    let store = place.open().await;
    lists(&store, &[], "after one was looked for and reopening").await;
}

/// An id is not found because a longer or a shorter one is there.
pub(super) async fn b32_a_run_is_not_found_by_a_part_of_its_id(place: &dyn Place) {
    let store = place.open().await;
    let data = bare("order-12/items");
    save(&store, &data).await;
    for part in
        ["order-1", "order-12", "order-12/item", "order-12/items/1", "items", "order-12/items ", "ORDER-12/ITEMS"]
    {
        is_gone(&store, &id(part), "where another id is like it").await;
        not_found(store.delete(&id(part)).await, &id(part), "deleting it where another id is like it");
    }
    holds(&store, &data, "after ids like its own were looked for").await;
}
