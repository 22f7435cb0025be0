//! What the figures are to hold to. In: what was measured. Out: each target that can be judged from it.

use harness::case::Class;
use harness::shape;

use crate::group::{Group, Measured};

/// A target, judged.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) figure: f64,
    /// The figure is to be at most this.
    pub(crate) at_most: f64,
}

impl Judged {
    pub(crate) fn holds(&self) -> bool {
        self.figure <= self.at_most
    }
}

/// Flow's time as a multiple of another's, for the same shape.
struct Ratio {
    class: Class,
    shape: &'static str,
    engine: &'static str,
    to: &'static str,
    at_most: f64,
}

const fn on_disk(class: Class, shape: &'static str, engine: &'static str, to: &'static str, at_most: f64) -> Ratio {
    Ratio { class, shape, engine, to, at_most }
}

const fn in_memory(shape: &'static str, to: &'static str, at_most: f64) -> Ratio {
    Ratio { class: Class::None, shape, engine: "flow", to, at_most }
}

const RATIOS: &[Ratio] = &[
    in_memory(shape::CHAIN.name, "sayiir", 0.5),
    in_memory(shape::CHAIN.name, "tokio: boxed futures", 5.0),
    in_memory(shape::FAN.name, "sayiir", 0.5),
    in_memory(shape::FAN.name, "tokio: spawn and join", 1.3),
    // Tiny steps are best run in one task, others on all cores.
    in_memory(shape::FAN_20US.name, "tokio: spawn and join", 1.3),
    in_memory(shape::LAYERS.name, "dagx", 0.25),
    in_memory(shape::STRAGGLER.name, "tokio: critical path", 1.05),
    // Two chains wake the machine twice as often as one, whoever runs them.
    in_memory(shape::STRAGGLER.name, "tokio: both chains, joined", 1.05),
    in_memory(shape::ITEMS_100_000.name, "tokio: buffer_unordered", 1.5),
    on_disk(Class::PowerLoss, shape::CHAIN_8B.name, "flow: log", "takeln", 1.0 / 3.0),
    on_disk(Class::PowerLoss, shape::RUNS_128.name, "flow: log", "takeln", 1.0 / 20.0),
    on_disk(Class::Kill, shape::CHAIN_8B.name, "flow: log, OnSuspend", "durare", 1.0 / 3.0),
    on_disk(Class::Kill, shape::RUNS_128.name, "flow: log, OnSuspend", "durare", 1.0 / 3.0),
];

/// Allocations per step of Flow in memory.
const PER_STEP: &[(&str, f64)] =
    &[(shape::CHAIN.name, 2.0), (shape::FAN.name, 2.0), (shape::LAYERS.name, 2.0), (shape::ITEMS_100_000.name, 2.0)];

/// Allocations of a whole run of Flow in memory.
const PER_RUN: &[(&str, f64)] = &[(shape::DIAMOND.name, 12.0)];

/// All targets whose cases were measured, on two threads.
pub(crate) fn all(groups: &[Group]) -> Vec<Judged> {
    let ratios = RATIOS.iter().filter_map(|ratio| ratio.judge(groups));
    let allocations = |shape| find(groups, Class::None, shape, "flow").and_then(|case| Some((case, case.allocations?)));
    let per_step = PER_STEP.iter().filter_map(|(shape, at_most)| {
        let (_, figure) = allocations(shape)?;
        Some(Judged { name: format!("{shape}: flow in memory, allocations per step"), figure, at_most: *at_most })
    });
    let per_run = PER_RUN.iter().filter_map(|(shape, at_most)| {
        let (case, per_step) = allocations(shape)?;
        let figure = per_step * case.divisor(1);
        Some(Judged { name: format!("{shape}: flow in memory, allocations of a run"), figure, at_most: *at_most })
    });
    ratios.chain(per_step).chain(per_run).collect()
}

impl Ratio {
    fn judge(&self, groups: &[Group]) -> Option<Judged> {
        let figure =
            find(groups, self.class, self.shape, self.engine)?.ratio_to(find(groups, self.class, self.shape, self.to)?);
        let name = format!("{}: {} / {}", self.shape, self.engine, self.to);
        Some(Judged { name, figure, at_most: self.at_most })
    }
}

fn find<'a>(groups: &'a [Group], class: Class, shape: &str, engine: &str) -> Option<&'a Measured> {
    groups.iter().find(|group| group.is(class, shape, 2))?.case(engine)
}
