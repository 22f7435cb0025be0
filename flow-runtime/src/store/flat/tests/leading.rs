//! Who writes: the task that commits if it is alone, else the thread.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;

/// What one look at a commit gives.
fn poll_once(store: &FlatBuffersStore, (after, delta): &(WorkflowData, Delta)) -> Poll<Result<(), StoreError>> {
    let mut commit = std::pin::pin!(store.commit(after, delta));
    commit.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether the changes of this run were all written within the call.
fn is_led(store: &FlatBuffersStore, run: &str, run_no: u64) -> bool {
    walk(run, run_no).iter().all(|change| matches!(poll_once(store, change), Poll::Ready(Ok(()))))
}

#[tokio::test]
async fn a_run_that_is_alone_writes_its_changes_within_the_call() {
    // On a machine that is slow the thread may be just about a lazy change that has waited for 50 ms, and what comes then
    // is handed over. So there are many tries, and each is a store of its own.
    let led = (0..50).find_map(|_| {
        let fs = SimFs::default();
        let store = open(fs.clone()).unwrap();
        let before = fs.syncs();
        // The second run shows that one that has ended is nobody to wait for.
        let syncs = is_led(&store, "a", 1).then(|| fs.syncs() - before)?;
        is_led(&store, "b", 2).then_some(syncs)
    });
    assert_eq!(led, Some(3), "all is written within the call, and three of the five changes are durable at once");
}

#[tokio::test]
async fn runs_that_commit_side_by_side_meet_in_the_queue() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let (a, b) = (walk("a", 1), walk("b", 2));
    assert!(matches!(poll_once(&store, &a[0]), Poll::Ready(Ok(()))));
    // Nobody waits for the answer any more, and it is done all the same, before what comes later.
    {
        // Who is handed the change cannot be done with it before we look.
        let _held = super::super::log::lock(&store.writer().unwrap().index);
        assert!(poll_once(&store, &b[0]).is_pending());
    }
    commit(&store, &b[1..2]).await;
    commit(&store, &a[1..]).await;
    commit(&store, &b[2..]).await;
    for (id, walk) in [("a", &a), ("b", &b)] {
        assert_eq!(store.load(&super::id(id)).await.unwrap(), walk[4].0);
    }
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_written_without_a_further_call() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..2]).await;
    for change in &walk[2..4] {
        let before = fs.syncs();
        assert!(matches!(poll_once(&store, change), Poll::Ready(Ok(()))));
        assert_eq!(fs.syncs(), before);
        let written = async {
            while fs.syncs() == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.expect("it was never written");
    }
}

#[tokio::test]
async fn after_a_panic_of_who_wrote_nothing_is_written_and_nothing_hangs() {
    let fs = SimFs::default();
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..1]).await;
    store.writer().unwrap().panic_while_writing();
    let before = fs.syncs();
    let refused = store.commit(&walk[1].0, &walk[1].1).await;
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
    assert!(matches!(store.delete(&id("a")).await, Err(StoreError::Poisoned { .. })));
    drop(store);
    assert_eq!(fs.syncs(), before);
    commit(&open(fs).unwrap(), &walk[1..]).await;
}
