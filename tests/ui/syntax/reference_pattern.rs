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
        let ys = for &x in xs { one(x) };
        let z = match ys.first() {
            Some(&y) => one(y),
            None => 0,
        };
        z
    }
}

fn main() {}
