//! Calls from many tasks at once, on several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::yield_now;

use super::expect::{commit, done, holds, is_gone, list, lists, must, save};
use super::place::{OpenStore, Place};
use super::plans;
use super::records::{Run, bare, full, id};
use super::together::{THREADS, at_once};
use super::walk::Walk;
use crate::state::{Delta, WorkflowData, WorkflowId};
use crate::store::{StoreError, WorkflowStore, with_causes};

/// How many runs each thread takes forward.
const RUNS: usize = 8;

fn walk_of(thread: usize, run: usize) -> Vec<(Delta, WorkflowData)> {
    Walk::all(&id(&format!("thread {thread} run {run}")), (thread * RUNS + run) as u64, 25)
}

/// Many runs that are taken forward at once are all kept.
pub(super) async fn b30_runs_committed_at_once_are_all_kept(place: &dyn Place) {
    let store = place.open().await;
    let shared = store.clone();
    at_once(THREADS, move |thread| {
        let store = shared.clone();
        async move {
            let walks: Vec<_> = (0..RUNS).map(|run| walk_of(thread, run)).collect();
            for turn in 0..25 {
                for (delta, after) in walks.iter().filter_map(|walk| walk.get(turn)) {
                    commit(&store, (delta, after)).await;
                }
            }
        }
    })
    .await;
    drop(store);
    let store = place.open().await;
    for thread in 0..THREADS {
        for run in 0..RUNS {
            let walk = walk_of(thread, run);
            holds(&store, &walk[walk.len() - 1].1, "after many were committed at once").await;
        }
    }
}

/// Many records that are saved at once are all kept.
pub(super) async fn b30_records_saved_at_once_are_all_kept(place: &dyn Place) {
    let store = place.open().await;
    let shared = store.clone();
    at_once(THREADS, move |thread| {
        let store = shared.clone();
        async move {
            for run in 0..RUNS {
                save(&store, &full(&format!("thread {thread} run {run}"))).await;
            }
        }
    })
    .await;
    drop(store);
    let store = place.open().await;
    must(list(&store).await.len() == THREADS * RUNS, "keep all that are saved at once", "some are missing");
    for data in (0..THREADS * RUNS).map(|n| full(&format!("thread {} run {}", n / RUNS, n % RUNS))) {
        holds(&store, &data, "after many were saved at once").await;
    }
}

/// Of saves of one run at once one is the last, and it is there whole.
pub(super) async fn b30_saves_of_one_run_at_once_leave_one_of_them_whole(place: &dyn Place) {
    let store = place.open().await;
    let version = |n: usize| {
        let mut data = if n.is_multiple_of(2) { full("one") } else { bare("one") };
        data.seq = n as u64;
        data.metadata.insert(format!("only in {n}"), String::new());
        data
    };
    let shared = store.clone();
    at_once(THREADS, move |thread| {
        let store = shared.clone();
        async move {
            for n in 0..20 {
                save(&store, &version(n * THREADS + thread)).await;
            }
        }
    })
    .await;
    let found = done(store.load(&id("one")).await, "load a run that was saved from many tasks at once");
    let is_one = usize::try_from(found.seq).is_ok_and(|n| n < 20 * THREADS && found == version(n));
    must(is_one, "keep one of several saves whole", "it has a mixture");
    drop(store);
    let store = place.open().await;
    holds(&store, &found, "after saves at once and reopening").await;
}

/// Of creations of one id at once exactly one is taken, and it stays.
pub(super) async fn b71_of_creations_at_once_one_is_taken(place: &dyn Place) {
    let store = place.open().await;
    for round in 0..10 {
        let shared = store.clone();
        let run = move |thread: usize| Run::numbered(&format!("round {round}"), thread as u64 + 1, &plans::chain(2));
        let taken = at_once(THREADS, move |thread| {
            let store = shared.clone();
            async move {
                let run = run(thread);
                is_taken(store.commit(&run.data, &run.first).await, &run.data.id)
            }
        })
        .await;
        let winners: Vec<usize> = (0..THREADS).filter(|&thread| taken[thread]).collect();
        let instead = format!("it took {} of {THREADS}", winners.len());
        must(winners.len() == 1, "take exactly one of several creations of an id", instead);
        holds(&store, &run(winners[0]).data, "after its creation was taken and others were refused").await;
    }
}

/// Of rival deltas of one number exactly one is taken, again and again.
pub(super) async fn b71_of_rival_deltas_at_once_one_is_taken(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("rivals", &plans::chain(10));
    commit(&store, (&run.first, &run.data)).await;
    for local in 0..10 {
        let before = run.data.clone();
        let rival = move |thread: usize| {
            let mut run = Run { first: Delta::new(0, 0, 0, Vec::new()), data: before.clone() };
            run.data.updated_at += i64::try_from(thread).unwrap_or_default();
            run.complete(local)
        };
        let (shared, rival) = (store.clone(), Arc::new(rival));
        let rivals = rival.clone();
        let taken = at_once(THREADS, move |thread| {
            let (store, (delta, after)) = (shared.clone(), rivals(thread));
            async move { is_taken(store.commit(&after, &delta).await, &after.id) }
        })
        .await;
        let winners: Vec<usize> = (0..THREADS).filter(|&thread| taken[thread]).collect();
        let instead = format!("it took {} of {THREADS}", winners.len());
        must(winners.len() == 1, "take exactly one of several deltas of one number", instead);
        run.data = rival(winners[0]).1;
        holds(&store, &run.data, "after one of several deltas of one number was taken").await;
    }
}

fn is_taken(answer: Result<(), StoreError>, id: &WorkflowId) -> bool {
    match answer {
        Ok(()) => true,
        Err(StoreError::Conflict { .. }) => false,
        Err(error) => panic!(
            "a store must take or refuse a commit to run {id:?} that has rivals; it said: {}",
            with_causes(&error)
        ),
    }
}

/// Whoever reads beside a writer sees whole records, and never an earlier one after a later one.
pub(super) async fn b37_readers_beside_a_writer_see_whole_records_in_order(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("watched", &plans::chain(40));
    let mut walk = vec![run.creation()];
    walk.extend((0..40).map(|local| run.complete(local)));
    commit(&store, (&walk[0].0, &walk[0].1)).await;
    let (store, walk, ended) = (store.clone(), Arc::new(walk), Arc::new(AtomicBool::new(false)));
    at_once(THREADS, move |thread| {
        let (store, walk, ended) = (store.clone(), walk.clone(), ended.clone());
        async move {
            if thread > 0 {
                return read_until(&ended, &store, &walk).await;
            }
            let _ended = Ended(ended);
            for (delta, after) in &walk[1..] {
                commit(&store, (delta, after)).await;
                yield_now().await;
            }
        }
    })
    .await;
}

/// Reads a run while it is written, and a little longer.
async fn read_until(ended: &AtomicBool, store: &OpenStore, walk: &[(Delta, WorkflowData)]) {
    let (mut last, mut left) = (0, 20);
    while left > 0 {
        left -= u32::from(ended.load(Ordering::Acquire));
        let found = done(store.load(&walk[0].1.id).await, "load a run beside its writer");
        let is_whole = walk.iter().any(|(_, after)| found == *after);
        must(is_whole, "show a reader whole records", "one saw a mixture");
        must(found.seq >= last, "show a reader no earlier record after a later one", "one went back");
        last = found.seq;
        yield_now().await;
    }
}

/// Says when it is dropped that the writer has ended, so that readers do not wait for one that failed.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Listings beside writers are sorted, and miss no run that is there throughout.
pub(super) async fn b36_listings_beside_writers_miss_nothing(place: &dyn Place) {
    let store = place.open().await;
    for n in 0..20 {
        save(&store, &bare(&format!("always {n}"))).await;
    }
    let shared = store.clone();
    at_once(THREADS, move |thread| {
        let store = shared.clone();
        async move {
            for n in 0..15 {
                if thread == 0 {
                    let listed = list(&store).await;
                    let always = listed.iter().filter(|id| id.as_str().starts_with("always")).count();
                    must(always == 20, "list every run that is there throughout", format_args!("it lists {always}"));
                } else {
                    let data = bare(&format!("at times {thread} {n}"));
                    save(&store, &data).await;
                    done(store.delete(&data.id).await, "delete a run that is there");
                }
                yield_now().await;
            }
        }
    })
    .await;
    let always: Vec<WorkflowId> = (0..20).map(|n| id(&format!("always {n}"))).collect();
    lists(&store, &always.iter().collect::<Vec<_>>(), "after others came and went beside it").await;
}

/// Of deletions of one run at once exactly one finds it.
pub(super) async fn b32_of_deletions_at_once_one_finds_the_run(place: &dyn Place) {
    let store = place.open().await;
    for round in 0..10 {
        let data = bare(&format!("round {round}"));
        save(&store, &data).await;
        let (shared, asked) = (store.clone(), data.id.clone());
        let found = at_once(THREADS, move |_| {
            let (store, id) = (shared.clone(), asked.clone());
            async move {
                match store.delete(&id).await {
                    Ok(()) => 1,
                    Err(StoreError::NotFound { .. }) => 0,
                    Err(error) => {
                        panic!("a store must delete a run or not find it; instead it said: {}", with_causes(&error))
                    }
                }
            }
        })
        .await;
        let found: usize = found.iter().sum();
        must(found == 1, "find a run for exactly one of several deletions", format_args!("{found} found it"));
        is_gone(&store, &data.id, "after deletions at once").await;
    }
}

/// Who loads a run while it is deleted finds it whole or not at all.
pub(super) async fn b39_a_run_that_is_being_deleted_is_whole_or_gone(place: &dyn Place) {
    let store = place.open().await;
    for round in 0..10 {
        let data = Arc::new(full(&format!("round {round}")));
        save(&store, &data).await;
        let (shared, expected) = (store.clone(), data.clone());
        at_once(THREADS, move |thread| {
            let (store, data) = (shared.clone(), expected.clone());
            async move {
                if thread == 0 {
                    return done(store.delete(&data.id).await, "delete a run that is there");
                }
                for _ in 0..5 {
                    match store.load(&data.id).await {
                        Ok(found) => must(found == *data, "show a run whole or not at all", "one saw a part of it"),
                        Err(StoreError::NotFound { .. }) => return,
                        Err(error) => {
                            panic!("a store must find a run or not; instead it said: {}", with_causes(&error))
                        }
                    }
                }
            }
        })
        .await;
        is_gone(&store, &data.id, "after it was deleted beside readers").await;
    }
}
