use flow_runtime::prelude::*;

pub struct Bank;

#[node(undo = refund(oder, bank, cents + 1, output))]
async fn charge(#[state] bank: &Bank, order: &str, cents: u64) -> u64 {
    cents
}

#[node]
async fn refund(order: &str, paid: &u64) {}

fn main() {}
