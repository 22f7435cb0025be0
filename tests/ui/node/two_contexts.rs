use flow_runtime::prelude::*;

#[node]
async fn charge(first: &NodeContext, second: &NodeContext) -> u64 {
    u64::from(first.attempt() + second.attempt())
}

fn main() {}
