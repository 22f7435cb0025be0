//! What is kept and what is not, under every order of reading and changing.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::state::{Encoding, Event, Payload, RunCreated, RunOutcome, RunOutput};
use crate::store::InMemoryStore;
use crate::testing::Graph;

/// A store in memory that counts what is read and reads only when it may. Clones are the same store.
#[derive(Clone)]
struct Slow {
    runs: InMemoryStore,
    loads: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
    has_read: Arc<Semaphore>,
    may_delete: Arc<Semaphore>,
}

impl Slow {
    fn new(permits: usize) -> Self {
        let (gate, has_read) = (Arc::new(Semaphore::new(permits)), Arc::new(Semaphore::new(0)));
        let may_delete = Arc::new(Semaphore::new(1_000));
        Self { runs: InMemoryStore::default(), loads: Arc::default(), gate, has_read, may_delete }
    }
}

impl WorkflowStore for Slow {
    hand_on!(|own| &own.runs; all but load, delete);

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let data = self.runs.load(id).await;
        self.has_read.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        data
    }

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        self.may_delete.acquire().await.unwrap().forget();
        self.runs.delete(id).await
    }
}

fn id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

/// A run that has begun, or ended, with an input of so many bytes.
fn record(run: &str, has_ended: bool, bytes: usize) -> WorkflowData {
    let mut graph = Graph::<u8>::new("one step");
    graph.step("a", &[], |_, _| Box::pin(async { Ok(0) }));
    let created = RunCreated::new(id(run), Arc::new(graph.plan()), Payload::new(Encoding::Raw, vec![0; bytes]));
    let mut events = vec![Event::RunCreated(Box::new(created))];
    if has_ended {
        events.push(Event::RunEnded { outcome: RunOutcome::Failed, output: RunOutput::Errors(Vec::new()) });
    }
    WorkflowData::create(&Delta::new(1, 0, 1, events)).unwrap()
}

#[tokio::test]
async fn a_run_that_has_ended_is_read_once_and_one_under_way_each_time() {
    let store = Cached::new(Slow::new(100), 1 << 20);
    for (run, has_ended, loads) in [("ended", true, 1), ("under way", false, 3)] {
        let data = record(run, has_ended, 10);
        store.save(&data).await.unwrap();
        let before = store.inner().loads.load(Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(store.load(&id(run)).await.unwrap(), data);
        }
        assert_eq!(store.inner().loads.load(Ordering::SeqCst) - before, loads, "{run}");
    }
    let stats = store.stats();
    assert_eq!((stats.hits, stats.misses, stats.runs), (2, 4, 1));
    assert!(matches!(store.load(&id("none")).await, Err(StoreError::NotFound { .. })));
    assert_eq!(store.stats().misses, 5);
}

#[tokio::test]
async fn what_was_used_the_longest_ago_makes_room_and_what_is_too_large_is_not_kept() {
    let store = Cached::new(Slow::new(1_000), 5_000);
    for run in ["a", "b", "c"] {
        store.save(&record(run, true, 1_500)).await.unwrap();
    }
    let read = async |run: &str| drop(store.load(&id(run)).await.unwrap());
    let loads = || store.inner().loads.load(Ordering::SeqCst);
    read("a").await;
    read("b").await;
    read("a").await;
    assert_eq!((loads(), store.stats().runs), (2, 2));
    read("c").await;
    assert_eq!(store.stats().runs, 2);
    read("a").await;
    assert_eq!(loads(), 3, "`b` has made room");
    read("b").await;
    assert_eq!(loads(), 4);
    store.save(&record("large", true, 5_000)).await.unwrap();
    read("large").await;
    read("large").await;
    assert_eq!((loads(), store.stats().runs), (6, 2), "it would have driven out all others");
    assert!(store.stats().bytes <= 5_000 && store.stats().bytes > 3_000);
    for run in ["a", "b", "c"] {
        store.delete(&id(run)).await.unwrap();
    }
    assert_eq!((store.stats().runs, store.stats().bytes), (0, 0));
}

#[tokio::test]
async fn b39_what_was_read_before_a_change_is_not_kept_after_it() {
    for change in ["delete", "save", "a delete that nobody waits for"] {
        let slow = Slow::new(0);
        let store = Cached::new(slow.clone(), 1 << 20);
        let old = record("r", true, 10);
        store.save(&old).await.unwrap();
        let reader = store.clone();
        let reading = tokio::spawn(async move { reader.load(&id("r")).await });
        slow.has_read.acquire().await.unwrap().forget();
        match change {
            "delete" => store.delete(&id("r")).await.unwrap(),
            "save" => store.save(&record("r", true, 20)).await.unwrap(),
            _ => {
                let run = id("r");
                let mut delete = Box::pin(store.delete(&run));
                let mut task = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = delete.as_mut().poll(&mut task);
            }
        }
        slow.gate.add_permits(100);
        assert_eq!(reading.await.unwrap().unwrap(), old, "it was read before the change");
        match store.load(&id("r")).await {
            Ok(data) => assert_eq!((change, data.input.bytes.len()), ("save", 20)),
            Err(error) => {
                assert!(change != "save" && matches!(error, StoreError::NotFound { .. }), "{change}: {error}");
            }
        }
        assert!(lock(&store.recent).is_read_by_nobody());
    }
}

#[tokio::test]
async fn b39_what_was_read_during_a_change_is_not_kept_after_it() {
    let slow = Slow::new(100);
    slow.may_delete.forget_permits(1_000);
    let store = Cached::new(slow.clone(), 1 << 20);
    store.save(&record("r", true, 10)).await.unwrap();
    let run = id("r");
    let mut delete = Box::pin(store.delete(&run));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(delete.as_mut().poll(&mut task).is_pending());
    assert!(store.load(&run).await.is_ok(), "it is still there");
    slow.may_delete.add_permits(1);
    delete.await.unwrap();
    assert!(matches!(store.load(&run).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_reader_who_gives_up_leaves_nothing_behind() {
    let slow = Slow::new(0);
    let store = Cached::new(slow.clone(), 1 << 20);
    store.save(&record("r", true, 10)).await.unwrap();
    let reader = store.clone();
    let reading = tokio::spawn(async move { reader.load(&id("r")).await });
    slow.has_read.acquire().await.unwrap().forget();
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    assert!(lock(&store.recent).is_read_by_nobody());
}
