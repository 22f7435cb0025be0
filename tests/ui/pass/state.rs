use flow_runtime::prelude::*;

struct Bank(u64);
struct App {
    bank: Bank,
}

impl Provide<Bank> for App {
    fn provide(&self) -> &Bank {
        &self.bank
    }
}

#[node]
async fn charge(#[state] bank: &Bank, cents: u64, cx: &NodeContext) -> u64 {
    bank.0 + cents + u64::from(cx.attempt())
}

workflow! {
    pub fn pay(cents: u64) -> u64 {
        charge(cents)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = Engine::ephemeral().state(App { bank: Bank(10) }).build();
    assert_eq!(runtime.block_on(pay(3).run_ephemeral(&engine)).unwrap(), 14);
}
