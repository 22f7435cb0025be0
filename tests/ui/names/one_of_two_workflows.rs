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
    pub fn good(x: u64) -> u64 {
        let a = one(x);
        a
    }

    pub fn bad(x: u64) -> u64 {
        let a = one(y);
        a
    }
}

fn main() {
    let _ = good(3);
    let _ = bad(3);
}
