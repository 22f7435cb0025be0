use flow_runtime::prelude::*;

#[node]
async fn charge(cents: &mut u64) -> u64 {
    *cents
}

fn main() {}
