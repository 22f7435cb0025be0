use flow_runtime::prelude::*;

#[node(timeout "3s")]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node("fast")]
async fn refund(cents: u64) -> u64 {
    cents
}

fn main() {}
