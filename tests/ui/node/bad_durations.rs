use flow_runtime::prelude::*;

#[node(timeout = "3 parsecs")]
async fn a() -> u64 {
    0
}

#[node(timeout = "30")]
async fn b() -> u64 {
    0
}

#[node(deadline = "soon")]
async fn c() -> u64 {
    0
}

#[node(timeout = "0s")]
async fn d() -> u64 {
    0
}

#[node(timeout = 30)]
async fn e() -> u64 {
    0
}

fn main() {}
