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
    pub fn flow(x: u64) -> u64 {
        let a = ;
        let b = one(x +);
        let c = two(x.);
        one(x)
    }
}

fn main() {}
