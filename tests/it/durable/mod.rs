//! Behaviours 44, 45, 46, 47, 49 and 71 on every durable store, through the engine: one line for each store.
//!
//! What stores do by themselves, operation by operation, stands beside them; here is what runs on them may rely on.

mod disk;
mod edited;
mod migrated;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::plan::Policy;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus, decode};
use flow_runtime::testing::{FailingStore, Graph};
use flow_runtime::{Durability, SqliteStore, StoreError, WorkflowData, WorkflowId, WorkflowStore};

use disk::{Disk, Folder, Simulated, Twice};

const STEPS: u32 = 6;

fn id() -> WorkflowId {
    WorkflowId::new("run").unwrap()
}

/// The bodies that began, in order.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<String>>>);

impl Begun {
    fn note(&self, cx: &NodeContext) {
        self.0.lock().unwrap().push(cx.step());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Steps that each add 1 to the one before.
fn chain(begun: &Begun) -> Graph<u32> {
    let mut graph = Graph::new("chain");
    for step in 0..STEPS {
        let begun = begun.clone();
        let inputs: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &inputs, move |cx, inputs| {
            begun.note(cx);
            let before = inputs.first().map_or(0, |before| **before);
            Box::pin(async move { Ok(before + 1) })
        });
    }
    graph
}

fn completed(data: &WorkflowData) -> usize {
    data.steps.iter().filter(|step| step.status == StepStatus::Completed).count()
}

/// The record that is found on a disk on which a process has died.
async fn found<D: Disk>(disk: &D) -> WorkflowData {
    disk.open().load(&id()).await.unwrap()
}

/// Whichever commit fails, whether it was kept or not, the run stops with the store's error, and goes on from what was
/// kept.
async fn a_commit_that_fails_stops_the_run<D: Disk>(kind: D) {
    for (at, is_kept) in (0..=u64::from(STEPS)).flat_map(|at| [(at, false), (at, true)]) {
        let (disk, begun, context) = (kind.fresh(), Begun::default(), format!("commit {at}, kept: {is_kept}"));
        let store = FailingStore::new(disk.open());
        store.fail_commit(at);
        store.though_kept(is_kept);
        let engine = Engine::new(store);
        let error = chain(&begun).run(&engine, "run").await.unwrap_err();
        assert!(
            matches!(&error, RunError::Store { source, .. } if matches!(**source, StoreError::Other(_))),
            "{error}"
        );
        drop(engine);
        let done = match disk.open().load(&id()).await {
            Ok(data) => completed(&data),
            Err(StoreError::NotFound { .. }) => 0,
            Err(error) => panic!("{context}: {error}"),
        };
        let kept = at as usize - usize::from(at > 0 && !is_kept);
        assert_eq!(done, kept, "{context}");
        let before = begun.take();
        assert_eq!(before.len(), at as usize, "nothing begins after {context}: {before:?}");
        assert_eq!(chain(&begun).run(&Engine::new(disk.open()), "run").await.unwrap(), STEPS);
        let rest: Vec<String> = (done as u32..STEPS).map(|step| format!("s{step}")).collect();
        assert_eq!(begun.take(), rest, "after {context}");
    }
}

/// Each body looks at what would be there if the process died now: what it may lose is less than the mode promises.
async fn a_death_costs_no_more_than_promised<D: Disk>(kind: D) {
    for most in [1, 2, 4] {
        let disk = kind.fresh();
        let mut graph = Graph::<u32>::new("chain");
        for step in 0..STEPS {
            let disk = disk.clone();
            let inputs: Vec<u32> = step.checked_sub(1).into_iter().collect();
            graph.step(format!("s{step}"), &inputs, move |_, inputs| {
                let (disk, before) = (disk.clone(), inputs.first().map_or(0, |before| **before));
                Box::pin(async move {
                    for dead in disk.deaths() {
                        let kept = completed(&found(&dead).await);
                        assert!(step as usize - kept < most, "of {step} steps {kept} are left, {most} at a time");
                    }
                    Ok(before + 1)
                })
            });
        }
        let durability = Durability::Batched { steps: most as u32, interval: Duration::MAX };
        let engine = Engine::builder(disk.open()).durability(durability).build();
        assert_eq!(graph.run(&engine, "run").await.unwrap(), STEPS);
        // An end is always durable.
        for dead in disk.deaths() {
            assert_eq!(found(&dead).await.status, WorkflowStatus::Completed);
        }
        let begun = Begun::default();
        drop(engine);
        assert_eq!(chain(&begun).run(&Engine::new(disk.open()), "run").await.unwrap(), STEPS);
        assert_eq!(begun.take(), [] as [String; 0]);
    }
}

/// Wherever a run under `Batched` dies, it goes on to the same end from there.
async fn a_run_goes_on_after_each_death<D: Disk>(kind: D) {
    let disk = kind.fresh();
    let dead: Arc<Mutex<Vec<D>>> = Arc::default();
    let mut graph = Graph::<u32>::new("chain");
    for step in 0..STEPS {
        let (disk, dead) = (disk.clone(), dead.clone());
        let inputs: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &inputs, move |_, inputs| {
            dead.lock().unwrap().extend(disk.deaths());
            let before = inputs.first().map_or(0, |before| **before);
            Box::pin(async move { Ok(before + 1) })
        });
    }
    let durability = Durability::Batched { steps: 3, interval: Duration::MAX };
    let engine = Engine::builder(disk.open()).durability(durability).build();
    assert_eq!(graph.run(&engine, "run").await.unwrap(), STEPS);
    let dead = std::mem::take(&mut *dead.lock().unwrap());
    assert!(dead.len() >= STEPS as usize);
    for dead in dead {
        let begun = Begun::default();
        let kept = completed(&found(&dead).await) as u32;
        assert_eq!(chain(&begun).run(&Engine::new(dead.open()), "run").await.unwrap(), STEPS);
        assert_eq!(begun.take(), (kept..STEPS).map(|step| format!("s{step}")).collect::<Vec<_>>());
    }
}

/// Steps with and without effects in turns. When one with effects begins, all that it came from can no longer be lost,
/// and is what it was given.
async fn no_effect_saw_what_may_be_lost<D: Disk>(kind: D) {
    let (disk, begun) = (kind.fresh(), Begun::default());
    let mut graph = Graph::<u32>::new("effects");
    for step in 0..STEPS {
        let (disk, begun, is_pure) = (disk.clone(), begun.clone(), step % 3 != 2);
        let inputs: Vec<u32> = (0..step).collect();
        graph.step_with(format!("s{step}"), &inputs, Policy::DEFAULT.with_pure(is_pure), move |cx, inputs| {
            let (disk, begun) = (disk.clone(), begun.clone());
            let seen: Vec<u32> = inputs.into_iter().copied().collect();
            Box::pin(async move {
                begun.note(cx);
                for dead in disk.deaths().into_iter().filter(|_| !is_pure) {
                    let data = found(&dead).await;
                    let outputs = data.steps[..step as usize].iter().map(|step| step.output.as_ref());
                    let kept: Vec<u32> = outputs.map(|output| decode(output.unwrap()).unwrap()).collect();
                    assert_eq!(kept, seen, "s{step} began before what it saw was durable");
                }
                Ok(seen.iter().sum::<u32>() + 1)
            })
        });
    }
    let engine = Engine::new(disk.open());
    assert_eq!(graph.run(&engine, "run").await.unwrap(), 1 << (STEPS - 1));
    assert_eq!(begun.take().len(), STEPS as usize);
}

/// Every change is sent twice, and applied once.
async fn a_change_sent_twice_is_applied_once<D: Disk>(kind: D) {
    for durability in [Durability::Strict, Durability::OnSuspend] {
        let (disk, begun) = (kind.fresh(), Begun::default());
        let engine = Engine::builder(Twice(disk.open())).durability(durability).build();
        assert_eq!(chain(&begun).run(&engine, "run").await.unwrap(), STEPS);
        drop(engine);
        let data = found(&disk).await;
        assert_eq!((data.seq, completed(&data)), (u64::from(STEPS) + 1, STEPS as usize));
        assert_eq!(begun.take().len(), STEPS as usize);
    }
}

/// Another run takes the place of one that is under way: the driver stops, and leaves that one alone.
async fn a_driver_stops_when_its_run_is_another_s<D: Disk>(kind: D) {
    let (disk, begun) = (kind.fresh(), Begun::default());
    chain(&begun).run(&Engine::new(disk.open()), "run").await.unwrap();
    let other = found(&disk).await;
    let store = Arc::new(disk.open());
    store.delete(&id()).await.unwrap();
    begun.take();
    let mut graph = Graph::<u32>::new("chain");
    for step in 0..STEPS {
        let (begun, store, other) = (begun.clone(), store.clone(), other.clone());
        let inputs: Vec<u32> = step.checked_sub(1).into_iter().collect();
        graph.step(format!("s{step}"), &inputs, move |cx, _| {
            begun.note(cx);
            let (store, other) = (store.clone(), other.clone());
            Box::pin(async move {
                if step == 2 {
                    store.save(&other).await?;
                }
                Ok(step)
            })
        });
    }
    let error = graph.run(&Engine::new(store.clone()), "run").await.unwrap_err();
    let RunError::Store { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, StoreError::Conflict { .. }), "{source}");
    assert_eq!(begun.take(), ["s0", "s1", "s2"]);
    assert_eq!(store.load(&id()).await.unwrap(), other);
}

macro_rules! on_every_durable_store {
    ($($store:ident: $disk:expr;)*) => { $(
        mod $store {
            use super::*;

            #[tokio::test]
            async fn b44_a_run_moves_to_another_version_whole_or_not_at_all() {
                migrated::a_run_moves_whole_or_not_at_all($disk).await;
            }

            #[tokio::test]
            async fn b45_an_output_of_another_type_is_named_and_nothing_runs() {
                edited::an_output_of_another_type_is_named($disk).await;
            }

            #[tokio::test]
            async fn b46_a_commit_that_fails_stops_the_run_and_its_step_is_not_done() {
                a_commit_that_fails_stops_the_run($disk).await;
            }

            #[tokio::test]
            async fn b47_a_death_costs_no_more_steps_than_promised() {
                a_death_costs_no_more_than_promised($disk).await;
            }

            #[tokio::test]
            async fn b47_a_run_goes_on_to_the_same_end_after_each_death() {
                a_run_goes_on_after_each_death($disk).await;
            }

            #[tokio::test]
            async fn b49_no_effect_began_before_its_ancestors_were_durable() {
                no_effect_saw_what_may_be_lost($disk).await;
            }

            #[tokio::test]
            async fn b71_a_change_that_is_sent_twice_is_applied_once() {
                a_change_sent_twice_is_applied_once($disk).await;
            }

            #[tokio::test]
            async fn b71_a_driver_stops_when_its_run_is_another_s() {
                a_driver_stops_when_its_run_is_another_s($disk).await;
            }
        }
    )* };
}

/// A database as the next process finds it when the leases of the last have run out.
fn after_the_leases(path: &Path) -> SqliteStore {
    static OPENED: AtomicI64 = AtomicI64::new(0);
    let days = OPENED.fetch_add(1, Ordering::Relaxed);
    SqliteStore::options().clock(move || days * 86_400_000_000_000).open(path.join("flow.db")).unwrap()
}

on_every_durable_store! {
    json_files: Simulated::new(|fs| JsonFileStore::options().fs(fs).open("store").unwrap());
    json_files_of_a_killed_process: Folder::new(|path| JsonFileStore::open(path).unwrap());
    log: Simulated::new(|fs| FlatBuffersStore::options().fs(fs).segment_bytes(64 << 10).open("store").unwrap());
    log_of_a_killed_process: Folder::new(|path| FlatBuffersStore::open(path).unwrap());
    database_of_a_killed_process: Folder::new(after_the_leases);
}
