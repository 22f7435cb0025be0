//! Taking up what an earlier process left.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use flow_runtime::WorkflowStore;
use flow_runtime::engine::Recovery;
use flow_runtime::prelude::*;
use flow_runtime::state::WorkflowStatus;
use tokio::sync::Notify;

use super::{Count, HOUR, World, on_every_store, parked, soon};

#[node]
async fn touch(#[state] count: &Count) -> u32 {
    count.up()
}

/// What the step that holds has in its hands.
#[derive(Clone)]
struct Held {
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

#[node]
async fn hold(#[state] held: &Held) -> u32 {
    held.begun.notify_one();
    held.open.notified().await;
    7
}

#[node]
async fn one() -> u32 {
    1
}

workflow! {
    fn naps_and_holds() -> u32 {
        let nap = sleep("24h");
        #[after(nap)]
        hold()
    }

    fn holds_nothing() -> u32 {
        one()
    }

    fn naps() -> u32 {
        let nap = sleep("24h");
        #[after(nap)]
        touch()
    }

    fn asks() -> String {
        wait_for::<String>("word")
    }

    fn works() -> u32 {
        touch()
    }
}

async fn all_that_waits_is_parked_and_woken(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    for run in 0..20 {
        parked(soon(naps().run_until_parked(&engine, format!("nap {run}"))).await.unwrap());
        parked(soon(asks().run_until_parked(&engine, format!("ask {run}"))).await.unwrap());
    }
    soon(works().run(&engine, "ended")).await.unwrap();
    engine.shutdown(Duration::ZERO).await;
    // One signal comes while nobody is there.
    world.engine().signal("ask 7", "word", &"early".to_owned()).await.unwrap();

    let builder = Engine::builder(world.store.clone()).state(world.count.clone()).clock(world.clock.clone());
    let engine = builder.register::<naps>().build();
    let recovered = engine.recover().await.unwrap();
    assert_eq!(recovered.len(), 40);
    for run in recovered {
        let expected = if run.workflow == "naps" { "Parked" } else { "Unregistered" };
        assert_eq!(format!("{:?}", run.what), expected, "{}", run.id);
    }
    world.clock.advance(24 * HOUR);
    for run in 0..20 {
        soon(naps().run(&engine, format!("nap {run}"))).await.unwrap();
    }
    assert_eq!(world.count.get(), 21);
    engine.shutdown(Duration::ZERO).await;

    let engine = Engine::builder(world.store.clone()).clock(world.clock.clone()).register::<asks>().build();
    let recovered = engine.recover().await.unwrap();
    assert!(recovered.iter().all(|run| matches!(run.what, Recovery::Parked)), "{recovered:?}");
    assert_eq!(recovered.len(), 20);
    assert_eq!(soon(asks().run(&engine, "ask 7")).await.unwrap(), "early");
    engine.signal("ask 8", "word", &"late".to_owned()).await.unwrap();
    assert_eq!(soon(asks().run(&engine, "ask 8")).await.unwrap(), "late");
    let again = engine.recover().await.unwrap();
    assert!(again.iter().all(|run| matches!(run.what, Recovery::Live)), "{again:?}");
    assert_eq!(again.len(), 18);
}

async fn who_waits_is_told_of_a_shutdown_whenever_it_comes(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    for yields in 0..60 {
        let engine = world.engine();
        let run = naps().start(&engine, format!("run {yields}")).unwrap();
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        soon(engine.shutdown(Duration::ZERO)).await;
        assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));
    }
}

async fn who_waits_for_a_parked_run_is_told_of_the_shutdown(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let run = naps().start(&engine, "run").unwrap();
    parked(soon(naps().run_until_parked(&engine, "run")).await.unwrap());
    drop(engine);
    assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));
}

async fn a_parked_run_is_free_for_another_engine(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let (first, second) = (world.engine(), world.engine());
    let run = asks().start(&first, "run").unwrap();
    parked(soon(asks().run_until_parked(&first, "run")).await.unwrap());
    parked(soon(asks().run_until_parked(&second, "run")).await.unwrap());
    second.signal("run", "word", &"yes".to_owned()).await.unwrap();
    assert_eq!(soon(asks().run(&second, "run")).await.unwrap(), "yes");
    // The first looks at the store when it is asked to, or when it is its turn.
    first.shutdown(Duration::ZERO).await;
    assert!(matches!(soon(run.result()).await, Ok(_) | Err(RunError::Interrupted { .. })));
    assert_eq!(soon(asks().run(&world.engine(), "run")).await.unwrap(), "yes");
}

async fn who_waits_for_a_run_that_another_engine_woke_learns_of_its_end(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let (begun, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let engine = || {
        let builder = Engine::builder(world.store.clone()).state(Held { begun: begun.clone(), open: open.clone() });
        builder.clock(world.clock.clone()).build()
    };
    let (first, second) = (engine(), engine());
    let mut runs = Vec::new();
    for engine in [&first, &second] {
        runs.push(naps_and_holds().start(engine, "run").unwrap());
        parked(soon(naps_and_holds().run_until_parked(engine, "run")).await.unwrap());
    }
    world.clock.advance(24 * HOUR);
    soon(begun.notified()).await;
    // One of them drives it; the other finds it held, for which it may have had time while each ran something else.
    for engine in [&first, &second] {
        assert_eq!(soon(holds_nothing().run(engine, format!("beside {engine:p}"))).await.unwrap(), 1);
    }
    open.notify_one();
    soon(async {
        while world.stored("run").await.status != WorkflowStatus::Completed {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for run in runs {
        let mut result = pin!(soon(run.result()));
        // It looks again some time after it found it held.
        let result = loop {
            tokio::select! {
                result = &mut result => break result,
                () = tokio::task::yield_now() => world.clock.advance(Duration::from_secs(1)),
            }
        };
        assert_eq!(result.unwrap(), 7);
    }
}

on_every_store! {
    who_waits_is_told_of_a_shutdown_whenever_it_comes
    who_waits_for_a_run_that_another_engine_woke_learns_of_its_end
    all_that_waits_is_parked_and_woken
    who_waits_for_a_parked_run_is_told_of_the_shutdown
    a_parked_run_is_free_for_another_engine
}
