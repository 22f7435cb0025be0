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
        let y = match x {
            n if one(n) > 3 => two(n, n),
            _ => 0,
        };
        let z = if x > 1 { one(x) } else if two(x, y) > 3 { 1 } else { 2 };
        z
    }
}

fn main() {}
