//! Behaviours 42, 43, 49 and 53 with a crash at each commit, on every durable store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use flow_runtime::testing::{CrashTest, Parked};

use super::on_every_durable_store;

/// What was done in the world: the steps, with the keys under which and the values with which they were.
#[derive(Default)]
struct World {
    done: Mutex<BTreeMap<String, BTreeSet<(String, u64)>>>,
    drawn: AtomicU64,
}

impl World {
    fn note(&self, cx: &NodeContext, value: u64) {
        self.note_as(cx.step(), cx, value);
    }

    fn note_as(&self, what: String, cx: &NodeContext, value: u64) {
        self.done.lock().unwrap().entry(what).or_default().insert((cx.idempotency_key(), value));
    }

    /// The steps that were done. Each was under one key and with one value, however often.
    fn once(&self) -> Vec<String> {
        let done = self.done.lock().unwrap();
        for (step, times) in &*done {
            assert_eq!(times.len(), 1, "`{step}` was done under several keys or with several values: {times:?}");
        }
        done.keys().cloned().collect()
    }
}

#[node]
async fn add_one(#[state] world: &World, x: u64, cx: &NodeContext) -> u64 {
    world.note(cx, x);
    x + 1
}

#[node(retry(times = 2, backoff = "1ms..2ms"))]
async fn flaky(#[state] world: &World, x: u64, cx: &NodeContext) -> Result<u64, String> {
    if cx.attempt() == 1 {
        return Err("not yet".to_owned());
    }
    world.note(cx, x);
    Ok(x * 3)
}

#[node]
async fn refuse(#[state] world: &World, x: u64, cx: &NodeContext) -> Result<u64, String> {
    world.note(cx, x);
    Err(format!("{x} is odd"))
}

#[node(blocking)]
fn sum(#[state] world: &World, base: u64, parts: &[u64], cx: &NodeContext) -> u64 {
    world.note(cx, base);
    base + parts.iter().sum::<u64>()
}

#[node(pure)]
async fn draw(#[state] world: &World) -> u64 {
    world.drawn.fetch_add(1, Ordering::SeqCst)
}

#[node(undo = give_back(output))]
async fn take(#[state] world: &World, x: u64, cx: &NodeContext) -> u64 {
    world.note(cx, x);
    x * 10
}

#[node(retry(times = 2, backoff = "1ms..2ms"))]
async fn give_back(#[state] world: &World, taken: u64, cx: &NodeContext) -> Result<(), String> {
    if cx.attempt() == 1 {
        return Err("not yet".to_owned());
    }
    world.note_as(format!("{} is undone", cx.step()), cx, taken);
    Ok(())
}

#[node]
async fn both(a: &u64, b: &Approval) -> String {
    format!("{a} {b}")
}

workflow! {
    fn work(xs: Vec<u64>) -> u64 {
        let base = flaky(add_one(7));
        let parts = for x in xs {
            let begun = add_one(x);
            #[catch]
            let part = if begun.is_multiple_of(2) { add_one(begun) } else { refuse(begun) };
            match part {
                Ok(value) => value.clone(),
                Err(_) => 0,
            }
        };
        let month = sleep("30d");
        #[after(month)]
        sum(base, parts)
    }

    /// Steps that give another value each time they run, with effects between.
    fn draws() -> u64 {
        let a = draw();
        let b = draw();
        let seen = add_one(a + b);
        let c = draw();
        #[id = "last"]
        add_one(seen + c)
    }

    fn asks() -> String {
        let soon = sleep("3s");
        #[after(soon)]
        let number = wait_for::<u64>("number");
        let word = #[with(timeout = "1h")] approval("word");
        let done = add_one(number);
        both(done, word)
    }

    fn undone(x: u64) -> u64 {
        let first = take(x);
        let more = for y in [1, 2] { take(y) };
        let second = take(first + more.len() as u64);
        refuse(second)
    }

    fn fails(x: u64) -> u64 {
        let begun = add_one(x);
        refuse(begun)
    }
}

async fn b42_b43_a_run_ends_the_same_wherever_it_is_killed<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    // With several at once, and with each commit that of one step.
    for (concurrency, least) in [(64, 12), (1, 30)] {
        let test = CrashTest::new(|| work(vec![1, 2, 3])).state(World::default).store(&place).effects(World::once);
        let killed = test.engine(|engine| engine.concurrency(concurrency)).everywhere().await.unwrap();
        assert!(killed.len() > least, "{killed:?}");
        assert!(killed.iter().any(|at| at.events.contains(&"StepCompleted of `parts[0].part.add_one`".to_owned())));
    }
    let failing = CrashTest::new(|| fails(1)).state(World::default).store(&place).effects(World::once);
    failing.everywhere().await.unwrap();
}

async fn b43_a_step_that_ran_without_its_commit_runs_again_under_its_key<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    let test = CrashTest::new(|| work(vec![1])).state(World::default).store(&place).effects(World::once);
    let killed = test.at("base").await.unwrap();
    let ends = |end: &str| killed.iter().map(|at| at.events.contains(&format!("{end} of `base`"))).collect::<Vec<_>>();
    assert_eq!(ends("AttemptFailed"), [true, false, true, false]);
    assert_eq!(ends("StepCompleted"), [false, true, false, true]);
    assert_eq!(killed.iter().map(|at| at.is_durable).collect::<Vec<_>>(), [false, false, true, true]);
}

async fn b58_what_was_done_is_undone_once_wherever_the_run_is_killed<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    let test = CrashTest::new(|| undone(1)).state(World::default).store(&place).effects(World::once);
    let killed = test.everywhere().await.unwrap();
    for step in ["first", "second", "more[0].take", "more[1].take"] {
        let of = format!("UndoCompleted of `{step}`");
        assert!(killed.iter().any(|at| at.events.contains(&of)), "{step}: {killed:?}");
    }
}

async fn b49_an_effect_saw_the_value_that_is_finally_committed<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    let test = CrashTest::new(draws).state(World::default).store(&place).outputs_may_differ();
    test.effects(World::once).everywhere().await.unwrap();
}

async fn b53_a_signal_is_applied_once_wherever_the_run_is_killed<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    let answer = async |run: &Parked<'_, World>| {
        if run.waits_for("number") {
            run.engine().signal_once(run.id(), "number", "the first", &1_u64).await.unwrap();
            run.engine().signal_once(run.id(), "number", "one too many", &2_u64).await.unwrap();
        } else if run.waits_for("word") {
            asks::signals().word.send(run.engine(), run.id(), &Approval::approved("Ada")).await.unwrap();
        } else {
            assert!(run.let_time_pass());
        }
    };
    let test = CrashTest::new(asks).state(World::default).store(&place).when_parked(answer).effects(World::once);
    let killed = test.everywhere().await.unwrap();
    for step in ["number", "word"] {
        let of = format!("StepCompleted of `{step}`");
        let around: Vec<bool> = killed.iter().filter(|at| at.events.contains(&of)).map(|at| at.is_durable).collect();
        assert_eq!(around, [false, true], "{step}");
    }
    // Nobody says a word, so its time runs out.
    let silent = CrashTest::new(asks).state(World::default).store(&place).when_parked(async |run| {
        if run.waits_for("number") {
            run.engine().signal_once(run.id(), "number", "the first", &1_u64).await.unwrap();
        } else {
            run.let_time_pass();
        }
    });
    silent.effects(World::once).everywhere().await.unwrap();
}

on_every_durable_store! {
    b42_b43_a_run_ends_the_same_wherever_it_is_killed
    b43_a_step_that_ran_without_its_commit_runs_again_under_its_key
    b49_an_effect_saw_the_value_that_is_finally_committed
    b58_what_was_done_is_undone_once_wherever_the_run_is_killed
    b53_a_signal_is_applied_once_wherever_the_run_is_killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b42_b43_a_run_on_several_threads_ends_the_same_wherever_it_is_killed() {
    let test = CrashTest::new(|| work((0..6).collect())).state(World::default).effects(World::once);
    test.engine(|engine| engine.concurrency(3)).everywhere().await.unwrap();
}

#[tokio::test]
async fn b47_batched_commits_change_nothing_of_it() {
    let test = CrashTest::new(|| work(vec![1, 2])).state(World::default).effects(World::once);
    let durability = Durability::Batched { steps: 3, interval: std::time::Duration::MAX };
    test.engine(|engine| engine.durability(durability)).everywhere().await.unwrap();
}
