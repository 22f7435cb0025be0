use flow_runtime::prelude::*;

// The node is wrong; the workflow that uses it is right, and nothing is said of it.
#[node(timeout = "3")]
async fn charge(cents: u64) -> u64 {
    cents
}

workflow! {
    pub fn pay(cents: u64) -> u64 {
        let paid = charge(cents);
        paid
    }
}

fn main() {}
