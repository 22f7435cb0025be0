use flow_runtime::prelude::*;

#[node]
async fn charge(cents: impl Into<u64>) -> u64 {
    cents.into()
}

#[node]
async fn refund(cents: u64) -> impl Into<u64> {
    cents
}

fn main() {}
