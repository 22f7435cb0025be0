use flow_runtime::prelude::*;

#[node(undo = refund)]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(undo = "refund")]
async fn charge_too(cents: u64) -> u64 {
    cents
}

#[node(undo)]
async fn charge_again(cents: u64) -> u64 {
    cents
}

async fn refund(paid: &u64) {}

fn main() {}
