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

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Pair {
    left: String,
    right: u64,
}

#[node]
async fn keep(text: String, pair: Pair) -> u64 {
    pair.right + text.len() as u64 + pair.left.len() as u64
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        let a = name(x);
        let b = keep(a.clone(), Pair { left: a, right: x });
        b
    }
}

fn main() {}
