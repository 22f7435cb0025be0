use flow_runtime::prelude::*;

#[node]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node]
async fn refund(order: &str, paid: &u64) {}

workflow! {
    pub fn flow(order: String, count: u32) -> u64 {
        let first = #[with(undo = refund(order, output))] charge(1);
        let second = #[with(undo = refund(count, output))] charge(first);
        second
    }
}

fn main() {}
