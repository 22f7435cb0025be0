use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

trait Bank: Send + Sync {}

#[node]
async fn charge(#[state] bank: &dyn Bank, x: u64) -> u64 {
    let _ = bank;
    x
}

fn main() {}
