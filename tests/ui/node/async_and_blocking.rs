use flow_runtime::prelude::*;

#[node(blocking)]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
