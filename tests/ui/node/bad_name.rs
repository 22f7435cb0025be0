use flow_runtime::prelude::*;

#[node(name = "charge it!")]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
