use flow_runtime::prelude::*;

struct Socket;

#[node]
async fn open(port: u64) -> Socket {
    let _ = port;
    Socket
}

fn main() {}
