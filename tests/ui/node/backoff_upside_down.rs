use flow_runtime::prelude::*;

#[node(retry(times = 3, backoff = "10s..1s"))]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
