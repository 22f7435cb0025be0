use flow_runtime::prelude::*;

#[node]
async fn quote(x: u64) -> u64 {
    x
}

fn to_cents(euros: f64) -> u64 {
    euros as u64 * 100
}

workflow! {
    #[version = 3]
    pub fn flow(x: u64) -> u64 {
        #[migrate(from = 2, with = to_cents)]
        #[migrate(from = 3, with = to_cents)]
        let price = quote(x);
        #[migrate(from = 4, with = to_cents)]
        let other = quote(price);
        other
    }
}

fn main() {}
