use flow_runtime::prelude::*;

#[node(retry(times = 3, factor = 0.5))]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
