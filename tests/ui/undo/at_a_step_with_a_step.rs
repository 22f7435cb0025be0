use flow_runtime::prelude::*;

#[node]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node]
async fn refund(order: &u64, paid: &u64) {}

workflow! {
    pub fn flow(order: u64) -> u64 {
        let first = #[with(undo = refund(charge(order), output))] charge(1);
        #[with(undo = refund(later, output))]
        let second = charge(first);
        let later = charge(second);
        later
    }
}

fn main() {}
