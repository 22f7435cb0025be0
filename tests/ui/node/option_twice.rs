use flow_runtime::prelude::*;

#[node(timeout = "3s", timeout = "4s")]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
