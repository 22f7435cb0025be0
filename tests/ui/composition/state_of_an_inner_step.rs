use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

pub struct Bank;

#[node]
async fn pay(#[state] _bank: &Bank, x: u64) -> u64 {
    x
}

workflow! {
    pub fn inner(x: u64) -> u64 { pay(x) }

    pub fn outer(x: u64) -> u64 { inner(x) }
}

async fn start() {
    let engine = Engine::new(InMemoryStore::default());
    let _ = outer(1).run(&engine, "a").await;
}

fn main() {}
