//! Behaviour 37: what is in a store is not changed through the values that went in or came out.

use super::expect::{commit, delete, done, holds, lists, must, save};
use super::place::Place;
use super::plans;
use super::records::{Run, bare, full, id};
use crate::state::{StepState, WorkflowData, WorkflowStatus};
use crate::store::WorkflowStore;

/// Changes whatever can be changed in a record.
fn spoil(data: &mut WorkflowData) {
    data.metadata.insert("spoilt".to_owned(), "yes".to_owned());
    data.data.clear();
    data.status = WorkflowStatus::Cancelled;
    data.seq = 99;
    data.plan = plans::plan("spoilt", &plans::calls(1));
    data.steps.iter_mut().for_each(|step| *step = StepState::PENDING);
}

/// Changing a record after it was saved.
pub(super) async fn b37_changing_a_saved_record_changes_nothing_in_the_store(place: &dyn Place) {
    let store = place.open().await;
    let before = full("saved");
    let mut data = before.clone();
    save(&store, &data).await;
    spoil(&mut data);
    holds(&store, &before, "after the value that was saved has changed").await;
    drop(data);
    holds(&store, &before, "after the value that was saved is gone").await;
}

/// Changing a record after it was committed.
pub(super) async fn b37_changing_a_committed_record_changes_nothing_in_the_store(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("committed", &plans::chain(3));
    commit(&store, (&run.first, &run.data)).await;
    let (mut delta, mut after) = run.complete(0);
    let kept = after.clone();
    commit(&store, (&delta, &after)).await;
    spoil(&mut after);
    delta.events.clear();
    holds(&store, &kept, "after the values that were committed have changed").await;
}

/// Changing a record after it was loaded.
pub(super) async fn b37_changing_a_loaded_record_changes_nothing_in_the_store(place: &dyn Place) {
    let store = place.open().await;
    let data = full("loaded");
    save(&store, &data).await;
    let mut loaded = done(store.load(&data.id).await, "load a run that is there");
    spoil(&mut loaded);
    holds(&store, &data, "after a value that was loaded has changed").await;
}

/// A record that was loaded stays as it was, whatever is saved and committed afterwards.
pub(super) async fn b37_a_loaded_record_is_a_snapshot(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("snapshot", &plans::chain(3));
    commit(&store, (&run.first, &run.data)).await;
    let created = run.data.clone();
    let loaded = done(store.load(&created.id).await, "load a run that is there");
    let (delta, after) = run.complete(0);
    commit(&store, (&delta, &after)).await;
    must(loaded == created, "give values that stay as they are", "one changed with a later commit");
    save(&store, &bare("snapshot")).await;
    must(loaded == created, "give values that stay as they are", "one changed with a later save");
    delete(&store, &created.id).await;
    must(loaded == created, "give values that stay as they are", "one changed with a later delete");
}

/// A listing stays as it was.
pub(super) async fn b37_a_listing_is_a_snapshot(place: &dyn Place) {
    let store = place.open().await;
    save(&store, &bare("a")).await;
    let listing = done(store.list_workflows().await, "list its runs");
    save(&store, &bare("b")).await;
    delete(&store, &id("a")).await;
    must(listing.workflows == [id("a")], "give listings that stay as they are", "one changed with later calls");
    lists(&store, &[&id("b")], "after others came and went").await;
}

/// Two runs that began from one value are two.
pub(super) async fn b37_runs_that_began_alike_do_not_share(place: &dyn Place) {
    let store = place.open().await;
    let plan = plans::chain(3);
    let (mut first, second) = (Run::new("first", &plan), Run::new("second", &plan));
    for run in [&first, &second] {
        commit(&store, (&run.first, &run.data)).await;
    }
    for local in 0..3 {
        let (delta, after) = first.complete(local);
        commit(&store, (&delta, &after)).await;
    }
    holds(&store, &first.data, "after its own commits").await;
    holds(&store, &second.data, "after commits of another that began alike").await;
    delete(&store, &first.data.id).await;
    holds(&store, &second.data, "after another that began alike was deleted").await;
}
