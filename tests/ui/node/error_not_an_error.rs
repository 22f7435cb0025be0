use flow_runtime::prelude::*;

struct Refused;

#[node]
async fn open(port: u64) -> Result<u64, Refused> {
    let _ = port;
    Err(Refused)
}

fn main() {}
