use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

workflow! {
    pub fn inner(name: String) -> u64 { measure(name) }

    pub fn outer(x: u64) -> u64 { inner(x) }
}

#[node]
async fn measure(name: &str) -> u64 {
    name.len() as u64
}

fn main() {}
