use flow_runtime::prelude::*;

#[node(pure = true)]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
