//! The cases in a program that counts how often memory is asked for. Counting takes time, so times are measured in the
//! other program.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A piece of memory that grows is asked for anew.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

fn main() -> anyhow::Result<()> {
    harness::serve::main(peers_sqlx::cases, Some(allocations), std::env::args().skip(1))
}
