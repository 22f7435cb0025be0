use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node(undo = back(output))]
async fn there(x: u64) -> u64 {
    x
}

workflow! {
    pub fn back(x: u64) -> u64 { one(x) }

    pub fn outer(x: u64) -> u64 {
        let y = there(x);
        #[with(undo = back(output))]
        one(y)
    }
}

fn main() {}
