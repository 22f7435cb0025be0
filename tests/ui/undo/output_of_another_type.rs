use flow_runtime::prelude::*;

#[node(undo = refund)]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node]
async fn refund(slip: &str) {}

fn main() {}
