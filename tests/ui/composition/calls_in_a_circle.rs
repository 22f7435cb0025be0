use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

workflow! {
    pub fn ping(x: u64) -> u64 { pong(x) }

    pub fn pong(x: u64) -> u64 {
        let y = one(x);
        ping(y)
    }
}

fn main() {}
