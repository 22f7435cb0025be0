//! Behaviour 41: runs that ended longer ago than asked are removed, and no others, on every store.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::engine::{Clock, Retention, RetentionReport};
use flow_runtime::prelude::*;
use flow_runtime::state::{Asked, Delta, Event, RunOutcome, RunOutput, Timestamp, WorkflowStatus};
use flow_runtime::store::{self, Listing, Owner, Page, Query};
use flow_runtime::{
    FlatBuffersStore, InMemoryStore, JsonFileStore, StoreError, WorkflowData, WorkflowId, WorkflowStore,
};
use tokio::sync::Notify;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A wall clock that stands until it is set.
#[derive(Clone)]
struct SetClock(Arc<AtomicI64>);

impl SetClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_700_000_000_000_000_000)))
    }

    fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Clone, Default)]
struct App {
    begun: Arc<Notify>,
    may_end: Arc<Notify>,
}

#[node]
async fn end_as(#[state] app: &App, how: &str) -> Result<u32, String> {
    match how {
        "fail" => Err("no".to_owned()),
        "wait" => {
            app.begun.notify_one();
            app.may_end.notified().await;
            Ok(2)
        }
        _ => Ok(1),
    }
}

workflow! {
    fn job(how: String) -> u32 { end_as(how) }
}

fn id(text: &str) -> WorkflowId {
    WorkflowId::new(text).unwrap()
}

fn ids(texts: &[&str]) -> Vec<WorkflowId> {
    texts.iter().map(|text| id(text)).collect()
}

struct World<S> {
    store: S,
    clock: SetClock,
    app: App,
    engine: Engine<App>,
}

impl<S: WorkflowStore + Clone> World<S> {
    fn new(store: S) -> Self {
        let (clock, app) = (SetClock::new(), App::default());
        let engine = Engine::builder(store.clone()).state(app.clone()).clock(clock.clone()).build();
        Self { store, clock, app, engine }
    }

    async fn run(&self, how: &str, run: &str) {
        let _ = job(how.to_owned()).run(&self.engine, run).await;
    }

    /// A record that this engine did not make: cancelled, or stopped half-way.
    async fn save_another(&self, run: &str, events: Vec<Event>) {
        let mut data = self.store.load(&id("done")).await.unwrap();
        let created = flow_runtime::state::RunCreated::new(id(run), data.plan.clone(), data.input.clone());
        let first = Delta::new(77, 0, self.clock.now(), vec![Event::RunCreated(Box::new(created))]);
        data = WorkflowData::create(&first).unwrap();
        data.apply(&Delta::new(77, 1, self.clock.now(), events)).unwrap();
        self.store.save(&data).await.unwrap();
    }

    async fn listed(&self) -> Vec<WorkflowId> {
        let Listing { workflows, damaged, .. } = self.store.list_workflows().await.unwrap();
        assert!(damaged.is_empty());
        workflows
    }
}

fn sorted(report: &RetentionReport) -> Vec<WorkflowId> {
    assert!(report.failed.is_empty() && report.damaged.is_empty(), "{report:?}");
    let mut removed = report.removed.clone();
    removed.sort();
    removed
}

/// Runs of every kind that ended, or did not, ten days ago and now.
async fn history<S: WorkflowStore + Clone>(store: S) -> World<S> {
    let world = World::new(store);
    world.run("complete", "done").await;
    world.run("fail", "failed").await;
    let end = Event::RunEnded { outcome: RunOutcome::Cancelled, output: RunOutput::Errors(Vec::new()) };
    world.save_another("cancelled", vec![end]).await;
    world.save_another("open", vec![Event::Asked { kind: Asked::Pause }]).await;
    world.clock.forward(10 * DAY);
    world.run("complete", "done today").await;
    world.run("fail", "failed today").await;
    world
}

async fn only_old_ended_runs_go<S: WorkflowStore + Clone>(store: S) {
    let world = history(store).await;
    let all = world.listed().await;
    for kept in [Retention::new(), Retention::new().keep_completed(10 * DAY).keep_failed(Duration::MAX)] {
        assert_eq!(sorted(&world.engine.retain(&kept).await.unwrap()), []);
    }
    let retention = Retention::new().keep_completed(5 * DAY);
    assert_eq!(sorted(&world.engine.retain(&retention.clone().dry_run()).await.unwrap()), ids(&["done"]));
    assert_eq!(world.listed().await, all, "a dry run removes nothing");

    assert_eq!(sorted(&world.engine.retain(&retention).await.unwrap()), ids(&["done"]));
    let retention = retention.keep_failed(9 * DAY);
    assert_eq!(sorted(&world.engine.retain(&retention).await.unwrap()), ids(&["cancelled", "failed"]));
    assert_eq!(sorted(&world.engine.retain(&retention).await.unwrap()), []);
    assert_eq!(world.listed().await, ids(&["done today", "failed today", "open"]));

    world.clock.forward(10_000 * DAY);
    assert_eq!(sorted(&world.engine.retain(&retention).await.unwrap()), ids(&["done today", "failed today"]));
    assert_eq!(world.listed().await, ids(&["open"]), "what has not ended stays for ever");
}

async fn driven_runs_stay<S: WorkflowStore + Clone>(store: S) {
    let world = history(store).await;
    let run = job("wait".to_owned()).start(&world.engine, "live").unwrap();
    world.app.begun.notified().await;
    let owner = Owner::draw();
    let is_held = world.store.claim(&id("done"), owner).await.unwrap() > 0;
    world.clock.forward(100 * DAY);
    let everything = Retention::new().keep_completed(DAY).keep_failed(DAY);
    let report = world.engine.retain(&everything).await.unwrap();
    assert_eq!(report.skipped.contains(&id("done")), is_held, "{report:?}");
    assert_eq!(report.removed.contains(&id("done")), !is_held, "{report:?}");
    assert!(world.listed().await.contains(&id("live")));
    world.store.release(&id("done"), owner).await.unwrap();
    world.app.may_end.notify_one();
    assert_eq!(run.result().await.unwrap(), 2);
    world.engine.retain(&everything).await.unwrap();
    assert_eq!(world.listed().await, ids(&["live", "open"]), "one that has just ended is new");
}

async fn many_runs_go_in_one_call<S: WorkflowStore + Clone>(store: S) {
    let world = World::new(store);
    for n in 0..450 {
        world.run("complete", &format!("run {n}")).await;
    }
    world.clock.forward(2 * DAY);
    let report = world.engine.retain(&Retention::new().keep_completed(DAY)).await.unwrap();
    assert_eq!(sorted(&report).len(), 450);
    assert!(world.store.query(&Query::new()).await.unwrap().runs.is_empty());
}

macro_rules! on_every_store {
    ($($store:ident: $open:expr;)*) => { $(
        mod $store {
            use super::*;

            #[tokio::test]
            async fn b41_only_runs_that_ended_longer_ago_than_asked_are_removed() {
                let folder = tempfile::tempdir().unwrap();
                only_old_ended_runs_go($open(&folder)).await;
            }

            #[tokio::test]
            async fn b41_runs_that_are_driven_are_left() {
                let folder = tempfile::tempdir().unwrap();
                driven_runs_stay($open(&folder)).await;
            }

            #[tokio::test]
            async fn b41_more_runs_than_a_page_has_are_removed() {
                let folder = tempfile::tempdir().unwrap();
                many_runs_go_in_one_call($open(&folder)).await;
            }
        }
    )* };
}

type Folder = tempfile::TempDir;

on_every_store! {
    in_memory: |_: &Folder| InMemoryStore::default();
    json_files: |folder: &Folder| JsonFileStore::open(folder.path()).unwrap();
    flat_buffers: |folder: &Folder| FlatBuffersStore::open(folder.path()).map(Arc::new).unwrap();
    sqlite: |folder: &Folder| SqliteStore::open(folder.path().join("flow.db")).unwrap();
}

#[tokio::test]
async fn b41_a_run_that_was_removed_is_not_back_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let world = history(JsonFileStore::open(folder.path().join("files")).unwrap()).await;
        world.engine.retain(&Retention::new().keep_completed(DAY)).await.unwrap();
        drop(world);
        let again = JsonFileStore::open(folder.path().join("files")).unwrap();
        assert!(matches!(again.load(&id("done")).await, Err(StoreError::NotFound { .. })), "round {round}");
    }
    let log = || Arc::new(FlatBuffersStore::open(folder.path().join("log")).unwrap());
    let world = history(log()).await;
    world.engine.retain(&Retention::new().keep_completed(DAY)).await.unwrap();
    drop(world);
    assert!(matches!(log().load(&id("done")).await, Err(StoreError::NotFound { .. })));
    let database = || SqliteStore::open(folder.path().join("flow.db")).unwrap();
    let world = history(database()).await;
    world.engine.retain(&Retention::new().keep_completed(DAY)).await.unwrap();
    drop(world);
    assert!(matches!(database().load(&id("done")).await, Err(StoreError::NotFound { .. })));
}

/// A store that does not delete some runs.
#[derive(Clone, Default)]
struct Stubborn(InMemoryStore);

impl WorkflowStore for Stubborn {
    store::hand_on!(|own| &own.0; all but delete);

    async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
        if id.as_str() == "stuck" { Err(StoreError::Other("no".into())) } else { self.0.delete(id).await }
    }
}

#[tokio::test]
async fn b41_an_error_with_one_run_stops_no_other_and_is_reported() {
    let world = World::new(Stubborn::default());
    for run in ["a", "stuck", "z"] {
        world.run("complete", run).await;
    }
    world.clock.forward(2 * DAY);
    let report = world.engine.retain(&Retention::new().keep_completed(DAY)).await.unwrap();
    assert_eq!(report.removed, ids(&["a", "z"]));
    assert!(matches!(&report.failed[..], [(run, StoreError::Other(_))] if *run == id("stuck")), "{report:?}");
}

/// A store in which a run is made anew, and has not ended, between the query and what follows it.
#[derive(Clone, Default)]
struct MadeAnew {
    inner: InMemoryStore,
    open: Arc<Mutex<Option<WorkflowData>>>,
}

impl WorkflowStore for MadeAnew {
    store::hand_on!(|own| &own.inner; all but query);

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let page = self.inner.query(query).await?;
        let open = self.open.lock().unwrap().take();
        if let Some(open) = open {
            self.inner.save(&open).await?;
        }
        Ok(page)
    }
}

#[tokio::test]
async fn b41_a_run_that_was_made_anew_meanwhile_is_left() {
    let world = World::new(MadeAnew::default());
    world.run("complete", "done").await;
    world.save_another("open", vec![Event::Asked { kind: Asked::Pause }]).await;
    let mut open = world.store.load(&id("open")).await.unwrap();
    world.store.delete(&id("open")).await.unwrap();
    open.id = id("done");
    *world.store.open.lock().unwrap() = Some(open.clone());
    world.clock.forward(2 * DAY);
    let report = world.engine.retain(&Retention::new().keep_completed(DAY)).await.unwrap();
    assert_eq!((report.removed, report.skipped), (vec![], vec![id("done")]));
    assert_eq!(world.store.load(&id("done")).await.unwrap(), open);
}

/// Under paused time, in which a timer is due as soon as nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn b41_an_engine_removes_old_runs_in_the_background_until_it_stops() {
    let world = history(InMemoryStore::default()).await;
    let minute = Duration::from_secs(60);
    let retention = Retention::new().keep_completed(DAY).every(minute);
    let builder = Engine::builder(world.store.clone()).clock(world.clock.clone());
    let engine = builder.retention(retention.clone()).build();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.listed().await, ids(&["cancelled", "done today", "failed", "failed today", "open"]));
    world.clock.forward(2 * DAY);
    tokio::time::sleep(Duration::from_secs(58)).await;
    assert!(world.listed().await.contains(&id("done today")), "it waits for its interval");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!world.listed().await.contains(&id("done today")));

    world.run("complete", "late").await;
    world.clock.forward(2 * DAY);
    engine.shutdown(Duration::ZERO).await;
    tokio::time::sleep(10 * minute).await;
    assert!(world.listed().await.contains(&id("late")), "it has stopped");

    let dropped = Engine::builder(world.store.clone()).clock(world.clock.clone()).retention(retention).build();
    drop(dropped);
    tokio::time::sleep(10 * minute).await;
    assert!(world.listed().await.contains(&id("late")), "nothing works for an engine that is gone");
    assert_eq!(world.store.load(&id("late")).await.unwrap().status, WorkflowStatus::Completed);
}

#[tokio::test]
async fn an_engine_that_removes_runs_lets_go_of_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let open = || JsonFileStore::open(folder.path());
    let engine = Engine::builder(open().unwrap()).retention(Retention::new().keep_completed(DAY)).build();
    tokio::task::yield_now().await;
    engine.shutdown(Duration::ZERO).await;
    drop(engine);
    open().unwrap();
}

#[tokio::test]
async fn b41_a_run_is_old_when_its_last_change_is_longer_ago_than_asked_whenever_it_began() {
    let world = World::new(InMemoryStore::default());
    let handle = job("wait".to_owned()).start(&world.engine, "slow").unwrap();
    world.app.begun.notified().await;
    world.clock.forward(DAY);
    world.app.may_end.notify_one();
    assert_eq!(handle.result().await.unwrap(), 2);
    world.clock.forward(9 * DAY);
    let nine_days = Retention::new().keep_completed(9 * DAY);
    let kept = world.engine.retain(&nine_days).await.unwrap();
    assert_eq!(sorted(&kept), []);
    world.clock.forward(Duration::from_nanos(1));
    assert_eq!(sorted(&world.engine.retain(&nine_days).await.unwrap()), ids(&["slow"]));
}
