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
        let y = match x {
            1 => one(x),
            1 => two(x, x),
            _ => 3,
        };
        y
    }
}

fn main() {}
