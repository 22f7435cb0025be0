//! Claims: a run has one owner, and who had it before is known by its fence.
//!
//! A store that holds no runs says so with the fence 0, and passes each case by holding none.

use std::fmt::Display;
use std::time::Duration;

use super::expect::{commit, conflict, delete, done, holds, lists, must, not_found, save};
use super::place::{OpenStore, Place};
use super::plans;
use super::records::{Run, bare, id};
use crate::state::WorkflowId;
use crate::store::{Owner, StoreError, WorkflowStore, with_causes};

/// How often a claim is tried whose owner is gone.
const TRIES: usize = 2000;

/// A store, and two owners of whom the first has claimed the run, with the fence; none if the store holds no runs,
/// which must then be so for all.
async fn claimed(place: &dyn Place, run: &WorkflowId) -> Option<(OpenStore, [Owner; 2], u64)> {
    let (store, owners) = (place.open().await, [Owner::draw(), Owner::draw()]);
    let fence = claim(&store, run, owners[0]).await;
    if fence > 0 {
        return Some((store, owners, fence));
    }
    let other = store.claim(run, owners[1]).await;
    must(matches!(other, Ok(0)), "hold a run for nobody if its fences are 0", "it did not give it to another owner");
    done(store.release(run, owners[0]).await, "take a run back that it does not hold");
    None
}

async fn claim(store: &OpenStore, run: &WorkflowId, owner: Owner) -> u64 {
    done(store.claim(run, owner).await, format_args!("give run {run:?}, which is free, to who claims it"))
}

async fn release(store: &OpenStore, run: &WorkflowId, owner: Owner) {
    done(store.release(run, owner).await, format_args!("take run {run:?} back"));
}

async fn is_held(store: &OpenStore, run: &WorkflowId, owner: Owner, when: impl Display) {
    let instead = match store.claim(run, owner).await {
        Err(StoreError::Held { id, .. }) if id == *run => return,
        Err(StoreError::Held { id, .. }) => format!("it named run {id:?}"),
        Err(error) => format!("it said: {}", with_causes(&error)),
        Ok(fence) => format!("it gave it away with fence {fence}"),
    };
    must(false, format_args!("refuse run {run:?} as `Held` {when}"), instead);
}

/// Another owner gets a run neither before nor after it is there.
pub(super) async fn claim_is_refused_to_another_owner(place: &dyn Place) {
    let run = id("run");
    let Some((store, [_, other], _)) = claimed(place, &run).await else { return };
    is_held(&store, &run, other, "to another than its owner").await;
    save(&store, &bare("run")).await;
    is_held(&store, &run, other, "to another than its owner after it was saved").await;
}

/// The owner may claim what it has.
pub(super) async fn claim_by_the_same_owner_again_changes_nothing(place: &dyn Place) {
    let run = id("run");
    let Some((store, [owner, other], fence)) = claimed(place, &run).await else { return };
    for _ in 0..3 {
        let again = claim(&store, &run, owner).await;
        must(
            again == fence,
            "give a run to its owner again with its fence",
            format_args!("{again} came after {fence}"),
        );
    }
    release(&store, &run, owner).await;
    must(store.claim(&run, other).await.is_ok(), "give a run back at once that was claimed often", "it is still held");
}

/// What another gives back stays where it is.
pub(super) async fn claim_is_given_back_by_its_owner_alone(place: &dyn Place) {
    let run = id("run");
    let Some((store, [owner, other], _)) = claimed(place, &run).await else { return };
    release(&store, &run, other).await;
    store.forget(other);
    is_held(&store, &run, other, "to one that did not have it and gave it back").await;
    release(&store, &run, owner).await;
    claim(&store, &run, other).await;
    release(&store, &run, owner).await;
    is_held(&store, &run, owner, "to one that gave it back twice").await;
}

/// Runs are claimed one by one, also those whose ids look alike.
pub(super) async fn claim_holds_no_other_run(place: &dyn Place) {
    let run = id("run");
    let Some((store, [owner, other], _)) = claimed(place, &run).await else { return };
    for text in ["RUN", "run ", "run/1", "ru", "run*", "%", "run%", "r%6En", "'run'"] {
        claim(&store, &id(text), other).await;
        is_held(&store, &id(text), owner, "to another than its owner").await;
    }
    release(&store, &run, owner).await;
    is_held(&store, &id("RUN"), owner, "after another was given back").await;
}

/// The fence of a run grows whenever it changes hands, also over releases, commits and reopening.
pub(super) async fn claim_gives_fences_that_grow_with_each_owner(place: &dyn Place) {
    let run = id("run");
    let Some((store, owners, mut last)) = claimed(place, &run).await else { return };
    release(&store, &run, owners[0]).await;
    save(&store, &bare("run")).await;
    for round in 1..10 {
        let owner = owners[round % 2];
        let fence = claim(&store, &run, owner).await;
        let instead = format_args!("{fence} came after {last}");
        must(fence > last, "give a fence that grows whenever a run changes hands", instead);
        release(&store, &run, owner).await;
        last = fence;
    }
}

/// What an owner has that is gone is free, for it need not be told run by run.
pub(super) async fn claim_ends_with_its_owner(place: &dyn Place) {
    let run = id("run");
    let Some((store, [owner, other], _)) = claimed(place, &run).await else { return };
    claim(&store, &id("beside"), other).await;
    claim(&store, &id("another"), owner).await;
    store.forget(owner);
    for run in [run, id("another")] {
        is_free_soon(&store, &run, other).await;
    }
    is_held(&store, &id("beside"), owner, "after another owner was gone").await;
}

/// A store may have to write down that an owner is gone, so it is asked until it has.
async fn is_free_soon(store: &OpenStore, run: &WorkflowId, owner: Owner) {
    for _ in 0..TRIES {
        match store.claim(run, owner).await {
            Ok(_) => return,
            Err(StoreError::Held { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => {
                return must(
                    false,
                    "give a run away whose owner is gone",
                    format_args!("it said: {}", with_causes(&error)),
                );
            }
        }
    }
    must(false, "give a run away whose owner is gone", "it is still held");
}

/// Nobody deletes a claimed run, and everybody one that was given back.
pub(super) async fn claim_keeps_a_run_from_deletion(place: &dyn Place) {
    let run = id("run");
    let Some((store, [owner, _], _)) = claimed(place, &run).await else { return };
    save(&store, &bare("run")).await;
    let instead = match store.delete(&run).await {
        Err(StoreError::Conflict { id, .. }) if id == run => None,
        Err(error) => Some(format!("it said: {}", with_causes(&error))),
        Ok(()) => Some("it deleted it".to_owned()),
    };
    if let Some(instead) = instead {
        must(false, "refuse to delete a claimed run as a `Conflict`", instead);
    }
    holds(&store, &bare("run"), "after it was claimed and not deleted").await;
    release(&store, &run, owner).await;
    delete(&store, &run).await;
    not_found(store.load(&run).await.map(drop), &run, "it was given back and deleted");
}

/// A claimed run is not there for that.
pub(super) async fn claim_makes_no_run(place: &dyn Place) {
    let run = id("run");
    let Some((store, [owner, _], _)) = claimed(place, &run).await else { return };
    not_found(store.load(&run).await.map(drop), &run, "it was only claimed");
    lists(&store, &[], "after one was only claimed").await;
    release(&store, &run, owner).await;
    lists(&store, &[], "after one was only claimed and given back").await;
}

/// A delta of who had the run before is refused, also if it follows.
pub(super) async fn claim_closes_a_run_to_older_fences(place: &dyn Place) {
    let name = id("run");
    let Some((store, [owner, other], first)) = claimed(place, &name).await else { return };
    let mut run = Run::new("run", &plans::chain(2));
    run.first.fence = first;
    commit(&store, (&run.first, &run.data)).await;
    release(&store, &name, owner).await;
    let second = claim(&store, &name, other).await;
    let before = run.data.clone();
    let (mut delta, after) = run.complete(0);
    delta.fence = first;
    conflict(store.commit(&after, &delta).await, &name, "the run has changed hands since");
    holds(&store, &before, "after a delta with an older fence").await;
    delta.fence = second;
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after a delta of its owner").await;
}
