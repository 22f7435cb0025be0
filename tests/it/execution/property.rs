//! Random graphs: every step once, limits that hold, and what exactly a failure leaves.

use std::collections::VecDeque;
use std::time::Duration;

use flow_runtime::plan::Policy;
use flow_runtime::prelude::*;
use flow_runtime::state::StepStatus;
use flow_runtime::testing::Graph;
use proptest::prelude::*;
use tokio::time::sleep;

use super::probe::Probe;
use super::stores::TestStore;

/// The unit of time. All times of a test are different sums of it, so that nothing happens at one time by chance.
const UNIT: Duration = Duration::from_millis(10);

/// A step of a random graph.
#[derive(Clone, Debug)]
struct Node {
    inputs: Vec<u32>,
    fails: bool,
    pure: bool,
    /// How many attempts of it may run at once, over all runs.
    limit: Option<u32>,
}

/// Random graphs of up to this many steps. The last one of each stands behind all others, so that all are needed.
fn graphs(most: usize) -> impl Strategy<Value = Vec<Node>> {
    (1..most).prop_flat_map(|len| {
        let node = |step: u32| {
            let inputs = prop::collection::vec(0..step.max(1), 0..4);
            let inputs = inputs.prop_map(move |inputs| if step == 0 { Vec::new() } else { inputs });
            let limit = prop::option::weighted(0.3, 1..3_u32);
            (inputs, prop::bool::weighted(0.2), prop::bool::weighted(0.3), limit)
                .prop_map(|(inputs, fails, pure, limit)| Node { inputs, fails, pure, limit })
        };
        let nodes: Vec<_> = (0..len as u32).map(node).collect();
        nodes.prop_map(move |mut nodes| {
            let inputs = (0..len as u32).collect();
            nodes.push(Node { inputs, fails: false, pure: false, limit: None });
            nodes
        })
    })
}

/// What a step gives: a number that tells of all its inputs, in their order.
fn value(step: usize, inputs: impl IntoIterator<Item = u64>) -> u64 {
    inputs.into_iter().fold(step as u64 + 1, |sum, input| sum.wrapping_mul(31).wrapping_add(input))
}

/// How long a step takes; each step another power of two, so that no two sums of them are equal.
fn takes(step: usize) -> Duration {
    UNIT * (1 << (step % 12))
}

/// What the steps of a graph spend their time with.
#[derive(Clone, Copy, PartialEq)]
enum Pace {
    /// They sleep, each for a time of its own, and those fail that are to.
    Failing,
    /// They sleep, each for a time of its own.
    Clock,
    /// They let others run, on several threads.
    Threads,
}

fn probes(nodes: &[Node]) -> Vec<Probe> {
    nodes.iter().map(|_| Probe::default()).collect()
}

/// The graph. `probes` has one for each step.
fn graph(nodes: &[Node], pace: Pace, all: &Probe, probes: &[Probe]) -> Graph<u64> {
    let mut graph = Graph::new("random");
    for (step, node) in nodes.iter().enumerate() {
        let mut policy = Policy::DEFAULT.with_pure(node.pure);
        if let Some(limit) = node.limit {
            policy = policy.with_concurrency(limit);
        }
        let (all, own, fails) = (all.clone(), probes[step].clone(), pace == Pace::Failing && node.fails);
        let before = node.inputs.clone();
        graph.step_with(format!("s{step}"), &node.inputs, policy, move |cx, inputs| {
            let (begun, own) = (all.begin(cx.step()), own.begin(cx.step()));
            let ended = all.ended();
            let early = before.iter().any(|input| !ended.contains(&format!("s{input}")));
            let value = value(step, inputs.into_iter().copied());
            Box::pin(async move {
                assert!(!early, "it began before its inputs had ended");
                match pace {
                    Pace::Threads => tokio::task::yield_now().await,
                    Pace::Failing | Pace::Clock => sleep(takes(step)).await,
                }
                if fails {
                    return Err("as asked".into());
                }
                begun.end();
                own.end();
                Ok(value)
            })
        });
    }
    graph
}

fn expected(nodes: &[Node]) -> u64 {
    let mut values: Vec<u64> = Vec::new();
    for (step, node) in nodes.iter().enumerate() {
        values.push(value(step, node.inputs.iter().map(|&input| values[input as usize])));
    }
    values[nodes.len() - 1]
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

/// What becomes of each step, computed step by step without the engine: first come, first served at `limit` permits;
/// after the first failure nothing starts, pure steps are dropped, and the others that run come to their end.
fn statuses(nodes: &[Node], limit: usize) -> Vec<StepStatus> {
    let mut status = vec![StepStatus::Pending; nodes.len()];
    let mut waiting: Vec<usize> = nodes.iter().map(|node| distinct(&node.inputs).len()).collect();
    let mut queue: VecDeque<usize> = (0..nodes.len()).filter(|&step| waiting[step] == 0).collect();
    let (mut running, mut now, mut failed) = (Vec::<(Duration, usize)>::new(), Duration::ZERO, false);
    loop {
        while !failed && running.len() < limit && !queue.is_empty() {
            let step = queue.pop_front().unwrap();
            running.push((now + takes(step), step));
        }
        running.sort_unstable();
        if running.is_empty() {
            break;
        }
        let (end, step) = running.remove(0);
        now = end;
        if nodes[step].fails {
            status[step] = StepStatus::Failed;
            if !std::mem::replace(&mut failed, true) {
                running.iter().filter(|(_, step)| nodes[*step].pure).for_each(|(_, step)| {
                    status[*step] = StepStatus::Cancelled;
                });
                running.retain(|(_, step)| !nodes[*step].pure);
            }
            continue;
        }
        status[step] = StepStatus::Completed;
        for next in step + 1..nodes.len() {
            if nodes[next].inputs.contains(&(step as u32)) {
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    queue.push_back(next);
                }
            }
        }
    }
    // Inputs stand before their dependents, so one pass reaches all that depends on a failure.
    for step in 0..nodes.len() {
        let lost = |input: &u32| matches!(status[*input as usize], StepStatus::Failed | StepStatus::Skipped);
        if status[step] == StepStatus::Pending && nodes[step].inputs.iter().any(lost) {
            status[step] = StepStatus::Skipped;
        }
    }
    status
}

fn distinct(inputs: &[u32]) -> std::collections::BTreeSet<u32> {
    inputs.iter().copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn b07_every_step_runs_once_and_sees_all_its_inputs(nodes in graphs(24), k in 1_usize..9, strict in any::<bool>()) {
        for (pace, runtime) in [(Pace::Clock, paused()), (Pace::Threads, threads())] {
            let all = Probe::default();
            let graph = graph(&nodes, pace, &all, &probes(&nodes));
            let engine = Engine::builder(TestStore::new()).concurrency(k).strict_roundtrip(strict).build();
            prop_assert_eq!(runtime.block_on(graph.run(&engine, "r")).unwrap(), expected(&nodes));
            prop_assert_eq!(all.times().len(), nodes.len());
            prop_assert!(all.times().values().all(|times| *times == 1), "{:?}", all.times());
            let ephemeral = Engine::ephemeral().concurrency(k).build();
            prop_assert_eq!(runtime.block_on(graph.run_ephemeral(&ephemeral)).unwrap(), expected(&nodes));
            prop_assert!(all.times().values().all(|times| *times == 2), "{:?}", all.times());
        }
    }

    #[test]
    fn b09_the_limits_of_the_engine_and_of_nodes_hold(nodes in graphs(12), k in 1_usize..6, runs in 1_usize..5) {
        for (pace, runtime) in [(Pace::Clock, paused()), (Pace::Threads, threads())] {
            let (all, probes) = (Probe::default(), probes(&nodes));
            let engine = Engine::builder(TestStore::new()).concurrency(k).build();
            let outputs = runtime.block_on(async {
                let runs: Vec<_> = (0..runs).map(|run| {
                    let (engine, graph) = (engine.clone(), graph(&nodes, pace, &all, &probes));
                    tokio::spawn(async move { graph.run(&engine, format!("r{run}")).await })
                }).collect();
                let mut outputs = Vec::new();
                for run in runs {
                    outputs.push(run.await.unwrap().unwrap());
                }
                outputs
            });
            prop_assert_eq!(outputs, vec![expected(&nodes); runs]);
            prop_assert!(all.peak() <= k, "{} at once instead of {}", all.peak(), k);
            for (node, probe) in nodes.iter().zip(&probes) {
                prop_assert_eq!(probe.begun().len(), runs);
                let limit = node.limit.map_or(k, |limit| limit as usize);
                prop_assert!(probe.peak() <= limit, "{} at once instead of {}", probe.peak(), limit);
            }
        }
    }

    #[test]
    fn b11_a_failure_leaves_exactly_what_it_must(nodes in graphs(12), k in 1_usize..6) {
        let nodes: Vec<Node> = nodes.into_iter().map(|node| Node { limit: None, ..node }).collect();
        let (all, store) = (Probe::default(), TestStore::new());
        let graph = graph(&nodes, Pace::Failing, &all, &probes(&nodes));
        let engine = Engine::builder(store.clone()).concurrency(k).build();
        let expected = statuses(&nodes, k);
        let failed: Vec<String> = (0..nodes.len())
            .filter(|&step| expected[step] == StepStatus::Failed)
            .map(|step| format!("s{step}"))
            .collect();
        let (result, record) = paused().block_on(async {
            let result = graph.run(&engine, "r").await;
            (result, store.record("r").await)
        });
        let found: Vec<StepStatus> = record.statuses().into_iter().map(|(_, status)| status).collect();
        prop_assert_eq!(&found, &expected);
        match result {
            Ok(_) => prop_assert!(failed.is_empty()),
            Err(error) => {
                let mut steps: Vec<&str> = error.failures().iter().map(|one| one.failure.step.as_str()).collect();
                prop_assert!(steps.is_sorted());
                let mut failed: Vec<&str> = failed.iter().map(String::as_str).collect();
                steps.sort_unstable();
                failed.sort_unstable();
                prop_assert_eq!(steps, failed);
            }
        }
        let began = expected.iter().filter(|status| {
            matches!(status, StepStatus::Completed | StepStatus::Failed | StepStatus::Cancelled)
        });
        prop_assert_eq!(all.begun().len(), began.count());
    }
}
