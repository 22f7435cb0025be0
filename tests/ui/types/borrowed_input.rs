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
    pub fn flow(name: &str, list: Vec<&'static str>, any: impl Into<String>) -> &'static str {
        one(1);
        "done"
    }
}

fn main() {}
