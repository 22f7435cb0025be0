//! Behaviours 18 and 70: a run that is made from another one takes over what does not follow from a step.

use std::sync::Arc;

use flow_runtime::engine::ForkError;
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};
use flow_runtime::{WorkflowId, WorkflowStore};

use super::{Lab, World, add, on_every_store, parked, read, recall, soon, total, work, write};
use crate::conformance::FourMethods;

#[node]
async fn large(#[state] lab: &Lab, cx: &NodeContext, len: u32) -> Result<Vec<u8>, String> {
    lab.begins(cx).await?;
    let mut rng = fastrand::Rng::with_seed(7);
    Ok((0..len).map(|_| rng.u8(..)).collect())
}

#[node]
async fn length(#[state] lab: &Lab, cx: &NodeContext, bytes: &[u8]) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(bytes.len() as u32)
}

#[node]
async fn count(all: &[Result<u32, NodeFailure>]) -> u32 {
    all.iter().flatten().count() as u32
}

workflow! {
    fn everything(xs: Vec<u32>, nothing: Vec<u32>) -> u32 {
        let way = read();
        let written = write(way);
        let ys = for x in xs {
            let made = work(x);
            let printed = work(made);
            printed
        };
        let none = for x in nothing { let never = work(x); never };
        #[catch]
        let tried = for x in xs { let one = work(x); let two = work(one); two };
        let good = count(tried);
        let sum = total(ys);
        let taken = if way > 0 { let yes = add(sum, good); yes } else { let no = work(sum); no };
        let empty = total(none);
        let both = add(taken, empty);
        #[after(written)]
        let known = recall(both);
        known
    }

    fn weighs(len: u32) -> u32 {
        let bytes = large(len);
        let long = length(bytes);
        long
    }

    fn asks() -> u32 {
        let made = work(1);
        let word = wait_for::<u32>("word");
        let sum = add(made, word);
        sum
    }
}

fn paths(ran: &[(String, String)]) -> Vec<&str> {
    ran.iter().map(|(step, _)| step.as_str()).collect()
}

async fn b18_b70_a_fork_takes_over_what_does_not_follow_and_runs_the_rest_under_its_own_keys(
    store: impl WorkflowStore + Clone,
) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.gives(1);
    world.lab.breaks(&["tried[1].one"]);
    let xs = vec![1, 2];
    let output = soon(everything(xs.clone(), Vec::new()).metadata("who", "Ada").run(&engine, "source")).await.unwrap();
    let first = world.lab.ran_under();
    world.lab.breaks(&[]);
    let source = world.stored("source").await;

    engine.fork_from("source", "sum", "fork").await.unwrap();
    assert_eq!(soon(everything(xs.clone(), Vec::new()).run(&engine, "fork")).await.unwrap(), output);
    let again = world.lab.ran_under();
    assert_eq!(paths(&again), ["both", "known", "sum", "taken.yes"]);
    assert!(again.iter().all(|run| !first.contains(run)), "another run has other keys: {again:?}");
    assert_eq!(world.stored("source").await, source, "the run it was made from stays as it is");

    let fork = world.stored("fork").await;
    assert_eq!(fork.forked_from, Some(WorkflowId::new("source").unwrap()));
    assert_eq!((fork.status, &fork.metadata), (WorkflowStatus::Completed, &source.metadata));
    for path in ["way", "written", "ys[0].made", "ys[1].printed", "tried[0].two", "good"] {
        let (was, is) = (source.step(source.find(path).unwrap()), fork.step(fork.find(path).unwrap()));
        assert_eq!((&is.output, is.status, is.copied), (&was.output, was.status, true), "{path}");
    }
    for path in ["sum", "taken.yes", "known"] {
        assert!(!fork.step(fork.find(path).unwrap()).copied, "{path}");
    }
    let failed = fork.step(fork.find("tried[1].one").unwrap());
    assert_eq!((failed.status, failed.error.is_some()), (StepStatus::Failed, true), "a failure that is a value too");
    assert_eq!(fork.status_of("tried"), Some(StepStatus::Completed));

    // From the beginning, it is the run once more.
    engine.fork_from("fork", "way", "third").await.unwrap();
    soon(everything(xs.clone(), Vec::new()).run(&engine, "third")).await.unwrap();
    assert_eq!(paths(&world.lab.ran_under()), ["both", "known", "taken.yes", "way", "written"]);
}

async fn a_fork_of_a_run_under_way_waits_as_that_does(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let source = asks().start(&engine, "source").unwrap();
    parked(soon(asks().run_until_parked(&engine, "source")).await.unwrap());
    assert_eq!(world.lab.ran(), ["made"]);
    // An engine that does not know the workflow makes it; who knows it goes on with it.
    world.engine().fork_from("source", "word", "fork").await.unwrap();
    assert_eq!(world.stored("fork").await.status, WorkflowStatus::Running);
    parked(soon(asks().run_until_parked(&engine, "fork")).await.unwrap());
    engine.signal("fork", "word", &5_u32).await.unwrap();
    assert_eq!(soon(asks().run(&engine, "fork")).await.unwrap(), 7);
    assert_eq!(world.stored("source").await.status, WorkflowStatus::Suspended);
    engine.signal("source", "word", &6_u32).await.unwrap();
    assert_eq!(soon(source.result()).await.unwrap(), 8);
    assert_eq!(world.lab.ran(), ["sum", "sum"]);
}

async fn a_fork_has_its_own_copy_of_large_outputs(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    let len = 2 << 20;
    assert_eq!(soon(weighs(len).run(&engine, "source")).await.unwrap(), len);
    world.lab.ran();
    world.engine().fork_from("source", "long", "fork").await.unwrap();
    engine.delete(&WorkflowId::new("source").unwrap()).await.unwrap();
    assert_eq!(soon(weighs(len).run(&engine, "fork")).await.unwrap(), len);
    assert_eq!(world.lab.ran(), ["long"]);
}

async fn a_fork_of_a_failed_run_runs_what_failed_too(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    world.lab.gives(1);
    world.lab.breaks(&["sum"]);
    let xs = vec![1, 2];
    soon(everything(xs.clone(), Vec::new()).run(&engine, "source")).await.unwrap_err();
    world.lab.breaks(&[]);
    let ran = world.lab.ran();
    engine.fork_from("source", "written", "fork").await.unwrap();
    soon(everything(xs, Vec::new()).run(&engine, "fork")).await.unwrap();
    let again = world.lab.ran();
    assert!(["sum", "written", "known"].iter().all(|path| again.contains(&(*path).to_owned())), "{again:?}");
    assert!(ran.contains(&"way".to_owned()) && !again.contains(&"way".to_owned()), "{again:?}");
}

async fn who_forks_what_cannot_be_is_told(store: impl WorkflowStore + Clone) {
    let world = World::new(store);
    let engine = world.engine();
    soon(weighs(3).run(&engine, "source")).await.unwrap();
    soon(weighs(4).run(&engine, "other")).await.unwrap();
    let before = world.stored("other").await;
    for told in ["other", "source"] {
        let told = engine.fork_from("source", "long", told).await.unwrap_err();
        assert!(matches!(told, ForkError::Exists { .. }), "{told}");
    }
    let told = engine.fork_from("source", "nothing", "new").await.unwrap_err();
    assert!(matches!(&told, ForkError::UnknownStep { step, .. } if step == "nothing"), "{told}");
    assert!(matches!(engine.fork_from("none", "long", "new").await, Err(ForkError::Unknown { .. })));
    assert!(matches!(engine.fork_from("source", "long", "").await, Err(ForkError::InvalidId(_))));
    assert!(matches!(engine.fork_from("a//b", "long", "new").await, Err(ForkError::InvalidId(_))));
    assert_eq!(world.stored("other").await, before);
    assert_eq!(engine.list().await.unwrap().workflows.len(), 2, "nothing was made");
}

#[tokio::test]
async fn a_fork_never_takes_the_place_of_a_run_whatever_the_store() {
    let world = World::new(Arc::new(FourMethods::default()));
    let engine = world.engine();
    soon(weighs(3).run(&engine, "source")).await.unwrap();
    soon(weighs(4).run(&engine, "other")).await.unwrap();
    let before = world.stored("other").await;
    let told = engine.fork_from("source", "long", "other").await.unwrap_err();
    assert!(matches!(told, ForkError::Exists { .. }), "{told}");
    assert_eq!(world.stored("other").await, before);
    engine.fork_from("source", "long", "fork").await.unwrap();
    assert_eq!(soon(weighs(3).run(&engine, "fork")).await.unwrap(), 3);
}

on_every_store! {
    b18_b70_a_fork_takes_over_what_does_not_follow_and_runs_the_rest_under_its_own_keys
    a_fork_of_a_run_under_way_waits_as_that_does
    a_fork_has_its_own_copy_of_large_outputs
    a_fork_of_a_failed_run_runs_what_failed_too
    who_forks_what_cannot_be_is_told
}
