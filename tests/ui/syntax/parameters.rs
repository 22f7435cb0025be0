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
    pub fn flow((a, b): (u64, u64), mut c: u64, #[state] d: u64, _: u64) -> u64 {
        two(c, d)
    }
}

fn main() {}
