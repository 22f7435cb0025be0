//! Processes that are killed and machines that lose their power, while steps without effects give another value each
//! time they run: no step with an effect ever saw a value that is not the one in the final record.
//!
//! In: a random graph, and when its process or its machine dies. Out: what each step with effects saw, against the
//! record in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flow_runtime::engine::EngineBuilder;
use flow_runtime::plan::Policy;
use flow_runtime::state::{Ack, Delta, StepStatus, decode};
use flow_runtime::store::Listing;
use flow_runtime::testing::Graph;
use flow_runtime::{Durability, Engine, StoreError, WorkflowData, WorkflowId, WorkflowStore};
use proptest::prelude::*;
use tokio::sync::Notify;

use crate::recorder::steps;

/// How a process ends.
#[derive(Clone, Copy, Debug)]
struct Death {
    /// It commits this often before.
    commits: u8,
    /// Whether the last commit arrives, although nobody is told.
    arrives: bool,
    /// Whether what was not synced is lost.
    loses_power: bool,
    /// After which commits the disk writes by itself what is not synced yet: one bit for each.
    flushes: u16,
}

/// A disk with a record, seen by one process after another.
#[derive(Clone, Default)]
struct Disk(Arc<DiskState>);

#[derive(Default)]
struct DiskState {
    files: Mutex<Files>,
    died: Notify,
}

#[derive(Default)]
struct Files {
    /// What a process reads.
    written: Option<WorkflowData>,
    /// What a power loss leaves.
    synced: Option<WorkflowData>,
    /// How the process that runs now ends; `None` if it may end by itself.
    death: Option<Death>,
    commits: u8,
    /// The most steps that a power loss has taken back at once.
    lost: usize,
}

impl Disk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.files.lock().unwrap()
    }

    /// A new process begins; this is how it ends.
    fn restart(&self, death: Option<Death>) {
        let files = &mut *self.files();
        if files.death.is_some_and(|death| death.loses_power) {
            files.lost = files.lost.max(completed(files.written.as_ref()) - completed(files.synced.as_ref()));
            files.written.clone_from(&files.synced);
        }
        files.death = death;
        files.commits = 0;
    }

    async fn die(&self) -> ! {
        self.0.died.notify_one();
        std::future::pending().await
    }
}

impl Files {
    /// Takes in a commit; says whether the process lives to learn of it.
    fn commit(&mut self, after: &WorkflowData, delta: &Delta) -> bool {
        let dies = self.death.is_some_and(|death| self.commits >= death.commits);
        if dies && !self.death.is_some_and(|death| death.arrives) {
            return false;
        }
        assert_eq!(self.written.as_ref().map_or(0, |data| data.seq), delta.seq, "a delta does not follow");
        self.written = Some(after.clone());
        let flushes = self.death.is_some_and(|death| death.flushes >> (self.commits % 16) & 1 == 1);
        if delta.ack == Ack::Sync || flushes {
            self.synced = self.written.clone();
        }
        self.commits = self.commits.saturating_add(1);
        !dies
    }
}

impl WorkflowStore for Disk {
    async fn save(&self, _: &WorkflowData) -> Result<(), StoreError> {
        unreachable!("the engine commits")
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        self.files().written.clone().ok_or_else(|| StoreError::NotFound { id: id.clone() })
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        Ok(Listing::default())
    }

    async fn delete(&self, _: &WorkflowId) -> Result<(), StoreError> {
        unreachable!("nothing is deleted")
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let lives = self.files().commit(after, delta);
        if lives { Ok(()) } else { self.die().await }
    }
}

/// What the bodies with effects saw, over all processes.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Sight>>>);

/// A step and the values of its inputs.
type Sight = (u32, Vec<u64>);

type Shape = (Vec<prop::sample::Index>, bool, u8);

/// A graph in which each run of a body gives a number that was never given before.
fn graph(shapes: &[Shape], seen: &Seen) -> Graph<u64> {
    let mut graph = Graph::new("random");
    for (number, (inputs, pure, turns)) in shapes.iter().enumerate() {
        let number = number as u32;
        let inputs = inputs_of(number, inputs);
        let (seen, pure, turns) = (seen.clone(), *pure, *turns);
        graph.step_with(format!("s{number}"), &inputs, Policy::DEFAULT.with_pure(pure), move |_, inputs| {
            let (seen, inputs) = (seen.clone(), inputs.into_iter().copied().collect());
            Box::pin(async move {
                if !pure {
                    seen.0.lock().unwrap().push((number, inputs));
                }
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                Ok(fresh())
            })
        });
    }
    graph
}

fn inputs_of(number: u32, inputs: &[prop::sample::Index]) -> Vec<u32> {
    let mut inputs: Vec<u32> = match number {
        0 => Vec::new(),
        _ => inputs.iter().map(|index| index.index(number as usize) as u32).collect(),
    };
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

fn fresh() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs the graph once for each death, and once to its end.
fn live_through(
    disk: &Disk,
    seen: &Seen,
    shapes: &[Shape],
    deaths: &[Death],
    engine: impl Fn(EngineBuilder) -> Engine,
) {
    for death in deaths.iter().copied().map(Some).chain([None]) {
        disk.restart(death);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let engine = engine(Engine::builder(disk.clone()));
            let graph = graph(shapes, seen);
            tokio::select! {
                result = graph.run(&engine, "run") => Some(result.unwrap()),
                () = disk.0.died.notified() => None,
            }
        });
        assert!(ended.is_some() || death.is_some(), "a run that is left alone ends");
    }
}

fn no_effect_saw_what_was_lost(shapes: &[Shape], deaths: &[Death], concurrency: usize) {
    let (disk, seen) = (Disk::default(), Seen::default());
    live_through(&disk, &seen, shapes, deaths, |builder| builder.concurrency(concurrency).build());
    let record = disk.files().written.clone().unwrap();
    let outputs: BTreeMap<String, u64> = steps(&record)
        .into_iter()
        .map(|(path, step)| (path, decode(record.step(step).output.as_ref().unwrap()).unwrap()))
        .collect();
    for (step, values) in seen.0.lock().unwrap().iter() {
        let inputs = inputs_of(*step, &shapes[*step as usize].0);
        let committed: Vec<u64> = inputs.iter().map(|input| outputs[&format!("s{input}")]).collect();
        assert_eq!(*values, committed, "step {step} saw values of {inputs:?} that were lost");
    }
}

fn completed(data: Option<&WorkflowData>) -> usize {
    let steps = data.map(|data| &*data.steps).unwrap_or_default();
    steps.iter().filter(|step| step.status == StepStatus::Completed).count()
}

fn death() -> impl Strategy<Value = Death> {
    let flushes = prop_oneof![3 => Just(0), 1 => any::<u16>()];
    (0..9_u8, any::<bool>(), any::<bool>(), flushes).prop_map(|(commits, arrives, loses_power, flushes)| Death {
        commits,
        arrives,
        loses_power,
        flushes,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b49_no_effect_saw_a_value_that_was_lost(
        shapes in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..3), any::<bool>(), 0..4_u8), 1..10),
        deaths in prop::collection::vec(death(), 1..7),
        concurrency in 1..4_usize,
    ) {
        no_effect_saw_what_was_lost(&shapes, &deaths, concurrency);
    }

    #[test]
    fn b47_a_power_loss_costs_no_more_than_the_mode_promises(
        shapes in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..3), Just(false), 0..4_u8), 1..24),
        deaths in prop::collection::vec(death(), 1..5),
        concurrency in 1..4_usize,
        steps in 0..6_u32,
    ) {
        let (disk, seen) = (Disk::default(), Seen::default());
        let durability = Durability::Batched { steps, interval: Duration::MAX };
        live_through(&disk, &seen, &shapes, &deaths, |builder| {
            builder.concurrency(concurrency).durability(durability).build()
        });
        let files = disk.files();
        prop_assert!(files.lost < steps.max(1) as usize, "{} steps were lost", files.lost);
        prop_assert_eq!(completed(files.written.as_ref()), shapes.len());
        prop_assert_eq!(&files.written, &files.synced, "an end is always durable");
    }
}
