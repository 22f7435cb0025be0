use flow_runtime::prelude::*;

#[node(undo = refund(order, output))]
async fn charge(order: &str, cents: u32) -> u64 {
    1
}

#[node]
async fn refund(order: &u32, paid: &u64) {}

fn main() {}
