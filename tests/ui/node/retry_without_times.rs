use flow_runtime::prelude::*;

#[node(retry(backoff = "1s..10s"))]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(retry)]
async fn refund(cents: u64) -> u64 {
    cents
}

fn main() {}
