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
        #[migrate(from = 1, with = to_cents)]
        #[migrate(from = 2, with = to_cents)]
        #[migrate(from = 1, with = u64::from)]
        let price = quote(x);
        #[migrate(from = 1, with = to_cents, from = 2)]
        let other = quote(price);
        other
    }
}

fn main() {}
