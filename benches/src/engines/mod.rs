//! Who is measured, one module each.

mod by_hand;
mod dagx;
mod disk;
mod flow;
mod sayiir;

use harness::case::{Case, Kind};

/// The cases of runs in memory.
pub(crate) fn in_memory() -> Vec<Case> {
    let peers = sayiir::in_memory().into_iter().chain(dagx::in_memory());
    of_kind(Kind::ByHand, by_hand::in_memory()).chain(of_kind(Kind::Flow, flow::in_memory())).chain(peers).collect()
}

/// The cases of runs on disk; the store of the cold start has so many.
pub(crate) fn stored(runs: u64) -> Vec<Case> {
    of_kind(Kind::ByHand, disk::stored()).chain(of_kind(Kind::Flow, flow::stored(runs))).collect()
}

fn of_kind(kind: Kind, cases: Vec<Case>) -> impl Iterator<Item = Case> {
    cases.into_iter().map(move |case| case.of_kind(kind))
}
