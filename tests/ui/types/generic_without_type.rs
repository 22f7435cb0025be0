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

#[node]
async fn first<T: flow_runtime::Output + Clone>(xs: &Vec<T>) -> T {
    xs[0].clone()
}

workflow! {
    pub fn flow(xs: Vec<u64>) -> u64 {
        let a = first(xs);
        a
    }
}

fn main() {}
