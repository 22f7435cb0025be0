//! Behaviours 18 and 70: what failed runs again, or a step that is named, with what follows, and only that.

use std::time::Duration;

use flow_runtime::observe::{Notice, Observer, What};
use flow_runtime::prelude::*;
use flow_runtime::state::{Request, RequestKind, ResetMode, StepStatus, WorkflowStatus};
use flow_runtime::testing::Graph;
use flow_runtime::{AskError, WorkflowId, WorkflowStore};

use super::{Lab, World, add, on_every_store, recall, soon, work, write};

#[node(undo = unmake)]
async fn make(#[state] lab: &Lab, cx: &NodeContext, x: u32) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(x)
}

#[node]
async fn unmake(#[state] lab: &Lab, x: &u32) -> Result<(), String> {
    lab.undoes(*x)
}

workflow! {
    fn makes(x: u32) -> u32 {
        let first = make(x);
        let second = make(first + 1);
        let beside = work(first);
        let last = add(second, beside);
        last
    }

    fn chain(x: u32) -> u32 {
        let first = work(x);
        let beside = work(x);
        let middle = work(first);
        let last = add(middle, beside);
        last
    }

    fn asks() -> u32 {
        let word = wait_for::<u32>("word");
        work(word)
    }

    fn writes(x: u32) -> u32 {
        let written = write(x);
        let known = recall(written);
        known
    }

    fn patient() -> u32 {
        #[with(deadline = "1h", retry(times = 1, backoff = "1ms"))]
        work(1)
    }
}

async fn b18_a_failed_run_gives_its_failure_and_runs_again_what_failed_and_what_follows(
    store: impl WorkflowStore + Clone,
) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["middle"]);
    let failed = soon(chain(1).run(&engine, "run")).await.unwrap_err();
    let before = world.lab.ran_under();
    assert_eq!(before.iter().map(|(step, _)| step.as_str()).collect::<Vec<_>>(), ["beside", "first", "middle"]);
    world.lab.breaks(&[]);
    for engine in [&engine, &world.engine()] {
        let again = soon(chain(1).run(engine, "run")).await.unwrap_err();
        assert_eq!(again.to_string(), failed.to_string());
    }
    assert_eq!(world.lab.ran(), Vec::<String>::new(), "it has failed, and runs nothing by itself");

    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(chain(1).run(&engine, "run")).await.unwrap(), 5);
    let after = world.lab.ran_under();
    assert_eq!(after.iter().map(|(step, _)| step.as_str()).collect::<Vec<_>>(), ["last", "middle"]);
    assert_eq!(after[1].1, before[2].1, "b70: its effect may be there, so it has the key that it had");
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.failures()), (WorkflowStatus::Completed, Vec::new()));
    assert_eq!(stored.step(stored.find("middle").unwrap()).attempts, 2);
    assert_eq!(world.store.asked().await.unwrap(), [], "the order is used up");
    let told = engine.retry_failed("run").await.unwrap_err();
    assert!(matches!(told, AskError::NothingToRetry { .. }), "{told}");
}

async fn b18_a_retry_that_fails_again_may_be_followed_by_another(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["middle"]);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    for _ in 0..3 {
        world.lab.ran();
        // Asked twice of one end, by engines that do not know the workflow, it is one.
        world.engine().retry_failed("run").await.unwrap();
        world.engine().retry_failed("run").await.unwrap();
        soon(chain(1).run(&engine, "run")).await.unwrap_err();
        assert_eq!(world.lab.ran(), ["middle"]);
        soon(chain(1).run(&engine, "run")).await.unwrap_err();
        assert_eq!(world.lab.ran(), Vec::<String>::new());
    }
    world.lab.breaks(&["first"]);
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(chain(1).run(&engine, "run")).await.unwrap(), 5, "what has completed stays as it is");
}

async fn b18_b70_a_named_step_runs_again_with_what_follows_under_other_keys(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    assert_eq!(soon(chain(1).run(&engine, "run")).await.unwrap(), 5);
    let mut keys: Vec<String> = world.lab.ran_under().into_iter().map(|(_, key)| key).collect();
    for _ in 0..3 {
        engine.retry_from("run", "middle").await.unwrap();
        assert_eq!(soon(chain(1).run(&engine, "run")).await.unwrap(), 5);
        let again = world.lab.ran_under();
        assert_eq!(again.iter().map(|(step, _)| step.as_str()).collect::<Vec<_>>(), ["last", "middle"]);
        for (step, key) in again {
            assert!(!keys.contains(&key), "`{step}` has had this key before: its effect is to happen once more");
            keys.push(key);
        }
    }
    let stored = world.stored("run").await;
    assert_eq!(stored.step(stored.find("middle").unwrap()).resets, 3);
    assert_eq!(stored.step(stored.find("first").unwrap()).resets, 0);
}

async fn b18_of_a_failed_run_a_named_step_runs_again_beside_what_failed(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["middle"]);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    world.lab.breaks(&[]);
    world.lab.ran();
    engine.retry_from("run", "beside").await.unwrap();
    assert_eq!(soon(chain(1).run(&engine, "run")).await.unwrap(), 5);
    assert_eq!(world.lab.ran(), ["beside", "last", "middle"]);
}

async fn an_order_waits_for_who_knows_the_workflow_and_then_it_is_done_at_once(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["middle"]);
    for run in ["one", "two", "three"] {
        soon(chain(1).run(&engine, run)).await.unwrap_err();
    }
    engine.shutdown(Duration::ZERO).await;
    world.lab.breaks(&[]);
    world.lab.ran();
    // An engine that has stopped takes nothing up.
    engine.retry_failed("one").await.unwrap();
    engine.shutdown(Duration::ZERO).await;
    assert_eq!(world.stored("one").await.status, WorkflowStatus::Failed);
    // This engine does not know the workflow: it leaves word.
    world.engine().retry_failed("one").await.unwrap();
    assert_eq!(world.stored("one").await.status, WorkflowStatus::Failed);
    assert_eq!(soon(chain(1).run(&world.engine(), "one")).await.unwrap(), 5);
    // Here it is known.
    let engine = world.builder().register::<chain>().build();
    engine.retry_failed("two").await.unwrap();
    world.comes_to("two", WorkflowStatus::Completed).await;
    // This one looks for what was asked elsewhere.
    let watching = world.builder().register::<chain>().build();
    watching.recover().await.unwrap();
    world.engine().retry_from("three", "first").await.unwrap();
    world.comes_to("three", WorkflowStatus::Completed).await;
    assert_eq!(world.lab.ran(), ["first", "last", "last", "last", "middle", "middle", "middle"]);
}

async fn b18_what_was_asked_of_an_end_counts_for_no_later_one(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let (engine, run) = (world.engine(), WorkflowId::new("run").unwrap());
    world.lab.breaks(&["middle"]);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    // Left by an engine that does not know the workflow, so that it can be seen.
    world.engine().retry_failed("run").await.unwrap();
    let orders = world.store.requests(&run).await.unwrap();
    assert_eq!(orders.len(), 1);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    assert_eq!(world.lab.ran(), ["beside", "first", "middle", "middle"]);
    // The run has gone on and failed again, and the order could not be removed.
    world.store.ask(&run, &orders[0]).await.unwrap();
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    assert_eq!(world.lab.ran(), Vec::<String>::new());
    assert_eq!(world.store.requests(&run).await.unwrap(), [], "it is forgotten");
}

async fn what_came_too_late_for_an_end_is_not_done_when_the_run_goes_on(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let (engine, run) = (world.engine(), WorkflowId::new("run").unwrap());
    world.lab.breaks(&["middle"]);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    world.lab.breaks(&[]);
    world.store.ask(&run, &Request::new("late", 0, RequestKind::Cancel).unwrap()).await.unwrap();
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(chain(1).run(&engine, "run")).await.unwrap(), 5);
    assert_eq!(world.store.asked().await.unwrap(), []);
}

async fn b16_b18_a_cancelled_run_goes_on_where_it_was(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = asks().start(&engine, "run").unwrap();
    super::parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    engine.cancel("run").await.unwrap();
    soon(run.result()).await.unwrap_err();
    assert_eq!(world.stored("run").await.status_of("word"), Some(StepStatus::Cancelled));
    engine.retry_failed("run").await.unwrap();
    super::parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    assert!(engine.signal_once("run", "word", "s", &1_u32).await.unwrap());
    assert_eq!(soon(asks().run(&engine, "run")).await.unwrap(), 2);
    // The wait runs again, and the signal that it had used counts no more.
    engine.retry_from("run", "word").await.unwrap();
    super::parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    assert!(!engine.signal_once("run", "word", "s", &1_u32).await.unwrap());
    engine.signal("run", "word", &7_u32).await.unwrap();
    assert_eq!(soon(asks().run(&engine, "run")).await.unwrap(), 8);
}

async fn b69_what_a_step_wrote_goes_when_it_runs_again(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    assert_eq!(soon(writes(2).run(&engine, "run")).await.unwrap(), 4);
    world.lab.breaks(&["known"]);
    engine.retry_from("run", "written").await.unwrap();
    soon(writes(2).run(&engine, "run")).await.unwrap_err();
    let written = world.stored("run").await.data;
    assert_eq!(written["written"].len(), 1, "{written:?}");
    world.lab.breaks(&[]);
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(writes(2).run(&engine, "run")).await.unwrap(), 4);
}

async fn b13_b14_a_step_that_runs_again_has_all_its_time_and_all_its_retries(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["work"]);
    soon(patient().run(&engine, "run")).await.unwrap_err();
    assert_eq!(world.lab.ran(), ["work", "work"]);
    world.clock.advance(Duration::from_secs(24 * 3600));
    engine.retry_failed("run").await.unwrap();
    soon(patient().run(&engine, "run")).await.unwrap_err();
    assert_eq!(world.lab.ran(), ["work", "work"]);
    world.lab.breaks(&[]);
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(patient().run(&engine, "run")).await.unwrap(), 2);
}

async fn b18_b57_what_was_undone_is_done_again_under_another_key(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["last"]);
    let error = soon(makes(1).run(&engine, "run")).await.unwrap_err();
    assert!(matches!(error, RunError::RolledBack { .. }), "{error}");
    let before = world.lab.ran_under();
    assert_eq!(before.len(), 4);
    assert_eq!(world.stored("run").await.status, WorkflowStatus::RolledBack);
    world.lab.breaks(&[]);
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(makes(1).run(&engine, "run")).await.unwrap(), 4);
    let after = world.lab.ran_under();
    assert_eq!(after.iter().map(|(step, _)| step.as_str()).collect::<Vec<_>>(), ["beside", "first", "last", "second"]);
    for ((step, was), (_, is)) in before.iter().zip(&after) {
        assert_eq!(was == is, step == "last", "`{step}`: only what failed may have its effect already");
    }
    let stored = world.stored("run").await;
    assert_eq!((stored.status, stored.cause), (WorkflowStatus::Completed, None));
}

async fn b18_b59_what_could_not_be_undone_stays_done(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.breaks(&["last", "undo 1"]);
    let error = soon(makes(1).run(&engine, "run")).await.unwrap_err();
    assert!(matches!(error, RunError::Failed { .. }), "{error}");
    assert_eq!(world.stored("run").await.status_of("first"), Some(StepStatus::CompensationFailed));
    world.lab.breaks(&[]);
    world.lab.ran();
    engine.retry_failed("run").await.unwrap();
    assert_eq!(soon(makes(1).run(&engine, "run")).await.unwrap(), 4);
    assert_eq!(world.lab.ran(), ["last", "second"]);
}

async fn who_orders_what_cannot_be_is_told(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for told in [engine.retry_failed("none").await, engine.retry_from("none", "first").await] {
        assert!(matches!(told, Err(AskError::Unknown { .. })), "{told:?}");
    }
    assert!(matches!(engine.retry_failed("a//b").await, Err(AskError::InvalidId(_))));
    let run = asks().start(&engine, "run").unwrap();
    super::parked(soon(asks().run_until_parked(&engine, "run")).await.unwrap());
    for told in [engine.retry_failed("run").await, engine.retry_from("run", "word").await] {
        let told = told.unwrap_err();
        assert!(matches!(&told, AskError::NotEnded { status: WorkflowStatus::Suspended, .. }), "{told}");
    }
    engine.signal("run", "word", &1_u32).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 2);
    let before = world.stored("run").await;
    for step in ["", "wor", "word.x", "word[0]", "work[", "."] {
        let told = engine.retry_from("run", step).await.unwrap_err();
        assert!(matches!(&told, AskError::UnknownStep { step: named, .. } if named == step), "{told}");
    }
    assert_eq!(world.stored("run").await, before);
    assert_eq!(world.store.asked().await.unwrap(), []);
}

on_every_store! {
    b18_a_failed_run_gives_its_failure_and_runs_again_what_failed_and_what_follows
    b18_a_retry_that_fails_again_may_be_followed_by_another
    b18_b70_a_named_step_runs_again_with_what_follows_under_other_keys
    b18_of_a_failed_run_a_named_step_runs_again_beside_what_failed
    an_order_waits_for_who_knows_the_workflow_and_then_it_is_done_at_once
    b18_what_was_asked_of_an_end_counts_for_no_later_one
    what_came_too_late_for_an_end_is_not_done_when_the_run_goes_on
    b16_b18_a_cancelled_run_goes_on_where_it_was
    b69_what_a_step_wrote_goes_when_it_runs_again
    b13_b14_a_step_that_runs_again_has_all_its_time_and_all_its_retries
    b18_b57_what_was_undone_is_done_again_under_another_key
    b18_b59_what_could_not_be_undone_stays_done
    who_orders_what_cannot_be_is_told
}

/// An order that another process leaves beside the one that writes the store.
async fn arrives(world: World<impl WorkflowStore + Clone>, reading: impl WorkflowStore) {
    let engine = world.builder().register::<chain>().build();
    world.lab.breaks(&["middle"]);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    world.lab.breaks(&[]);
    let other = Engine::new(reading);
    other.retry_failed("run").await.unwrap();
    world.comes_to("run", WorkflowStatus::Completed).await;
    assert!(matches!(other.retry_failed("run").await, Err(AskError::NothingToRetry { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b40_an_order_arrives_from_beside_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(JsonFileStore::open(dir.path()).unwrap());
    arrives(World::new(store), JsonFileStore::open_read_only(dir.path()).unwrap()).await;
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(FlatBuffersStore::open(dir.path()).unwrap());
    arrives(World::new(store), FlatBuffersStore::open_read_only(dir.path()).unwrap()).await;
}

/// Notes how often a run was set back.
#[derive(Clone, Default)]
struct Resets(std::sync::Arc<std::sync::Mutex<Vec<ResetMode>>>);

impl Observer for Resets {
    fn observe(&self, notice: &Notice<'_>) {
        if let What::StepsReset(mode) = notice.what {
            self.0.lock().unwrap().push(mode);
        }
    }
}

#[tokio::test]
async fn observers_see_that_steps_run_again() {
    let (world, seen) = (World::new(InMemoryStore::default()), Resets::default());
    let engine = world.builder().observe(seen.clone()).build();
    world.lab.breaks(&["last"]);
    soon(chain(1).run(&engine, "run")).await.unwrap_err();
    world.lab.breaks(&[]);
    engine.retry_failed("run").await.unwrap();
    soon(chain(1).run(&engine, "run")).await.unwrap();
    engine.retry_from("run", "last").await.unwrap();
    soon(chain(1).run(&engine, "run")).await.unwrap();
    assert_eq!(*seen.0.lock().unwrap(), [ResetMode::Failed, ResetMode::From]);
}

/// Random graphs, of which some steps fail at first: however often they are retried, no other step runs twice.
#[tokio::test]
async fn b18_in_random_graphs_only_what_failed_runs_again() {
    use std::sync::{Arc, Mutex};
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let ran = Arc::new(Mutex::new(vec![0; 12]));
        let mut graph = Graph::<u64>::new("random");
        let fails: Vec<u32> = (0..12).map(|_| if rng.u8(0..3) == 0 { rng.u32(1..3) } else { 0 }).collect();
        for step in 0..12_u32 {
            let inputs: Vec<u32> = (0..step).filter(|_| rng.u8(0..4) == 0).collect();
            let (ran, fails) = (ran.clone(), fails[step as usize]);
            graph.step(format!("s{step}"), &inputs, move |_, inputs| {
                let mut ran = ran.lock().unwrap();
                ran[step as usize] += 1;
                let (fails, sum) = (ran[step as usize] <= fails, inputs.into_iter().sum::<u64>());
                Box::pin(async move { if fails { Err("not yet".into()) } else { Ok(sum + u64::from(step)) } })
            });
        }
        let engine = Engine::new(InMemoryStore::default());
        let mut retries = 0;
        let output = loop {
            match soon(graph.run(&engine, "run")).await {
                Ok(output) => break output,
                Err(_) => engine.retry_failed("run").await.unwrap(),
            }
            retries += 1;
            assert!(retries < 40, "seed {seed}");
        };
        for (ran, fails) in ran.lock().unwrap().iter().zip(&fails) {
            assert_eq!(*ran, fails + 1, "seed {seed}");
        }
        let stored = engine.load(&WorkflowId::new("run").unwrap()).await.unwrap();
        assert!(stored.steps.iter().all(|step| step.status == StepStatus::Completed && step.resets == 0));
        assert_eq!(soon(graph.run(&engine, "run")).await.unwrap(), output);
    }
}
