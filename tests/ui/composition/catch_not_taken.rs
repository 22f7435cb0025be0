use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

workflow! {
    pub fn inner(x: u64) -> u64 { one(x) }

    pub fn outer(x: u64) -> u64 {
        #[catch]
        let y = inner(x);
        one(y)
    }
}

fn main() {}
