use flow_runtime::prelude::*;

type Answer = Result<u64, String>;

#[node]
async fn open(port: u64) -> Answer {
    Ok(port)
}

fn main() {}
