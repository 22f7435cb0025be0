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
    pub fn flow(xs: Vec<u64>) -> u64 {
        for x in xs {
            one(x);
        }
        xs.len() as u64
    }
}

fn main() {}
