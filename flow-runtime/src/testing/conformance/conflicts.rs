//! Behaviour 71: a delta is applied once, in its order, to its own run, or refused.

use super::expect::{commit, conflict, done, holds, is_gone, lists, must, save};
use super::place::{OpenStore, Place};
use super::plans;
use super::records::{self, Run, id};
use super::walk::Walk;
use crate::state::{Asked, Delta, Event, WorkflowData};
use crate::store::{StoreError, WorkflowStore};

/// A run of which some deltas are committed.
async fn begun(store: &OpenStore) -> Run {
    let mut run = Run::new("run", &plans::chain(6));
    commit(store, (&run.first, &run.data)).await;
    for local in 0..2 {
        let (delta, after) = run.complete(local);
        commit(store, (&delta, &after)).await;
    }
    run
}

/// A delta of this number, of a run of this number, with the record that it would make of this one.
fn asking(run_no: u64, seq: u64, before: &WorkflowData) -> (Delta, WorkflowData) {
    let (event, at) = (Event::Asked { kind: Asked::Pause }, before.updated_at + 1);
    let mut after = WorkflowData { run_no, seq: seq + 1, ..before.clone() };
    records::apply(&mut after, &event, at);
    (Delta::new(run_no, seq, at, vec![event]), after)
}

/// Sends a delta that must be refused, after which the run must stand where it stood.
async fn is_refused(store: &OpenStore, (delta, after): (&Delta, &WorkflowData), kept: &WorkflowData, why: &str) {
    conflict(store.commit(after, delta).await, &after.id, why);
    holds(store, kept, format_args!("after a commit was refused because {why}")).await;
}

/// The same delta again, as when nobody knows whether it was kept: it is well, and it counts once.
pub(super) async fn b71_a_delta_that_is_sent_again_is_applied_once(place: &dyn Place) {
    let store = place.open().await;
    for seed in 0..4 {
        for (delta, after) in Walk::all(&id(&format!("again {seed}")), seed, 25) {
            for _ in 0..3 {
                let sent = store.commit(&after, &delta).await;
                done(sent, format_args!("take delta {} when it is sent again", delta.seq));
                holds(&store, &after, format_args!("after delta {} was sent again", delta.seq)).await;
            }
        }
    }
}

/// The creation of a run, sent again.
pub(super) async fn b71_a_creation_that_is_sent_again_creates_one_run(place: &dyn Place) {
    let store = place.open().await;
    let run = Run::new("created", &plans::chain(2));
    for _ in 0..3 {
        done(store.commit(&run.data, &run.first).await, "take a creation when it is sent again");
        holds(&store, &run.data, "after its creation was sent again").await;
    }
    lists(&store, &[&run.data.id], "after its creation was sent again").await;
}

/// The last delta of a run that has ended, sent again.
pub(super) async fn b71_an_end_that_is_sent_again_is_applied_once(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("ended", &plans::chain(1));
    commit(&store, (&run.first, &run.data)).await;
    let events = vec![records::started(0), records::completed(0, records::text("done")), records::ended(0)];
    let (delta, after) = run.next(events);
    for _ in 0..3 {
        done(store.commit(&after, &delta).await, "take the end of a run when it is sent again");
        holds(&store, &after, "after its end was sent again").await;
    }
}

/// A delta with one missing before it.
pub(super) async fn b71_a_delta_that_skips_one_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let mut run = begun(&store).await;
    let kept = run.data.clone();
    run.complete(2);
    let (delta, after) = run.complete(3);
    is_refused(&store, (&delta, &after), &kept, "the delta before it is missing").await;
    for seq in [kept.seq + 2, kept.seq + 1000, u64::MAX - 1] {
        let (delta, after) = asking(kept.run_no, seq, &kept);
        is_refused(&store, (&delta, &after), &kept, "deltas before it are missing").await;
    }
}

/// A delta from long ago counts no second time.
pub(super) async fn b71_an_older_delta_is_not_applied_again(place: &dyn Place) {
    let store = place.open().await;
    let walk = Walk::all(&id("older"), 71, 12);
    for (delta, after) in &walk {
        commit(&store, (delta, after)).await;
    }
    let (last, kept) = &walk[walk.len() - 1];
    for (delta, after) in &walk[..walk.len() - 1] {
        let answer = store.commit(after, delta).await;
        let is_known = matches!(answer, Ok(()) | Err(StoreError::Conflict { .. }));
        must(is_known, "know or refuse an older delta", format_args!("it said: {answer:?}"));
        holds(&store, kept, format_args!("after delta {} came again behind {}", delta.seq, last.seq)).await;
    }
}

/// Another delta in the place of one that is kept.
pub(super) async fn b71_another_delta_of_the_same_number_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let run = begun(&store).await;
    let (other, after) = asking(run.data.run_no, run.data.seq - 1, &run.data);
    is_refused(&store, (&other, &after), &run.data, "another delta of its number is kept").await;
    let mut twin = Run::new("run", &plans::chain(6));
    twin.complete(0);
    twin.data.updated_at += 1;
    let (later, after) = twin.complete(1);
    is_refused(&store, (&later, &after), &run.data, "the same events of another time are kept").await;
}

/// Another creation of an id that is taken, under another number and under the same.
pub(super) async fn b71_creating_a_run_that_exists_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let run = begun(&store).await;
    for other in [
        Run::numbered("run", run.data.run_no + 1, &plans::chain(6)),
        Run::numbered("run", run.data.run_no, &plans::chain(2)),
    ] {
        is_refused(&store, (&other.first, &other.data), &run.data, "there is a run of this id").await;
    }
}

/// Another creation of an id, right after the first.
pub(super) async fn b71_creating_a_run_that_was_just_created_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let (first, second) = (Run::numbered("run", 1, &plans::chain(1)), Run::numbered("run", 2, &plans::chain(1)));
    commit(&store, (&first.first, &first.data)).await;
    is_refused(&store, (&second.first, &second.data), &first.data, "there is a run of this id").await;
}

/// Creating a run over one that was saved.
pub(super) async fn b71_creating_a_run_that_was_saved_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let saved = records::full("run");
    save(&store, &saved).await;
    let run = Run::numbered("run", 99, &plans::chain(1));
    is_refused(&store, (&run.first, &run.data), &saved, "there is a run of this id").await;
}

/// A delta that would follow, but of another run.
pub(super) async fn b71_a_delta_of_another_run_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let run = begun(&store).await;
    for run_no in [0, run.data.run_no - 1, run.data.run_no + 1, u64::MAX] {
        let (delta, after) = asking(run_no, run.data.seq, &run.data);
        is_refused(&store, (&delta, &after), &run.data, "it is of a run of another number").await;
    }
}

/// A delta of a run that never was.
pub(super) async fn b71_a_delta_of_an_unknown_run_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    begun(&store).await;
    let mut unknown = Run::new("unknown", &plans::chain(3));
    for local in 0..2 {
        let (delta, after) = unknown.complete(local);
        conflict(store.commit(&after, &delta).await, &after.id, "there is no such run");
        is_gone(&store, &after.id, "after a delta of a run that never was").await;
    }
}

/// A run goes on after something was refused, from where it was.
pub(super) async fn b71_a_run_goes_on_after_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let mut run = begun(&store).await;
    for local in 2..6 {
        let (wrong, after) = asking(run.data.run_no, run.data.seq + 1, &run.data);
        is_refused(&store, (&wrong, &after), &run.data, "the delta before it is missing").await;
        let (delta, after) = run.complete(local);
        commit(&store, (&delta, &after)).await;
        holds(&store, &after, "after a conflict and the right delta").await;
    }
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "after conflicts, the right deltas, and reopening").await;
}

/// A store knows after reopening where each run stands.
pub(super) async fn b71_conflicts_are_known_after_reopening(place: &dyn Place) {
    let store = place.open().await;
    let mut run = begun(&store).await;
    drop(store);
    let store = place.open().await;
    let kept = run.data.clone();
    for (run_no, seq, why) in [
        (kept.run_no, kept.seq + 1, "the delta before it is missing"),
        (kept.run_no, kept.seq - 1, "another delta of its number is kept"),
        (kept.run_no + 1, kept.seq, "it is of a run of another number"),
    ] {
        let (delta, after) = asking(run_no, seq, &kept);
        is_refused(&store, (&delta, &after), &kept, why).await;
    }
    let other = Run::numbered("run", kept.run_no + 1, &plans::chain(1));
    is_refused(&store, (&other.first, &other.data), &kept, "there is a run of this id").await;
    let (delta, after) = run.complete(2);
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after conflicts and the right delta").await;
}

/// A delta that was kept before the store was opened counts no second time.
pub(super) async fn b71_a_delta_kept_before_reopening_is_not_applied_again(place: &dyn Place) {
    let store = place.open().await;
    let mut run = begun(&store).await;
    let (delta, after) = run.complete(2);
    commit(&store, (&delta, &after)).await;
    drop(store);
    let store = place.open().await;
    let answer = store.commit(&after, &delta).await;
    let is_known = matches!(answer, Ok(()) | Err(StoreError::Conflict { .. }));
    must(is_known, "know or refuse a delta that is kept", format_args!("it said: {answer:?}"));
    holds(&store, &after, "after a delta came again behind reopening").await;
}

/// After a save, a delta follows the record that was saved and no other.
pub(super) async fn b71_a_delta_must_follow_what_was_saved(place: &dyn Place) {
    let store = place.open().await;
    let mut run = begun(&store).await;
    let early = run.data.clone();
    let (delta, after) = run.complete(2);
    commit(&store, (&delta, &after)).await;
    save(&store, &early).await;
    let (late, later) = run.complete(3);
    is_refused(&store, (&late, &later), &early, "an earlier state was saved, which it does not follow").await;
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after a delta that follows what was saved").await;
}

/// Conflicts of one run hold up no other.
pub(super) async fn b71_a_conflict_touches_no_other_run(place: &dyn Place) {
    let store = place.open().await;
    let run = begun(&store).await;
    let mut other = Run::new("other", &plans::chain(3));
    commit(&store, (&other.first, &other.data)).await;
    for local in 0..3 {
        let (wrong, after) = asking(run.data.run_no, 1, &run.data);
        is_refused(&store, (&wrong, &after), &run.data, "another delta of its number is kept").await;
        let (delta, after) = other.complete(local);
        commit(&store, (&delta, &after)).await;
        holds(&store, &after, "beside conflicts of another").await;
    }
}

/// A store that leaves `commit` as it is keeps the record it is given, whatever the delta says. If this fails, the
/// store has a `commit` of its own and is to be tested without `four_methods`.
pub(super) async fn four_methods_a_commit_is_a_save(place: &dyn Place) {
    let store = place.open().await;
    let run = Run::new("run", &plans::chain(2));
    save(&store, &run.data).await;
    let (delta, after) = asking(run.data.run_no + 1, 7, &run.data);
    let demand = "save the record in `commit` if it says that it has `four_methods`";
    done(store.commit(&after, &delta).await, demand);
    holds(&store, &after, "after a commit that is a save").await;
}
