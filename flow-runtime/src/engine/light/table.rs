//! What is known of a workflow before any run of it: how many steps each step waits for, and how dear its node is.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::engine::clock::Stopwatch;
use crate::plan::{Plan, Region, Step, StepKind};

/// A body that takes this many nanoseconds or more, in all its polls together, is worth handing to another core.
const DEAR: u32 = 2_000;
/// What one observation counts at most, so that a thread that was interrupted does not count as a dear body for long.
const MOST: u32 = 32 * DEAR;
/// How much of the difference one observation makes.
const WEIGHT: i64 = 8;

/// What is known of a workflow whose runs may be light.
pub(crate) struct Table {
    pub(super) steps: Box<[Known]>,
    /// For each region the branches and fan-outs of which its value is made.
    pub(super) tails: Box<[Box<[u32]>]>,
    /// For each region what it begins with.
    pub(super) begins: Box<[Begins]>,
    pub(super) has_each: bool,
    costs: Arc<[AtomicU32]>,
}

/// With what a region begins.
pub(super) struct Begins {
    /// The steps that wait for nothing in it.
    pub(super) ready: Box<[u32]>,
    /// Its steps that use something around it, with what they use.
    pub(super) outer: Box<[(u32, u32)]>,
    /// The steps around it of which its value is made.
    pub(super) outer_tail: Box<[u32]>,
}

/// What is known of a step.
pub(super) struct Known {
    /// How many steps of its own region it waits for.
    pub(super) needs: u32,
    pub(super) is_call: bool,
    /// The steps of its region that wait for it.
    pub(super) next: Box<[u32]>,
    /// The branches and fan-outs whose values it uses.
    pub(super) uses: Box<[u32]>,
}

/// How dear the bodies of one step are.
pub(crate) struct Cost {
    all: Arc<[AtomicU32]>,
    step: u32,
}

impl Table {
    /// What is known of a workflow with this plan; `None` if something can happen in it beside that steps complete.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let (steps, regions) = (&plan.steps, &plan.regions);
        if !steps.iter().all(is_light) {
            return None;
        }
        let of_regions = |used: &[u32]| used.iter().copied().filter(|&step| !is_call(plan.step(step))).collect();
        let known = |step: &Step| {
            let is_beside = |&other: &u32| plan.step(other).region == step.region;
            Known {
                needs: waits_for(step).filter(is_beside).count() as u32,
                is_call: is_call(step),
                next: step.next.iter().copied().collect(),
                uses: of_regions(&step.inputs),
            }
        };
        Some(Self {
            steps: steps.iter().map(known).collect(),
            tails: regions.iter().map(|region| of_regions(&region.tail)).collect(),
            begins: (0..).zip(regions.iter()).map(|(number, region)| Begins::of(plan, number, region)).collect(),
            has_each: plan.steps.iter().any(|step| matches!(step.kind, StepKind::Each { .. })),
            costs: plan.steps.iter().map(|_| AtomicU32::new(0)).collect(),
        })
    }

    /// Whether the bodies of this step are known to take less time than it takes to hand them over.
    pub(super) fn is_cheap(&self, step: u32) -> bool {
        (1..DEAR).contains(&self.costs[step as usize].load(Ordering::Relaxed))
    }

    pub(super) fn cost(&self, step: u32) -> Cost {
        Cost { all: self.costs.clone(), step }
    }
}

impl Begins {
    fn of(plan: &Plan, number: u32, region: &Region) -> Self {
        let is_around = |&step: &u32| plan.step(step).region != number;
        let around = |local: u32| waits_for(plan.step(local)).filter(is_around);
        Self {
            ready: region.locals().filter(|&local| waits_for(plan.step(local)).all(|used| is_around(&used))).collect(),
            outer: region.locals().flat_map(|local| around(local).map(move |used| (local, used))).collect(),
            outer_tail: region.tail.iter().copied().filter(is_around).collect(),
        }
    }
}

impl Cost {
    /// The same future, whose polls are timed.
    pub(crate) async fn of<F: Future>(&self, future: F) -> F::Output {
        let (mut future, mut spent) = (pin!(future), Duration::ZERO);
        let output = poll_fn(|task| {
            let start = Stopwatch::start();
            let polled = future.as_mut().poll(task);
            spent += start.elapsed();
            polled
        })
        .await;
        self.observe(spent);
        output
    }

    /// Takes in how long a body of the step took.
    pub(crate) fn observe(&self, took: Duration) {
        let took = u32::try_from(took.as_nanos()).unwrap_or(MOST).clamp(1, MOST);
        let cost = &self.all[self.step as usize];
        let before = cost.load(Ordering::Relaxed);
        let step = (i64::from(took) - i64::from(before)) / WEIGHT;
        let now = if before == 0 { took } else { u32::try_from(i64::from(before) + step).unwrap_or(took) };
        // Two at a time may overwrite each other, which loses one observation.
        cost.store(now.max(1), Ordering::Relaxed);
    }
}

/// The steps that this one waits for, each once.
fn waits_for(step: &Step) -> impl Iterator<Item = u32> {
    let after = step.after.iter().filter(|after| !step.inputs.contains(after));
    step.inputs.iter().chain(after).copied()
}

fn is_call(step: &Step) -> bool {
    matches!(step.kind, StepKind::Call { .. })
}

/// Whether a step waits for nothing, has no limit, and nothing is to be undone that it did.
fn is_light(step: &Step) -> bool {
    let policy = &step.policy;
    let is_unlimited = policy.timeout.is_none() && policy.deadline.is_none() && policy.concurrency.is_none();
    match &step.kind {
        StepKind::Call { awaits, .. } => awaits.is_none() && step.undo.is_none() && is_unlimited && !policy.blocking,
        StepKind::Branch { .. } | StepKind::Each { .. } => is_unlimited,
        StepKind::Sub { .. } => false,
    }
}
