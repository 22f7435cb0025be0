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
    pub fn flow(x: u64, xs: Vec<u64>) -> u64 {
        let y = 1 + match x { 0 => one(x), n => n };
        let z = two(if x > 1 { one(x) } else { x }, y);
        two(z, for x in xs { one(x) })
    }
}

fn main() {}
