//! Behaviour 36: the listing is complete and sorted.

use fastrand::Rng;

use super::expect::{commit, commit_all, delete, list, lists, must, save};
use super::place::Place;
use super::plans;
use super::records::{Run, bare, changed, id};
use super::walk::Walk;
use crate::state::{WorkflowId, WorkflowStatus};

/// A store without runs.
pub(super) async fn b36_an_empty_store_lists_nothing(place: &dyn Place) {
    let store = place.open().await;
    lists(&store, &[], "when it has none").await;
    drop(store);
    let store = place.open().await;
    lists(&store, &[], "when it has none and is opened again").await;
}

/// Runs are sorted as their ids are, by bytes, whatever the order in which they came.
pub(super) async fn b36_the_listing_is_sorted_by_the_bytes_of_ids(place: &dyn Place) {
    let store = place.open().await;
    let mut texts =
        vec!["b", "a", "B", "A", "10", "9", "a/b", "a-b", "a.b", "ab", "é", "z", "\u{10ffff}", "\u{ffff}", " "];
    Rng::with_seed(36).shuffle(&mut texts);
    for text in &texts {
        save(&store, &bare(text)).await;
    }
    let ids: Vec<WorkflowId> = texts.iter().map(|text| id(text)).collect();
    let ids: Vec<&WorkflowId> = ids.iter().collect();
    lists(&store, &ids, "in the order of bytes").await;
    drop(store);
    let store = place.open().await;
    lists(&store, &ids, "in the order of bytes after reopening").await;
}

/// Runs are listed however they stand.
pub(super) async fn b36_runs_of_every_status_are_listed(place: &dyn Place) {
    let store = place.open().await;
    let statuses = [
        WorkflowStatus::Running,
        WorkflowStatus::Suspended,
        WorkflowStatus::Completed,
        WorkflowStatus::Failed,
        WorkflowStatus::Cancelled,
        WorkflowStatus::RollingBack,
        WorkflowStatus::RolledBack,
    ];
    let records = statuses.map(|status| changed(&format!("{status:?}"), 1, |data| data.status = status));
    for data in &records {
        save(&store, data).await;
    }
    lists(&store, &records.each_ref().map(|data| &data.id), "of every status").await;
}

/// A run is listed once, however often it was saved.
pub(super) async fn b36_a_run_that_was_saved_often_is_listed_once(place: &dyn Place) {
    let store = place.open().await;
    for _ in 0..5 {
        save(&store, &bare("a")).await;
        save(&store, &bare("b")).await;
    }
    lists(&store, &[&id("a"), &id("b")], "after many saves").await;
}

/// Runs that commits created are listed from their first delta to their last.
pub(super) async fn b36_runs_created_by_commits_are_listed(place: &dyn Place) {
    let store = place.open().await;
    let new = Run::new("new", &plans::chain(1));
    commit(&store, (&new.first, &new.data)).await;
    lists(&store, &[&id("new")], "after a first commit").await;
    commit_all(&store, &Walk::all(&id("old"), 36, 60)).await;
    lists(&store, &[&id("new"), &id("old")], "after many commits").await;
    drop(store);
    let store = place.open().await;
    lists(&store, &[&id("new"), &id("old")], "after commits and reopening").await;
}

/// A deleted run is not listed, and one that came again is.
pub(super) async fn b36_deleted_runs_are_not_listed(place: &dyn Place) {
    let store = place.open().await;
    for text in ["a", "b", "c"] {
        save(&store, &bare(text)).await;
    }
    delete(&store, &id("b")).await;
    lists(&store, &[&id("a"), &id("c")], "after one was deleted").await;
    drop(store);
    let store = place.open().await;
    lists(&store, &[&id("a"), &id("c")], "after one was deleted and reopening").await;
    save(&store, &bare("b")).await;
    lists(&store, &[&id("a"), &id("b"), &id("c")], "after one came again").await;
}

/// A thousand runs are all listed, in their order.
pub(super) async fn b36_a_thousand_runs_are_listed(place: &dyn Place) {
    let store = place.open().await;
    let mut numbers: Vec<u32> = (0..1_000).collect();
    Rng::with_seed(361).shuffle(&mut numbers);
    for number in numbers {
        save(&store, &bare(&format!("run {number}"))).await;
    }
    let listed = list(&store).await.len();
    must(listed == 1_000, "list all of its thousand runs", format_args!("it lists {listed}"));
    drop(store);
    let store = place.open().await;
    let ids: Vec<WorkflowId> = (0..1_000).map(|number| id(&format!("run {number}"))).collect();
    lists(&store, &ids.iter().collect::<Vec<_>>(), "when it has a thousand and is opened again").await;
}
