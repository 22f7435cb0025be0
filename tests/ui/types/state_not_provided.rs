use flow_runtime::prelude::*;

struct Bank(u64);
struct Other;

#[node]
async fn charge(#[state] bank: &Bank, cents: u64) -> u64 {
    bank.0 + cents
}

workflow! {
    pub fn pay(cents: u64) -> u64 {
        let paid = charge(cents);
        paid
    }
}

async fn app() {
    let engine = Engine::ephemeral().state(Other).build();
    let _ = pay(3).run_ephemeral(&engine).await;
}

fn main() {}
