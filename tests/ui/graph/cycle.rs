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
async fn two_of(a: u64, b: u64) -> u64 {
    a + b
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        #[after(c)]
        let a = one(x);
        #[after(a)]
        let b = one(x);
        #[after(b)]
        let c = one(x);
        two(two_of(a, b), c)
    }
}

fn main() {}
