use flow_runtime::prelude::*;

struct Bank;

#[node]
async fn charge(#[state] bank: Bank, cents: u64) -> u64 {
    let _ = bank;
    cents
}

fn main() {}
