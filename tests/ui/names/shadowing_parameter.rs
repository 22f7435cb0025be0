use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

#[node]
async fn name(x: u64) -> String {
    x.to_string()
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        let x = one(x);
        x
    }
}

fn main() {}
