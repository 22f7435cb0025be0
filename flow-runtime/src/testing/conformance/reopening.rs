//! Behaviour 42, for a store: what it acknowledged is there when it is opened again.

use super::expect::{commit, commit_all, delete, holds, is_gone, lists, save};
use super::place::Place;
use super::plans;
use super::records::{self, Run, bare, full, id};
use super::walk::Walk;
use crate::state::{Ack, Delta, WorkflowData};

/// A saved record.
pub(super) async fn b42_a_save_is_there_after_reopening(place: &dyn Place) {
    let store = place.open().await;
    save(&store, &full("run")).await;
    drop(store);
    let store = place.open().await;
    holds(&store, &full("run"), "after a save and reopening").await;
    lists(&store, &[&id("run")], "after a save and reopening").await;
}

/// A first delta, and each one after it.
pub(super) async fn b42_every_commit_is_there_after_reopening(place: &dyn Place) {
    let (mut run, first) = Walk::new(&id("run"), 42);
    let mut next = Some(first);
    for _ in 0..25 {
        let Some(delta) = next else { return };
        let store = place.open().await;
        commit(&store, (&delta, &run.data)).await;
        drop(store);
        let store = place.open().await;
        holds(&store, &run.data, format_args!("after delta {} and reopening", delta.seq)).await;
        next = run.next();
    }
}

/// Runs that have ended.
pub(super) async fn b42_ended_runs_are_there_after_reopening(place: &dyn Place) {
    let store = place.open().await;
    let walks: Vec<_> = (0..15).map(|seed| Walk::all(&id(&format!("ended {seed}")), seed, 200)).collect();
    for walk in &walks {
        commit_all(&store, walk).await;
    }
    drop(store);
    for _ in 0..2 {
        let store = place.open().await;
        for walk in &walks {
            holds(&store, &walk[walk.len() - 1].1, "after its end and reopening").await;
        }
    }
}

/// Changes that were acknowledged before they were durable, when the store is closed in order.
pub(super) async fn b42_lazy_commits_are_there_after_closing(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("lazy", &plans::chain(10));
    commit(&store, (&run.first, &run.data)).await;
    for local in 0..10 {
        let (delta, after) = lazy(run.complete(local));
        commit(&store, (&delta, &after)).await;
        holds(&store, &after, "after a lazy commit").await;
    }
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "after lazy commits and reopening").await;
}

/// A durable change makes those before it durable, of its run and of others.
pub(super) async fn b42_lazy_and_durable_commits_keep_their_order(place: &dyn Place) {
    let store = place.open().await;
    let mut runs: Vec<Run> = ["a", "b"].map(|text| Run::new(text, &plans::chain(6))).into();
    for run in &runs {
        commit(&store, (&run.first, &run.data)).await;
    }
    for local in 0..6 {
        for run in &mut runs {
            let next = run.complete(local);
            let (delta, after) = if local % 2 == 0 { lazy(next) } else { next };
            commit(&store, (&delta, &after)).await;
        }
    }
    drop(store);
    let store = place.open().await;
    for run in &runs {
        holds(&store, &run.data, "after lazy and durable commits and reopening").await;
    }
}

fn lazy((mut delta, after): (Delta, WorkflowData)) -> (Delta, WorkflowData) {
    delta.ack = Ack::Lazy;
    (delta, after)
}

/// A deletion.
pub(super) async fn b42_a_deletion_is_there_after_reopening(place: &dyn Place) {
    let store = place.open().await;
    save(&store, &full("gone")).await;
    save(&store, &full("left")).await;
    drop(store);
    let store = place.open().await;
    delete(&store, &id("gone")).await;
    drop(store);
    let store = place.open().await;
    is_gone(&store, &id("gone"), "after a deletion and reopening").await;
    holds(&store, &full("left"), "after another was deleted and reopening").await;
}

/// Opening changes nothing, however often.
pub(super) async fn b42_reopening_again_and_again_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let walk = Walk::all(&id("walk"), 43, 30);
    save(&store, &full("saved")).await;
    commit_all(&store, &walk).await;
    drop(store);
    for _ in 0..5 {
        drop(place.open().await);
    }
    let store = place.open().await;
    holds(&store, &full("saved"), "after reopening again and again").await;
    holds(&store, &walk[walk.len() - 1].1, "after reopening again and again").await;
    lists(&store, &[&id("saved"), &id("walk")], "after reopening again and again").await;
}

/// A run goes on, is replaced and is deleted in a store that was opened again.
pub(super) async fn b42_a_reopened_store_takes_all_calls(place: &dyn Place) {
    let mut run = Run::new("run", &plans::chain(8));
    let store = place.open().await;
    commit(&store, (&run.first, &run.data)).await;
    drop(store);
    for local in 0..8 {
        let store = place.open().await;
        holds(&store, &run.data, "after reopening").await;
        let (delta, after) = run.complete(local);
        commit(&store, (&delta, &after)).await;
        save(&store, &bare(&format!("beside {local}"))).await;
    }
    let store = place.open().await;
    let (delta, after) = run.next(vec![records::ended(7)]);
    commit(&store, (&delta, &after)).await;
    for local in 0..8 {
        delete(&store, &id(&format!("beside {local}"))).await;
    }
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "after its end and reopening").await;
    lists(&store, &[&id("run")], "after others came and went over several openings").await;
}
