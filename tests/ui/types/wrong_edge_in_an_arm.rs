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
pub enum Payment {
    Paid(String),
    Declined,
}

#[node]
async fn pay(x: u64) -> Payment {
    if x > 1 { Payment::Paid(x.to_string()) } else { Payment::Declined }
}

workflow! {
    pub fn flow(x: u64, names: Vec<String>) -> u64 {
        let payment = pay(x);
        let a = match payment {
            Payment::Paid(slip) => one(slip),
            Payment::Declined => 0,
        };
        let b = for name in names { #[id = "in"] one(name) };
        two(a, b)
    }
}

fn main() {}
