use flow_runtime::prelude::*;

#[node(retry(times = 0))]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
