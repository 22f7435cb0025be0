//! Who writes: the task that commits if it is alone and need not wait, else the thread.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;

fn poll<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Commits, and gives whether that was done within the call.
async fn commit_one(store: &SqliteStore, (after, delta): &(WorkflowData, Delta)) -> bool {
    let mut commit = pin!(store.commit(after, delta));
    let polled = poll(commit.as_mut());
    let is_led = polled.is_ready();
    match polled {
        Poll::Ready(done) => done.unwrap(),
        Poll::Pending => commit.await.unwrap(),
    }
    is_led
}

#[tokio::test]
async fn a_run_that_is_alone_writes_its_changes_within_the_call() {
    let place = Place::new();
    let store = place.open();
    for (run, run_no) in [("a", 1), ("b", 2)] {
        // Also one that need not be durable; the next one is written with it.
        let [begin, middle, end] = &walk(run, run_no, 2, 40)[..] else { panic!() };
        for change in [begin, &lazy(middle)] {
            assert!(commit_one(&store, change).await);
        }
        // The thread may be about the lazy one just now.
        commit_one(&store, end).await;
        assert_eq!(store.load(&id(run)).await.unwrap().seq, 3);
    }
}

#[tokio::test]
async fn a_lazy_change_that_was_taken_in_within_the_call_is_written_without_a_further_one() {
    let place = Place::new();
    let store = place.open();
    let walk = walk("a", 1, 2, 40);
    assert!(commit_one(&store, &walk[0]).await);
    assert!(commit_one(&store, &lazy(&walk[1])).await);
    let written = async {
        while place.count("SELECT count(*) FROM journal") < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written).await.expect("it was never written");
}

#[tokio::test]
async fn a_call_does_not_wait_for_another_process() {
    let place = Place::new();
    let store = place.open_as(SqliteStore::options().patience(Duration::from_secs(60)));
    let walk = walk("a", 1, 100, 40);
    assert!(commit_one(&store, &walk[0]).await);
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (go_on, told) = mpsc::channel();
    let other = std::thread::spawn(move || {
        let told = told.recv_timeout(Duration::from_secs(20));
        other.execute_batch("COMMIT").unwrap();
        told
    });
    {
        let mut commit = pin!(store.commit(&walk[1].0, &walk[1].1));
        assert!(poll(commit.as_mut()).is_pending(), "the thread waits");
        let _ = go_on.send(());
        commit.await.unwrap();
    }
    other.join().unwrap().expect("the call came back only when the other had gone");
    let mut led = 0;
    for change in &walk[2..] {
        led += usize::from(commit_one(&store, change).await);
    }
    assert!(led > 0, "nobody is in the way any more");
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[100].0);
}

/// That takes as long as writing all of it again does.
#[tokio::test]
async fn the_log_is_put_back_into_the_file_by_the_thread() {
    let place = Place::new();
    let store = place.open();
    let file = || place.path().metadata().unwrap().len();
    let led_bytes = || store.writer().unwrap().with(|writer| writer.led_bytes);
    let (before, mut led, mut most) = (file(), 0, 0);
    for change in walk("a", 1, 600, 60_000) {
        // An answer that is there at once may be the thread's, so what was written within calls is counted.
        let (at_first, bytes) = (file(), led_bytes());
        commit_one(&store, &change).await;
        led = if led_bytes() > bytes { led + 1 } else { 0 };
        assert!(led == 0 || file() == at_first, "{led}");
        most = most.max(led);
    }
    assert!((50..=(8 << 20) / 60_000).contains(&most), "{most}");
    assert!(file() > before + (8 << 20), "it was put back");
}

#[tokio::test]
async fn after_a_panic_of_who_wrote_nothing_is_written_and_nothing_hangs() {
    let place = Place::new();
    let store = place.open();
    let walk = walk("a", 1, 2, 40);
    commit(&store, &walk[..1]).await;
    store.writer().unwrap().panic_while_at_work();
    let refused = store.commit(&walk[1].0, &walk[1].1).await;
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
    drop(store);
    commit(&place.open(), &walk[1..]).await;
}
