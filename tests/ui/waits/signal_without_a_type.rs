use flow_runtime::prelude::*;

#[node]
async fn take(x: u64) -> u64 {
    x
}

workflow! {
    pub fn flow() -> u64 {
        let x = wait_for("manager");
        take(x)
    }
}

fn main() {}
