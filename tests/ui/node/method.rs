use flow_runtime::prelude::*;

struct Bank;

impl Bank {
    #[node]
    async fn charge(&self, cents: u64) -> u64 {
        cents
    }
}

fn main() {}
