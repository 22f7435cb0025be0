use flow_runtime::prelude::*;

#[node(undo = refund(output))]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node]
async fn refund(order: &str, paid: &u64) {}

fn main() {}
