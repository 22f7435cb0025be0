use flow_runtime::prelude::*;

#[node(pure, undo = refund)]
async fn look(cents: u64) -> u64 {
    cents
}

#[node(undo = charge(cents))]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(undo = refund)]
async fn hidden(output: u64) -> u64 {
    output
}

#[node]
async fn refund(paid: &u64) {}

fn main() {}
