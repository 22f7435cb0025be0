use flow_runtime::prelude::*;

#[node(undo = refund)]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(at_most_once)]
async fn fire(cents: u64) -> u64 {
    cents
}

fn main() {}
