use flow_runtime::prelude::*;

#[node]
fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
