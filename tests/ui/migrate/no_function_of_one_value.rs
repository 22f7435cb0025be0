use flow_runtime::prelude::*;

#[node]
async fn quote(x: u64) -> u64 {
    x
}

fn of_two(euros: f64, cents: u64) -> u64 {
    euros as u64 * 100 + cents
}

const RATE: u64 = 7;

fn with_an_error_of_its_own(euros: f64) -> Result<u64, u8> {
    if euros > 0.0 { Ok(1) } else { Err(7) }
}

workflow! {
    #[version = 2]
    pub fn flow(x: u64) -> u64 {
        #[migrate(from = 1, with = of_two)]
        let price = quote(x);
        #[migrate(from = 1, with = RATE)]
        let other = quote(price);
        #[migrate(from = 1, with = to_cent)]
        let unknown = quote(other);
        #[migrate(from = 1, with = with_an_error_of_its_own)]
        let last = quote(unknown);
        last
    }
}

fn main() {}
