use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Plain(u64);

#[node]
async fn show<T: std::fmt::Display + Clone + Send + Sync + 'static>(value: &T) -> String {
    value.to_string()
}

workflow! {
    pub fn flow(x: Plain) -> String {
        show::<Plain>(x)
    }
}

fn main() {}
