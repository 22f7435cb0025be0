//! What is under way when a light run is handed over, and how it ends.

use super::*;

struct Dropped(World, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// Takes no context, so it borrows what it needs from the run.
#[node]
async fn works(#[state] world: &World) -> u32 {
    let dropped = Dropped(world.clone(), "works was dropped");
    world.wait().await;
    std::mem::forget(dropped);
    world.note("works has ended");
    1
}

#[node(pure)]
async fn computes(#[state] world: &World) -> u32 {
    let _dropped = Dropped(world.clone(), "computes was dropped");
    world.wait().await;
    world.note("computes has ended");
    1
}

#[node]
async fn listens(#[state] world: &World, cx: &NodeContext) -> u32 {
    world.note(format!("listens {}", cx.is_cancelled()));
    cx.cancelled().await;
    world.note(format!("listens {}", cx.is_cancelled()));
    1
}

/// Fails when the others are under way.
#[node]
async fn fails(#[state] world: &World, others: u32) -> Result<u32, String> {
    world.waiting(others).await;
    Err("no".to_owned())
}

#[node(retry(times = 3, backoff = "1ms..1ms"))]
async fn fails_twice(#[state] world: &World, others: u32, cx: &NodeContext) -> Result<u32, String> {
    world.waiting(others).await;
    if cx.attempt() < 3 { Err("no".to_owned()) } else { Ok(cx.attempt()) }
}

#[node]
async fn starts(x: u32) -> u32 {
    x
}

#[node]
async fn adds(#[state] world: &World, a: u32, b: u32) -> u32 {
    world.note("adds");
    a + b
}

workflow! {
    fn beside_a_failure() -> u32 {
        let one = works();
        let other = computes();
        let third = listens();
        let bad = fails(2);
        let sum = adds(one, bad);
        sum + other + third
    }
}

#[tokio::test]
async fn b16_b20_what_runs_beside_a_failure_ends_within_the_grace() {
    let world = World::default();
    let engine = Engine::ephemeral().state(world.clone()).concurrency(5).build();
    // More often than there are permits: they come back.
    for _ in 0..8 {
        let run = beside_a_failure().run_ephemeral(&engine);
        let opens = async {
            world.waiting(2).await;
            // Of what has no effects nobody waits for the end.
            while !world.0.log.lock().unwrap().contains(&"computes was dropped".to_owned()) {
                tokio::task::yield_now().await;
            }
            world.open(1);
        };
        let (error, ()) = soon(async { tokio::join!(run, opens) }).await;
        let failed: Vec<String> = error.unwrap_err().failures().iter().map(|one| one.failure.step.clone()).collect();
        assert_eq!(failed, ["bad"]);
        world.0.now.store(0, Ordering::SeqCst);
        assert_eq!(world.noted(), ["computes was dropped", "listens false", "listens true", "works has ended"]);
    }
}

workflow! {
    fn retries_beside_others(first: u32) -> u32 {
        let begun = starts(first);
        #[after(begun)] let one = works();
        #[after(begun)] let again = fails_twice(1);
        adds(one, again)
    }
}

#[tokio::test]
async fn b14_a_retry_does_not_wait_for_what_runs_beside_it() {
    let world = World::default();
    let engine = light(&world);
    for _ in 0..3 {
        let run = retries_beside_others(1).run_ephemeral(&engine);
        let (done, ()) = soon(async {
            tokio::join!(run, async {
                world.waiting(1).await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                world.open(1);
            })
        })
        .await;
        assert_eq!(done.unwrap(), 4);
        assert_eq!(world.noted(), ["adds", "works has ended"]);
    }
}

workflow! {
    fn waits_for_what_is_around(xs: Vec<u32>) -> Vec<u32> {
        let slow = works();
        let all = for x in xs {
            let y = starts(x);
            // One arm has a step that waits for it, the other a value.
            let sum = if y > 1 { adds(y, slow) } else { slow };
            sum
        };
        all
    }
}

#[tokio::test]
async fn b01_a_step_in_a_region_waits_for_one_around_it() {
    let world = World::default();
    let run = waits_for_what_is_around(vec![1, 2, 3]).run_ephemeral(&light(&world));
    let (done, ()) = soon(async {
        tokio::join!(run, async {
            world.waiting(1).await;
            assert_eq!(world.noted(), Vec::<String>::new());
            world.open(1);
        })
    })
    .await;
    assert_eq!(done.unwrap(), [1, 3, 4]);
}

/// Begins in the run's own task, if it is known that it costs little.
#[node(pure)]
async fn at_once(#[state] world: &World, wait: bool) -> u32 {
    if wait {
        let _dropped = Dropped(world.clone(), "at_once was dropped");
        world.wait().await;
    }
    1
}

#[node]
async fn may_fail(#[state] world: &World, fail: bool) -> Result<u32, String> {
    if fail {
        // A machine that is busy may have made `at_once` look dear, and then it begins later than this.
        world.waiting(1).await;
        Err("no".to_owned())
    } else {
        world.note("went well");
        Ok(1)
    }
}

#[node]
async fn goes_on(#[state] world: &World, wait: bool) -> u32 {
    if wait {
        // What has no effects is not waited for, what has is.
        world.waiting(1).await;
        while !world.0.log.lock().unwrap().contains(&"at_once was dropped".to_owned()) {
            tokio::task::yield_now().await;
        }
        world.note("goes_on has ended");
    }
    1
}

workflow! {
    fn begun_at_once(wait: bool) -> u32 {
        let one = at_once(wait);
        let other = goes_on(wait);
        let bad = may_fail(wait);
        one + other + bad
    }
}

#[tokio::test]
async fn b16_b20_bodies_in_the_runs_own_task_end_as_others_do() {
    let world = World::default();
    let engine = Engine::ephemeral().state(world.clone()).concurrency(4).build();
    for _ in 0..6 {
        for _ in 0..50 {
            assert_eq!(begun_at_once(false).run_ephemeral(&engine).await.unwrap(), 3);
        }
        world.noted();
        let error = soon(begun_at_once(true).run_ephemeral(&engine)).await.unwrap_err();
        assert_eq!(error.failures()[0].failure.step, "bad");
        world.0.now.store(0, Ordering::SeqCst);
        assert_eq!(world.noted(), ["at_once was dropped", "goes_on has ended"]);
    }
}

/// Whose drop panics.
#[derive(serde::Serialize, serde::Deserialize)]
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "dropped");
    }
}

#[node]
async fn makes(armed: bool) -> Bomb {
    Bomb(armed)
}

#[node]
async fn looks(bomb: &Bomb) -> bool {
    bomb.0
}

workflow! {
    fn handles(armed: bool) -> bool {
        let bomb = makes(armed);
        looks(bomb)
    }
}

#[tokio::test]
async fn b17_a_value_whose_drop_panics_changes_nothing() {
    assert!(handles(true).run_ephemeral(&Engine::ephemeral().build()).await.unwrap());
}

#[node]
async fn adds_one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn forgives(x: &Result<u64, NodeFailure>) -> u64 {
    x.as_ref().copied().unwrap_or(7)
}

workflow! {
    fn a_head_breaks(x: u64) -> u64 {
        let one = adds_one(x);
        #[catch] let chosen = if one.checked_sub(10).expect("it is not that many") > 3 { adds_one(one) } else { 1 };
        forgives(chosen)
    }
}

#[tokio::test]
async fn b09_the_only_permit_is_there_for_who_goes_on_after_a_head_that_broke() {
    let engine = Engine::ephemeral().concurrency(1).build();
    assert_eq!(soon(a_head_breaks(1).run_ephemeral(&engine)).await.unwrap(), 7);
}
