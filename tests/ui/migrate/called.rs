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
    pub fn inner(x: u64) -> u64 {
        #[migrate(from = 2, with = to_cents)]
        let price = quote(x);
        price
    }
}

workflow! {
    #[version = 2]
    pub fn stores_no_output(x: u64) -> u64 {
        #[migrate(from = 1, with = to_cents)]
        let price = inner(x);
        price
    }
}

workflow! {
    #[version = 2]
    pub fn from_no_such_version(x: u64) -> u64 {
        #[migrate(from = 1, called = 1)]
        let price = inner(x);
        price
    }
}

workflow! {
    #[version = 2]
    pub fn calls_a_node(x: u64) -> u64 {
        #[migrate(from = 1, called = 2)]
        let price = quote(x);
        price
    }
}

workflow! {
    #[version = 2]
    pub fn right(x: u64) -> u64 {
        #[migrate(from = 1, called = 2)]
        let price = inner(x);
        price
    }
}

fn main() {}
