use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

workflow! {
    pub fn flow(X: u64) -> u64 {
        let Y = one(3);
        let z = for ITEM in [1, 2] { one(4) };
        z.len() as u64
    }
}

fn main() {}
