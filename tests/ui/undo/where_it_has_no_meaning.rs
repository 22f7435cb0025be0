use flow_runtime::prelude::*;

#[node]
async fn charge(cents: &u64) -> u64 {
    *cents
}

#[node]
async fn refund(paid: &u64) {}

workflow! {
    pub fn flow(all: Vec<u64>) -> bool {
        #[with(undo = refund)]
        let charged = for cents in all { charge(cents) };
        #[with(undo = refund)]
        let nap = sleep("1h");
        #[after(charged, nap)]
        #[with(undo = refund)]
        wait_for::<bool>("go")
    }
}

fn main() {}
