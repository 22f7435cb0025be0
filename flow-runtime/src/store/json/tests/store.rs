//! What the store keeps, refuses and says while nothing is broken.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Waker};

use super::*;
use crate::disk::{CrashModel, Fault, FaultFs};
use crate::{Engine, RunError};

#[tokio::test]
async fn a_change_follows_what_is_there_or_is_a_conflict() {
    let disk = SimFs::default();
    let walk = walk("a", 1);
    let again = self::walk("a", 2);
    let conflicts = async |store: &JsonFileStore, changes: &[&(WorkflowData, Delta)]| {
        for (after, delta) in changes {
            let refused = store.commit(after, delta).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "change {}: {refused:?}", delta.seq);
        }
    };
    conflicts(&open(disk.clone()).unwrap(), &[&walk[1], &walk[2]]).await;
    for (place, change) in walk.iter().enumerate() {
        let store = open(disk.clone()).unwrap();
        store.commit(&change.0, &change.1).await.unwrap();
        drop(store);
        // What does not follow is refused by who wrote the file, and by who has not read it yet.
        let store = open(disk.clone()).unwrap();
        let others = walk.iter().enumerate().filter(|(other, _)| *other != place && *other != place + 1);
        let others: Vec<_> = others.map(|(_, change)| change).chain(&again).collect();
        conflicts(&store, &others).await;
        store.commit(&change.0, &change.1).await.unwrap();
        conflicts(&store, &others).await;
        assert_eq!(store.load(&id("a")).await.unwrap(), change.0);
    }
}

#[tokio::test]
async fn b71_the_same_change_again_is_kept_once_and_another_in_its_place_is_a_conflict() {
    let disk = SimFs::default();
    let walk = walk("a", 1);
    let (before, delta) = (&walk[0].0, &walk[1].1);
    let other = {
        let delta = Delta { at: delta.at + 1, ..delta.clone() };
        let mut after = before.clone();
        after.apply(&delta).unwrap();
        (after, delta)
    };
    let same_record = (walk[1].0.clone(), Delta { taken: vec!["request".to_owned()], ..delta.clone() });
    let store = open(disk.clone()).unwrap();
    commit(&store, &walk[..2]).await;
    let synced = disk.syncs();
    commit(&store, &walk[1..2]).await;
    assert_eq!(disk.syncs(), synced, "nothing was written");
    for (after, delta) in [&other, &same_record] {
        assert!(matches!(store.commit(after, delta).await, Err(StoreError::Conflict { .. })));
    }
    drop(store);
    let store = open(disk).unwrap();
    for (after, delta) in [&other, &same_record] {
        assert!(matches!(store.commit(after, delta).await, Err(StoreError::Conflict { .. })));
    }
    commit(&store, &walk[1..]).await;
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
}

#[tokio::test]
async fn a_change_and_a_record_that_do_not_fit_are_refused() {
    let store = open(SimFs::default()).unwrap();
    let walk = walk("a", 1);
    let refused = store.commit(&walk[1].0, &walk[0].1).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert!(store.list_workflows().await.unwrap().workflows.is_empty());
}

#[tokio::test]
async fn b30_a_save_replaces_the_whole_record() {
    let store = open(SimFs::default()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk).await;
    store.save(&walk[0].0).await.unwrap();
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[0].0);
    commit(&store, &walk[1..]).await;
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
}

#[tokio::test]
async fn b39_nothing_brings_a_deleted_run_back() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let store = open(fs.clone()).unwrap();
    let walk = walk("a", 1);
    commit(&store, &walk[..1]).await;
    // An unfinished replacement, which nobody could tidy away.
    fs.fail(1, true, Fault::Errno(5));
    assert!(store.commit(&walk[1].0, &walk[1].1).await.is_err());
    fs.heal();
    assert_eq!(files(&disk).len(), 2, "{:?}", disk.paths());
    store.delete(&id("a")).await.unwrap();
    for (after, delta) in &walk[1..] {
        let refused = store.commit(after, delta).await;
        assert!(
            matches!(&refused, Err(StoreError::Conflict { reason, .. }) if reason.contains("not there")),
            "{refused:?}"
        );
    }
    for found in CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model)).chain([disk.after_kill()]) {
        let store = open(found.clone()).unwrap();
        assert!(matches!(store.load(&id("a")).await, Err(StoreError::NotFound { .. })));
        assert!(matches!(store.delete(&id("a")).await, Err(StoreError::NotFound { .. })));
        assert!(store.list_workflows().await.unwrap().workflows.is_empty());
        assert!(files(&found).is_empty(), "{:?}", found.paths());
    }
}

#[tokio::test]
async fn b40_one_writes_and_others_read_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let walk = walk("a", 1);
    let store = JsonFileStore::open(dir.path()).unwrap();
    let beside = JsonFileStore::open_read_only(dir.path()).unwrap();
    assert_eq!(beside.holder().await.unwrap(), Some(format!("process {}", std::process::id())));
    for change in walk.chunks(1) {
        commit(&store, change).await;
        let error = JsonFileStore::open(dir.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the store {} is held by process {}; close it there, or open it for reading only",
                dir.path().display(),
                std::process::id()
            )
        );
        assert_eq!(beside.load(&id("a")).await.unwrap(), change[0].0);
        assert_eq!(beside.list_workflows().await.unwrap().workflows, [id("a")]);
    }
    let refused =
        [beside.save(&walk[0].0).await, beside.delete(&id("a")).await, beside.commit(&walk[0].0, &walk[0].1).await];
    assert!(refused.iter().all(|refused| matches!(refused, Err(StoreError::ReadOnly { .. }))), "{refused:?}");
    let clone = store.clone();
    drop(store);
    assert!(matches!(JsonFileStore::open(dir.path()), Err(StoreError::Locked { .. })), "a clone holds it too");
    drop(clone);
    let next = JsonFileStore::open(dir.path()).unwrap();
    assert_eq!(next.load(&id("a")).await.unwrap(), walk[2].0);
}

#[test]
fn a_folder_that_is_not_there_is_made_for_writing_only() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("a/b");
    assert!(matches!(JsonFileStore::open_read_only(&missing), Err(StoreError::Io { .. })));
    assert!(!missing.exists());
    drop(JsonFileStore::open(&missing).unwrap());
    assert!(missing.is_dir());
    let file = dir.path().join("file");
    std::fs::File::create(&file).unwrap();
    assert!(matches!(JsonFileStore::open(&file), Err(StoreError::Io { .. })));
}

/// Handed over, a commit is done, and those after it find it done.
#[tokio::test]
async fn a_dropped_future_interrupts_nothing() {
    let store = open(SimFs::default()).unwrap();
    let walk = walk("a", 1);
    for (after, delta) in &walk {
        let mut dropped = pin!(store.commit(after, delta));
        let _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    assert_eq!(store.load(&id("a")).await.unwrap(), walk[2].0);
}

#[tokio::test]
async fn a_run_is_kept_where_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut graph = Graph::<String>::new("greet");
    let name = graph.step("name", &[], |_, _| Box::pin(async { Ok("Zoë".to_owned()) }));
    graph.step("greet", &[name], |_, names| Box::pin(async move { Ok(format!("Hello, {}!", names[0])) }));
    let engine = Engine::new(JsonFileStore::open(dir.path()).unwrap());
    let ran: Result<String, RunError> = graph.run(&engine, "Order 1/2").await;
    assert_eq!(ran.unwrap(), "Hello, Zoë!");
    let text = std::fs::read_to_string(dir.path().join("w-_4frder_201_2f2.json")).unwrap();
    for line in
        ["\"id\": \"Order 1/2\"", "\"path\": \"greet\"", "\"status\": \"Completed\"", "\"text\": \"Hello, Zoë!\""]
    {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    drop(engine);
    let engine = Engine::new(JsonFileStore::open(dir.path()).unwrap());
    assert_eq!(graph.run(&engine, "Order 1/2").await.unwrap(), "Hello, Zoë!");
}

/// Collects what is logged, as far as it concerns the tests here.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Logged {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.extend([field.name(), "=", &format!("{value:?}"), " "]);
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn b31_a_run_of_many_steps_is_told_of_once() {
    let logged = Logged::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let many = |id: &str, steps: u32| {
        let mut graph = Graph::<u8>::new("many");
        for step in 0..steps {
            graph.step(format!("s{step}"), &[], |_, _| Box::pin(async { Ok(0) }));
        }
        let created = RunCreated::new(self::id(id), Arc::new(graph.plan()), Payload::new(Encoding::Json, "null"));
        WorkflowData::new(1, &created, 0)
    };
    let store = open(SimFs::default()).unwrap();
    for data in [many("few", 999), many("many", 1000), many("many", 1000), many("more", 1001)] {
        store.save(&data).await.unwrap();
    }
    let logged = logged.0.lock().unwrap();
    assert_eq!(logged.len(), 2, "{logged:?}");
    for (text, run) in logged.iter().zip(["run=many steps=1000", "run=more steps=1001"]) {
        assert!(text.contains(run) && text.contains("FlatBuffersStore") && text.contains("InMemoryStore"), "{text}");
    }
}
