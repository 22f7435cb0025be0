//! The ready queue: what starts when, how much at once, and what is known of steps that have not started.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::prelude::*;
use flow_runtime::state::{Event, StepStatus};
use flow_runtime::testing::Graph;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::probe::Probe;
use super::stores::TestStore;

const SLOW: Duration = Duration::from_millis(100);

/// Two chains beside each other, whose slow steps alternate, and a step that joins them.
fn two_chains(len: u64) -> Graph<u64> {
    let mut graph = Graph::new("chains");
    let mut ends = Vec::new();
    for chain in 0..2 {
        let mut last = None;
        for step in 0..len {
            let slow = step % 2 == chain;
            last = Some(graph.step(format!("{chain}_{step}"), &Vec::from_iter(last), move |_, inputs| {
                Box::pin(async move {
                    if slow {
                        sleep(SLOW).await;
                    }
                    Ok(inputs.into_iter().sum::<u64>() + 1)
                })
            }));
        }
        ends.extend(last);
    }
    graph.step("join", &ends, |_, inputs| Box::pin(async move { Ok(inputs.into_iter().sum()) }));
    graph
}

/// That this takes the time of this many slow steps, to less than one.
async fn takes<T>(slow: u32, run: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let output = run.await;
    let took = start.elapsed();
    assert!(took >= SLOW * slow && took < SLOW * (slow + 1), "{took:?} is not {:?}", SLOW * slow);
    output
}

#[tokio::test(start_paused = true)]
async fn b08_two_chains_with_alternating_slow_steps_take_the_time_of_one() {
    let graph = two_chains(50);
    let ephemeral = Engine::ephemeral().build();
    assert_eq!(takes(25, graph.run_ephemeral(&ephemeral)).await.unwrap(), 100);
    let engine = Engine::new(TestStore::new());
    assert_eq!(takes(25, graph.run(&engine, "chains")).await.unwrap(), 100);
    let two = Engine::builder(TestStore::new()).concurrency(2).build();
    assert_eq!(takes(25, graph.run(&two, "chains")).await.unwrap(), 100);
    let one = Engine::builder(TestStore::new()).concurrency(1).build();
    assert_eq!(takes(50, graph.run(&one, "chains")).await.unwrap(), 100);
}

#[node]
async fn slow(x: u64) -> u64 {
    sleep(SLOW).await;
    x + 1
}

#[node]
async fn fast(x: u64) -> u64 {
    x + 1
}

#[node]
async fn add(x: u64, y: u64) -> u64 {
    x + y
}

workflow! {
    fn alternating(x: u64) -> u64 {
        let a1 = slow(x);
        let b1 = fast(x);
        let a2 = fast(a1);
        let b2 = slow(b1);
        let a3 = slow(a2);
        let b3 = fast(b2);
        let a4 = fast(a3);
        let b4 = slow(b3);
        add(a4, b4)
    }

    fn uneven(x: u64) -> u64 {
        let long = #[id = "long"] slow(#[id = "longer"] slow(#[id = "longest"] slow(x)));
        let short = fast(slow(x));
        add(long, short)
    }
}

#[tokio::test(start_paused = true)]
async fn b08_chains_of_a_workflow_do_not_wait_for_each_other() {
    let engine = Engine::new(TestStore::new());
    assert_eq!(takes(2, alternating(1).run(&engine, "alternating")).await.unwrap(), 10);
    assert_eq!(takes(3, uneven(1).run(&engine, "uneven")).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn b08_a_step_starts_while_an_unrelated_one_still_runs() {
    let (probe, reached) = (Probe::default(), Arc::new(Notify::new()));
    let mut graph = Graph::<u8>::new("beside");
    let notify = reached.clone();
    let endless = graph.step("endless", &[], move |_, _| {
        let notify = notify.clone();
        Box::pin(async move {
            notify.notified().await;
            Ok(0)
        })
    });
    let mut last = Vec::new();
    for step in 0..5 {
        let (probe, notify) = (probe.clone(), reached.clone());
        last = vec![graph.step(format!("s{step}"), &last, move |cx, _| {
            probe.begin(cx.step()).end();
            if step == 4 {
                notify.notify_one();
            }
            Box::pin(async { Ok(0) })
        })];
    }
    graph.step("join", &[endless, last[0]], |_, _| Box::pin(async { Ok(1) }));
    // Were there a barrier between levels, nothing would ever end the endless step.
    assert_eq!(graph.run(&Engine::new(TestStore::new()), "beside").await.unwrap(), 1);
    assert_eq!(probe.ended(), ["s0", "s1", "s2", "s3", "s4"]);
}

/// A graph without edges but for the last step, which waits for all.
fn side_by_side(probe: &Probe, count: u32) -> Graph<u32> {
    let mut graph = Graph::new("side_by_side");
    for step in 0..count {
        let probe = probe.clone();
        graph.step(format!("s{step}"), &[], move |cx, _| {
            let begun = probe.begin(cx.step());
            Box::pin(async move {
                sleep(SLOW).await;
                begun.end();
                Ok(1)
            })
        });
    }
    let all: Vec<u32> = (0..count).collect();
    graph.step("all", &all, |_, inputs| Box::pin(async move { Ok(inputs.into_iter().sum()) }));
    graph
}

#[tokio::test(start_paused = true)]
async fn b09_no_more_attempts_run_at_once_than_the_engine_allows() {
    for k in [1, 2, 7, 64] {
        let probe = Probe::default();
        let graph = side_by_side(&probe, 40);
        let engine = Engine::builder(TestStore::new()).concurrency(k).build();
        assert_eq!(takes(40_u32.div_ceil(k as u32), graph.run(&engine, "r")).await.unwrap(), 40);
        assert_eq!(probe.peak(), k.min(40), "and no fewer");
    }
}

#[tokio::test(start_paused = true)]
async fn b09_the_limit_holds_over_all_runs_of_an_engine() {
    let probe = Probe::default();
    let graph = side_by_side(&probe, 10);
    let engine = Engine::builder(TestStore::new()).concurrency(4).build();
    let (a, b, c) = tokio::join!(graph.run(&engine, "a"), graph.run(&engine, "b"), graph.run(&engine, "c"));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (10, 10, 10));
    assert_eq!(probe.peak(), 4);
}

#[node(concurrency = 2)]
async fn limited(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> u64 {
    let begun = probe.begin(cx.step());
    sleep(SLOW).await;
    begun.end();
    x
}

#[node(blocking, concurrency = 2)]
fn limited_blocking(#[state] probe: &Probe, x: u64, cx: &NodeContext) -> u64 {
    let begun = probe.begin(cx.step());
    std::thread::sleep(Duration::from_millis(2));
    begun.end();
    x
}

#[node]
async fn total(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

workflow! {
    fn limited_by_node(xs: Vec<u64>) -> u64 {
        let ys = for x in xs { limited(x) };
        let one = limited(1);
        let total = total(ys);
        total + one
    }

    fn limited_blocking_by_node(xs: Vec<u64>) -> u64 {
        let ys = for x in xs { limited_blocking(x) };
        total(ys)
    }
}

#[tokio::test(start_paused = true)]
async fn b09_the_limit_of_a_node_holds_over_all_its_steps_and_runs() {
    let probe = Probe::default();
    let engine = Engine::builder(TestStore::new()).state(probe.clone()).build();
    let xs: Vec<u64> = (0..9).collect();
    let runs =
        async { tokio::join!(limited_by_node(xs.clone()).run(&engine, "a"), limited_by_node(xs).run(&engine, "b")) };
    let (a, b) = takes(10, runs).await;
    assert_eq!((a.unwrap(), b.unwrap()), (37, 37));
    assert_eq!(probe.peak(), 2);
}

#[tokio::test]
async fn b09_the_limit_of_a_blocking_node_holds() {
    let probe = Probe::default();
    let engine = Engine::builder(TestStore::new()).state(probe.clone()).build();
    let total = limited_blocking_by_node((0..20).collect()).run(&engine, "r").await.unwrap();
    assert_eq!((total, probe.begun().len()), (190, 20));
    assert!(probe.peak() <= 2, "{}", probe.peak());
}

#[test]
#[should_panic(expected = "0 is refused and does not mean unbounded")]
fn b09_a_limit_of_none_is_refused() {
    let _ = Engine::builder(TestStore::new()).concurrency(0);
}

#[test]
#[should_panic(expected = "0 is refused and does not mean unbounded")]
fn b09_a_limit_of_none_is_refused_without_a_record_too() {
    let _ = Engine::ephemeral().concurrency(0);
}

#[tokio::test]
async fn b09_the_greatest_limit_means_what_it_says() {
    let engine = Engine::builder(TestStore::new()).concurrency(usize::MAX).build();
    assert_eq!(side_by_side(&Probe::default(), 3).run(&engine, "r").await.unwrap(), 3);
}

#[tokio::test]
async fn b10_every_step_has_a_status_from_the_start() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut graph = Graph::<u8>::new("three");
    let (first_begun, first_goes_on) = (begun.clone(), go_on.clone());
    let first = graph.step("first", &[], move |_, _| {
        let (begun, go_on) = (first_begun.clone(), first_goes_on.clone());
        Box::pin(async move {
            begun.notify_one();
            go_on.notified().await;
            Ok(0)
        })
    });
    let second = graph.step("second", &[first], |_, _| Box::pin(async { Ok(0) }));
    graph.step("third", &[second], |_, _| Box::pin(async { Ok(0) }));
    let store = TestStore::new();
    let engine = Engine::new(store.clone());
    let (result, ()) = tokio::join!(graph.run(&engine, "r"), async {
        begun.notified().await;
        let statuses = store.record("r").await.statuses();
        let status = |step: &str, status| (step.to_owned(), status);
        let expected = [
            status("first", StepStatus::Running),
            status("second", StepStatus::Pending),
            status("third", StepStatus::Pending),
        ];
        assert_eq!(statuses, expected);
        go_on.notify_one();
    });
    assert_eq!(result.unwrap(), 0);
    assert!(store.record("r").await.statuses().iter().all(|(_, status)| *status == StepStatus::Completed));
}

#[tokio::test]
async fn b08_a_step_starts_when_its_inputs_are_committed_and_not_before() {
    let store = TestStore::new();
    let mut graph = Graph::<u32>::new("chain");
    let mut last = Vec::new();
    for step in 0..5 {
        let store = store.clone();
        last = vec![graph.step(format!("s{step}"), &last, move |_, _| {
            let deltas = store.deltas();
            let events = deltas.iter().flat_map(|delta| &delta.events);
            let completed = events.filter(|event| matches!(event, Event::StepCompleted { .. })).count();
            Box::pin(async move { Ok(completed as u32) })
        })];
    }
    assert_eq!(graph.run(&Engine::new(store), "r").await.unwrap(), 4);
}
