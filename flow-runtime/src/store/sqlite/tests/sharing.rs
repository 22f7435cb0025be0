//! Several handles on one file, as several processes have them: one owner for each run, and leases.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::*;
use crate::state::Timestamp;
use crate::store::Owner;

const SECOND: Timestamp = 1_000_000_000;
/// So long that no handle renews its leases while a test runs, as if its process were paused.
const PAUSED: Duration = Duration::from_secs(86_400);
const PAUSED_NANOS: Timestamp = 86_400 * SECOND;

/// A clock that several handles share.
#[derive(Clone, Default)]
struct SetClock(Arc<AtomicI64>);

impl SetClock {
    fn forward(&self, by: Timestamp) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    fn options(&self, lease: Duration) -> SqliteOptions {
        let now = self.0.clone();
        SqliteStore::options().lease(lease).clock(move || now.load(Ordering::SeqCst))
    }
}

fn is_held<T>(claimed: &Result<T, StoreError>) -> bool {
    matches!(claimed, Err(StoreError::Held { .. }))
}

fn is_conflict<T>(committed: &Result<T, StoreError>) -> bool {
    matches!(committed, Err(StoreError::Conflict { .. }))
}

#[tokio::test]
async fn b63_b64_a_paused_process_that_wakes_up_cannot_write() {
    let (place, clock, owners) = (Place::new(), SetClock::default(), [Owner::draw(), Owner::draw()]);
    let walk = walk("run", 1, 3, 40);
    let (paused, other) = (place.open_as(clock.options(PAUSED)), place.open_as(clock.options(PAUSED)));
    let first = paused.claim(&id("run"), owners[0]).await.unwrap();
    commit(&paused, &[fenced(&walk[0], first)]).await;
    assert!(is_held(&other.claim(&id("run"), owners[1]).await));
    clock.forward(PAUSED_NANOS - 1);
    assert!(is_held(&other.claim(&id("run"), owners[1]).await), "its lease has not run out");

    clock.forward(1);
    let second = other.claim(&id("run"), owners[1]).await.unwrap();
    assert!(second > first);
    for change in [fenced(&walk[1], first), lazy(&fenced(&walk[1], first))] {
        assert!(
            is_conflict(&paused.commit(&change.0, &change.1).await),
            "the run does not move on, and yet it may not"
        );
    }
    assert!(is_held(&paused.claim(&id("run"), owners[0]).await));
    paused.release(&id("run"), owners[0]).await.unwrap();
    assert!(is_held(&paused.claim(&id("run"), owners[0]).await), "it gave nothing away that is not its own");
    commit(&other, &[fenced(&walk[1], second)]).await;
    other.release(&id("run"), owners[1]).await.unwrap();
    assert!(is_conflict(&paused.commit(&walk[2].0, &fenced(&walk[2], first).1).await), "nor when nobody has it");
    let third = paused.claim(&id("run"), owners[0]).await.unwrap();
    assert!(third > second, "also over a release");
    commit(&paused, &[fenced(&walk[2], third)]).await;
    assert_eq!(other.load(&id("run")).await.unwrap(), walk[2].0);
}

#[tokio::test]
async fn b63_who_drives_a_run_is_named_until_the_lease_has_run_out() {
    let (place, clock) = (Place::new(), SetClock::default());
    let (store, owner) = (place.open_as(clock.options(PAUSED)), Owner::draw());
    store.claim(&id("run"), owner).await.unwrap();
    let beside = clock.options(PAUSED).open_read_only(place.path()).unwrap();
    let own = Some("another engine of this process".to_owned());
    assert_eq!(beside.holder(&id("run")).await.unwrap(), own);
    assert_eq!(beside.holder(&id("other")).await.unwrap(), None);
    clock.forward(PAUSED_NANOS);
    assert_eq!(beside.holder(&id("run")).await.unwrap(), None, "its lease has run out");
    store.claim(&id("run"), owner).await.unwrap();
    store.release(&id("run"), owner).await.unwrap();
    assert_eq!(beside.holder(&id("run")).await.unwrap(), None, "it was given back");
}

/// What was acknowledged before the run was taken over, and not written.
#[tokio::test]
async fn b64_a_lazy_change_of_a_run_that_was_taken_over_is_not_written() {
    let (place, clock, owners) = (Place::new(), SetClock::default(), [Owner::draw(), Owner::draw()]);
    let walk = walk("run", 1, 3, 40);
    let (paused, other) = (place.open_as(clock.options(PAUSED)), place.open_as(clock.options(PAUSED)));
    let first = paused.claim(&id("run"), owners[0]).await.unwrap();
    commit(&paused, &[fenced(&walk[0], first)]).await;
    // The other has the file, in the moment in which the change is acknowledged.
    let lock = place.raw();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let change = lazy(&fenced(&walk[1], first));
    paused.commit(&change.0, &change.1).await.unwrap();
    lock.execute_batch("UPDATE claims SET fence = 99; UPDATE format SET fence = 99; COMMIT").unwrap();
    drop(lock);
    assert!(is_conflict(&paused.commit(&walk[2].0, &fenced(&walk[2], first).1).await));
    assert_eq!(other.load(&id("run")).await.unwrap(), walk[0].0);
}

#[tokio::test]
async fn b64_a_lease_is_renewed_by_the_store_however_long_a_step_takes() {
    let (place, clock, owners) = (Place::new(), SetClock::default(), [Owner::draw(), Owner::draw()]);
    let lease = Duration::from_secs(1);
    let (busy, other) = (place.open_as(clock.options(Duration::from_millis(300))), place.open_as(clock.options(lease)));
    busy.claim(&id("run"), owners[0]).await.unwrap();
    let until = || place.count("SELECT max(lease) FROM owners");
    for _ in 0..10 {
        let before = until();
        clock.forward(SECOND / 5);
        while until() == before {
            tokio::task::yield_now().await;
        }
        assert!(is_held(&other.claim(&id("run"), owners[1]).await));
    }
}

/// They claim often enough for the leases to be renewed with what they write, and no thread has to wake up for it.
#[tokio::test]
async fn b64_a_lease_is_renewed_also_while_one_owner_after_the_other_comes() {
    let (place, clock) = (Place::new(), SetClock::default());
    let (busy, other) = (place.open_as(clock.options(PAUSED)), place.open_as(clock.options(PAUSED)));
    busy.claim(&id("run"), Owner::draw()).await.unwrap();
    for number in 0..12 {
        clock.forward(PAUSED_NANOS / 4);
        busy.claim(&id(&format!("run-{number}")), Owner::draw()).await.unwrap();
        assert!(is_held(&other.claim(&id("run"), Owner::draw()).await), "after {number} more");
    }
}

#[tokio::test]
async fn b62_runs_of_a_process_that_is_gone_are_free_when_its_lease_has_run_out() {
    let (place, clock, owners) = (Place::new(), SetClock::default(), [Owner::draw(), Owner::draw()]);
    let walk = walk("run", 1, 3, 40);
    let gone = place.open_as(clock.options(PAUSED));
    let first = gone.claim(&id("run"), owners[0]).await.unwrap();
    commit(&gone, &[fenced(&walk[0], first)]).await;
    let other = place.open_as(clock.options(PAUSED));
    let refused = other.delete(&id("run")).await.unwrap_err();
    assert!(is_conflict::<()>(&Err(refused)), "a run is not deleted while it is driven");
    clock.forward(PAUSED_NANOS);
    let second = other.claim(&id("run"), owners[1]).await.unwrap();
    commit(&other, &[fenced(&walk[1], second), fenced(&walk[2], second)]).await;
    clock.forward(PAUSED_NANOS);
    let third = place.open_as(clock.options(PAUSED));
    third.delete(&id("run")).await.unwrap();
    assert!(is_conflict(&other.commit(&walk[3].0, &fenced(&walk[3], second).1).await), "nothing brings it back");
}

#[tokio::test]
async fn b63_fences_grow_over_handles_and_closing() {
    let place = Place::new();
    let mut last = 0;
    for _ in 0..5 {
        let (a, b) = (place.open(), place.open());
        for store in [&a, &b, &a] {
            let owner = Owner::draw();
            let fence = store.claim(&id("run"), owner).await.unwrap();
            assert!(fence > last, "{fence} came after {last}");
            store.release(&id("run"), owner).await.unwrap();
            last = fence;
        }
        last = a.claim(&id("run"), Owner::draw()).await.unwrap();
    }
    assert_eq!(place.count("SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM owners)"), 0, "all have left");
}

#[tokio::test]
async fn who_is_gone_for_long_is_forgotten_with_what_it_had() {
    let (place, clock) = (Place::new(), SetClock::default());
    let lease = Duration::from_millis(300);
    let (gone, other) = (place.open_as(clock.options(PAUSED)), place.open_as(clock.options(lease)));
    gone.claim(&id("run"), Owner::draw()).await.unwrap();
    place.raw().execute("UPDATE owners SET lease = 0", []).unwrap();
    other.claim(&id("another"), Owner::draw()).await.unwrap();
    clock.forward(61 * SECOND);
    while place.count("SELECT count(*) FROM claims") > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(place.count("SELECT count(*) FROM owners"), 1);
}

#[tokio::test]
async fn b40_each_handle_sees_what_the_others_wrote() {
    let place = Place::new();
    let (a, b) = (place.open(), place.open());
    let walk = walk("run", 1, 10, 40);
    for (step, change) in walk.iter().enumerate() {
        let (writes, other) = if step % 2 == 0 { (&a, &b) } else { (&b, &a) };
        commit(writes, std::slice::from_ref(change)).await;
        assert_eq!(other.load(&id("run")).await.unwrap(), change.0);
        commit(other, std::slice::from_ref(change)).await;
        let again = &walk[0];
        let refused = if step == 0 { Ok(()) } else { other.commit(&again.0, &again.1).await };
        assert!(step == 0 || is_conflict(&refused), "{refused:?}");
    }
    a.delete(&id("run")).await.unwrap();
    assert!(matches!(b.load(&id("run")).await, Err(StoreError::NotFound { .. })));
    commit(&b, &super::walk("run", 2, 1, 40)).await;
    assert!(is_conflict(&a.commit(&walk[1].0, &walk[1].1).await), "it is another run by now");
}

#[tokio::test]
async fn b66_who_waits_in_vain_is_told_that_the_file_is_busy_and_may_try_again() {
    let place = Place::new();
    let walk = walk("run", 1, 1, 40);
    let store = place.open_as(SqliteStore::options().patience(Duration::from_millis(20)));
    let lock = place.raw();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(&walk[0].0, &walk[0].1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy { .. }), "{refused}");
    let text = refused.to_string();
    assert!(!text.contains("locked") && text.ends_with("nothing was changed, try again"), "{text}");
    lock.execute_batch("COMMIT").unwrap();
    commit(&store, &walk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b66_many_handles_that_write_at_once_all_get_their_turn() {
    let place = Place::new();
    let stores: Vec<_> = (0..4).map(|_| place.open()).collect();
    let tasks = stores.iter().enumerate().map(|(number, store)| {
        let store = store.clone();
        tokio::spawn(async move {
            let number = u64::try_from(number).unwrap();
            for run in 0..10 {
                commit(&store, &walk(&format!("run-{number}-{run}"), number * 10 + run, 5, 40)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(stores[0].list_workflows().await.unwrap().workflows.len(), 40);
}
