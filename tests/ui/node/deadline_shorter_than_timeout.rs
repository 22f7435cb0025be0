use flow_runtime::prelude::*;

#[node(timeout = "30s", deadline = "10s")]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
