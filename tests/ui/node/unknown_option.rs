use flow_runtime::prelude::*;

#[node(timout = "3s")]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node(colour = "red")]
async fn refund(cents: u64) -> u64 {
    cents
}

fn main() {}
