use flow_runtime::prelude::*;

#[node]
async fn quote(x: u64) -> u64 {
    x
}

fn to_cents(euros: f64) -> u64 {
    euros as u64 * 100
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        #[migrate(from = 1, with = to_cents)]
        let price = quote(x);
        price
    }
}

fn main() {}
