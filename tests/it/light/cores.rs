//! Where the bodies of a light run run.

use std::sync::Barrier;
use std::time::Duration;

use super::*;

/// Ends only when two of them run at the same time, which takes two threads.
#[node]
async fn meets(barrier: &u32) -> bool {
    static TWO: Barrier = Barrier::new(2);
    let _ = barrier;
    TWO.wait();
    true
}

workflow! {
    fn two_that_meet(x: u32) -> bool {
        let a = meets(x);
        let b = meets(x);
        a && b
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b09_bodies_that_take_their_time_run_on_all_cores() {
    let engine = Engine::ephemeral().build();
    // Also when it is known what they cost.
    for _ in 0..5 {
        assert!(soon(two_that_meet(1).run_ephemeral(&engine)).await.unwrap());
    }
}

#[node]
async fn in_which_task(x: u32) -> String {
    format!("{x} {:?}", tokio::task::try_id())
}

workflow! {
    fn tasks(xs: Vec<u32>) -> Vec<String> {
        let all = for x in xs { in_which_task(x) };
        all
    }
}

#[tokio::test]
async fn bodies_that_take_next_to_no_time_run_where_they_become_ready() {
    let engine = Engine::ephemeral().build();
    let here = || async {
        let all = tasks((0..100).collect()).run_ephemeral(&engine).await.unwrap();
        let own = format!("{:?}", tokio::task::try_id());
        all.iter().filter(|task| task.ends_with(&own)).count()
    };
    // Nobody knows yet what they cost; the first are handed to others, and reported when there is no more room.
    let first = here().await;
    assert!(first < 100, "{first}");
    // A body may be interrupted, and then some are handed on again.
    let best = async {
        while here().await < 100 {
            tokio::task::yield_now().await;
        }
    };
    soon(best).await;
}

#[node]
async fn waits(#[state] world: &World, x: u32) -> u32 {
    world.wait().await;
    x
}

workflow! {
    fn many_that_wait(xs: Vec<u32>) -> Vec<u32> {
        let all = for x in xs { waits(x) };
        all
    }
}

#[tokio::test]
async fn b09_no_more_bodies_run_than_the_engine_allows() {
    let world = World::default();
    let engine = Engine::ephemeral().state(world.clone()).concurrency(3).build();
    let (one, other) = (many_that_wait((0..10).collect()), many_that_wait((0..10).collect()));
    let both = async { tokio::join!(one.run_ephemeral(&engine), other.run_ephemeral(&engine)) };
    let opens = async {
        for _ in 0..20 {
            world.waiting(1).await;
            world.open(1);
        }
    };
    let ((one, other), ()) = soon(async { tokio::join!(both, opens) }).await;
    assert_eq!(one.unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(other.unwrap(), (0..10).collect::<Vec<_>>());
    assert!(world.0.most.load(Ordering::SeqCst) <= 3);
}

#[node]
async fn quick(x: u32) -> u32 {
    x
}

workflow! {
    fn one_waits_one_does_not(x: u32) -> u32 {
        let slow = waits(x);
        let fast = quick(x);
        slow + fast
    }
}

#[tokio::test]
async fn b09_a_run_that_waits_keeps_no_permit_but_those_of_its_bodies() {
    let world = World::default();
    let engine = Engine::ephemeral().state(world.clone()).concurrency(2).build();
    world.open(50);
    for _ in 0..50 {
        assert_eq!(soon(one_waits_one_does_not(1).run_ephemeral(&engine)).await.unwrap(), 2);
    }
    let run = one_waits_one_does_not(1).run_ephemeral(&engine);
    let beside = async {
        world.waiting(1).await;
        assert_eq!(long(vec![1]).run_ephemeral(&engine).await.unwrap(), [4]);
        world.open(1);
    };
    soon(async { tokio::join!(run, beside) }).await.0.unwrap();
}

workflow! {
    fn two_at_a_time(xs: Vec<u32>) -> Vec<u32> {
        #[with(concurrency = 2)] let all = for x in xs { waits(x) };
        all
    }
}

#[tokio::test]
async fn b09_a_fan_out_with_a_limit_keeps_to_it() {
    let world = World::default();
    let engine = light(&world);
    let opens = async {
        for _ in 0..10 {
            world.waiting(1).await;
            world.open(1);
        }
    };
    let run = two_at_a_time((0..10).collect()).run_ephemeral(&engine);
    assert_eq!(soon(async { tokio::join!(run, opens) }).await.0.unwrap().len(), 10);
    assert!(world.0.most.load(Ordering::SeqCst) <= 2);
}

#[node(blocking)]
fn blocks(x: u32) -> String {
    format!("{x} {:?}", std::thread::current().id())
}

workflow! {
    fn one_that_blocks(x: u32) -> String { blocks(x) }
}

#[tokio::test]
async fn b10_a_body_that_blocks_does_so_elsewhere() {
    let own = format!("1 {:?}", std::thread::current().id());
    assert_ne!(one_that_blocks(1).run_ephemeral(&Engine::ephemeral().build()).await.unwrap(), own);
}

/// Takes its time only when it is polled again.
#[node]
async fn dear_later(x: u32, dear: bool) -> String {
    if dear {
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(2));
    }
    format!("{x} {:?}", tokio::task::try_id())
}

workflow! {
    fn dears(xs: Vec<u32>, dear: bool) -> Vec<String> {
        let all = for x in xs { dear_later(x, dear) };
        all
    }
}

#[tokio::test]
async fn what_a_body_costs_when_it_goes_on_counts_as_well() {
    let engine = Engine::ephemeral().build();
    let own = format!("{:?}", tokio::task::try_id());
    let here = async |dear: bool| {
        let all = dears((0..4).collect(), dear).run_ephemeral(&engine).await.unwrap();
        all.iter().filter(|task| task.ends_with(&own)).count()
    };
    soon(async { while here(false).await < 4 {} }).await;
    here(true).await;
    assert_eq!(here(true).await, 0, "all are handed to others");
}

#[node]
async fn counts(x: u32) -> u32 {
    x + 1
}

workflow! {
    fn long(xs: Vec<u32>) -> Vec<u32> {
        let all = for x in xs {
            let a = counts(x);
            let b = counts(a);
            counts(b)
        };
        all
    }
}

/// On one thread, another task has its turn long before such a run has ended.
#[tokio::test]
async fn a_long_run_lets_other_tasks_run() {
    let engine = Engine::ephemeral().build();
    let ticks = Arc::new(AtomicU32::new(0));
    let counted = ticks.clone();
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    // Once so that it is known that the bodies are cheap.
    long((0..1_000).collect()).run_ephemeral(&engine).await.unwrap();
    let before = ticks.load(Ordering::Relaxed);
    assert_eq!(long((0..100_000).collect()).run_ephemeral(&engine).await.unwrap()[99_999], 100_002);
    let turns = ticks.load(Ordering::Relaxed) - before;
    other.abort();
    assert!(turns >= 10, "{turns}");
}

#[tokio::test]
async fn b08_dropping_a_light_run_ends_it() {
    let world = World::default();
    let engine = light(&world);
    {
        let run = many_that_wait(vec![1, 2]).run_ephemeral(&engine);
        tokio::select! {
            _ = run => panic!("nobody opened the gate"),
            () = world.waiting(2) => {}
        }
    }
    // The permits of what was dropped are there again.
    let run =
        async { tokio::join!(many_that_wait((0..64).collect()).run_ephemeral(&engine), async { world.open(64) }) };
    tokio::time::sleep(Duration::ZERO).await;
    assert_eq!(soon(run).await.0.unwrap().len(), 64);
}
