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
async fn greet(name: String) -> String {
    name
}

workflow! {
    pub fn flow() -> String {
        one("x");
        greet("world")
    }
}

fn main() {}
