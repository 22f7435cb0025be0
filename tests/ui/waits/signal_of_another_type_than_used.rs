use flow_runtime::prelude::*;

#[node]
async fn take(x: &u64) -> u64 {
    *x
}

workflow! {
    pub fn flow() -> u64 {
        let word = wait_for::<String>("manager");
        take(word)
    }
}

fn main() {}
