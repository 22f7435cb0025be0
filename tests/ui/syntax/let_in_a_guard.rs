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
    pub fn flow(x: Option<u64>, y: Option<u64>) -> u64 {
        let z = match x {
            Some(n) if let Some(m) = y && m > n => two(n, m),
            _ => 0,
        };
        z
    }
}

fn main() {}
