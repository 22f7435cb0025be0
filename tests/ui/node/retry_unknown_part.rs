use flow_runtime::prelude::*;

#[node(retry(times = 3, backof = "1s..10s"))]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
