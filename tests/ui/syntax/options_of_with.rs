use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

workflow! {
    pub fn flow(x: u64, xs: Vec<u64>) -> u64 {
        #[with]
        let a = one(x);
        #[with(blocking, timout = "1s", retry(times = 1, if = is_temporary))]
        let b = one(a);
        #[with(timeout = "1s")]
        let ys = for y in xs { #[id = "y"] one(y) };
        two(b, ys.len() as u64)
    }
}

fn main() {}
