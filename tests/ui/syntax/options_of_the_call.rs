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
    #![crate = "flow_runtime"]
    #![threads(4)]

    pub fn flow(x: u64) -> u64 {
        one(x)
    }
}

fn main() {}
