//! Who is measured, one module each.

mod by_hand;
mod dagx;
mod disk;
mod flow;
mod sayiir;

use harness::case::Case;

/// The cases of runs in memory.
pub(crate) fn in_memory() -> Vec<Case> {
    [by_hand::in_memory(), flow::in_memory(), sayiir::in_memory(), dagx::in_memory()].into_iter().flatten().collect()
}

/// The cases of runs on disk; the store of the cold start has so many.
pub(crate) fn stored(runs: u64) -> Vec<Case> {
    [disk::stored(), flow::stored(runs)].into_iter().flatten().collect()
}
