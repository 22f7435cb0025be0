use flow_runtime::prelude::*;

#[node(undo = refund)]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(at_most_once)]
async fn refund(paid: &u64) {}

fn main() {}
