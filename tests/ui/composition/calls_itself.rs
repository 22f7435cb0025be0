use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

workflow! {
    pub fn again(x: u64) -> u64 {
        let y = one(x);
        again(y)
    }
}

fn main() {}
