use flow_runtime::prelude::*;

#[node]
async fn cope(x: Result<u64, NodeFailure>) -> u64 {
    x.unwrap_or(0)
}

workflow! {
    pub fn flow() -> u64 {
        let x = #[with(timeout = "1h")] wait_for::<u64>("manager");
        cope(x)
    }
}

fn main() {}
