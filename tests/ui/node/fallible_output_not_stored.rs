use flow_runtime::prelude::*;

struct Socket;

#[node]
async fn open(port: u64) -> Result<Socket, String> {
    Err(port.to_string())
}

fn main() {}
