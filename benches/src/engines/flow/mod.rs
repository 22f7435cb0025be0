//! Flow, by its macros, as an application would use it.

mod stored;
mod workflows;

pub(crate) use stored::stored;

use flow_runtime::engine::Ephemeral;
use flow_runtime::{Engine, RunError};
use harness::case::Case;
use harness::shape::{self, Shape};

pub(crate) fn in_memory() -> Vec<Case> {
    use workflows::{chain_100, diamond_6, fan_100, fan_100_busy, items, layers_10x10, straggler_2x50};
    vec![
        ephemeral(&shape::CHAIN, |engine| chain_100(0).run_ephemeral(engine)),
        ephemeral(&shape::FAN, |engine| fan_100(0).run_ephemeral(engine)),
        ephemeral(&shape::FAN_20US, |engine| fan_100_busy(0).run_ephemeral(engine)),
        ephemeral(&shape::LAYERS, |engine| layers_10x10(0).run_ephemeral(engine)),
        ephemeral(&shape::DIAMOND, |engine| diamond_6(0).run_ephemeral(engine)),
        ephemeral(&shape::STRAGGLER, |engine| straggler_2x50(0).run_ephemeral(engine)),
        ephemeral(&shape::ITEMS_10_000, |engine| items((0..10_000).collect()).run_ephemeral(engine)),
        ephemeral(&shape::ITEMS_100_000, |engine| items((0..100_000).collect()).run_ephemeral(engine)),
    ]
}

/// A workflow on an engine with no record at all.
fn ephemeral<R>(shape: &Shape, run: fn(&Ephemeral) -> R) -> Case
where
    R: Future<Output = Result<u64, RunError>> + Send + 'static,
{
    let engine = Engine::ephemeral().concurrency(shape::AT_ONCE).build();
    Case::in_memory(shape, "flow", move || {
        let run = run(&engine);
        async move { Ok(run.await?) }
    })
}
