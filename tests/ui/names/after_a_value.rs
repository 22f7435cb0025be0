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
        let y = x + 1;
        #[after(x, y)]
        one(y)
    }
}

fn main() {}
