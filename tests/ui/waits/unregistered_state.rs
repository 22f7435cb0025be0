use flow_runtime::prelude::*;

pub struct Bank;

#[node]
async fn pay(#[state] bank: &Bank) -> u64 {
    1
}

workflow! {
    pub fn flow() -> u64 {
        pay()
    }
}

fn main() {
    let _ = Engine::builder(InMemoryStore::default()).register::<flow>().build();
}
