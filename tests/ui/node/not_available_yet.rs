use flow_runtime::prelude::*;

#[node(at_most_once)]
async fn fire(cents: u64) -> u64 {
    cents
}

fn main() {}
