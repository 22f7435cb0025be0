use flow_runtime::prelude::*;

#[node(timeout = )]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(timeout)]
async fn refund(cents: u64) -> u64 {
    cents
}

fn main() {}
