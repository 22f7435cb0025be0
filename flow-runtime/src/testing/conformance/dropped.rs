//! Calls that are dropped half-way: what they began happens whole or not at all.
//!
//! Each case drops a call after its first poll, then another after its second, and so on until one is through.

use super::expect::{commit, conflict, done, holds, is_gone, list, must, save};
use super::place::{OpenStore, Place};
use super::plans;
use super::records::{Run, bare, full, id};
use super::together::{MAX_POLLS, drop_after};
use crate::state::WorkflowData;
use crate::store::{StoreError, WorkflowStore, with_causes};

/// Says which of two records, or none, is there after a call that was dropped.
async fn whole_or_not(
    store: &OpenStore,
    before: Option<&WorkflowData>,
    after: Option<&WorkflowData>,
    call: &str,
) -> bool {
    let some = before.or(after).map(|data| data.id.clone());
    let Some(id) = some else { return false };
    let found = match store.load(&id).await {
        Ok(found) => Some(found),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => {
            panic!("a store must be whole after a {call} was dropped; instead it said: {}", with_causes(&error))
        }
    };
    let is_whole = found.as_ref() == before || found.as_ref() == after;
    must(is_whole, format_args!("do a {call} that was dropped whole or not at all"), "a part of it was done");
    found.as_ref() == after
}

/// Saves that are dropped.
pub(super) async fn b35_a_dropped_save_happens_whole_or_not_at_all(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let (before, after) = (full("run"), bare("run"));
        save(&store, &before).await;
        let is_through = drop_after(polls, store.save(&after)).await.is_some();
        whole_or_not(&store, Some(&before), Some(&after), "save").await;
        drop(store);
        let store = place.open().await;
        let was_done = whole_or_not(&store, Some(&before), Some(&after), "save").await;
        must(was_done || !is_through, "keep what it acknowledged", "a save is gone after reopening");
        if is_through {
            return;
        }
    }
}

/// Saves of a run that was not there, dropped.
pub(super) async fn b35_a_dropped_first_save_happens_whole_or_not_at_all(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let data = full(&format!("polls {polls}"));
        let is_through = drop_after(polls, store.save(&data)).await.is_some();
        whole_or_not(&store, None, Some(&data), "first save").await;
        drop(store);
        let store = place.open().await;
        let is_there = whole_or_not(&store, None, Some(&data), "first save").await;
        must(list(&store).await.contains(&data.id) == is_there, "list a run if and only if it is there", "it did not");
        if is_through {
            return;
        }
    }
}

/// Commits that are dropped.
pub(super) async fn b35_a_dropped_commit_happens_whole_or_not_at_all(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let mut run = Run::new(&format!("polls {polls}"), &plans::chain(3));
        commit(&store, (&run.first, &run.data)).await;
        let before = run.data.clone();
        let (delta, after) = run.complete(0);
        let is_through = drop_after(polls, store.commit(&after, &delta)).await.is_some();
        whole_or_not(&store, Some(&before), Some(&after), "commit").await;
        drop(store);
        let store = place.open().await;
        let was_done = whole_or_not(&store, Some(&before), Some(&after), "commit").await;
        must(was_done || !is_through, "keep what it acknowledged", "a commit is gone after reopening");
        if is_through {
            return;
        }
    }
}

/// Creations that are dropped.
pub(super) async fn b35_a_dropped_creation_happens_whole_or_not_at_all(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let run = Run::new(&format!("polls {polls}"), &plans::chain(3));
        let is_through = drop_after(polls, store.commit(&run.data, &run.first)).await.is_some();
        whole_or_not(&store, None, Some(&run.data), "creation").await;
        drop(store);
        let store = place.open().await;
        whole_or_not(&store, None, Some(&run.data), "creation").await;
        if is_through {
            return;
        }
    }
}

/// Deletions that are dropped.
pub(super) async fn b35_a_dropped_deletion_happens_whole_or_not_at_all(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let data = full(&format!("polls {polls}"));
        save(&store, &data).await;
        let is_through = drop_after(polls, store.delete(&data.id)).await.is_some();
        whole_or_not(&store, Some(&data), None, "deletion").await;
        drop(store);
        let store = place.open().await;
        let was_done = whole_or_not(&store, Some(&data), None, "deletion").await;
        must(was_done || !is_through, "keep what it acknowledged", "a deleted run is back after reopening");
        if is_through {
            return;
        }
    }
}

/// Loads and listings that are dropped.
pub(super) async fn b35_dropped_loads_and_listings_change_nothing(place: &dyn Place) {
    let store = place.open().await;
    let data = full("run");
    save(&store, &data).await;
    for polls in 0..MAX_POLLS {
        let loaded = drop_after(polls, store.load(&data.id)).await;
        let listed = drop_after(polls, store.list_workflows()).await;
        holds(&store, &data, "after loads and listings were dropped").await;
        if loaded.is_some() && listed.is_some() {
            return;
        }
    }
}

/// A dropped commit leaves its caller in doubt, and sending it again ends the doubt.
pub(super) async fn b71_a_commit_sent_again_after_it_was_dropped_is_applied_once(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("doubt", &plans::chain(MAX_POLLS));
    commit(&store, (&run.first, &run.data)).await;
    for polls in 0..MAX_POLLS {
        let (delta, after) = run.complete(polls as u32);
        let is_through = drop_after(polls, store.commit(&after, &delta)).await.is_some();
        done(store.commit(&after, &delta).await, "take a commit again that was dropped");
        holds(&store, &after, "after a commit was dropped and sent again").await;
        if is_through {
            return;
        }
    }
}

/// A creation that was dropped and is sent again creates one run.
pub(super) async fn b71_a_creation_sent_again_after_it_was_dropped_creates_one_run(place: &dyn Place) {
    let store = place.open().await;
    for polls in 0..MAX_POLLS {
        let run = Run::new(&format!("polls {polls}"), &plans::chain(1));
        let is_through = drop_after(polls, store.commit(&run.data, &run.first)).await.is_some();
        done(store.commit(&run.data, &run.first).await, "take a creation again that was dropped");
        holds(&store, &run.data, "after its creation was dropped and sent again").await;
        if is_through {
            return;
        }
    }
}

/// What a dropped call may still do comes before what is asked later.
pub(super) async fn b39_a_dropped_save_does_not_bring_back_a_run_deleted_after_it(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let data = full(&format!("polls {polls}"));
        save(&store, &bare(data.id.as_str())).await;
        let is_through = drop_after(polls, store.save(&data)).await.is_some();
        done(store.delete(&data.id).await, "delete a run that is there");
        is_gone(&store, &data.id, "after a save was dropped and it was deleted").await;
        drop(store);
        let store = place.open().await;
        is_gone(&store, &data.id, "after a save was dropped, it was deleted, and reopening").await;
        if is_through {
            return;
        }
    }
}

/// A commit that was dropped does not come after the deletion of its run.
pub(super) async fn b39_a_dropped_commit_does_not_bring_back_a_run_deleted_after_it(place: &dyn Place) {
    for polls in 0..MAX_POLLS {
        let store = place.open().await;
        let mut run = Run::new(&format!("polls {polls}"), &plans::chain(2));
        commit(&store, (&run.first, &run.data)).await;
        let (delta, after) = run.complete(0);
        let is_through = drop_after(polls, store.commit(&after, &delta)).await.is_some();
        done(store.delete(&after.id).await, "delete a run that is there");
        conflict(store.commit(&after, &delta).await, &after.id, "the run was deleted after it was dropped");
        drop(store);
        let store = place.open().await;
        is_gone(&store, &id(after.id.as_str()), "after a commit was dropped, it was deleted, and reopening").await;
        if is_through {
            return;
        }
    }
}
