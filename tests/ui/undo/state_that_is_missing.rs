use flow_runtime::prelude::*;

pub struct Bank;

#[node(undo = refund)]
async fn charge(cents: u64) -> u64 {
    cents
}

#[node]
async fn refund(#[state] bank: &Bank, paid: &u64) {}

workflow! {
    pub fn flow() -> u64 {
        charge(1)
    }
}

fn main() {
    let _ = Engine::builder(InMemoryStore::default()).register::<flow>().build();
}
