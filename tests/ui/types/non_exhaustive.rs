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

#[derive(serde::Serialize, serde::Deserialize)]
pub enum Kind {
    Small,
    Large(u64),
}

#[node]
async fn sort(x: u64) -> Kind {
    Kind::Large(x)
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        let kind = sort(x);
        let out = match kind {
            Kind::Small => one(x),
        };
        out
    }
}

fn main() {}
